"""What operators do to values. Numbers stay within 64 bits, texts and lists within bounds; no value changes."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from trellis.expr.faults import Fault
from trellis.model.problems import did_you_mean
from trellis.model.types import kind_of
from trellis.model.values import INTEGER_MAX, INTEGER_MIN, Value, canonical

STEPS = 100_000
"""What one evaluation may spend: each turn of a loop costs one or more, each long text or list by its length."""
TEXT = 1024 * 1024
"""Characters in a text that an expression makes."""
PARTS = 100_000
"""Parts of a list that an expression makes."""

_INFINITY = float("inf")
Operation = Callable[[Any, Any], Any]


class Meter:
    """The budget of one evaluation."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = STEPS

    def spend(self, steps: int) -> None:
        """Raises Fault when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise Fault(f"takes more than {STEPS:,} steps: the lists are too long for this expression")


def cost(value: Any) -> int:
    """What it costs to look at a value's own parts, not at theirs."""
    kind = type(value)
    if kind is str:
        return len(value) >> 6
    return len(value) >> 4 if kind is list or kind is dict else 0


def deep_cost(value: Any, left: int) -> int:
    """What it costs to look at a value and all it holds; counting stops above `left`."""
    total, pending = 0, [value]
    while pending and total <= left:
        part = pending.pop()
        kind = type(part)
        if kind is list or kind is dict:
            total += len(part)
            if total <= left:
                pending.extend(part if kind is list else part.values())
        elif kind is str:
            total += len(part) >> 6
    return total


def bounded_text(text: str) -> str:
    """The text, or Fault where it is too long."""
    if len(text) > TEXT:
        raise Fault(f"the text gets longer than {TEXT:,} characters")
    return text


def room_for(parts: int) -> None:
    """Fault where a list of so many parts would be too long."""
    if parts > PARTS:
        raise Fault(f"the list gets longer than {PARTS:,}")


def bounded_number(number: Any) -> int | float:
    """The number, or Fault where it has left 64 bits or the floats, or is complex."""
    if type(number) is int:
        if INTEGER_MIN <= number <= INTEGER_MAX:
            return number
        raise Fault("the number gets larger than 64 bits")
    if type(number) is float and -_INFINITY < number < _INFINITY:
        return number
    raise Fault("the result is no real number" if type(number) is complex else "the number gets too large")


def add(left: Any, right: Any) -> Value:
    a, b = type(left), type(right)
    if a is int and b is int:
        total: int = left + right
        return total if INTEGER_MIN <= total <= INTEGER_MAX else bounded_number(total)
    if (a is int or a is float) and (b is int or b is float):
        return bounded_number(left + right)
    if a is str and b is str:
        if len(left) + len(right) > TEXT:
            raise Fault(f"the text gets longer than {TEXT:,} characters")
        text: str = left + right
        return text
    if a is list and b is list:
        room_for(len(left) + len(right))
        joined: list[Any] = left + right
        return joined
    hint = ": write str(…) to make it a text" if str in (a, b) and a is not b else ""
    raise _misused("add", left, right, hint)


def subtract(left: Any, right: Any) -> Value:
    _numbers("subtract", left, right)
    return bounded_number(left - right)


def multiply(left: Any, right: Any) -> Value:
    a, b = type(left), type(right)
    if (a is int or a is float) and (b is int or b is float):
        return bounded_number(left * right)
    if a is int and (b is str or b is list):
        left, right, a, b = right, left, b, a
    if b is int:
        if a is str:
            if len(left) * right > TEXT:
                raise Fault(f"the text gets longer than {TEXT:,} characters")
            text: str = left * right
            return text
        if a is list:
            room_for(len(left) * right)
            repeated: list[Any] = left * right
            return repeated
    raise _misused("multiply", left, right)


def divide(left: Any, right: Any) -> Value:
    _numbers("divide", left, right)
    if right == 0:
        raise Fault("division by zero")
    return bounded_number(left / right)


