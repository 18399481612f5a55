"""Indexed fields as SQLite keeps them: a value is one SQLite value, and two are equal there where they are as JSON.

A number is a number and a text a text, so the index finds 1 by 1.0. What SQLite has no type for is a blob: the canonical
JSON of booleans, lists and maps. null, like a field that is missing, is not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from trellis.model.values import INTEGER_MAX, INTEGER_MIN, Value, canonical

Kept = int | float | str | bytes | None

_UPSERT = """
    INSERT INTO indexed (run, name, value) VALUES (?, ?, ?) ON CONFLICT (run, name) DO UPDATE SET value = excluded.value"""
_DELETE = "DELETE FROM indexed WHERE run = ? AND name = ?"


def kept(value: Value) -> Kept:
    """The SQLite value that stands for a JSON value."""
    kind = type(value)
    if value is None or kind is str or kind is float:
        return value  # type: ignore[return-value]
    if kind is int and INTEGER_MIN <= value <= INTEGER_MAX:  # type: ignore[operator]
        return value  # type: ignore[return-value]
    return canonical(_plain(value))


def _plain(value: Any) -> Any:
    """The same value, and each whole number in it an integer: canonical JSON tells 1.0 from 1."""
    if type(value) is float:
        return int(value) if value.is_integer() and INTEGER_MIN <= value <= INTEGER_MAX else value
    if type(value) is list:
        return [_plain(part) for part in value]
    if type(value) is dict:
        return {key: _plain(part) for key, part in value.items()}
    return value


def changes(
    run: int, before: Mapping[str, Value], after: Mapping[str, Value]
) -> Iterator[tuple[str, tuple[int | str | Kept, ...]]]:
    """The statements, each with its values, that bring the index of a run from some fields to others."""
    for name in before.keys() | after.keys():
        old, new = kept(before.get(name)), kept(after.get(name))
        if new is None:
            if old is not None:
                yield _DELETE, (run, name)
        elif old != new:
            yield _UPSERT, (run, name, new)
