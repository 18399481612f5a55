"""Hosts that fire schedules: one outcome for each firing, whoever is there, whatever is open, however late."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, Pausing, play
from trellis.dispatch import Dispatcher
from trellis.errors import StoreUnavailable
from trellis.hosts import scheduling, serving
from trellis.hosts.local import Host
from trellis.hosts.records import SCHEDULED, SKIPPED
from trellis.hosts.reloading import Reloaded
from trellis.model.graph import Graph
from trellis.project import MemoryLoader
from trellis.schedules.facts import delay
from trellis.stores import open_store
from trellis.stores.base import RunRow, Store
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

HOUR = 3600.0
BEGIN = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
"""A Monday."""


def work(schedule: str) -> Graph:
    """A graph that ends at once, with one schedule."""
    return graph(f"""
        {{trellis: 1, name: w, start: a, fields: {{n: {{type: integer, default: 1}}}}, schedules: {{s: {{{schedule}}}}},
         nodes: {{a: {{do: work, with: {{n: "{{{{ n }}}}"}}, to: $end}}}}}}
    """)


def asking(schedule: str) -> Graph:
    """A graph whose runs are open until they are answered."""
    return graph(f"""
        {{trellis: 1, name: w, start: a, fields: {{x: {{type: string, optional: true}}}}, schedules: {{s: {{{schedule}}}}},
         nodes: {{a: {{ask: {{text: x}}, to: $end}}}}}}
    """)


@pytest.fixture(autouse=True)
def few_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hours pass here, and nobody has to be found each second."""
    monkeypatch.setattr(serving, "LOOK_S", 3600.0)
    monkeypatch.setattr(scheduling, "LOOK_S", 60.0)


async def settle() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


async def through(clock: ManualClock, seconds: float) -> None:
    """Let time pass as it does: whoever has an alarm is there when it rings."""
    end = clock.now() + seconds
    await settle()
    while (due := clock.next_due) is not None and due <= end:
        clock.advance(max(due - clock.now(), 0.0))
        await settle()
    clock.advance(end - clock.now())
    await settle()


async def outcomes(store: Store) -> list[str]:
    """Each firing with what became of it, the first first."""
    rows = [row for row in await store.rows() if row.name != SCHEDULED]
    return [_outcome(row) for row in sorted(rows, key=lambda row: row.run)]


def _outcome(row: RunRow) -> str:
    when = row.run.removeprefix("w/s/2026-03-").removesuffix(":00Z")
    return f"{when} skipped: {row.fields['reason']}" if row.name == SKIPPED else f"{when} {row.status}"


class Scene:
    """A store, a clock, and hosts that fire."""

    def __init__(self) -> None:
        self.store, self.clock, self.doing = MemoryStore(), ManualClock(BEGIN), Doing()

    def host(self, store: Any = None, **given: Any) -> Host:
        return Host(store or self.store, self.doing.tools, clock=self.clock, **given)

    async def serve(self, seconds: float, *graphs: Graph) -> None:
        """One host, for so long."""
        async with self.host() as host:
            await host.serve(schedules=graphs)
            await through(self.clock, seconds)

    async def answer(self, host: Host, run: str) -> None:
        await (await host.resume(run)).answer("a", "x")
        await settle()


def test_a_run_is_started_at_each_firing_with_its_fields_and_not_before() -> None:
    async def scene() -> tuple[list[str], list[float], list[dict[str, Any]]]:
        here = Scene()
        await here.serve(3 * HOUR + 60, work("cron: '30 * * * *', with: {n: 7}"))
        rows = [row for row in await here.store.rows() if row.name == "w"]
        return (
            await outcomes(here.store),
            sorted(row.created - BEGIN for row in rows),
            [call[2] for call in here.doing.calls],
        )

    done, created, args = play(scene())
    assert done == ["02T00:30 completed", "02T01:30 completed", "02T02:30 completed"]
    assert created == [0.5 * HOUR, 1.5 * HOUR, 2.5 * HOUR]
    assert args == [{"n": 7}] * 3