def floor_divide(left: Any, right: Any) -> Value:
    _numbers("divide", left, right)
    if right == 0:
        raise Fault("division by zero")
    return bounded_number(left // right)


def modulo(left: Any, right: Any) -> Value:
    if type(left) is str:
        raise Fault("texts are not formatted with %: write {{ }} or join texts with +")
    _numbers("divide", left, right)
    if right == 0:
        raise Fault("division by zero")
    return bounded_number(left % right)


def power(left: Any, right: Any) -> Value:
    _numbers("raise", left, right)
    if left == 0 and right < 0:
        raise Fault("division by zero")
    # Only 0, 1 and -1 stay within 64 bits at large exponents; the others would be computed for nothing.
    if type(left) is int and type(right) is int and right > 64 and not -2 < left < 2:
        raise Fault("the number gets larger than 64 bits")
    try:
        return bounded_number(left**right)
    except OverflowError:
        raise Fault("the number gets too large") from None


ARITHMETIC: dict[str, Operation] = {
    "+": add, "-": subtract, "*": multiply, "/": divide, "//": floor_divide, "%": modulo, "**": power,
}  # fmt: skip


def negative(value: Any) -> Value:
    if type(value) is not int and type(value) is not float:
        raise Fault(f"cannot take the negative of {a_kind(value)}")
    return bounded_number(-value)


def positive(value: Any) -> Value:
    if type(value) is not int and type(value) is not float:
        raise Fault(f"cannot put + before {a_kind(value)}")
    return value


ORDER: dict[str, Operation] = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def ordered(symbol: str) -> Operation:
    """The comparison `<`, `<=`, `>` or `>=`, of two numbers or two texts."""
    compare = ORDER[symbol]

    def order(left: Any, right: Any) -> bool:
        a, b = type(left), type(right)
        if ((a is int or a is float) and (b is int or b is float)) or (a is str and b is str):
            return bool(compare(left, right))
        raise unordered(symbol, left, right)

    return order


def unordered(symbol: str, left: Any, right: Any) -> Fault:
    hint = ""
    if left is None or right is None:
        hint = "; default(…, 0) says what null counts as"
    elif {type(left), type(right)} <= {int, float, str}:
        hint = "; int(…) makes a number of a text"
    return Fault(f"cannot tell whether {a_kind(left)} {symbol} {a_kind(right)}{hint}")


def holds(part: Any, whole: Any) -> bool:
    """`part in whole`: a text in a text, a key in a map, a value in a list."""
    kind = type(whole)
    if kind is list:
        return part in whole
    if kind is dict:
        return type(part) is str and part in whole
    if kind is str:
        if type(part) is str:
            return part in whole
        raise Fault(f"only a string is in a string; found {a_kind(part)}")
    raise Fault(f"nothing is in {a_kind(whole)}: `in` takes a list, a map or a string")


def holds_not(part: Any, whole: Any) -> bool:
    return not holds(part, whole)


def item(shown: str, holder: Any, index: Any) -> Any:
    """`holder[index]`; `shown` is how the expression writes the holder."""
    kind = type(holder)
    if kind is dict and type(index) is str:
        if index in holder:
            return holder[index]
        raise no_key(shown, holder, index)
    if kind is list or kind is str:
        if type(index) is not int:
            raise Fault(f"`{shown}` is {a_kind(holder)}: its places are integers, found {a_kind(index)}")
        if -len(holder) <= index < len(holder):
            return holder[index]
        raise Fault(f"`{shown}` has no place {index}: its length is {len(holder)}")
    if kind is dict:
        raise Fault(f"`{shown}` is a map: its keys are strings, found {a_kind(index)}")
    raise Fault(f"`{shown}` is {a_kind(holder)}: only lists, maps and strings have parts")


def cut(shown: str, holder: Any, start: Any, stop: Any, step: Any) -> Any:
    """`holder[start:stop:step]` of a list or text."""
    if type(holder) is not list and type(holder) is not str:
        raise Fault(f"`{shown}` is {a_kind(holder)}: only lists and strings are cut with [a:b]")
    for bound in (start, stop, step):
        if bound is not None and type(bound) is not int:
            raise Fault(f"the places in [a:b] are integers, found {a_kind(bound)}")
    if step == 0:
        raise Fault("the step in [a:b:step] cannot be 0")
    return holder[start:stop:step]


def no_key(shown: str, holder: Any, key: str) -> Fault:
    """Why `holder.key` is nothing."""
    if holder is None:
        return Fault(f"`{shown}` is null, so it has no '{key}'; default({shown}.{key}, …) says what to take then")
    if type(holder) is not dict:
        return Fault(f"`{shown}` is {a_kind(holder)}: only maps have keys, not '{key}'")
    near = did_you_mean(key, holder)
    known = ", ".join(list(holder)[:10])
    return Fault(f"`{shown}` has no key '{key}' ({near or (f'its keys: {known}' if known else 'it is empty')})")


def text_of(value: Value) -> str:
    """The value in a text: strings bare, other values as canonical JSON, whole floats without `.0`."""
    kind = type(value)
    if kind is str:
        return value  # type: ignore[return-value]
    if kind is int:
        return str(value)
    if kind is float:
        return _number_text(value)  # type: ignore[arg-type]
    try:
        data = canonical(value)
        if b".0" in data:
            data = canonical(_whole(value))
    except ValueError as error:
        raise Fault(str(error)) from None
    return bounded_text(data.decode())


def _number_text(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else canonical(value).decode()


def _whole(value: Any) -> Any:
    kind = type(value)
    if kind is float and value.is_integer() and abs(value) < 1e16:
        return int(value)
    if kind is list:
        return [_whole(part) for part in value]
    return {key: _whole(part) for key, part in value.items()} if kind is dict else value


def a_kind(value: Any) -> str:
    """`a string`, `an integer`, `null`: never the value itself, which may be secret."""
    kind = kind_of(value)
    return kind if kind == "null" else f"{'an' if kind == 'integer' else 'a'} {kind}"


def _numbers(verb: str, left: Any, right: Any) -> None:
    a, b = type(left), type(right)
    if not ((a is int or a is float) and (b is int or b is float)):
        raise _misused(verb, left, right)


_PREPOSITIONS = {"add": "and", "subtract": "and", "multiply": "by", "divide": "by", "raise": "to the power of"}


def _misused(verb: str, left: Any, right: Any, hint: str = "") -> Fault:
    if not hint and (left is None or right is None):
        hint = "; default(…, 0) says what null counts as"
    return Fault(f"cannot {verb} {a_kind(left)} {_PREPOSITIONS[verb]} {a_kind(right)}{hint}")
