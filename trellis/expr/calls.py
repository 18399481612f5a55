"""What a call gives, from the types of its arguments."""

from __future__ import annotations

import msgspec

from trellis.expr.functions import FUNCTIONS, Function, one_of
from trellis.expr.kinds import ANY, Report, an, family, item_of, keys_of, plain, unify
from trellis.model.types import Type, parse_type

_ORDERED = ("sorted", "min", "max")


def call_type(name: str, given: list[Type], report: Report) -> Type:
    """The type of `name(…)`. What an argument cannot be goes to `report`."""
    function = FUNCTIONS[name]
    fine = True
    for place, argument in enumerate(given):
        kinds = function.kinds(place)
        if kinds != "any" and not _takes(kinds, argument):
            report(f"{name} takes {one_of(kinds)}, found {an(argument)}", place)
            fine = False
    if not fine:
        return ANY if function.returns in ("item", "item?", "same", "inner", "any") else _written(function)
    return _result(function, given, report)


def _takes(kinds: str, argument: Type) -> bool:
    if argument.kind == "any":
        return True
    wanted = kinds.split("|")
    return argument.kind in wanted or (family(argument) in wanted and wanted != ["integer"])


def _result(function: Function, given: list[Type], report: Report) -> Type:
    name, first = function.name, given[0]
    if name == "default":
        return _default(first, given[1])
    if name in ("sum", *_ORDERED):
        parts = item_of(first) if first.kind in ("list", "any") and len(given) == 1 else unify(given)
        allowed = ("number", "") if name == "sum" else ("number", "string", "")
        if family(parts) not in allowed:
            report(f"{name} takes {' or '.join(word + 's' for word in allowed if word)}, found {an(parts)}", 0)
        if name == "sum":
            return Type("integer" if parts.kind == "integer" else "number")
    if name == "abs" or (name == "round" and len(given) == 2):
        return plain(first) if family(first) == "number" else Type("number")
    if name == "round":
        return Type("integer")
    if name == "values":
        keys = keys_of(first)
        return Type("list", item=unify(list(keys.values())) if keys else ANY)
    if name == "zip":
        return Type("list", item=Type("list", item=unify([item_of(argument) for argument in given])))
    if function.returns == "same":
        return plain(first) if first.kind == "list" else Type("list", item=ANY)
    if function.returns == "inner":
        return item_of(first) if item_of(first).kind == "list" else Type("list", item=ANY)
    if function.returns == "item":
        return plain(item_of(first) if len(given) == 1 else unify(given))
    if function.returns == "item?":
        part = item_of(first)
        return part if part.kind == "any" else msgspec.structs.replace(part, optional=True)
    return _written(function)


def _default(value: Type, other: Type) -> Type:
    if value.kind == "null":
        return other
    return unify([msgspec.structs.replace(value, optional=False), other])


def _written(function: Function) -> Type:
    """The type that `function.returns` writes: a name in any number of brackets."""
    text = function.returns
    depth = text.count("[")
    result = parse_type(text.strip("[]"))
    for _ in range(depth):
        result = Type("list", item=result)
    return result
