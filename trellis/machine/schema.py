"""A schema, however it was written, as compiled relations; equal ones are compiled once and shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from trellis.engine.relations import Relations
from trellis.errors import BadSchema
from trellis.model.problems import suggestion
from trellis.model.states import StateDef
from trellis.model.values import canonical, digest

_shared: WeakValueDictionary[tuple[Any, ...], Relations] = WeakValueDictionary()


def compiled(schema: object, order: Sequence[str] | None = None) -> Relations:
    """The relations of a mapping from name to definition (a StateDef, or a mapping of its fields), of anything with
    `states()` that gives one, or relations as they are. Raises BadSchema, naming every fault.
    """
    if isinstance(schema, Relations):
        return schema
    states = defined(schema)
    key = (tuple(states.items()), None if order is None else tuple(order))
    found = _shared.get(key)
    if found is None:
        found = _shared[key] = Relations(states, order)
    return found


def defined(schema: object) -> dict[str, StateDef]:
    """The definitions of a schema in any form, by name. Raises BadSchema, naming every fault."""
    if isinstance(schema, Relations):
        return schema.states
    if not isinstance(schema, Mapping):
        schema = schema.states() if hasattr(schema, "states") else schema
    if not isinstance(schema, Mapping):
        raise BadSchema([f"a schema is a mapping from state to relations, found {type(schema).__name__}"])
    faults: list[str] = []
    states = {name: _state(name, written, faults) for name, written in schema.items()}
    if faults:
        raise BadSchema(faults)
    return states


def declared_with(schema: object, what: str) -> Mapping[str, Any] | None:
    """What else a schema declares, its `groups` or `arguments`; None where it declares none."""
    told = None if isinstance(schema, (Mapping, Relations)) else getattr(schema, what, None)
    if told is None:
        return None
    found: Mapping[str, Any] = told() if callable(told) else told
    return found or None


def schema_hash(relations: Relations) -> str:
    """Twelve hexadecimal digits, equal for schemas that mean the same: order and tags have no part in it."""
    said = {
        name: [
            state.auto,
            state.multi,
            *(sorted(set(names)) for names in (state.require, state.add, state.remove, state.after)),
        ]
        for name, state in relations.states.items()
    }
    return digest(canonical(said))[:12]


def _state(name: object, written: object, faults: list[str]) -> StateDef:
    if not isinstance(name, str) or not name:
        faults.append(f"a state's name is a text that is not empty, found {name!r}")
        return StateDef()
    if isinstance(written, StateDef):
        return written
    if written is None:
        return StateDef()
    if not isinstance(written, Mapping):
        faults.append(f"state '{name}': expected a mapping of relations, found {type(written).__name__}")
        return StateDef()
    known, before = StateDef.__struct_fields__, len(faults)
    for key in written:
        if key not in known:
            faults.append(f"state '{name}': unknown key '{key}'{suggestion(str(key), known)}")
        elif fault := _fault(key, written[key]):
            faults.append(f"state '{name}': `{key}` {fault}")
    return StateDef() if len(faults) > before else msgspec.convert(dict(written), StateDef)


def _fault(key: str, value: object) -> str:
    """What is wrong with the value of a key; nothing where it is empty."""
    if key in ("auto", "multi"):
        return "" if isinstance(value, bool) else f"is True or False, found {value!r}"
    if isinstance(value, str):
        return f"holds a list of names, write [{value!r}]"
    if not isinstance(value, (list, tuple, set, frozenset)):
        return f"holds a list of names, found {value!r}" + ("; leave it out, or write []" if value is None else "")
    wrong = next((entry for entry in value if not isinstance(entry, str)), _SOUND)
    return "" if wrong is _SOUND else f"holds names, which are texts, found {wrong!r}"


_SOUND = object()
"""Stands for no wrong entry: None may be one."""
