"""What the calls of a run come to on a server: attempts, time limits, undo, bodies side by side, and calls of unknown end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.temporal.stage import Broken, stage
from trellis.hosts.commands import Resolve, Signal
from trellis.hosts.temporal import interpreter

FLAKY = """
trellis: 1
name: flaky
start: work
fields: {got: {type: integer, optional: true}}
nodes:
  work: {do: work, save: got, retry: {max_attempts: 2, initial_interval: 10ms}, to: done, catch: {"*": failed}}
  done: {end: {status: ok, result: got}}
  failed: {end: {status: ok, result: "[error.code, error.message, error.attempt]"}}
"""
SLOW = FLAKY.replace("name: flaky", "name: slow").replace("save: got,", "save: got, timeout: 300ms,")
DEADLINE = """
trellis: 1
name: late
start: work
nodes:
  work: {do: work, retry: {initial_interval: DOUBLEms}, deadline: DEADLINEms, to: $end, catch: {timeout: failed}}
  failed: {end: {status: ok, result: "[error.code, error.message, error.attempt]"}}
"""
BACK = """
trellis: 1
name: back
start: a
nodes:
  a: {do: work, with: {n: 1}, undo: {do: undo, with: {n: 1}}, to: b}
  b: {do: work, with: {n: 2}, undo: {do: undo, with: {n: 2}}, to: c}
  c: {do: broken, to: $end, catch: {"*": $rollback}}
"""
RACE = """
trellis: 1
name: racing
start: both
fields: {items: {type: [integer], default: [1, 2, 3, 4, 5]}, out: {type: any, optional: true}}
nodes:
  both:
    race:
      quick: {do: quick}
      slow: {do: slow}
    save: out
    to: many
  many: {each: {in: items, as: n, do: work, with: {n: "{{ n }}"}}, join: collect, save: out, to: done}
  done: {end: {status: ok, result: out}}
"""
MANY = """
trellis: 1
name: many
start: many
fields: {items: {type: [integer], default: [1, 2, 3, 4, 5]}, out: {type: any, optional: true}}
nodes:
  many: {each: {in: items, as: n, do: work, with: {n: "{{ n }}"}}, join: collect, save: out, to: done}
  done: {end: {status: ok, result: out}}
"""
LEFT = """
trellis: 1
name: leaving
start: work
signals: {leave: {}}
upon: {leave: left}
nodes:
  work: {do: slow, undo: {do: undo, with: {n: 1}}, to: $end}
  left: {to: $rollback}
"""
ONCE = """
trellis: 1
name: once
start: work
fields: {got: {type: integer, optional: true}}
tools: {work: {python: "tools:work", effect: at_most_once}}
nodes:
  work: {do: work, save: got, to: done}
  done: {end: {status: ok, result: got}}
