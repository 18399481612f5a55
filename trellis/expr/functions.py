"""The functions of the language. Each says what it takes, so calls are checked before and during a run alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from trellis.expr.faults import Fault
from trellis.expr.operators import TEXT, a_kind, bounded_number, bounded_text, holds, room_for, text_of
from trellis.model.durations import parse_duration
from trellis.model.types import epoch_seconds

_TYPES: dict[str, frozenset[type]] = {
    "string": frozenset((str,)),
    "number": frozenset((int, float)),
    "integer": frozenset((int,)),
    "boolean": frozenset((bool,)),
    "list": frozenset((list,)),
    "map": frozenset((dict,)),
}


class Function(msgspec.Struct, frozen=True):
    """One function. `takes` are pairs of name and kinds (`string|list`); `returns` is read by the checker."""

    name: str
    run: Callable[..., Any]
    takes: tuple[tuple[str, str], ...]
    returns: str
    """A type name, `[T]`; or `item` of the list given, that list itself (`same`), or a `list` of what is in it."""
    optional: int = 0
    """How many of the last parameters may be left out."""
    more: bool = False
    """The last parameter may be repeated."""

    @property
    def least(self) -> int:
        return len(self.takes) - self.optional

    @property
    def most(self) -> int:
        return 100 if self.more else len(self.takes)

    @property
    def signature(self) -> str:
        """How it is called: `round(number, digits?)`."""
        names = [f"{name}{'?' * (place >= self.least)}" for place, (name, _) in enumerate(self.takes)]
        return f"{self.name}({', '.join(names)}{', …' * self.more})"

    def kinds(self, place: int) -> str:
        """What the argument at `place` may be."""
        return self.takes[min(place, len(self.takes) - 1)][1]


def accepted(kinds: str) -> frozenset[type] | None:
    """The Python types of `string|list`; None where everything is taken."""
    if kinds == "any":
        return None
    return frozenset().union(*(_TYPES[kind] for kind in kinds.split("|")))


def wrong_argument(function: Function, place: int, value: Any) -> Fault:
    hint = "; default(…, …) says what to take for null" if value is None else ""
    return Fault(f"{function.name} takes {one_of(function.kinds(place))}, found {a_kind(value)}{hint}")


def one_of(kinds: str) -> str:
    """`string|list` in words: `a string or a list`."""
    return " or ".join(f"{'an' if kind == 'integer' else 'a'} {kind}" for kind in kinds.split("|"))


def _scalars(name: str, parts: list[Any]) -> list[Any]:
    """`parts`, where they are all numbers or all strings; Fault otherwise."""
    kinds = set(map(type, parts))
    if kinds <= {int, float} or kinds <= {str}:
        return parts
    raise Fault(f"{name} takes numbers or strings, not a mixture or anything else")


def _sum(parts: list[Any]) -> Any:
    if not set(map(type, parts)) <= {int, float}:
        raise Fault("sum takes a list of numbers")
    return bounded_number(sum(parts))


def _extreme(name: str, choose: Callable[[list[Any]], Any]) -> Callable[..., Any]:
    def extreme(*given: Any) -> Any:
        parts = given[0] if len(given) == 1 else list(given)
        if type(parts) is not list:
            raise Fault(f"{name} takes a list, or two and more values, found {a_kind(parts)}")
        if not parts:
            raise Fault(f"{name} of an empty list: default(first(…), …) may say what you mean")
        return choose(_scalars(name, parts))

    return extreme


def _join(parts: list[Any], separator: str) -> str:
    if None in parts:
        raise Fault("join found null in the list")
    texts = list(map(text_of, parts))
    if sum(map(len, texts)) + len(separator) * len(texts) > TEXT + len(separator):
        raise Fault(f"the text gets longer than {TEXT:,} characters")
    return separator.join(texts)


def _split(text: str, separator: str | None = None) -> list[str]:
    if separator == "":
        raise Fault("split needs a separator that is not empty")
    room_for(text.count(separator) if separator else len(text) // 2)
    return text.split(separator)


def _replace(text: str, old: str, new: str) -> str:
    count = text.count(old)
    if len(text) + count * (len(new) - len(old)) > TEXT:
        raise Fault(f"the text gets longer than {TEXT:,} characters")
    return text.replace(old, new)


def _round(number: int | float, digits: int | None = None) -> Any:
    if digits is not None and not -20 <= digits <= 20:
        raise Fault("round takes -20 to 20 digits")
    return bounded_number(round(number, digits) if digits is not None else round(number))


def _int(value: Any) -> int:
    if type(value) is not str:
        return int(bounded_number(int(value)))
    text = value.strip()
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise Fault("int found a string that is no whole number")
    return int(bounded_number(int(text)))


def _float(value: Any) -> float:
    if type(value) is str and set(value.strip()) - set("0123456789+-.eE"):
        raise Fault("float found a string that is no number")
    try:
        return float(bounded_number(float(value)))
    except ValueError:
        raise Fault("float found a string that is no number") from None


def _range(start: int, stop: int | None = None, step: int = 1) -> list[int]:
    if step == 0:
        raise Fault("the step of range cannot be 0")
    numbers = range(start) if stop is None else range(start, stop, step)
    # Not len(): it fails beyond 64 bits, which the ends may be apart.
    room_for(max(0, (numbers.stop - numbers.start + numbers.step - (1 if numbers.step > 0 else -1)) // numbers.step))
    return list(numbers)


def _unique(parts: list[Any]) -> list[Any]:
    if not set(map(type, parts)) <= {str, int, float, bool, type(None)}:
        raise Fault("unique takes a list of strings, numbers or booleans")
    return list(dict.fromkeys(parts))


def _flatten(parts: list[Any]) -> list[Any]:
    if not set(map(type, parts)) <= {list}:
        raise Fault("flatten takes a list of lists")
    room_for(sum(map(len, parts)))
    return [part for inner in parts for part in inner]


def _seconds(text: str) -> float:
    try:
        return epoch_seconds(text) if text[4:5] == "-" else parse_duration(text)
    except ValueError:
        raise Fault("seconds takes a duration such as 1h30m or a time such as 2030-01-31T09:30:00Z") from None


def _default(value: Any, other: Any) -> Any:
    """The builder reads the first argument without failing; what is left is this."""
    return other if value is None else value


_TEXT_ONLY = (("text", "string"),)
_LIST_ONLY = (("list", "list"),)

_ALL = (
    Function("len", len, (("x", "string|list|map"),), "integer"),
    Function("any", any, _LIST_ONLY, "boolean"),
    Function("all", all, _LIST_ONLY, "boolean"),
    Function("sum", _sum, _LIST_ONLY, "number"),
    Function("min", _extreme("min", min), (("x", "list|number|string"),), "item", more=True),
    Function("max", _extreme("max", max), (("x", "list|number|string"),), "item", more=True),
    Function("default", _default, (("x", "any"), ("other", "any")), "any"),
    Function("join", _join, (("list", "list"), ("separator", "string")), "string"),
    Function("upper", lambda text: bounded_text(text.upper()), _TEXT_ONLY, "string"),
    Function("lower", lambda text: bounded_text(text.lower()), _TEXT_ONLY, "string"),
    Function("strip", str.strip, _TEXT_ONLY, "string"),
    Function("split", _split, (("text", "string"), ("separator", "string")), "[string]", optional=1),
    Function("replace", _replace, (("text", "string"), ("old", "string"), ("new", "string")), "string"),
    Function("contains", lambda whole, part: holds(part, whole), (("x", "string|list|map"), ("part", "any")), "boolean"),
    Function("starts_with", str.startswith, (("text", "string"), ("prefix", "string")), "boolean"),
    Function("ends_with", str.endswith, (("text", "string"), ("suffix", "string")), "boolean"),
    Function("round", _round, (("number", "number"), ("digits", "integer")), "number", optional=1),
    Function("abs", lambda number: bounded_number(abs(number)), (("number", "number"),), "number"),
    Function("int", _int, (("x", "string|number|boolean"),), "integer"),
    Function("float", _float, (("x", "string|number|boolean"),), "number"),
    Function("str", text_of, (("x", "any"),), "string"),
    Function("bool", bool, (("x", "any"),), "boolean"),
    Function("sorted", lambda parts: sorted(_scalars("sorted", parts)), _LIST_ONLY, "same"),
    Function("reversed", lambda parts: parts[::-1], _LIST_ONLY, "same"),
    Function("keys", list, (("map", "map"),), "[string]"),
    Function("values", lambda whole: list(whole.values()), (("map", "map"),), "[any]"),
    Function("items", lambda whole: [[key, part] for key, part in whole.items()], (("map", "map"),), "[[any]]"),
    Function("range", _range, (("start", "integer"), ("stop", "integer"), ("step", "integer")), "[integer]", optional=2),
    Function("first", lambda parts: parts[0] if parts else None, _LIST_ONLY, "item?"),
    Function("last", lambda parts: parts[-1] if parts else None, _LIST_ONLY, "item?"),
    Function("unique", _unique, _LIST_ONLY, "same"),
    Function("zip", lambda *lists: [list(parts) for parts in zip(*lists, strict=False)],
             (("list", "list"), ("list", "list")), "[[any]]", more=True),
    Function("flatten", _flatten, _LIST_ONLY, "inner"),
    Function("seconds", _seconds, _TEXT_ONLY, "number"),
)  # fmt: skip

FUNCTIONS = {function.name: function for function in _ALL}
"""Every function by its name."""
