"""What a run must not take changes nothing of it, and is refused with a reason."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from tests.reliability import publish, say
from tests.simulation.forging import Forger
from tests.simulation.parity import story
from tests.simulation.test_parity import KeptOpen, unlike

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


@pytest.mark.soak
def test_five_thousand_forged_results_leave_runs_as_they_are() -> None:
    refused = forge(range(300), 5)
    publish("forged", refused.total(), 1, note=told(refused))
    assert refused.total() >= 5000