@pytest.mark.parametrize("hosts", [2, 5])
def test_however_many_hosts_there_are_each_firing_starts_one_run(hosts: int) -> None:
    async def scene() -> tuple[list[str], int]:
        here = Scene()
        made = [here.host(Pausing(here.store)) for _ in range(hosts)]
        for host in made:
            await host.__aenter__()
            await host.serve(schedules=[work("every: 1h")])
        for _ in range(3):
            await through(here.clock, HOUR)
        for host in made:
            await host.__aexit__(None, None, None)
        return await outcomes(here.store), len(here.doing.calls)

    done, calls = play(scene())
    assert done == ["02T01:00 completed", "02T02:00 completed", "02T03:00 completed"]
    assert calls == 3


def test_a_firing_while_a_run_is_open_is_skipped_and_says_why() -> None:
    async def scene() -> list[str]:
        here = Scene()
        async with here.host() as host:
            await host.serve(schedules=[asking("every: 1h, overlap: skip")])
            await through(here.clock, 2.5 * HOUR)
            await here.answer(host, "w/s/2026-03-02T01:00:00Z")
            await through(here.clock, HOUR)
        return await outcomes(here.store)

    assert play(scene()) == [
        "02T01:00 completed",
        "02T02:00 skipped: w/s/2026-03-02T01:00:00Z is still open",
        "02T03:00 running",
    ]


def test_a_run_that_somebody_else_started_is_no_overlap() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = asking("every: 1h")
        async with here.host() as host:
            await host.start(one, id="w/other")
            await host.serve(schedules=[one])
            await through(here.clock, HOUR)
        return await outcomes(here.store)

    assert play(scene()) == ["w/other running", "02T01:00 running"]


def test_queued_firings_start_one_by_one_as_runs_end_however_long_that_takes() -> None:
    async def scene() -> list[list[str]]:
        here, seen = Scene(), []
        async with here.host() as host:
            await host.serve(schedules=[asking("every: 1h, overlap: queue, catch_up: 1m")])
            await through(here.clock, 3.5 * HOUR)
            for hour in (1, 2, 3):
                seen.append(await outcomes(here.store))
                await here.answer(host, f"w/s/2026-03-02T0{hour}:00:00Z")
                await through(here.clock, 60)
        return [*seen, await outcomes(here.store)]

    assert play(scene()) == [
        ["02T01:00 running"],
        ["02T01:00 completed", "02T02:00 running"],
        ["02T01:00 completed", "02T02:00 completed", "02T03:00 running"],
        ["02T01:00 completed", "02T02:00 completed", "02T03:00 completed"],
    ]


def test_allowed_runs_are_open_side_by_side() -> None:
    async def scene() -> list[str]:
        here = Scene()
        await here.serve(2.5 * HOUR, asking("every: 1h, overlap: allow"))
        return await outcomes(here.store)

    assert play(scene()) == ["02T01:00 running", "02T02:00 running"]


def test_a_new_firing_cancels_the_run_that_is_open_and_the_journal_says_what_did() -> None:
    async def scene() -> tuple[list[str], str]:
        here = Scene()
        await here.serve(2.5 * HOUR, asking("every: 1h, overlap: cancel"))
        return await outcomes(here.store), str(await here.store.read("w/s/2026-03-02T01:00:00Z", after=1))

    done, journal = play(scene())
    assert done == ["02T01:00 cancelled", "02T02:00 running"]
    assert "w/s/2026-03-02T02:00:00Z takes its place" in journal
    assert '"by":"schedule"' in journal


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        (0.5, ["02T01:00 completed"]),
        (1.5, ["02T01:00 completed", "02T02:00 completed"]),
        (3.5, [
            "02T01:00 completed",
            "02T02:00 skipped: no worker was there when it was due; it is 2h30m late, and may be 2h",
            "02T03:00 completed",
            "02T04:00 completed",
        ]),
    ],
)  # fmt: skip
def test_what_was_missed_is_caught_up_as_far_as_the_schedule_wants_and_the_rest_is_recorded(
    down: float, expected: list[str]
) -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1h, catch_up: 2h, overlap: allow")
        await here.serve(HOUR + 1, one)
        here.clock.advance(down * HOUR - 1)
        await here.serve(1, one)
        return await outcomes(here.store)

    assert play(scene()) == expected


