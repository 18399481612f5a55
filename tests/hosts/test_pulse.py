"""Heartbeats: an action that falls silent has failed with `timeout`, by the clock of its host, however it works."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play, until
from trellis.dispatch import Dispatcher
from trellis.hosts.local import Host
from trellis.hosts.pulse import Pulse
from trellis.model.actions import CallTool, Completed, Failed
from trellis.model.codec import decode_event
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

BEATING = graph("""
trellis: 1
name: beating
fields: {got: {type: string, optional: true}, why: {type: any, optional: true}}
start: go
nodes:
  go: {do: work, heartbeat: 30s, save: got, catch: {timeout: late}, to: $end}
  late: {set: {fields: {why: error}}, to: $fail}
""")
FINISHED = {"got": "done"}


def silent(told: str) -> dict[str, Any]:
    return {"why": {"code": "timeout", "message": told, "node": "go", "attempt": 1}}


@pytest.mark.parametrize("threaded", [False, True])
@pytest.mark.parametrize(
    ("script", "fields"),
    [
        ([29, "beat", 29, "beat", 29, "end"], FINISHED),
        ([30], silent("no heartbeat within 30s")),
        ([20, "beat", 29, 1], silent('no heartbeat within 30s; the last said {"n":20}')),
    ],
)
def test_an_action_that_beats_goes_on_and_one_that_is_silent_is_over(
    script: list[Any], fields: dict[str, Any], *, threaded: bool
) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work(request: Any, next_word: Callable[[], str] = told.get) -> str:
        while next_word() == "beat":
            request.heartbeat({"n": 20})
            heard.put("beat")
        return "done"

    async def work_on_the_loop(request: Any) -> str:
        while True:
            await until(lambda: not told.empty())
            if told.get() != "beat":
                return "done"
            request.heartbeat({"n": 20})
            heard.put("beat")

    async def scene() -> dict[str, Any]:
        clock, tools, store = ManualClock(), Dispatcher(), MemoryStore()
        tools.register("work", work if threaded else work_on_the_loop)
        async with Host(store, dispatcher=tools, clock=clock) as host:
            run = await host.start(BEATING, id="r")
            await until(lambda: clock.next_due is not None)
            for word in script:
                if isinstance(word, int):
                    clock.advance(word)
                    continue
                told.put(word)
                if word == "beat":
                    await until(lambda: not heard.empty())
                    heard.get()
            outcome = await run.result()
            told.put("end")
            events = [decode_event(event) for event in await store.read("r")]
            assert len(events) == 2, "no beat is an event"
            return {name: value for name, value in outcome.fields.items() if value is not None}

    assert play(scene()) == fields


def test_a_silent_attempt_is_made_again_by_the_policy_of_its_node() -> None:
    again = graph("""
        {trellis: 1, name: a, fields: {got: {type: any, optional: true}}, start: go,
         nodes: {go: {do: work, heartbeat: 5s, retry: {max_attempts: 2, initial_interval: 1s}, save: got, to: $end}}}
    """)

    async def scene() -> Any:
        clock, tools, calls = ManualClock(), Dispatcher(), list[int]()

        async def work(request: Any) -> str:
            calls.append(request.attempt)
            if request.attempt == 1:
                await asyncio.Event().wait()
            request.heartbeat(float("nan"))
            return "done"

        tools.register("work", work)
        async with Host(dispatcher=tools, clock=clock) as host:
            run = await host.start(again)
            await until(lambda: calls == [1])
            clock.advance(5)
            await until(lambda: bool(run.state.timers))
            clock.advance(1)
            outcome = await run.result()
            return outcome.fields, calls, clock.next_due

    assert play(scene()) == ({"got": "done"}, [1, 2], None)


@pytest.mark.parametrize(
    ("tool", "status", "fields"), [("once", "timed_out", {}), ("stubborn", "completed", {"got": "done after all"})]
)
def test_what_may_be_done_once_is_not_tried_again_and_what_was_done_all_the_same_counts(
    tool: str, status: str, fields: dict[str, Any]
) -> None:
    twice = graph(f"""
        {{trellis: 1, name: a, fields: {{got: {{type: any, optional: true}}}}, start: go,
         nodes: {{go: {{do: {tool}, heartbeat: 5s, retry: {{max_attempts: 9}}, save: got, to: $end}}}}}}
    """)

    async def scene() -> Any:
        doing, clock = Doing(), ManualClock()
        async with Host(dispatcher=doing.tools, clock=clock) as host:
            run = await host.start(twice)
            await until(lambda: bool(doing.calls) and clock.next_due is not None)
            clock.advance(5)
            for _ in range(3):
                await asyncio.sleep(0)
            doing.gate.set()
            outcome = await run.result()
            return outcome.status, {name: value for name, value in outcome.fields.items() if value}, len(doing.calls)

    assert play(scene()) == (status, fields, 1)


def test_who_else_cancels_a_silent_attempt_is_heard_and_one_that_ended_all_the_same_is_not_left_cancelled() -> None:
    async def silent(_: Any) -> Any:
        await asyncio.Event().wait()

    async def stubborn(_: Any) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return Completed("done after all")

    async def watched(clock: ManualClock, perform: Any) -> tuple[Any, int]:
        response = await Pulse(clock, 5.0, retryable=True).watch(CallTool("r:1:0", "k", "a", "t", "r"), perform)
        task = asyncio.current_task()
        return response, 0 if task is None else task.cancelling()

    async def scene(perform: Any, *, cancel: bool) -> Any:
        clock = ManualClock()
        task = asyncio.ensure_future(watched(clock, perform))
        await until(lambda: clock.next_due is not None)
        clock.advance(5)
        if cancel:
            task.cancel()
        await asyncio.wait([task])
        return "cancelled" if task.cancelled() else task.result()

    assert play(scene(silent, cancel=True)) == "cancelled"
    assert play(scene(silent, cancel=False)) == (Failed("timeout", "no heartbeat within 5s"), 0)
    assert play(scene(stubborn, cancel=False)) == (Completed("done after all"), 0)
