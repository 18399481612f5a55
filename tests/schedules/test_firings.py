"""When schedules fire: over both nights when clocks change, in every zone, and from any moment on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.graph import Schedule
from trellis.schedules import firings
from trellis.schedules.facts import delay, firing_id, folder, moment, stamp, version

BERLIN, NEW_YORK, LORD_HOWE, APIA, AZORES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Atlantic/Azores",
)  # fmt: skip


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def local(schedule: Schedule, after: str, count: int) -> list[str]:
    """The next firings as the zone's clocks show them, with the offset."""
    zone = ZoneInfo(schedule.zone)
    found = islice(firings(schedule, at(after)), count)
    return [datetime.fromtimestamp(moment, zone).isoformat(" ", "minutes") for moment in found]


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (Schedule(cron="30 2 * * *", zone=BERLIN), "2026-03-28T12:00", ["2026-03-29 03:00+02:00", "2026-03-30 02:30+02:00"]),
        (Schedule(cron="0,15,30 2 * * *", zone=BERLIN), "2026-03-28T12:00", ["2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"]),
        (Schedule(cron="*/15 2 * * *", zone=BERLIN), "2026-03-28T12:00", ["2026-03-29 03:00+02:00", "2026-03-30 02:00+02:00"]),
        (Schedule(cron="30 2,3 * * *", zone=BERLIN), "2026-03-28T12:00", ["2026-03-29 03:00+02:00", "2026-03-29 03:30+02:00"]),
        (Schedule(cron="30 2 * * *", zone=BERLIN), "2026-10-24T12:00", ["2026-10-25 02:30+02:00", "2026-10-26 02:30+01:00"]),
        (Schedule(cron="30 2 * * *", zone=BERLIN), "2026-10-25T01:10", ["2026-10-26 02:30+01:00"]),
        (Schedule(cron="30 1 * * *", zone=NEW_YORK), "2026-11-01T00:00", ["2026-11-01 01:30-04:00", "2026-11-02 01:30-05:00"]),
        (Schedule(cron="0 */2 * * *", zone=BERLIN), "2026-10-24T21:30", ["2026-10-25 00:00+02:00", "2026-10-25 02:00+02:00", "2026-10-25 04:00+01:00"]),
        (Schedule(cron="0 * * * *", zone=BERLIN), "2026-03-29T00:00", ["2026-03-29 03:00+02:00", "2026-03-29 04:00+02:00"]),
        (Schedule(cron="30 * * * *", zone=BERLIN), "2026-10-24T23:59", ["2026-10-25 02:30+02:00", "2026-10-25 02:30+01:00", "2026-10-25 03:30+01:00"]),
        (Schedule(cron="30 * * * *", zone=LORD_HOWE), "2026-10-03T15:10", ["2026-10-04 02:30+11:00", "2026-10-04 03:30+11:00"]),
        (Schedule(cron="0 12 * * *", zone=APIA), "2011-12-29T20:00", ["2011-12-29 12:00-10:00", "2011-12-31 00:00+14:00", "2011-12-31 12:00+14:00"]),
        (Schedule(cron="0 * 25 10 *", zone=AZORES), "2026-01-01T00:00", ["2026-10-25 00:00+00:00", "2026-10-25 00:00-01:00", "2026-10-25 01:00-01:00"]),
        (Schedule(calendar={"weekday": (6,), "hour": (2,), "minute": (30,)}, zone=BERLIN), "2026-03-28T12:00", ["2026-03-29 03:00+02:00", "2026-04-05 02:30+02:00"]),
        (Schedule(calendar={"day": (-1,), "hour": (23,)}, zone="UTC"), "2028-01-31T23:00", ["2028-02-29 23:00+00:00", "2028-03-31 23:00+00:00"]),
        (Schedule(calendar={"weekday": (0,), "day": tuple(range(1, 8)), "hour": (9, 17)}), "2026-01-01T00:00", ["2026-01-05 09:00+00:00", "2026-01-05 17:00+00:00", "2026-02-02 09:00+00:00"]),
        (Schedule(calendar={"year": (2026,), "month": (12,), "day": (31,)}), "2026-01-01T00:00", ["2026-12-31 00:00+00:00"]),
        (Schedule(cron="0 7 * * 1-5", zone="Europe/Lisbon"), "2026-03-27T08:00", ["2026-03-30 07:00+01:00"]),
        (Schedule(cron="0 0 29 2 *"), "2026-01-01T00:00", ["2028-02-29 00:00+00:00", "2032-02-29 00:00+00:00"]),
        (Schedule(every=90 * 60.0), "1970-01-01T00:00", ["1970-01-01 01:30+00:00", "1970-01-01 03:00+00:00"]),
    ],
    ids=lambda value: value.cron or str(value.calendar or value.every) if isinstance(value, Schedule) else None,
)  # fmt: skip
def test_each_schedule_fires_when_its_clock_says_so(schedule: Schedule, after: str, expected: list[str]) -> None:
    assert local(schedule, after, len(expected)) == expected


