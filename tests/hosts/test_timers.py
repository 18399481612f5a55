"""Timers: each rings once on the host's clock while it stands, and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Adjustable, Doing, play, until, until_called
from trellis.hosts.local import Host
from trellis.model.codec import decode_event
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

TIMED = graph("""
trellis: 1
name: timed
fields: {x: {type: string, optional: true}}
start: go
nodes:
  go: {ask: {text: x}, to: build}
  build: {do: stuck, timeout: 5s, catch: {timeout: late}, to: $end}
  late: {ask: {text: x}, to: $end}
""")
STUCK_FOR_A_MINUTE = graph("{trellis: 1, name: m, nodes: {a: {do: stuck, timeout: 60s, to: $end}}}")


def test_timers_that_a_step_sets_ring_and_the_attempt_that_is_over_is_stopped() -> None:
    async def scene() -> tuple[list[str], list[str], bool]:
        doing, clock = Doing(), ManualClock()
        async with Host(dispatcher=doing.tools, clock=clock) as host:
            run = await host.start(TIMED)
            assert clock.next_due is None
            await run.answer("go", "x")
            await until_called(doing)
            assert clock.next_due == 1_000_005.0
            clock.advance(5)
            await until(lambda: bool(doing.ended))
            return doing.ended, list(run.state.position), run.closed

    assert play(scene()) == (["build"], ["late"], False)


def test_no_alarm_outlives_what_it_was_set_for() -> None:
    decided = graph("""
        {trellis: 1, name: d, fields: {x: {type: string, optional: true}}, start: r,
         nodes: {r: {all: {a: {ask: {text: x}, timeout: 10s}, b: {say: at once}}, join: any, to: w},
                 w: {ask: {text: x}, timeout: 20s, to: $end}}}
    """)

    async def scene() -> list[float | None]:
        clock = ManualClock(0.0)
        async with Host(clock=clock) as host:
            run = await host.start(decided)
            due = [clock.next_due]
            await run.cancel()
            return [*due, clock.next_due]

    assert play(scene()) == [20.0, None]


def test_alarms_of_timers_that_are_gone_do_not_pile_up_and_the_others_ring() -> None:
    loop = graph("""
        {trellis: 1, name: l, fields: {x: {type: string, optional: true}}, start: outer, limits: {visits: 1000},
         nodes: {outer: {all: {in: {start: a, nodes: {a: {ask: {text: x}, timeout: 1h, to: a}}}}, timeout: 2h, to: $end}}}
    """)

    class Noting(ManualClock):
        def __init__(self) -> None:
            super().__init__()
            self.set: list[Any] = []

        def alarm(self, delay: float, ring: Callable[[], None]) -> Any:
            self.set.append(super().alarm(delay, ring))
            return self.set[-1]

    async def scene() -> tuple[int, str]:
        clock = Noting()
        async with Host(clock=clock) as host:
            run = await host.start(loop)
            for _ in range(200):
                await run.answer("outer.in.a", "x")
            waiting = len([alarm for alarm in clock.set if not alarm.cancelled])
            clock.advance(3600)
            return waiting, (await run.result()).status

    waiting, status = play(scene())
    assert (waiting < 70, status) == (True, "timed_out")


def test_chance_reaches_the_journal_with_what_may_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def noise(self: ManualClock) -> float:
        return 0.25

    monkeypatch.setattr(ManualClock, "noise", noise)
    known = graph("""
        {trellis: 1, name: k, nodes: {a: {do: broken, retry: {max_attempts: 2}, catch: {"*": b}, to: $end},
         b: {ask: {text: x}, timeout: 5s, to: $end}}, start: a,
         fields: {x: {type: string, optional: true}}}
    """)

    async def scene() -> list[float]:
        store, clock = MemoryStore(), ManualClock()
        async with Host(store, Doing().tools, clock=clock) as host:
            run = await host.start(known, id="r")
            await until(lambda: clock.next_due is not None)
            clock.advance(5)
            await run.result()
            return [getattr(decode_event(event), "noise", 0.0) for event in await store.read("r")]

    assert play(scene()) == [0.0, 0.25, 0.25]


def test_a_timer_that_rings_before_it_is_due_by_a_clock_set_back_is_armed_again() -> None:
    async def scene() -> tuple[float | None, int, str]:
        store, clock = MemoryStore(), Adjustable(1000.0)
        async with Host(store, Doing().tools, clock=clock) as host:
            run = await host.start(STUCK_FOR_A_MINUTE, id="r")
            clock.offset = -40.0
            clock.advance(60)  # the alarm rings, but it is 1020 only
            await until(lambda: clock.next_due is not None)
            again, recorded = clock.next_due, len(await store.read("r"))
            clock.advance(40)
            return again, recorded, (await run.result()).status

    assert play(scene()) == (1100.0, 1, "timed_out")
