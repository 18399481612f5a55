"""An index row as Redis keeps it: one text, and the names of the sets in which it is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from trellis.errors import StoreCorrupt
from trellis.model.values import Value, canonical, digest
from trellis.stores.base import RunRow

OPEN = "running"
EVERY = "every"
"""The set of all runs."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RunRow).decode


def written(row: RunRow) -> list[str | list[str]]:
    """What a script is told of a row: the text, `wake` (empty: nobody has to wake it), name, sets, `created`, graph."""
    wake = repr(float(row.wake)) if row.wake is not None and row.status == OPEN else ""
    return [_encode(row).decode(), wake, row.name, _sets(row), repr(float(row.created)), row.graph]


def read(url: str, text: bytes, revision: int, request: str) -> RunRow:
    """The row of a text; what the store fills in comes beside it. Raises StoreCorrupt."""
    try:
        row = _decode(text)
    except msgspec.MsgspecError as error:
        raise StoreCorrupt(url, f"a row: {error}; restore the server's data from a backup") from error
    return msgspec.structs.replace(row, revision=revision, request=request)


def wanted(
    status: str | None, name: str | None, graph: str | None, match: Mapping[str, Value]
) -> tuple[list[str], list[str]]:
    """The sets in which a row must be that is asked for, and those in which it must not be."""
    given = {"status": status, "name": name, "graph": graph}
    inside = [f"{column}:{value}" for column, value in given.items() if value is not None]
    inside += [_of_value(field, value) for field, value in match.items() if value is not None]
    return inside or [EVERY], [_of_field(field) for field, value in match.items() if value is None]


def _sets(row: RunRow) -> list[str]:
    present = {field: value for field, value in row.fields.items() if value is not None}
    return [
        EVERY,
        f"status:{row.status}",
        f"name:{row.name}",
        f"graph:{row.graph}",
        *map(_of_field, present),
        *(_of_value(field, value) for field, value in present.items()),
    ]


def _of_field(field: str) -> str:
    """The rows that have the field, and not as null."""
    return f"has:{field}"


def _of_value(field: str, value: Value) -> str:
    return f"is:{digest(canonical(_plain(value)))}:{field}"


def _plain(value: Any) -> Any:
    """The same for values that JSON calls equal: 1 and 1.0 are."""
    if type(value) is float and value.is_integer():
        return int(value) if abs(value) < 2**63 else f"number {int(value)}"
    if type(value) is list:
        return [_plain(part) for part in value]
    if type(value) is dict:
        return {key: _plain(part) for key, part in value.items()}
    return value
