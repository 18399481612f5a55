"""The closures that expressions are made of, one function for each form that has more than one shape.

A metered closure finds its budget in the scope under METER, which is no name of the language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from trellis.expr.compiled import Scope
from trellis.expr.faults import Fault
from trellis.expr.functions import Function, accepted, wrong_argument
from trellis.expr.operators import ORDER, Meter, Operation, cost, deep_cost, holds, holds_not, ordered, unordered

METER = "#"

Run = Callable[[Any], Any]
Turns = Callable[[dict[str, Any]], Iterator[Any]]
"""The values of a loop, one by one. It binds its names in the scope it is given."""


def unset(name: str) -> Fault:
    return Fault(f"`{name}` is not set")


def null(_: Scope) -> None:
    """What stands where nothing is written."""


def string_key(key: Any) -> str:
    """The key of a map; Fault where it is no string."""
    if type(key) is str:
        return key
    raise Fault("the keys of a map are strings: quote the key, or write str(…)")


def compare_constant(symbol: str, left: Run, constant: int | float | str) -> Run:
    if symbol == "==":
        return lambda scope: left(scope) == constant
    if symbol == "!=":
        return lambda scope: left(scope) != constant
    if symbol in ORDER:
        compare = ORDER[symbol]
        kinds = frozenset((str,) if type(constant) is str else (int, float))

        def order(scope: Scope) -> Any:
            value = left(scope)
            if type(value) in kinds:
                return compare(value, constant)
            raise unordered(symbol, value, constant)

        return order
    operation = holds if symbol == "in" else holds_not
    return lambda scope: operation(left(scope), constant)


def comparing(symbol: str, *, metered: bool) -> Callable[[Scope, Any, Any], Any]:
    operation: Operation
    if symbol == "==":
        operation = equal
    elif symbol == "!=":
        operation = unequal
    elif symbol == "in":
        operation = holds
    elif symbol == "not in":
        operation = holds_not
    else:
        operation = ordered(symbol)
    if not metered:
        return lambda _, left, right: operation(left, right)

    def compare_metered(scope: Scope, left: Any, right: Any) -> Any:
        meter: Meter = scope[METER]
        meter.spend(cost(left) + cost(right))
        # A list or map on the left is compared part by part, with every part of the right where it is looked for.
        if type(left) is list or type(left) is dict:
            times = len(right) + 1 if symbol in ("in", "not in") and type(right) is list else 1
            meter.spend(deep_cost(left, meter.left) * times >> 4)
        return operation(left, right)

    return compare_metered


def equal(left: Any, right: Any) -> bool:
    return bool(left == right)


def unequal(left: Any, right: Any) -> bool:
    return bool(left != right)


def loop_clause(
    bind: str | list[str],
    parts: Run,
    shown: str,
    tests: list[Run],
    step: Turns,
    price: int,
) -> Turns:
    def turn(scope: dict[str, Any]) -> Iterator[Any]:
        meter: Meter = scope[METER]
        values = parts(scope)
        if type(values) is not list:
            hint = f"; write keys({shown})" if type(values) is dict else ""
            raise Fault(f"`for … in {shown}` takes a list{hint}")
        for value in values:
            meter.spend(price)
            if type(bind) is str:
                scope[bind] = value
            else:
                unpack(scope, bind, value)
            for test in tests:
                if not test(scope):
                    break
            else:
                yield from step(scope)

    return turn


def unpack(scope: dict[str, Any], names: str | list[str], value: Any) -> None:
    if type(value) is not list or len(value) != len(names):
        raise Fault(f"`for {', '.join(names)} in` takes a list of lists of {len(names)}")
    scope.update(zip(names, value, strict=True))


def plain_call(function: Function, arguments: list[Run]) -> Run:
    run = function.run
    kinds = [accepted(function.kinds(place)) for place in range(len(arguments))]
    if len(arguments) == 1:
        argument, kind = arguments[0], kinds[0]

        def call_one(scope: Scope) -> Any:
            value = argument(scope)
            if kind is not None and type(value) not in kind:
                raise wrong_argument(function, 0, value)
            return run(value)

        return call_one

    def call(scope: Scope) -> Any:
        values = [argument(scope) for argument in arguments]
        for place, value in enumerate(values):
            kind = kinds[place]
            if kind is not None and type(value) not in kind:
                raise wrong_argument(function, place, value)
        return run(*values)

    return call


_DEEP = frozenset(("str", "join", "contains"))
"""Functions that look at parts of parts."""


def metered_call(function: Function, arguments: list[Run]) -> Run:
    deep = function.name in _DEEP
    kinds = [accepted(function.kinds(place)) for place in range(len(arguments))]

    def call(scope: Scope) -> Any:
        meter: Meter = scope[METER]
        values = []
        for place, argument in enumerate(arguments):
            value = argument(scope)
            kind = kinds[place]
            if kind is not None and type(value) not in kind:
                raise wrong_argument(function, place, value)
            meter.spend(deep_cost(value, meter.left) if deep else cost(value))
            values.append(value)
        result = function.run(*values)
        meter.spend(cost(result))
        return result

    return call
