"""Many hosts over one store, against all the dice: whatever happens, nothing is lost, and nothing happens twice."""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.reliability import Verdict, publish, say
from tests.simulation.loop import play
from tests.simulation.world import Outcome, live

SLICE = range(180)
ALL = range(20_000)
SLICE_S = 15.0
"""What the slice may take on a slow machine; seeds that were not reached are not counted."""


def one(seed: int) -> Outcome:
    """Live one seed. Where it fails, say how to live it again."""
    try:
        return play(lambda loop: live(loop, seed))
    except BaseException as error:
        error.add_note(f"again: PYTHONHASHSEED=0 python -m tests.simulation {seed}")
        raise AssertionError(f"seed {seed}: {error}") from error


def total(outcomes: list[Outcome]) -> tuple[int, Verdict, str]:
    """The faults that were thrown, the verdict, and what was lived through, in words."""
    struck: Counter[str] = Counter()
    found = Verdict()
    for outcome in outcomes:
        struck.update(outcome.faults)
        found += outcome.found
    del struck["none"]
    runs, events = sum(outcome.runs for outcome in outcomes), sum(outcome.events for outcome in outcomes)
    return sum(struck.values()), found, f"{runs:,} runs, {events:,} events"


@pytest.mark.covers("TR07", "GT01")
def test_no_seed_of_the_slice_loses_or_doubles_anything() -> None:
    until = time.monotonic() + SLICE_S
    outcomes = []
    for seed in SLICE:
        if time.monotonic() > until:
            break
        outcomes.append(one(seed))
    points, found, note = total(outcomes)
    say("simulation", points, len(outcomes), found, note)
    assert len(outcomes) >= 50


def test_the_same_seed_lives_the_same_story() -> None:
    assert one(7) == one(7)


@pytest.mark.soak
def test_no_seed_loses_or_doubles_anything() -> None:
    with ProcessPoolExecutor(2, initializer=logging.disable) as both:  # else each keeps what a million warnings say
        outcomes = list(both.map(one, ALL, chunksize=50))
    points, found, note = total(outcomes)
    publish("simulation", points, len(outcomes), found, note)