def test_a_host_that_was_suspended_was_not_there() -> None:
    async def scene() -> list[str]:
        here = Scene()
        async with here.host() as host:
            await host.serve(schedules=[work("every: 1h, catch_up: 0s")])
            await through(here.clock, 10)
            here.clock.advance(2.5 * HOUR)
            await settle()
            await through(here.clock, HOUR)
        return await outcomes(here.store)

    assert play(scene()) == [
        "02T01:00 skipped: no worker was there when it was due; it is 1h30m10s late, and may be 10s",
        "02T02:00 skipped: no worker was there when it was due; it is 30m10s late, and may be 10s",
        "02T03:00 completed",
    ]


def test_of_very_many_missed_firings_the_last_hundred_are_recorded_and_the_others_counted() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1m, catch_up: 0s")
        await here.serve(1, one)
        here.clock.advance(5 * HOUR)
        await here.serve(1, one)
        return await outcomes(here.store)

    done = play(scene())
    assert len(done) == 101
    assert done[0].endswith(
        "it is 1h40m1s late, and may be 10s; so it is with 199 before it, of which there is no record"
    )
    assert done[99:] == [
        "02T04:59 skipped: no worker was there when it was due; it is 1m1s late, and may be 10s",
        "02T05:00 completed",
    ]


def test_a_schedule_that_is_new_or_fires_at_other_times_has_missed_nothing() -> None:
    async def scene() -> list[str]:
        here = Scene()
        here.clock.advance(5 * HOUR + 60)
        await here.serve(60, work("every: 1h, catch_up: 1d"))
        here.clock.advance(10 * HOUR)
        await here.serve(60, work("every: 30m, catch_up: 1d"))
        return await outcomes(here.store)

    assert play(scene()) == []


def test_a_schedule_whose_first_firing_was_missed_is_caught_up() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1h")
        await here.serve(60, one)
        here.clock.advance(HOUR)
        await here.serve(60, one)
        return await outcomes(here.store)

    assert play(scene()) == ["02T01:00 completed"]


def test_that_old_runs_were_removed_makes_a_schedule_forget_nothing_it_missed() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1h")
        await here.serve(2 * HOUR + 60, one)
        here.clock.advance(HOUR)
        for row in await here.store.rows():
            if row.name == SCHEDULED or row.run.endswith("T01:00:00Z"):
                await here.store.delete(row.run)
        await here.serve(60, one)
        return await outcomes(here.store)

    assert play(scene()) == ["02T02:00 completed", "02T03:00 completed"]


def test_a_firing_whose_run_was_removed_is_not_repeated_while_a_later_one_is_there() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1h, catch_up: 1d")
        await here.serve(2 * HOUR + 60, one)
        await here.store.delete("w/s/2026-03-02T01:00:00Z")
        await here.serve(60, one)
        return await outcomes(here.store)

    assert play(scene()) == ["02T02:00 completed"]


def test_a_clock_that_is_set_back_repeats_no_firing() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = work("every: 1h")
        await here.serve(2 * HOUR + 1, one)
        here.clock = ManualClock(BEGIN + 0.5 * HOUR)
        await here.serve(HOUR, one)
        return await outcomes(here.store)

    assert play(scene()) == ["02T01:00 completed", "02T02:00 completed"]


def test_a_firing_that_cannot_start_says_why_and_the_next_one_is_tried() -> None:
    async def scene() -> list[str]:
        here = Scene()
        here.doing.tools = Dispatcher()
        await here.serve(2 * HOUR, work("every: 1h"))
        return await outcomes(here.store)

    reason = "it cannot be started: graph 'w' calls tools that nobody declares or registers: 'work'"
    assert play(scene()) == [f"02T01:00 skipped: {reason}", f"02T02:00 skipped: {reason}"]


def test_a_firing_waits_for_a_store_that_fails() -> None:
    async def scene() -> list[str]:
        here = Scene()

        class Failing:
            broken = False

            def __getattr__(self, name: str) -> Any:
                if self.broken and name == "create":
                    raise StoreUnavailable("memory://", "gone")
                return getattr(here.store, name)

        failing = Failing()
        async with here.host(failing) as host:
            await host.serve(schedules=[work("every: 1h")])
            await through(here.clock, 0.5 * HOUR)
            failing.broken = True
            await through(here.clock, 0.5 * HOUR + 30)
            failing.broken = False
            await through(here.clock, 60)
        return await outcomes(here.store)

    assert play(scene()) == ["02T01:00 completed"]


