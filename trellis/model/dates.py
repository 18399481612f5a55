"""A date as a person types it: `2030-01-31`; where a time is kept, its beginning in UTC, or a whole time as it is."""

from __future__ import annotations

from trellis.model.types import Type, epoch_seconds, found
from trellis.model.values import Value

EXAMPLE = "2030-01-31"


def read_date(declared: Type, value: object) -> Value:
    """The date as a field of this type keeps it. Raises ValueError, saying what to write."""
    typed = value.strip() if isinstance(value, str) else ""
    if is_date(typed):
        return f"{typed}T00:00:00Z" if declared.kind == "time" else typed
    if declared.kind == "time" and "T" in typed:
        epoch_seconds(typed)
        return typed
    raise ValueError(f"not a date such as {EXAMPLE}: {found(value).removeprefix('string ')}")


def is_date(text: str) -> bool:
    """Whether it is a day of the calendar, written as `2030-01-31`."""
    from datetime import date  # only graphs that ask for one pay for it

    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
