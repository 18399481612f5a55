"""How the checker sees types: families that operators tell apart, literals as types, what two branches have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from trellis.model.types import APPROVAL_KEYS, Type, describe, fit, kind_of
from trellis.model.values import Value

ANY = Type("any")
NULL = Type("null")
"""The type of `null` alone; no field is declared so."""

Report = Callable[[str, int], None]
"""Says a reason about the argument at a place."""

_FAMILIES = {
    "string": "string", "time": "string", "duration": "string", "integer": "number", "number": "number",
    "boolean": "boolean", "list": "list", "map": "map", "approval": "map", "null": "null", "any": "",
}  # fmt: skip


def family(given: Type) -> str:
    """string, number, boolean, list, map, null; empty where the type is not known."""
    return _FAMILIES[given.kind]


def an(given: Type) -> str:
    """`an integer`, `a string`, `null`."""
    kind = given.kind
    if kind in ("null", "any"):
        return "null" if kind == "null" else "an unknown value"
    return f"{'an' if kind in ('integer', 'approval') else 'a'} {kind}"


def literal(value: Value) -> Type:
    """The type of a constant: a string or number is an enumeration of itself."""
    kind = kind_of(value)
    return Type(kind, enum=(value,)) if kind in ("string", "integer", "number") else Type(kind)


def plain(given: Type) -> Type:
    """The type without its enumeration and without null: what an operation on a value of it gives."""
    return msgspec.structs.replace(given, enum=(), optional=False) if given.enum or given.optional else given


def item_of(given: Type) -> Type:
    """What a list of this type holds."""
    return given.item if given.kind == "list" and given.item is not None else ANY


def keys_of(given: Type) -> dict[str, Type] | None:
    """The keys of a map, None where they are not known."""
    return APPROVAL_KEYS if given.kind == "approval" else given.keys


def unify(types: Sequence[Type]) -> Type:
    """What a value is that is of one of these types; `any` where that says nothing."""
    optional = any(given.optional or given.kind == "null" for given in types)
    known = [given for given in types if given.kind != "null"]
    if not known:
        return NULL if types else ANY
    result = known[0]
    for other in known[1:]:
        result = _unify_two(result, other)
    return msgspec.structs.replace(result, optional=True) if optional and result.kind != "any" else result


def _unify_two(a: Type, b: Type) -> Type:
    if a.kind == b.kind:
        if a.kind == "list":
            if a.item is None or b.item is None:  # `[]` goes with every list
                return b if a.item is None else a
            return Type("list", item=unify([a.item, b.item]))
        if a.kind == "map":
            if a.keys is None or b.keys is None or a.keys.keys() != b.keys.keys():
                return Type("map")
            return Type("map", keys={key: unify([part, b.keys[key]]) for key, part in a.keys.items()})
        return Type(a.kind, enum=tuple(dict.fromkeys(a.enum + b.enum)) if a.enum and b.enum else ())
    if {a.kind, b.kind} == {"integer", "number"}:
        return Type("number")
    return Type("string") if family(a) == family(b) == "string" else ANY


def mismatch(declared: Type, given: Type) -> str | None:
    """Why no value of type `given` can be stored as `declared`, or None where one may be."""
    if "any" in (declared.kind, given.kind):
        return None
    if given.kind == "null":
        return None if declared.optional else f"expected {describe(declared)}, found null"
    if given.enum:
        return _mismatched_literals(declared, given)
    a, b = family(declared), family(given)
    if a != b:
        return f"expected {describe(declared)}, found {describe(given)}"
    if a == "list":
        inner = mismatch(item_of(declared), item_of(given))
        return inner and f"in the list: {inner}"
    wanted, keys = keys_of(declared), keys_of(given)
    if wanted is None or keys is None:
        return None
    for key, part in wanted.items():
        if key not in keys:
            if not part.optional:
                return f"missing key '{key}' ({describe(part)})"
            continue
        inner = mismatch(part, keys[key])
        if inner:
            return f"at {key}: {inner}"
    return None


def _mismatched_literals(declared: Type, given: Type) -> str | None:
    reason = None
    for option in given.enum:
        try:
            fit(declared, option)
        except ValueError as error:
            reason = reason or str(error)
        else:
            return None
    return reason