def test_jitter_puts_off_the_run_and_not_its_id() -> None:
    async def scene() -> tuple[float, str]:
        here = Scene()
        await here.serve(2 * HOUR, work("every: 1h, jitter: 30m"))
        row = next(row for row in await here.store.rows() if row.run == "w/s/2026-03-02T01:00:00Z")
        return row.created - BEGIN - HOUR, row.run

    late, run = play(scene())
    schedule = work("every: 1h, jitter: 30m").definition.schedules["s"]
    assert late == pytest.approx(delay(schedule, run))
    assert 1 < late < 1800


def test_schedules_of_several_graphs_do_not_wait_for_each_other(caplog: pytest.LogCaptureFixture) -> None:
    async def scene() -> list[str]:
        here = Scene()
        other = graph("""
            {trellis: 1, name: v, start: a, fields: {x: {type: string, optional: true}},
             schedules: {s: {every: 30m, overlap: queue}}, nodes: {a: {ask: {text: x}, to: $end}}}
        """)
        with caplog.at_level(logging.WARNING, "trellis"):
            await here.serve(2 * HOUR, other, work("every: 1h"))
        return await outcomes(here.store)

    assert play(scene()) == ["v/s/2026-03-02T00:30 running", "02T01:00 completed", "02T02:00 completed"]
    assert caplog.messages == []


@pytest.mark.parametrize("url", ["sqlite:///runs.db", "file:runs"])
def test_stores_on_disk_keep_the_outcomes_of_firings(url: str, tmp_path: Path) -> None:
    async def scene() -> list[str]:
        here = Scene()
        store = open_store(url, root=str(tmp_path))
        try:
            async with here.host(store) as host:
                await host.serve(schedules=[asking("every: 1h")])
                for count in (1, 2):
                    while here.clock.next_due is None or not await store.rows(name=SCHEDULED):
                        await asyncio.sleep(0)
                    while len(await outcomes(store)) < count:
                        here.clock.advance(max(min(BEGIN + count * HOUR - here.clock.now(), 60.0), 0.0))
                        await asyncio.sleep(0)
            return await outcomes(store)
        finally:
            await store.close()

    assert play(scene()) == ["02T01:00 running", "02T02:00 skipped: w/s/2026-03-02T01:00:00Z is still open"]


def names(rows: Sequence[RunRow]) -> list[str]:
    return [row.name for row in rows]


def test_without_schedules_nothing_is_written() -> None:
    async def scene() -> list[str]:
        here = Scene()
        one = graph("{trellis: 1, name: w, start: a, nodes: {a: {do: work, with: {n: 1}, to: $end}}}")
        await here.serve(2 * HOUR, one)
        return names(await here.store.rows())

    assert play(scene()) == []


def test_a_saved_schedule_takes_the_place_of_the_one_before_and_starts_the_version_that_is_live() -> None:
    def text(minute: int, say: str) -> str:
        return f"trellis: 1\nname: w\nschedules: {{s: {{cron: '{minute} * * * *'}}}}\nnodes: {{a: {{say: {say}, to: $end}}}}\n"

    async def scene() -> tuple[list[str], list[tuple[str, ...]], int]:
        here, saves = Scene(), asyncio.Queue[Reloaded]()
        loader = MemoryLoader({"w.yaml": text(30, "One")})
        async with here.host(watch=loader, reloaded=saves.put_nowait) as host:
            await host.serve(schedules=[await host.graph("w.yaml")])
            await through(here.clock, HOUR)
            changes = []
            for minute, say in ((40, "One"), (40, "Two")):
                loader.set("w.yaml", text(minute, say))
                changes.append((await saves.get()).changes)
                await through(here.clock, HOUR)
        versions = {row.graph for row in await here.store.rows(name="w")}
        return await outcomes(here.store), changes, len(versions)

    told, changes, versions = play(scene())
    assert told == ["02T00:30 completed", "02T01:40 completed", "02T02:40 completed"]
    assert [change[0].split(" ")[0] for change in changes] == ["~schedule", "~a.say"]
    assert versions == 2
