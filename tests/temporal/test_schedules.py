"""Schedules of graphs on a Temporal server: when they fire there, and how they follow the files."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.workflowservice.v1 import ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionExecutionStartWorkflow,
    ScheduleActionStartWorkflow,
    ScheduleOverlapPolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from tests.hosts.authored import graph
from tests.temporal.stage import stage
from trellis.dispatch import Dispatcher
from trellis.errors import UsageError
from trellis.hosts.local import Host
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.schedules import BadSchedule, Kept, keep, ranges, spec
from trellis.hosts.vault import Vault
from trellis.model.graph import Graph
from trellis.schedules import firings

LIMIT_S = 60.0
SPRING, AUTUMN = ("2026-03-28T12:00", "2026-03-30T12:00"), ("2026-10-24T12:00", "2026-10-26T12:00")


def scheduled(name: str, schedules: str, do: str = "work") -> Graph:
    """A graph that calls one tool, with these schedules."""
    return graph(f"""
        {{trellis: 1, name: {name}, start: a, schedules: {{{schedules}}}, nodes: {{a: {{do: {do}, to: $end}}}},
         fields: {{n: {{type: integer, default: 1}}, key: {{type: string, secret: true, optional: true, from: "env:TEST_KEY"}}}}}}
    """)


class Place:
    """A namespace shared with others: names and a queue that no other test has, all removed at the end."""

    def __init__(self, client: Client) -> None:
        self.client, self.queue, self.name = client, f"test-{secrets.token_hex(6)}", f"bench-{secrets.token_hex(6)}"

    async def keep(self, *schedules: str, do: str = "work") -> list[tuple[str, str]]:
        done = await keep(self.client, self.queue, [scheduled(self.name, ", ".join(schedules), do)])
        return [(self.short(kept), kept.what) for kept in done]

    def short(self, kept: Kept) -> str:
        return kept.id.removeprefix(f"{self.name}/")

    async def ids(self) -> set[str]:
        found = await self.client.list_schedules()
        return {one.id.removeprefix(f"{self.name}/") async for one in found if one.id.startswith(f"{self.name}/")}

    async def listed(self, *expected: str) -> None:
        """Wait until the server's list has caught up."""
        end = monotonic() + LIMIT_S
        while await self.ids() != set(expected):
            assert monotonic() < end, f"the server lists {await self.ids()}, not {expected}"

    async def fired(self, name: str) -> str:
        """The id of the first run that it started; waits for one."""
        end = monotonic() + LIMIT_S
        while monotonic() < end:
            found = (await self.client.get_schedule_handle(f"{self.name}/{name}").describe()).info.recent_actions
            if found and isinstance(found[0].action, ScheduleActionExecutionStartWorkflow):
                return found[0].action.workflow_id
        raise AssertionError("nothing was fired")

    async def told(self, address: str, run: str) -> list[dict[str, str]]:
        """What `trellis schedule ls` tells, once the server's list has caught up with the end of the run."""
        url = f"temporal://{address}/default?queue={self.queue}"
        words = ["schedule", "ls", "--json", "--graph", self.name, "--store", url]
        end = monotonic() + LIMIT_S
        found: list[dict[str, str]] = []
        while monotonic() < end and {"run": run, "outcome": "completed"} not in [
            {name: fact[name] for name in ("run", "outcome")} for fact in found
        ]:
            command = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "trellis", *words, stdout=subprocess.PIPE
            )
            found = json.loads((await command.communicate())[0])
        return found

    async def matching(self, name: str, span: tuple[str, str]) -> list[str]:
        request = ListScheduleMatchingTimesRequest(namespace="default", schedule_id=f"{self.name}/{name}")
        for field, text in zip((request.start_time, request.end_time), span, strict=True):
            field.FromDatetime(datetime.fromisoformat(text))
        found = await self.client.workflow_service.list_schedule_matching_times(request)
        return [moment.ToDatetime().isoformat(" ", "minutes") for moment in found.start_time]


def played(address: str, scene: Callable[[Place], Awaitable[None]]) -> None:
    async def play() -> None:
        place = Place(await Client.connect(address, data_converter=data_converter()))
        try:
            await scene(place)
        finally:
            for name in await place.ids():
                await place.client.get_schedule_handle(f"{place.name}/{name}").delete()

    asyncio.run(play())


def ours(text: str, span: tuple[str, str]) -> list[str]:
    """When the embedded host fires it."""
    schedule = scheduled("x", f"s: {{{text}}}").definition.schedules["s"]
    begin, end = (datetime.fromisoformat(f"{moment}+00:00").timestamp() for moment in span)
    found = takewhile(lambda at: at <= end, firings(schedule, begin))
    return [datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(" ", "minutes") for at in found]


