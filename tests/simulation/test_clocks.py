"""Wall clocks that jump: a timer never fires before it is due by the clock of its host, and never twice, and always once."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.hosts.authored import graph
from tests.reliability import publish, say, told
from tests.simulation.loop import EPOCH, SkewedClock, VirtualLoop, play
from tests.simulation.shelf import LEASE_S, Dice, LeasedStore, Shelf
from trellis.hosts.local import Host
from trellis.model.events import TimerFired

pytestmark = pytest.mark.covers("TR07")

HOUR, DAY, YEAR = 3600.0, 86400.0, 366 * 86400.0
JUMPS = (-HOUR, -1.0, 0.2, 30.0, HOUR, DAY, YEAR)
NIGHTS = (1_711_846_800.0, 1_729_990_800.0)
"""When clocks on European walls went ahead, and back, in 2024: nothing of it reaches a run."""
DUE_S = (1, 5, 60, 3600)
"""The times of the timers. A call that waits for nothing, and one question for each; the run ends when all have fired."""
TIMED = graph(
    "{trellis: 1, name: timed, fields: {x: {type: string, optional: true}}, start: all, nodes: {all: {all: {"
    + ", ".join(f"w{n}: {{ask: {{text: x}}, timeout: {n}s, catch: {{timeout: $end}}}}" for n in DUE_S)
    + "}, to: $end}}}"
)


async def _story(loop: VirtualLoop, seed: int) -> int:
    """How many timers fired."""
    chance, shelf = Random(seed), Shelf(loop)
    base = chance.choice((0.0, *(night - EPOCH - 30 for night in NIGHTS)))
    offset, jumps = base, 0
    while "r" not in shelf.runs or shelf.runs["r"].row.status == "running":
        store = LeasedStore(shelf, f"p-{loop.time()}", Dice(Random(0)))
        clock = SkewedClock(loop, chance, offset)
        async with Host(store, clock=clock) as host:
            await host.serve()
            if "r" not in shelf.runs:
                await host.start(TIMED, {}, id="r")
            for _ in range(chance.randrange(1, 6)):
                await asyncio.sleep(chance.choice((0.5, 3.0, 2 * LEASE_S, 900.0)))
                if jumps < 4 and chance.random() < 0.5:
                    jumps += 1
                    clock.offset += chance.choice(JUMPS)
        offset = clock.offset
        await store.close()
        assert loop.time() < 4 * (HOUR + DAY), "some timer never fires"
    said = told(TIMED, shelf.runs["r"].events)
    fired = [event for event in said.events if isinstance(event, TimerFired)]
    first = said.steps[0].state
    assert sorted(event.timer for event in fired) == sorted(first.timers), "each timer once"
    for event in fired:
        assert event.at >= first.timers[event.timer].due, "before its time"
    assert said.state.status == "completed"
    return len(fired)


def test_timers_fire_once_and_not_early_whatever_clocks_do() -> None:
    fired = sum(play(lambda loop: _story(loop, seed)) for seed in range(25))  # noqa: B023 - at once
    say("clocks", len(JUMPS), 25, note=f"{fired} timers fired")


@pytest.mark.soak
def test_timers_of_five_hundred_seeds_fire_once_and_not_early() -> None:
    fired = sum(play(lambda loop: _story(loop, seed)) for seed in range(500))  # noqa: B023 - at once
    publish("clocks", len(JUMPS), 500, note=f"{fired:,} timers fired")