def test_a_year_that_is_over_brings_no_firing() -> None:
    assert list(firings(Schedule(calendar={"year": (2020,)}), at("2026-01-01"))) == []


zones = st.sampled_from([BERLIN, NEW_YORK, LORD_HOWE, APIA, AZORES, "UTC", "Asia/Kathmandu", "Africa/Casablanca"])
moments = st.integers(int(at("2009-01-01")), int(at("2037-01-01")))
crons = st.sampled_from(
    ["30 2 * * *", "*/7 * * * *", "5 1-3 * * *", "0 0 * * *", "0 12 1 * *", "30 * * * 0", "59 23 L * *"]
)


@given(crons, zones, moments, st.integers(0, 40))
def test_from_any_firing_on_the_others_are_the_same(cron: str, zone: str, after: int, place: int) -> None:
    schedule = Schedule(cron=cron, zone=zone)
    whole = list(islice(firings(schedule, after), place + 5))
    assert whole == sorted(set(whole))
    assert whole[0] > after
    for begin in (whole[place], whole[place] + 0.5, whole[place + 1] - 0.001):
        assert next(firings(schedule, begin)) == whole[place + 1]


@given(zones, moments)
def test_a_schedule_of_every_hour_fires_whenever_a_clock_shows_its_minute(zone: str, after: int) -> None:
    end = after + 3 * 86_400
    found = list(takewhile(lambda moment: moment <= end, firings(Schedule(cron="17,45 * * * *", zone=zone), after)))
    info = ZoneInfo(zone)
    minutes = range(after // 60 * 60 + 60, end + 1, 60)
    assert found == [minute for minute in minutes if datetime.fromtimestamp(minute, info).minute in (17, 45)]


@given(zones, moments, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_schedule_fires_once_for_each_date(zone: str, after: int, hour: int, minute: int) -> None:
    schedule, info = Schedule(cron=f"{minute} {hour} * * *", zone=zone), ZoneInfo(zone)
    found = list(islice(firings(schedule, after), 200))
    assert len(set(found)) == 200
    for one in found:
        shown = datetime.fromtimestamp(one, info)
        if (shown.hour, shown.minute) != (hour, minute):  # what it names was skipped: this is the first moment behind
            before = datetime.fromtimestamp(one - 1, info)
            named = before.replace(tzinfo=None).replace(hour=hour, minute=minute, second=0)
            named += timedelta(days=named <= before.replace(tzinfo=None))
            assert before.replace(tzinfo=None) < named < shown.replace(tzinfo=None)
        assert shown.fold == 0


@given(st.integers(1000, 10**9), st.floats(0, 4e9))
def test_every_goes_in_steps_from_the_beginning_of_time(step: int, after: float) -> None:
    first, second = islice(firings(Schedule(every=step / 1000), after), 2)
    assert first > after
    assert round(first * 1000) % step == 0
    assert round(second * 1000) - round(first * 1000) == step
    assert first - step / 1000 <= after + 0.001


@given(st.floats(0, 4e9).map(lambda moment: round(moment, 3)))
def test_the_id_of_a_firing_tells_its_moment(when: float) -> None:
    assert moment(firing_id("g", "s", when)) == pytest.approx(when, abs=1e-6)


def test_what_is_no_firing_has_no_moment() -> None:
    assert moment("g/s/since/0123") is None
    assert moment("t-1") is None


def test_ids_are_told_apart_and_fit_whatever_the_names() -> None:
    assert firing_id("a.b", "c-d", at("2026-03-30T06:00")) == "a.b/c-d/2026-03-30T06:00:00Z"
    assert stamp(1.5) == "1970-01-01T00:00:01.500Z"
    long, other = folder("g" * 300, "s"), folder("g" * 300, "t")
    assert long != other
    assert len(f"schedule:{long}2026-03-30T06:00:00.000Z") == 200


def test_jitter_is_the_same_for_a_firing_everywhere_and_spreads_them_over_its_length() -> None:
    schedule = Schedule(every=60.0, jitter=10.0)
    ids = [firing_id("g", "s", moment) for moment in islice(firings(schedule, 0.0), 1000)]
    delays = [delay(schedule, run) for run in ids]
    assert delays == [delay(schedule, run) for run in ids]
    assert 0 <= min(delays) < 0.2
    assert 9.8 < max(delays) < 10
    assert 4.5 < sum(delays) / 1000 < 5.5
    assert delay(Schedule(every=60.0), ids[0]) == 0


def test_a_schedule_is_another_one_where_it_fires_at_other_times() -> None:
    one = Schedule(cron="0 7 * * *", zone=BERLIN)
    assert version(one) == version(
        Schedule(cron="0 7 * * *", zone=BERLIN, overlap="allow", jitter=3.0, fields={"x": 1})
    )
    others = [
        Schedule(cron="0 8 * * *", zone=BERLIN),
        Schedule(cron="0 7 * * *"),
        Schedule(calendar={"hour": (7,)}, zone=BERLIN),
    ]
    assert len({version(other) for other in [one, *others]}) == 4
