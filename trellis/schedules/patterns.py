"""A `cron` or `calendar` in plain lists of numbers: several calendars that together name the same wall times.

What counts from the end of a month (`L`, `5L`, `LW`, `last`) becomes days of the months that are so long; `MON#1` becomes
the days on which it can fall; where either day will do, there is a calendar for each. So whoever knows nothing but lists
of numbers can keep the schedule.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Collection, Iterator
from itertools import groupby
from typing import NamedTuple

from trellis.model.graph import Schedule
from trellis.schedules.calendars import LAST, RANGES, Calendar
from trellis.schedules.crons import LAST_WEEKDAY, Cron, parts

_EVERY_WEEKDAY = tuple(range(7))
_FRIDAY = 4


class Days(NamedTuple):
    """The days of a month that are both one of `days` and one of `weekdays`; Monday is 0."""

    days: frozenset[int]
    weekdays: frozenset[int]


def patterns(schedule: Schedule, years: range) -> list[Calendar]:
    """Calendars with every part said, of numbers alone, whose wall times together are those of the schedule in `years`.

    Only for a schedule that has a `cron` or a `calendar`. None at all where it never fires in these years.
    """
    if schedule.calendar is not None:
        return list(_of_calendar(schedule.calendar, years))
    return list(_of_cron(parts(schedule.cron), years))


def _of_calendar(calendar: Calendar, years: range) -> Iterator[Calendar]:
    written = {key: calendar.get(key, (0,)) for key in ("hour", "minute", "second")}
    months = calendar.get("month", _all("month"))
    said = [year for year in calendar.get("year", years) if year in years]
    days, weekdays = calendar.get("day", _all("day")), frozenset(calendar.get("weekday", _EVERY_WEEKDAY))
    for length, fitting, of in _lengths(months, said, years, whole=LAST not in days):
        found = frozenset(length if day == LAST else day for day in days)
        yield from _calendars([Days(found, weekdays)], fitting, of, written)


def _of_cron(cron: Cron, years: range) -> Iterator[Calendar]:
    written = {"hour": cron.hour, "minute": cron.minute, "second": (0,)}
    counts = any(day in (LAST, LAST_WEEKDAY) for day in cron.day) or any(which == LAST for _, which in cron.counted)
    for length, months, of in _lengths(cron.month, years, years, whole=not counts):
        by_day, by_weekday = list(_by_day(cron, length)), list(_by_weekday(cron, length))
        if cron.both:
            pairs = [Days(a.days & b.days, a.weekdays & b.weekdays) for a in by_day for b in by_weekday]
        else:
            pairs = by_day + by_weekday
        yield from _calendars(pairs, months, of, written)


def _by_day(cron: Cron, length: int) -> Iterator[Days]:
    all_week = frozenset(_EVERY_WEEKDAY)
    plain = frozenset(length if day == LAST else day for day in cron.day if day != LAST_WEEKDAY)
    if plain:
        yield Days(plain, all_week)
    if LAST_WEEKDAY in cron.day:
        yield Days(frozenset((length,)), frozenset(range(_FRIDAY + 1)))
        yield Days(frozenset((length - 1, length - 2)), frozenset((_FRIDAY,)))  # the last is a Saturday or a Sunday


def _by_weekday(cron: Cron, length: int) -> Iterator[Days]:
    if cron.weekday:
        yield Days(frozenset(_all("day")), frozenset(cron.weekday))
    for weekday, which in cron.counted:
        first = length - 6 if which == LAST else 7 * which - 6
        yield Days(frozenset(range(first, min(first + 7, 32))), frozenset((weekday,)))


def _calendars(
    found: list[Days], months: tuple[int, ...], years: tuple[int, ...], written: Calendar
) -> Iterator[Calendar]:
    for days, weekdays in found:
        if days and weekdays and months:
            part = {"month": months, "day": tuple(sorted(days)), "weekday": tuple(sorted(weekdays))}
            yield {**({"year": years} if years else {}), **part, **written}


def _lengths(
    months: Collection[int], said: Collection[int], years: range, *, whole: bool
) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
    """Length, months and years that go together; no years: all. `whole`: the length of a month makes no difference."""
    some = () if len(said) == len(years) else tuple(said)
    if not said:
        return
    if whole:
        yield 31, tuple(months), some
        return
    for length, group in groupby(sorted((m for m in months if m != 2), key=_length), key=_length):
        yield length, tuple(group), some
    if 2 in months:
        for length, leap in ((29, True), (28, False)):
            of = tuple(year for year in said if isleap(year) is leap)
            if of:
                yield length, (2,), of


def _length(month: int) -> int:
    return 30 if month in (4, 6, 9, 11) else 31


def _all(key: str) -> tuple[int, ...]:
    low, high = RANGES[key]
    return tuple(range(low, high + 1))
