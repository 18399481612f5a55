"""What a state takes: its arguments are checked and converted before anything changes, or the mutation is refused.

Adding and setting are checked, removing is not: who lets go of a state owes it nothing. A state that does not say what
it takes is given everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, cast

import msgspec

from trellis.errors import BadArguments
from trellis.model.problems import suggestion

T = TypeVar("T")
Kind = type[T]


class Arguments(dict[str, Any]):
    """Arguments of a mutation by name, and the same as each state has declared them."""

    __slots__ = ("typed",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.typed: dict[type, Any] = {}


def fields_of(kind: object) -> tuple[str, ...] | None:
    """The fields of a dataclass, TypedDict or Struct, in order; None for anything else."""
    if not isinstance(kind, type):
        return None
    if issubclass(kind, msgspec.Struct):
        return kind.__struct_fields__
    if hasattr(kind, "__dataclass_fields__"):
        return tuple(kind.__dataclass_fields__)
    if hasattr(kind, "__required_keys__"):
        return tuple(kind.__annotations__)
    return None


def checked(declared: Mapping[str, type], names: Iterable[str], given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of a mutation that calls for these states, converted, with defaults.

    Where two states take an argument of one name, handlers get that of the later one by keyword. Raises BadArguments
    for one that a state lacks or cannot take, and for one that is unknown to all when all have declared theirs.
    """
    called = [(name, declared.get(name)) for name in names]
    if not any(kind for _, kind in called):
        return given
    known: set[str] = set()
    converted = Arguments(given)
    for name, kind in called:
        if kind is not None:
            value: Any = typed(name, kind, given)
            converted.typed[kind] = value
            fields = fields_of(kind) or ()
            known.update(fields)
            found = value if isinstance(value, dict) else {field: getattr(value, field) for field in fields}
            converted.update(found)
    if all(kind for _, kind in called):
        for argument in given:
            if argument not in known:
                raise BadArguments(called[0][0], f"unknown `{argument}`{suggestion(argument, known)}")
    return converted


def typed(name: str, kind: type[T], given: Mapping[str, Any]) -> T:
    """These arguments as one value of this type. Raises BadArguments, which names the state."""
    if isinstance(given, Arguments) and kind in given.typed:
        return cast(T, given.typed[kind])
    known = fields_of(kind) or ()
    try:
        return msgspec.convert({key: value for key, value in given.items() if key in known}, kind)
    except msgspec.ValidationError as error:
        raise BadArguments(name, str(error)) from None
