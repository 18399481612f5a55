"""What a run must not take changes nothing of it, and is refused with a reason."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.hosts.authored import graph
from tests.reliability import publish, say
from tests.simulation.forging import Forger
from tests.simulation.parity import Gate, story
from tests.simulation.test_parity import KeptOpen, unlike
from trellis.errors import ActionError, RunClosed
from trellis.hosts.local import Host
from trellis.model.events import ActionCompleted, ActionFailed
from trellis.model.values import Value
from trellis.stores import open_store
from trellis.testing.clocks import ManualClock

pytestmark = pytest.mark.covers("TR07")


def forge(seeds: range, each: int) -> Counter[str]:
    """Live each seed alone, and with forged results between; both must be the same. How the forged ones were refused."""
    refused: Counter[str] = Counter()
    for seed in seeds:
        alone, forger = KeptOpen(), Forger(seed, each)
        quiet = asyncio.run(story(alone.open, seed, "r"))
        meddled = KeptOpen()
        noisy = asyncio.run(story(meddled.open, seed, "r", forger.meddle))
        difference = unlike(quiet, noisy)
        assert not difference, f"seed {seed}: {difference}"
        refused.update(forger.refused)
    return refused


def told(refused: Counter[str]) -> str:
    return "refused as " + ", ".join(f"{why} {count:,}" for why, count in sorted(refused.items()))


def test_forged_late_and_second_results_leave_a_run_as_it_is() -> None:
    refused = forge(range(20), 4)
    say("forged", refused.total(), 1, note=told(refused))
    assert refused.total() > 300


BEFORE = graph("""
trellis: 1
name: moving
fields: {x: {type: any, optional: true}, y: {type: any, optional: true}}
start: a
nodes:
  a: {do: t, save: x, retry: {max_attempts: 2, initial_interval: 1s}, to: $end}
""")
AFTER = graph("""
trellis: 1
name: moving
fields: {x: {type: any, optional: true}, y: {type: any, optional: true}}
start: b
migrate: {nodes: {a: b}}
nodes:
  b: {do: t, save: x, retry: {max_attempts: 2, initial_interval: 1s}, to: c}
  c: {do: u, save: y, to: $end}
""")


def test_across_a_migration_a_call_has_one_outcome_and_no_other() -> None:
    """Its own, that was under way when the names changed; neither that of the attempt before, nor one more of its own."""

    async def scene() -> tuple[list[str], dict[str, Value]]:
        gate, clock, codes = Gate(), ManualClock(), list[str]()
        async with Host(open_store("memory://"), gate.tools, clock=clock) as host:
            run = await host.start(BEFORE, {}, id="r")
            live = host._driver.runs["r"]

            async def called() -> str:
                while not gate.waiting:
                    await asyncio.sleep(0)
                (name,) = gate.waiting
                return name

            async def ended(name: str) -> None:
                while name in run.state.open:
                    await asyncio.sleep(0)

            async def refused(name: str) -> None:
                for event in (ActionCompleted(clock.now(), name, "forged"), ActionFailed(clock.now(), name, "failed")):
                    try:
                        step = await host._driver.ask(live, event)
                    except RunClosed:
                        codes.append("closed")
                        continue
                    assert step.refusal is not None, f"it was taken: {event}"
                    codes.append(step.refusal.code)

            first = await called()
            gate.waiting[first].set_exception(ActionError("failed", "once"))
            await ended(first)
            clock.advance(1)
            second = await called()
            await run.adopt(AFTER)
            await refused(first)
            gate.waiting[second].set_result("own")
            await ended(second)
            await refused(second)
            third = await called()
            gate.waiting[third].set_result("last")
            outcome = await run.result()
            await refused(third)
            return codes, outcome.fields

    codes, fields = asyncio.run(scene())
    assert codes == ["stale"] * 4 + ["closed"] * 2
    assert fields == {"x": "own", "y": "last"}


@pytest.mark.soak
def test_five_thousand_forged_results_leave_runs_as_they_are() -> None:
    refused = forge(range(300), 5)
    publish("forged", refused.total(), 1, note=told(refused))
    assert refused.total() >= 5000
