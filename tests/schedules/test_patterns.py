"""The plain calendars of a schedule name the same wall times as the schedule."""

from __future__ import annotations

from datetime import datetime
from heapq import merge
from itertools import groupby, islice, takewhile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.model.graph import Schedule
from trellis.schedules import calendars, crons
from trellis.schedules.patterns import patterns

YEARS = range(2000, 2101)
AFTER, UNTIL = datetime(2027, 12, 30, 23), datetime(2045, 1, 1)  # noqa: DTZ001 - wall times; with a leap year or two


def named(schedule: Schedule, count: int = 400) -> list[datetime]:
    """The wall times of the plain calendars, each once."""
    each = (calendars.walls(pattern, AFTER) for pattern in patterns(schedule, YEARS))
    return list(islice(takewhile(lambda wall: wall < UNTIL, (wall for wall, _ in groupby(merge(*each)))), count))


def expected(schedule: Schedule, count: int = 400) -> list[datetime]:
    if schedule.calendar is not None:
        walls = calendars.walls(schedule.calendar, AFTER)
    else:
        walls = crons.walls(schedule.cron, AFTER)
    return list(islice(takewhile(lambda wall: wall < UNTIL, walls), count))


@pytest.mark.parametrize(
    "cron",
    [
        "30 2 * * *", "*/20 9-17 * * MON-FRI", "0 0 L * *", "0 0 LW * *", "0 0 L,15 2,4,12 *", "0 7 * * 5L", "0 7 * * 0#1,3#5",
        "0 7 13 * 5", "0 7 */2 * 7", "0 7 L * 1", "0 7 L */2 */3", "0 7 LW * MON", "0 12 29 2 *", "0 12 * 2 MON#5", "0 12 1-7 * 1L",
        "0 12 LW 2 *", "5 4 31 * 6#2",
    ],
)  # fmt: skip
def test_plain_calendars_say_what_the_cron_says(cron: str) -> None:
    schedule = Schedule(cron=cron)
    assert crons.check(schedule.cron) is None
    found = expected(schedule)
    assert found
    assert named(schedule) == found


FIELDS = (
    st.sampled_from(["0", "*/30", "5,50"]),
    st.sampled_from(["0", "*", "9-17/4"]),
    st.sampled_from(["*", "*/5", "L", "LW", "1", "13", "28-31", "15,L", "LW,3", "30/1"]),
    st.sampled_from(["*", "2", "1-3", "4,6", "*/2", "DEC"]),
    st.sampled_from(["*", "*/2", "1", "MON-FRI", "7", "5L", "0L", "1#1", "3#5", "7#5,2", "SUN,2L"]),
)


@settings(deadline=None, max_examples=150)
@given(st.tuples(*FIELDS))
def test_plain_calendars_say_what_any_cron_says(fields: tuple[str, ...]) -> None:
    schedule = Schedule(cron=" ".join(fields))
    if crons.check(schedule.cron) is None:
        assert named(schedule, 60) == expected(schedule, 60)


def numbers(low: int, high: int, *more: int) -> st.SearchStrategy[tuple[int, ...]]:
    return st.sets(st.integers(low, high) | st.sampled_from([low, high, *more]), min_size=1, max_size=4).map(
        lambda found: tuple(sorted(found))
    )


PARTS = st.fixed_dictionaries(
    {},
    optional={
        "year": numbers(2027, 2033), "month": numbers(1, 12, 2), "day": numbers(1, 31, calendars.LAST),
        "weekday": numbers(0, 6), "hour": numbers(0, 23), "minute": numbers(0, 59), "second": numbers(0, 59),
    },
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(PARTS)
def test_plain_calendars_say_what_any_calendar_says(calendar: dict[str, tuple[int, ...]]) -> None:
    schedule = Schedule(calendar=calendar)
    assert named(schedule, 60) == expected(schedule, 60)
    assert all(min(part) >= 0 for pattern in patterns(schedule, YEARS) for part in pattern.values())


def test_years_that_nobody_asks_for_leave_no_calendar() -> None:
    assert patterns(Schedule(calendar={"year": (2101,)}), YEARS) == []
    assert patterns(Schedule(calendar={"year": (2099, 2101), "day": (-1,), "month": (2,)}), YEARS) == [
        {"year": (2099,), "month": (2,), "day": (28,), "weekday": (0, 1, 2, 3, 4, 5, 6), "hour": (0,), "minute": (0,), "second": (0,)}
    ]  # fmt: skip
