"""A calendar of lists of numbers, all of which must fit: what it may say, and the wall times that it names."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

from trellis.model.problems import did_you_mean

Calendar = dict[str, tuple[int, ...]]
RANGES = {
    "year": (1970, 2999), "month": (1, 12), "day": (1, 31), "weekday": (0, 6), "hour": (0, 23), "minute": (0, 59),
    "second": (0, 59),
}  # fmt: skip
NAMES = {
    "month": ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    "weekday": ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
}
LAST = -1
"""The last day of the month."""
_ONCE = ("hour", "minute", "second")
"""What is 0 where nothing is said; of all else, everything fits."""
_YEARS = 50


def parse(key: str, written: Any) -> tuple[int, ...]:
    """The sorted numbers of one part: `7`, `mon-fri`, `"*"`, or a list of such. Raises ValueError, saying what may stand."""
    found = {number for part in (written if isinstance(written, list) else [written]) for number in _numbers(key, part)}
    return tuple(sorted(found))


def _numbers(key: str, part: Any) -> Iterator[int]:
    low, high = RANGES[key]
    if part == "*":
        return iter(range(low, high + 1))
    if key == "day" and part == "last":
        return iter((LAST,))
    first, dash, last = str(part).partition("-")
    begin = _number(key, first)
    end = _number(key, last) if dash else begin
    if end < begin:
        raise ValueError(f"'{part}' ends before it begins")
    return iter(range(begin, end + 1))


def _number(key: str, text: str) -> int:
    names = NAMES.get(key, ())
    low, high = RANGES[key]
    word = text.strip().lower()
    if word[:3] in names and word in (word[:3], _FULL.get(word[:3])):
        return names.index(word[:3]) + low
    if not (word.isascii() and word.isdigit() and len(word) <= 4 and low <= int(word) <= high) or key == "weekday":
        allowed = "mon to sun" if key == "weekday" else f"{low} to {high}"
        extra = ", or jan to dec" if key == "month" else ", or last" if key == "day" else ""
        hint = did_you_mean(word, names) or f"write {allowed}{extra}"
        raise ValueError(f"'{text}' is no {key}: {hint}")
    return int(word)


_FULL = {
    "mon": "monday", "tue": "tuesday", "wed": "wednesday", "thu": "thursday", "fri": "friday", "sat": "saturday",
    "sun": "sunday", "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july",
    "aug": "august", "sep": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip


def never_comes(calendar: Calendar) -> bool:
    """Whether none of its days ever is, in any year that it names."""
    begin = min(calendar.get("year", (2000,)))
    return next(walls(calendar, datetime(begin, 1, 1) - timedelta(seconds=1)), None) is None  # noqa: DTZ001 - a wall time


def is_hourly(calendar: Calendar) -> bool:
    """Whether it fires in every hour of its days."""
    return len(calendar.get("hour", ())) == 24


def walls(calendar: Calendar, after: datetime) -> Iterator[datetime]:
    """The wall times after a wall time, in order; none more where no day fits for fifty years."""
    times = list(product(*(calendar.get(key, (0,)) for key in _ONCE)))
    day, end = after.date(), after.year + _YEARS
    years, months = calendar.get("year"), calendar.get("month")
    while day.year <= end:
        if (years and day.year not in years) or (months and day.month not in months):
            day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            continue
        if _fits(calendar, day):
            end = day.year + _YEARS
            for hour, minute, second in times:
                wall = datetime(day.year, day.month, day.day, hour, minute, second)  # noqa: DTZ001 - a wall time
                if wall > after:
                    yield wall
        day += timedelta(days=1)


def _fits(calendar: Calendar, day: date) -> bool:
    days, weekdays = calendar.get("day"), calendar.get("weekday")
    if weekdays and day.weekday() not in weekdays:
        return False
    return not days or day.day in days or (LAST in days and day.day == monthrange(day.year, day.month)[1])