"""


def test_attempts_are_made_by_temporal_and_counted_by_the_run(temporal_address: str) -> None:
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        if len(tries) < 2:
            raise Broken("flaky", "not yet")
        return 7

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(FLAKY))
            assert ((await made.ended()).result, len(tries)) == (7, 2)
            assert (await made.journal(1)).events[0]["attempt"] == 2
            history = await made.history()
            assert (history.count("ACTIVITY_TASK_SCHEDULED"), history.count("TIMER_STARTED")) == (1, 0)

    asyncio.run(play())


def test_attempts_that_are_used_up_route_as_the_error_of_the_last(temporal_address: str) -> None:
    def work() -> int:
        raise Broken("flaky", "never")

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(FLAKY))
            assert (await made.ended()).result == ["flaky", "never", 2]

    asyncio.run(play())


def test_an_attempt_that_takes_too_long_routes_as_timeout_though_the_run_set_no_timer(temporal_address: str) -> None:
    async def work() -> int:
        await asyncio.Event().wait()
        return 1

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(SLOW.replace("max_attempts: 2", "max_attempts: 1")))
            assert (await made.ended()).result == ["timeout", "attempt 1 took too long", 1]
            assert "TIMER_STARTED" not in await made.history()

    asyncio.run(play())


def test_a_deadline_between_two_attempts_is_told_by_the_next_one(temporal_address: str) -> None:
    tries: list[int] = []

    def work() -> int:
        tries.append(1)
        raise Broken("flaky", "never")

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            deadline, events = 20, list[dict[str, Any]]()
            while not tries and deadline < 20_000:  # a busy machine may come to the first attempt too late
                deadline *= 10
                text = DEADLINE.replace("DEADLINE", str(deadline)).replace("DOUBLE", str(2 * deadline))
                made = await here.start(graph(text))
                assert (await made.ended()).result == ["timeout", "deadline of node 'work' has passed", 1]
                events = (await made.journal()).events
            assert (len(tries), events[-1]["type"]) == (1, "timer_fired")
            assert events[-1]["at"] - events[0]["at"] >= 2 * deadline / 1000

    asyncio.run(play())


def test_what_completed_is_taken_back_the_last_first(temporal_address: str) -> None:
    calls: list[str] = []

    def undo(n: int) -> None:
        calls.append(f"undo {n}")

    def broken() -> None:
        raise Broken("broken", retryable=False)

    async def play() -> None:
        async with stage(temporal_address, work=lambda n: calls.append(f"work {n}"), undo=undo, broken=broken) as here:
            made = await here.start(graph(BACK))
            assert (await made.ended()).status == "rolled_back"
            assert calls == ["work 1", "work 2", "undo 2", "undo 1"]

    asyncio.run(play())


def test_bodies_run_side_by_side_and_the_loser_of_a_race_is_cancelled(temporal_address: str) -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    async def play() -> None:
        async with stage(temporal_address, quick=lambda: "first", slow=slow, work=lambda n: n * n) as here:
            made = await here.start(graph(RACE))
            assert (await made.ended()).result == {"done": [1, 4, 9, 16, 25], "failed": []}
            assert "ACTIVITY_TASK_CANCEL_REQUESTED" in await made.history()

    asyncio.run(play())


def test_a_call_that_is_left_is_awaited_where_it_is_to_be_undone(temporal_address: str) -> None:
    async def play() -> None:
        called, calls, go = asyncio.Event(), list[str](), asyncio.Event()

        async def slow() -> str:
            called.set()
            try:
                await go.wait()
            except asyncio.CancelledError:
                calls.append("done all the same")
                await asyncio.sleep(0)
            return "done"

        async with stage(temporal_address, slow=slow, undo=lambda n: calls.append(f"undo {n}")) as here:
            made = await here.start(graph(LEFT))
            await asyncio.wait_for(called.wait(), 20)
            await made.tell("signal", Signal("leave"))
            assert [request.node for request in (await made.view()).open] == ["work"]
            go.set()
            assert (await made.ended()).status == "rolled_back"
            assert calls == ["undo 1"]

    asyncio.run(play())


def test_a_call_of_unknown_end_waits_until_somebody_says_how_it_ended(temporal_address: str) -> None:
    def work() -> None:
        raise Broken("uncertain", "the line went dead", retryable=False)

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(ONCE))
            view = await made.view()
            for _ in range(1000):
                view = view if view.uncertain else await made.view()
            assert (view.status, view.uncertain) == ("running", ["work"])
            assert await made.tell("resolve", Resolve("work", 9)) == {"status": "completed"}
            assert (await made.ended()).result == 9

    asyncio.run(play())


def test_a_run_has_only_so_much_time(temporal_address: str) -> None:
    async def play() -> Any:
        async with stage(temporal_address) as here:
            made = await here.start(
                graph("""
                    {trellis: 1, name: timed, start: ask, limits: {time: 300ms}, fields: {x: {type: string, optional: true}},
                     nodes: {ask: {say: Well?, ask: {text: x}, to: $end}}}
                """)
            )
            return (await made.ended()).status

    assert asyncio.run(play()) == "timed_out"


def test_no_more_is_under_way_at_once_than_a_server_takes(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreter, "AT_ONCE", 2)
    now = most = 0

    async def work(n: int) -> int:
        nonlocal now, most
        now += 1
        most = max(now, most)
        await asyncio.sleep(0)
        now -= 1
        return n

    async def play() -> None:
        async with stage(temporal_address, work=work) as here:
            made = await here.start(graph(MANY))
            assert (await made.ended()).result == {"done": [1, 2, 3, 4, 5], "failed": []}
            scheduled = [name for name in await made.history() if name.startswith("ACTIVITY_TASK_")]
            ahead = [scheduled[:end].count("ACTIVITY_TASK_SCHEDULED") for end in range(len(scheduled))]
            over = [scheduled[:end].count("ACTIVITY_TASK_COMPLETED") for end in range(len(scheduled))]
            assert max(begun - done for begun, done in zip(ahead, over, strict=True)) == 2
            assert most <= 2

    asyncio.run(play())
