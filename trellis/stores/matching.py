"""Which index rows were asked for, where no database decides it."""

from __future__ import annotations

from collections.abc import Mapping

from trellis.model.values import Value
from trellis.stores.base import RunRow


def wanted(
    row: RunRow, status: str | None, name: str | None, graph: str | None, match: Mapping[str, Value] | None
) -> bool:
    """Whether `rows` answers with this row, as the promise of a store has it."""
    return (
        (status is None or row.status == status)
        and (name is None or row.name == name)
        and (graph is None or row.graph == graph)
        and (not match or all(same(row.fields.get(field), value) for field, value in match.items()))
    )


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal as JSON is: 1 and 1.0 are, 1 and true are not."""
    kind = type(one)
    if kind is not type(other):
        # Only numbers may be equal and differ in type, and a boolean is no number.
        return {kind, type(other)} == {int, float} and one == other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(part, other[key]) for key, part in one.items())
    return one == other
