"""Dates as a person types them, `2030-01-31`, and moments as data has them: what they are as text and as a number."""

from __future__ import annotations

from trellis.model.types import Type, epoch_seconds, found
from trellis.model.values import Value

EXAMPLE = "2030-01-31"
NO_DATE = 253_402_300_800.0
"""The year 10000 begins, in seconds since 1970; no date can be written from then on."""


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


def read_moment(value: Value) -> float:
    """Seconds since 1970 of an ISO 8601 time with a zone, or of a number of them. Raises ValueError, saying what to write."""
    if isinstance(value, str):
        seconds = epoch_seconds(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        raise ValueError(f"expected a time such as 2030-01-31T09:30:00Z, found {found(value)}")
    if not seconds < NO_DATE:  # nor is it one where it is not a number
        raise ValueError(f"expected a time before the year 10000, found {found(value)}")
    return seconds
