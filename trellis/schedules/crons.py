"""The five fields of cron, as Debian's reads them: what is wrong with an expression, and the wall times that it names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from trellis.schedules.calendars import LAST

LONGEST = 200
FIELDS = (
    ("minute", "0-59"), ("hour", "0-23"), ("day of the month", "1-31 or L"), ("month", "1-12 or JAN-DEC"),
    ("day of the week", "0-7 or SUN-SAT"),
)  # fmt: skip
SHORT = {
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *",
}  # fmt: skip
LAST_WEEKDAY = 0
"""The last day of a month that is none of a weekend, among days."""
_ANY_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - a wall time


class Cron(NamedTuple):
    """The parts of an expression, as they fit. Days from the end and weekdays that count are told apart."""

    minute: tuple[int, ...]
    hour: tuple[int, ...]
    month: tuple[int, ...]
    day: tuple[int, ...]
    """With LAST and LAST_WEEKDAY."""
    weekday: tuple[int, ...]
    counted: tuple[tuple[int, int], ...]
    """Weekday and which one of the month: 1 to 5, or LAST."""
    both: bool
    """Whether both the day of the month and of the week must fit; else either will do."""


def check(text: str) -> tuple[str, str] | None:
    """What is wrong with an expression, and what to do about it; None where it fires some day."""
    if text.strip().lower() in SHORT:
        return f"'{text}' is a short form", f"write {SHORT[text.strip().lower()]}"
    parts = text.split()
    if len(text) > LONGEST:
        return f"a cron expression of {len(text):,} characters", f"write {LONGEST} at most"
    if len(parts) != len(FIELDS):
        found = f"'{text}' has {len(parts)} {'field' if len(parts) == 1 else 'fields'}, and cron has 5"
        seconds = len(parts) == len(FIELDS) + 1
        return (
            found,
            "for seconds, write `calendar` or `every`" if seconds else "minute, hour, day, month, day of the week",
        )
    for place, (name, allowed) in enumerate(FIELDS):
        alone = ["*"] * len(FIELDS)
        alone[place] = parts[place]
        if _first(" ".join(alone)) is None:
            return f"'{parts[place]}' in '{text}' is no {name}", f"{allowed}, *, lists, ranges, steps: 1,5-9,*/2"
    if _first(text) is None:
        return f"'{text}' never fires: no such day ever comes", "mind the length of the months"
    return None


def is_hourly(text: str) -> bool:
    """Whether it fires in every hour of its days."""
    hours, _, step = text.split()[1].partition("/")
    return hours in ("*", "0-23") and step in ("", "1")


def walls(text: str, after: datetime) -> Iterator[datetime]:
    """The wall times after a wall time. Only for an expression that `check` found right."""
    from cronsim import CronSim  # 20 ms, for those who have schedules

    return CronSim(text, after)


def parts(text: str) -> Cron:
    """What fits in each field. Only for an expression that `check` found right."""
    from cronsim import CronSim

    read = CronSim(text, _ANY_TIME)
    named = {CronSim.LAST: LAST, CronSim.LAST_WEEKDAY: LAST_WEEKDAY}
    plain = {(day - 1) % 7 for day in read.weekdays if isinstance(day, int)}
    counted = {((day[0] - 1) % 7, named.get(day[1], day[1])) for day in read.weekdays if not isinstance(day, int)}
    return Cron(
        minute=tuple(sorted(read.minutes)),
        hour=tuple(sorted(read.hours)),
        month=tuple(sorted(read.months)),
        day=tuple(sorted(named.get(day, day) for day in read.days)),
        weekday=tuple(sorted(plain)),
        counted=tuple(sorted(counted)),
        both=read.day_and,
    )


def _first(text: str) -> datetime | None:
    from cronsim import CronSimError

    try:
        return next(walls(text, _ANY_TIME), None)
    except (CronSimError, ValueError, AssertionError):
        return None
