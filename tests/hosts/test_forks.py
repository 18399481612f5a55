"""The time of a fork: none has passed for it between the events that it shares and its own."""

from __future__ import annotations

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import play
from trellis.hosts import operations
from trellis.hosts.local import Host
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

DAY_S = 86_400.0
LIMITED = graph("""
    {trellis: 1, name: limited, start: a, limits: {time: 2h}, fields: {x: {type: string, optional: true}},
     nodes: {a: {ask: {text: x}, timeout: 1h, to: b}, b: {wait: {until: "1970-01-03T00:00:00Z"}, to: $end}}}
""")


@pytest.mark.parametrize("words", [["fork"], ["retry", "a"]])
def test_the_timers_of_a_fork_have_as_long_to_go_as_they_had_in_the_other_run(words: list[str]) -> None:
    async def scene() -> list[float]:
        store, clock = MemoryStore(), ManualClock(1000.0)
        async with Host(store, clock=clock) as host:
            await host.start(LIMITED, id="r")
        clock.advance(DAY_S)
        made = getattr(operations, words[0])
        await made(store, "r", *words[1:], id="f", clock=clock)
        async with Host(store, clock=clock) as host:
            run = await host.resume("f")
            due = [timer.due for timer in run.state.timers.values()]
            await run.answer("a", "x")  # in time, a day after the other run was asked
            return [*due, *(timer.due for timer in run.state.timers.values())]

    begun = 1000.0 + DAY_S
    assert play(scene()) == [begun + 7200, begun + 3600, begun + 7200, 2 * DAY_S]


def test_a_fork_waits_for_the_moment_that_the_other_run_waited_for() -> None:
    async def scene() -> list[float]:
        store, clock = MemoryStore(), ManualClock(1000.0)
        async with Host(store, clock=clock) as host:
            await (await host.start(LIMITED, id="r")).answer("a", "x")
        clock.advance(3600.0)
        await operations.fork(store, "r", id="f", clock=clock)
        async with Host(store, clock=clock) as host:
            return [timer.due for timer in (await host.resume("f")).state.timers.values()]

    assert play(scene()) == [1000.0 + 3600 + 7200, 2 * DAY_S]
