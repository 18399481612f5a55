"""Starting and resuming while something else happens: a run is taken up whole, or left free with nothing begun."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import graph, kinds
from tests.hosts.scenes import Doing, Held, lines_of, play, until, until_called
from tests.hosts.test_driver import STUCK, TWO
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, HostClosed
from trellis.hosts.local import Host
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

BESIDE = graph("""
trellis: 1
name: beside
start: both
nodes:
  both:
    all:
      a: {do: flaky, retry: {max_attempts: 3, initial_interval: 5s}}
      c: {do: slow}
    to: $end
""")
ENDING = graph("""
trellis: 1
name: ending
fields: {y: {type: string, optional: true}}
start: both
nodes:
  both:
    all:
      a: {do: flaky, retry: {max_attempts: 3, initial_interval: 5s}}
      c: {ask: {text: y}, timeout: 20s}
    to: $end
""")
ASKING = graph("""
{trellis: 1, name: asking, fields: {x: {type: string, optional: true}}, start: a, nodes: {a: {ask: {text: x}, to: $end}}}
""")
STUBBORN = graph("{trellis: 1, name: stubborn, nodes: {stubborn: {do: stubborn, to: $end}}}")


class Scene:
    """A store, a clock and tools: `flaky` fails once and may be tried again, then does as told; `slow` waits."""

    def __init__(self, *, fails_again: bool = False) -> None:
        self.store, self.clock, self.tools = MemoryStore(), ManualClock(), Dispatcher()
        self.calls: list[str] = []
        self._fails_again, self.gate = fails_again, asyncio.Event()
        self.tools.register("flaky", self.flaky)
        self.tools.register("slow", self.slow)

    async def flaky(self, *, request: Any) -> None:
        self.calls.append(request.node)
        first = self.calls.count(request.node) == 1
        if first or self._fails_again:
            raise ActionError("nogood", "it is broken", retryable=first)

    async def slow(self, *, request: Any) -> None:
        self.calls.append(request.node)
        await self.gate.wait()

    async def left(self, known: Any, timers: int) -> None:
        """A run `r` that a host left while it waited for a retry, which is overdue."""
        async with Host(self.store, self.tools, clock=self.clock) as host:
            run = await host.start(known, id="r")
            await until(lambda: len(run.state.timers) == timers and "both.a" in self.calls and run.state.seq > 1)
        self.clock.advance(30)


def test_a_run_whose_resume_was_cancelled_halfway_is_resumed_again_to_its_end() -> None:
    async def scene() -> tuple[str, list[str]]:
        known = Scene()
        await known.left(BESIDE, 1)
        known.gate.set()
        held = Held(known.store, "append")
        async with Host(held, known.tools, clock=known.clock) as host:  # type: ignore[arg-type]
            held.hold()
            impatient = asyncio.create_task(host.resume("r"))
            await until(lambda: held.waiting == 1)
            impatient.cancel()
            await asyncio.wait([impatient])
            assert impatient.cancelled()
            held.free()
            status = (await (await host.resume("r")).result()).status
            return status, sorted(known.calls)

    assert play(scene()) == ("completed", ["both.a", "both.a", "both.c", "both.c"])


def test_a_run_that_ends_while_its_overdue_timers_fire_is_returned_as_it_ended() -> None:
    async def scene() -> tuple[str, list[str]]:
        known = Scene(fails_again=True)
        await known.left(ENDING, 2)
        async with Host(known.store, known.tools, clock=known.clock) as host:
            outcome = await (await host.resume("r")).result()
            return outcome.status, known.calls

    assert play(scene()) == ("failed", ["both.a", "both.a"])


def test_a_host_that_closes_while_a_run_is_taken_up_begins_no_call_of_it_and_leaves_it_free() -> None:
    async def scene() -> tuple[list[str], int]:
        known = Scene()
        await known.left(BESIDE, 1)
        known.calls.clear()
        held = Held(known.store, "append")
        host = Host(held, known.tools, clock=known.clock)  # type: ignore[arg-type]
        async with host:
            held.hold()
            resuming = asyncio.create_task(host.resume("r"))
            await until(lambda: held.waiting == 1)
            held.free()
            await asyncio.sleep(0)  # the timer is committed, and who resumes has not heard of it
            assert not resuming.done()
        with pytest.raises(HostClosed):
            await (await resuming).result()
        return known.calls, await known.store.claim("r")

    assert play(scene()) == ([], 3)


def test_a_run_that_ended_elsewhere_just_before_it_was_claimed_is_returned_as_it_ended_and_is_free() -> None:
    async def scene() -> tuple[tuple[str, Any], list[str], int]:
        store = MemoryStore()
        async with Host(store) as first:
            run = await first.start(ASKING, id="r")
            held = Held(store, "claim", before=True)
            held.hold()
            async with Host(held) as second:  # type: ignore[arg-type]
                resuming = asyncio.create_task(second.resume("r"))
                await until(lambda: held.waiting == 1)
                await run.answer("a", "v")
                held.free()
                again = await resuming
                outcome, lines = await again.result(), await lines_of(again)
                return (outcome.status, outcome.fields), kinds(lines), await store.claim("r")

    assert play(scene()) == (("completed", {"x": "v"}), ["run.finished"], 3)


def test_a_closed_host_records_no_run() -> None:
    async def scene() -> list[Any]:
        store = MemoryStore()
        host = Host(store)
        async with host:
            pass
        with pytest.raises(HostClosed):
            await host.start(ASKING, id="r")
        return await store.rows()

    assert play(scene()) == []


def test_a_run_whose_start_was_cancelled_while_it_was_written_is_free() -> None:
    async def scene() -> int:
        store = MemoryStore()
        held = Held(store, "create")
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            held.hold()
            starting = asyncio.create_task(host.start(TWO, id="r"))
            await until(lambda: held.waiting == 1)
            starting.cancel()
            await asyncio.wait([starting])
            return await store.claim("r")

    assert play(scene()) == 2


def test_a_run_that_is_written_while_its_host_closes_is_free_and_calls_nothing() -> None:
    async def scene() -> tuple[list[str], int, int]:
        store, doing = MemoryStore(), Doing()
        held = Held(store, "create")
        host = Host(held, doing.tools)  # type: ignore[arg-type]
        await host.__aenter__()
        await host.start(STUBBORN, id="s")  # its attempt keeps the closing waiting
        await until_called(doing)
        held.hold()
        starting = asyncio.create_task(host.start(STUCK, id="k"))
        await until(lambda: held.waiting == 1)
        closing = asyncio.create_task(host.__aexit__(None, None, None))
        await until(lambda: bool(doing.ended))
        held.free()
        with pytest.raises(HostClosed):
            await starting
        claims = await store.claim("k"), await store.claim("s")  # the one is free, the other still owned
        doing.gate.set()
        await closing
        return doing.nodes, *claims

    assert play(scene()) == (["stubborn"], 2, 1)
