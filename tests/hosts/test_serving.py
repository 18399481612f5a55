"""A host that serves: runs whose owner is gone go on, timers of idle runs fire, and what idles leaves the memory."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.contracts.dict_store import DictStore, Shelf
from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until
from trellis.dispatch import Dispatcher
from trellis.hosts import serving
from trellis.hosts.local import Host
from trellis.hosts.serving import LOOK_S
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

WORKING = graph("{trellis: 1, name: w, start: a, nodes: {a: {do: work, with: {n: 1}, to: $end}}}")
STUCK = graph("{trellis: 1, name: s, start: a, nodes: {a: {do: stuck, to: $end}}}")
ASKING = graph("""
    {trellis: 1, name: ask, start: a, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, to: $end}}}
""")
TIMED = graph("""
    {trellis: 1, name: timed, start: a, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, timeout: 1h, catch: {timeout: late}, to: $end}, late: {do: work, with: {n: 1}, to: $end}}}
""")


async def ended(host: Host, run: str) -> str:
    """Waits for the end of a run, which somebody else may drive."""
    await until(lambda: True)
    return (await (await host.resume(run)).result()).status


@pytest.mark.covers("GT01", "GT02")
def test_a_run_whose_host_went_away_is_taken_up_and_ended_without_anybody_asking() -> None:
    async def scene() -> tuple[list[str], str]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as first:
            await first.start(STUCK, id="r")
            await until(lambda: doing.nodes == ["a"])
        tools = Dispatcher()

        @tools.action("stuck")
        async def stuck() -> None: ...

        async with Host(store, tools) as second:
            await second.serve()
            await until(lambda: not second.running and store._runs["r"].row.status != "running")
        row = await store.row("r")
        assert row is not None
        return doing.nodes, row.status

    assert play(scene()) == (["a"], "completed")


def test_only_graphs_of_the_names_it_serves_are_taken_up() -> None:
    async def scene() -> dict[str, str]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as first:
            await first.start(STUCK, id="s")
            other = graph("{trellis: 1, name: other, start: a, nodes: {a: {do: stuck, to: $end}}}")
            await first.start(other, id="o")
            await until(lambda: len(doing.nodes) == 2)
        tools = Dispatcher()

        @tools.action("stuck")
        async def stuck() -> None: ...

        async with Host(store, tools) as second:
            await second.serve(["other"])
            await until(lambda: store._runs["o"].row.status != "running")
            for _ in range(50):
                await asyncio.sleep(0)
        return {row.run: row.status for row in await store.rows()}

    assert play(scene()) == {"s": "running", "o": "completed"}


def test_a_timer_of_a_run_that_nobody_has_in_memory_fires_when_it_is_due_and_not_before() -> None:
    async def scene() -> tuple[str, int, str]:
        store, doing, clock = MemoryStore(), Doing(), ManualClock(0.0)
        async with Host(store, doing.tools, clock=clock) as first:
            await first.start(TIMED, id="r")
        async with Host(store, doing.tools, clock=clock) as second:
            await second.serve()
            clock.advance(3599)
            await settle()
            before = (await store.row("r")).status  # type: ignore[union-attr]
            held = len(second.running)
            clock.advance(2)
            await until(lambda: store._runs["r"].row.status != "running")
        return before, held, store._runs["r"].row.status

    assert play(scene()) == ("running", 0, "completed")


def test_the_longest_idle_runs_leave_the_memory_and_answer_as_if_they_had_stayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "IDLE", 3)

    async def scene() -> tuple[list[str], list[Any], set[str]]:
        store = MemoryStore()
        async with Host(store) as host:
            await host.serve()
            runs = [await host.start(ASKING, id=f"r-{n}") for n in range(10)]
            await settle()
            inside = sorted(host.running)
            said = []
            for run in runs:
                await run.answer("a", f"by {run.id}")
                said.append((await run.result()).fields["x"])
            return inside, said, host.running

    inside, said, left = play(scene())
    assert inside == ["r-7", "r-8", "r-9"]
    assert said == [f"by r-{n}" for n in range(10)]
    assert left == set()


def test_a_run_that_is_listened_to_does_not_leave_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "IDLE", 1)

    async def scene() -> tuple[str, set[str]]:
        async with Host(MemoryStore()) as host:
            await host.serve()
            run = await host.start(ASKING, id="r")
            waiting = asyncio.ensure_future(run.result())
            await settle()
            for n in range(5):
                await host.start(ASKING, id=f"o-{n}")
            await settle()
            inside = host.running
            await run.answer("a", "x")
            return (await waiting).status, inside

    status, inside = play(scene())
    assert status == "completed"
    assert "r" in inside


def test_a_run_that_rests_leaves_a_snapshot_where_it_saves_folding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "IDLE", 0)
    known = graph("""
        {trellis: 1, name: long, start: a, fields: {n: {type: integer, default: 0}, x: {type: string, optional: true}},
         nodes: {a: {do: work, with: {n: "{{ n }}"}, save: n, to: [{if: n < 60, to: a}, {to: q}]},
                 q: {ask: {text: x}, to: $end}}}
    """)

    async def scene() -> tuple[int, list[str], int]:
        store = MemoryStore()
        async with Host(store, Doing().tools) as host:
            await host.serve()
            run = await host.start(known, id="r")
            await until(lambda: store._runs["r"].snapshot is not None)
            kept = await store.snapshot("r")
            assert kept is not None
            assert host.running == set()
            await run.answer("q", "x")
            outcome = await run.result()
            return kept.seq, list(outcome.visited[-2:]), len(outcome.visited)

    assert play(scene()) == (61, ["a", "q"], 61)


def test_a_run_that_cannot_be_taken_up_is_put_off_for_longer_each_time_and_the_log_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene() -> None:
        store, doing, clock = MemoryStore(), Doing(), ManualClock(0.0)
        async with Host(store, doing.tools, clock=clock) as first:
            await first.start(STUCK, id="r")
            await until(lambda: doing.nodes == ["a"])
        async with Host(store, Dispatcher(), clock=clock) as second:
            await second.serve()
            for _ in range(20):
                await settle()
                clock.advance(LOOK_S / 2)

    with caplog.at_level(logging.WARNING, "trellis"):
        play(scene())
    said = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in said] == [
        "run 'r' cannot go on here, next try in 1 s",
        "run 'r' cannot go on here, next try in 2 s",
        "run 'r' cannot go on here, next try in 4 s",
        "run 'r' cannot go on here, next try in 8 s",
    ]
    assert "stuck" in said[0]
    told = [(vars(record)["run"], vars(record)["delay"]) for record in caplog.records]
    assert told == [("r", 1.0), ("r", 2.0), ("r", 4.0), ("r", 8.0)], "a handler of logs need not read the words"
    assert said[0] == f"run 'r' cannot go on here, next try in 1 s: {vars(caplog.records[0])['reason']}"


def test_a_host_says_whether_it_serves_also_where_a_fault_has_ended_it() -> None:
    async def scene(*, ends: Callable[[str], bool]) -> list[bool]:
        host = Host(MemoryStore())
        found = [host.serving]
        async with host:
            found.append(host.serving)
            await host.serve()
            found.append(host.serving)
            for task in asyncio.all_tasks():
                if task.get_name().startswith("trellis") and ends(task.get_name()):
                    task.cancel()
            await settle()
            found.append(host.serving)
        return [*found, host.serving]

    assert play(scene(ends=lambda task: not task)) == [False, False, True, True, False]
    assert play(scene(ends=lambda task: task == "trellis serving")) == [False, False, True, False, False]
    assert play(scene(ends=lambda task: task != "trellis serving")) == [False, False, True, False, False]


def test_no_more_runs_are_under_way_at_once_than_it_may_have() -> None:
    async def scene() -> int:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as first:
            for n in range(6):
                await first.start(STUCK, id=f"r-{n}")
            await until(lambda: len(doing.nodes) == 6)
        again = Doing()
        async with Host(store, again.tools) as second:
            await second.serve(at_once=2)
            await until(lambda: len(again.nodes) == 2)
            for _ in range(100):
                await asyncio.sleep(0)
            return len(again.nodes)

    assert play(scene()) == 2


@pytest.mark.covers("GT02")
def test_two_hosts_that_serve_one_store_never_drive_the_same_run() -> None:
    async def scene() -> tuple[list[str], set[str]]:
        shelf, calls = Shelf(), list[str]()
        tools = Dispatcher()

        @tools.action("work")
        async def work(n: int, *, request: Any) -> int:
            calls.append(request.idempotency_key)
            return n

        first, second = DictStore(shelf, "one"), DictStore(shelf, "two")
        async with Host(first, Doing().tools) as starter:
            for n in range(20):
                await starter.start(STUCK, id=f"r-{n}")
        quick = Dispatcher()

        @quick.action("stuck")
        async def stuck(*, request: Any) -> None:
            calls.append(request.idempotency_key)

        async with Host(first, quick) as one, Host(second, quick) as two:
            await one.serve()
            await two.serve()
            await until(lambda: all(row.status != "running" for row in shelf.rows.values()))
        return sorted(calls), {row.status for row in shelf.rows.values()}

    calls, statuses = play(scene())
    assert calls == sorted(f"r-{n}/a/1" for n in range(20))
    assert statuses == {"completed"}


async def settle() -> None:
    """Let everything that is ready happen."""
    for _ in range(200):
        await asyncio.sleep(0)
    gc.collect(0)