SAME = [
    ('cron: "30 2 * * *", zone: Europe/Berlin', ("2026-05-01T00:00", "2026-09-01T00:00")),
    ('cron: "0 0 LW,15 2,3,4 *", zone: Asia/Kolkata', ("2026-01-01T00:00", "2029-01-01T00:00")),
    ('cron: "0 7 13 * 5"', ("2026-01-01T00:00", "2026-12-01T00:00")),
    ('cron: "*/20 9-17 * * MON#1,5L", zone: America/New_York', ("2026-05-01T00:00", "2026-07-01T00:00")),
    ('cron: "30 * * * *", zone: Europe/Berlin', AUTUMN),
    ('cron: "*/20 * * * *", zone: Asia/Kathmandu', AUTUMN),
    ("every: 7m", SPRING),
    ("calendar: {day: last, month: feb, hour: 18, second: 0}", ("2024-01-01T00:00", "2033-01-01T00:00")),
]


def test_a_server_fires_when_the_embedded_host_does(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        await place.keep(*(f"s{number}: {{{text}}}" for number, (text, _) in enumerate(SAME)))
        for number, (text, span) in enumerate(SAME):
            expected = ours(text, span)
            assert len(expected) > 5
            assert (text, await place.matching(f"s{number}", span)) == (text, expected)

    played(temporal_address, scene)


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ('cron: "0 * * * *", zone: Europe/Berlin', [0]),
        ('cron: "*/20 * * * *", zone: Asia/Kathmandu', [15, 35, 55]),
        ('cron: "0 * * * *", zone: Australia/Lord_Howe', []),
        ('cron: "0 * * * MON-FRI", zone: Europe/Berlin', []),
        ('cron: "0 0-22 * * *"', []),
    ],
)
def test_what_fires_every_hour_goes_by_what_passes_unless_the_minutes_of_its_zone_change(
    text: str, intervals: list[int]
) -> None:
    schedule = scheduled("g", f"s: {{{text}}}").definition.schedules["s"]
    found = spec("g", "s", schedule).intervals
    assert sorted((one.offset or timedelta()) // timedelta(minutes=1) for one in found) == intervals
    assert all(one.every == timedelta(hours=1) for one in found)


def test_a_server_leaves_out_a_time_that_no_clock_shows_and_may_be_late_or_fire_twice_when_an_hour_comes_twice(
    temporal_address: str,
) -> None:
    berlin, new_york = ('cron: "30 2 * * *", zone: Europe/Berlin', 'cron: "30 1 * * *", zone: America/New_York')
    november = ("2026-10-31T12:00", "2026-11-02T12:00")

    async def scene(place: Place) -> None:
        await place.keep(f"b: {{{berlin}}}", f"n: {{{new_york}}}")
        assert ours(berlin, SPRING) == ["2026-03-29 01:00", "2026-03-30 00:30"]
        assert await place.matching("b", SPRING) == ["2026-03-30 00:30"]
        assert ours(berlin, AUTUMN) == ["2026-10-25 00:30", "2026-10-26 01:30"]
        assert await place.matching("b", AUTUMN) == ["2026-10-25 01:30", "2026-10-26 01:30"]
        assert ours(new_york, november) == ["2026-11-01 05:30", "2026-11-02 06:30"]
        assert await place.matching("n", november) == ["2026-11-01 05:30", "2026-11-01 06:30", "2026-11-02 06:30"]

    played(temporal_address, scene)


def test_schedules_follow_the_file_and_are_left_alone_where_they_stay_the_same(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        a, b = "a: {every: 1h}", "b: {every: 2h, overlap: queue, catch_up: 2h, jitter: 30s, with: {n: 3}}"
        assert await place.keep(a, b) == [("a", "created"), ("b", "created")]
        assert await place.keep(a, b) == [("a", "unchanged"), ("b", "unchanged")]
        assert await place.keep(a, b, do="other") == [("a", "updated"), ("b", "updated")]
        assert await place.keep(a.replace("1h", "3h"), b, do="other") == [("a", "updated"), ("b", "unchanged")]
        await place.listed("a", "b")
        assert await place.keep(b, do="other") == [("b", "unchanged"), ("a", "removed")]
        await place.listed("b")

    played(temporal_address, scene)


def test_a_schedule_says_how_it_overlaps_catches_up_and_what_it_starts(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        await place.keep("b: {every: 2h, overlap: cancel, catch_up: 2h, jitter: 30s, with: {n: 3}}")
        found = await place.client.get_schedule_handle(f"{place.name}/b").describe()
        action, policy = found.schedule.action, found.schedule.policy
        assert isinstance(action, ScheduleActionStartWorkflow)
        assert (action.workflow, action.id, action.task_queue) == (place.name, f"{place.name}/b", place.queue)
        begin, definition = await place.client.data_converter.decode(action.args)
        made = scheduled(place.name, "b: {every: 2h}")
        assert begin == {
            "graph": made.hash,
            "started": {
                "type": "run_started", "at": 0, "run": "", "graph": made.hash, "fields": {"n": 3}, "request": f"schedule:{place.name}/b",
            },
        }  # fmt: skip
        assert definition["name"] == place.name
        assert (policy.overlap, policy.catchup_window) == (ScheduleOverlapPolicy.CANCEL_OTHER, seconds(7200))
        assert (found.schedule.spec.jitter, found.schedule.spec.intervals[0].every) == (seconds(30), seconds(7200))

    played(temporal_address, scene)


def test_what_a_person_said_of_a_schedule_outlives_an_edit_of_the_file(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        await place.keep("a: {every: 1h}")
        handle = place.client.get_schedule_handle(f"{place.name}/a")
        await handle.pause(note="while we move")
        await handle.update(_paused_on_failure)
        assert await place.keep("a: {every: 2h}") == [("a", "updated")]
        found = (await handle.describe()).schedule
        assert (found.state.paused, found.state.note, found.policy.pause_on_failure) == (True, "while we move", True)
        assert found.spec.intervals[0].every == seconds(7200)

    played(temporal_address, scene)


def _paused_on_failure(now: ScheduleUpdateInput) -> ScheduleUpdate:
    now.description.schedule.policy.pause_on_failure = True
    return ScheduleUpdate(now.description.schedule)


def test_a_firing_starts_a_run_under_the_id_of_its_moment_which_goes_on_as_any_run_does(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        async with stage(temporal_address, queue=place.queue, work=lambda: 7) as here:
            await place.keep("s: {every: 1s, overlap: allow, with: {n: 3}}")
            run = await place.fired("s")
            made = here.get(run)
            assert re.fullmatch(rf"{place.name}/s-20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", run)
            ended = await made.ended()
            assert (ended.status, ended.fields, ended.visited) == ("completed", {"n": 3}, ["a"])
            began = (await made.journal()).events[0]
            assert (began["run"], began["request"]) == (run, f"schedule:{place.name}/s")
            memo = await (await made.handle.describe()).memo()
            assert (memo["graph"], memo["request"]) == (began["graph"], f"schedule:{place.name}/s")
            await place.client.get_schedule_handle(f"{place.name}/s").delete()
            at = run.removeprefix(f"{place.name}/s-").replace("Z", ".000Z")
            told = {"run": run, "graph": place.name, "schedule": "s", "at": at, "outcome": "completed"}
            assert told in await place.told(temporal_address, run)

    played(temporal_address, scene)


def test_a_host_that_serves_has_the_server_keep_the_schedules_of_its_graphs(
    temporal_url: str, temporal_address: str
) -> None:
    async def scene(place: Place) -> None:
        made = scheduled(place.name, "a: {every: 1h}, b: {every: 2h}")
        async with Host(temporal_url, Dispatcher()) as host:
            await host.serve(schedules=[made])
            await place.listed("a", "b")
            await host.schedule([scheduled(place.name, "b: {every: 2h}")])
            await place.listed("b")
            with pytest.raises(UsageError, match="^a worker on Temporal serves all graphs of its queue"):
                await host.serve([place.name])

    played(temporal_address, scene)


def test_a_schedule_of_a_graph_that_no_run_can_be_started_of_is_refused() -> None:
    made = graph("""
        {trellis: 1, name: g, start: a, schedules: {s: {every: 1h}}, tools: {pay: {process: [pay], effect: transactional}},
         nodes: {a: {do: pay, to: $end}}}
    """)
    why = "schedule 's' of 'g' cannot be kept by Temporal: no run of it can be started: "
    with pytest.raises(BadSchedule, match=f"^{re.escape(why)}.*'pay'"):
        asyncio.run(keep(None, "q", [made]))  # type: ignore[arg-type]


def test_a_schedule_of_somebody_else_is_never_taken_nor_removed(temporal_address: str) -> None:
    async def scene(place: Place) -> None:
        action = ScheduleActionStartWorkflow("w", id="w", task_queue="q")
        await place.client.create_schedule(f"{place.name}/theirs", Schedule(action, ScheduleSpec()))
        other = Place(place.client)
        other.name = place.name
        await other.keep("a: {every: 1h}")
        await place.listed("theirs", "a")
        why = "the namespace has a schedule '{0}' already, made {1}; delete it, or use another namespace"
        for name, whose in (("theirs", "by somebody else"), ("a", f"for the queue '{other.queue}'")):
            said = f"schedule '{name}' of '{place.name}' cannot be kept by Temporal: " + why.format(
                f"{place.name}/{name}", whose
            )
            with pytest.raises(BadSchedule, match=f"^{re.escape(said)}$"):
                await place.keep(f"{name}: {{every: 1h}}")
        assert await place.keep("mine: {every: 1h}") == [("mine", "created")]
        await place.listed("theirs", "a", "mine")

    played(temporal_address, scene)


def test_schedules_under_keys_are_compared_by_whoever_has_them_and_left_alone_by_others(temporal_address: str) -> None:
    old, new = Vault({"old": b"o" * 32}), Vault({"new": b"n" * 32})

    async def scene(place: Place) -> None:
        async def under(*keys: Vault) -> list[tuple[str, str]]:
            vault = Vault({name: key for each in keys for name, key in each._keys.items()})
            place.client = await Client.connect(temporal_address, data_converter=data_converter(vault))
            return await place.keep("a: {every: 1h}")

        assert await under(old) == [("a", "created")]
        assert await under(old) == [("a", "unchanged")]
        assert await under(new, old) == [("a", "unchanged")]
        await place.listed("a")
        why = f"^schedule 'a' of '{place.name}' cannot be kept by Temporal: the namespace has a schedule '{place.name}/a' already, and whose it is cannot be read: .*'old'"
        with pytest.raises(BadSchedule, match=why):
            await under(new)
        place.name += "-other"
        assert await place.keep("b: {every: 1h}") == [("b", "created")]  # what it cannot read, it passes over
        await place.client.get_schedule_handle(f"{place.name}/b").delete()
        place.name = place.name.removesuffix("-other")

    played(temporal_address, scene)


def test_a_zone_that_the_server_does_not_know_is_told(temporal_address: str) -> None:
    from trellis.hosts.temporal import schedules

    async def scene(place: Place) -> None:
        made = scheduled(place.name, 'a: {cron: "0 0 * * *"}')
        wanted = schedules._wanted(made, "a", made.definition.schedules["a"], place.queue)
        wanted.schedule.spec.time_zone_name = "Europe/Lisbom"
        with pytest.raises(BadSchedule, match="cannot be kept by Temporal: .*unknown time zone Europe/Lisbom"):
            await schedules._put(place.client, place.queue, wanted)

    played(temporal_address, scene)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("every: 1500ms", "`every: 1.5s` is no whole number of seconds"),
        ("calendar: {year: 2101}", "it fires in no year from 2000 to 2100, which are all it knows"),
    ],
)
def test_what_a_server_cannot_keep_is_told_before_anything_is_changed(text: str, reason: str) -> None:
    made = scheduled("g", f"s: {{{text}}}")
    with pytest.raises(BadSchedule) as told:
        spec("g", "s", made.definition.schedules["s"])
    assert str(told.value) == f"schedule 's' of 'g' cannot be kept by Temporal: {reason}"


def test_a_schedule_whose_runs_need_a_secret_is_refused(temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "hush")

    async def scene(place: Place) -> None:
        with pytest.raises(BadSchedule) as told:
            await place.keep("a: {every: 1h}", "b: {every: 2h}")
        assert str(told.value) == (
            f"schedule 'a' of '{place.name}' cannot be kept by Temporal: its runs need the secret 'key', and the server that "
            "starts them may not have it; let a tool read it where it is needed"
        )
        monkeypatch.delenv("TEST_KEY")
        assert await place.keep("a: {every: 1h}") == [("a", "created")]

    played(temporal_address, scene)


@given(st.sets(st.integers(0, 99)))
def test_ranges_hold_the_numbers_and_no_others(numbers: set[int]) -> None:
    found = [number for one in ranges(sorted(numbers)) for number in range(one.start, one.end + 1, one.step)]
    assert found == sorted(numbers)


def test_a_whole_day_is_one_range() -> None:
    assert [(one.start, one.end, one.step) for one in ranges(range(24))] == [(0, 23, 1)]
    assert len(ranges(range(2000, 2100, 4))) == 1


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)
