"""A host that is struck at any one place brings its runs to the end that they come to when nothing happens."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.reliability import Verdict, publish, say
from tests.simulation.loop import play
from tests.simulation.sweep import STROKES, strike

pytestmark = pytest.mark.covers("GT01", "TR07")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What a host says of a store that fails is not for the reader of a test run."""
    log = logging.getLogger("trellis")
    log.addHandler(nothing := logging.NullHandler())
    yield
    log.removeHandler(nothing)


def sweep(strokes: tuple[str, ...], seeds: range, every: int) -> tuple[int, int, Verdict]:
    """Strike each `every`th place of each seed: (places, how often it struck, verdict)."""
    found, struck, places = Verdict(), 0, 0
    for seed in seeds:
        whole = play(lambda loop: strike(loop, seed, "", 0))  # noqa: B023 - at once
        places = max(places, whole.places)
        for number, stroke in enumerate(strokes):
            for at in range(1 + (seed + number) % every, whole.places + 1, every):
                ended = play(lambda loop: strike(loop, seed, stroke, at))  # noqa: B023 - at once
                assert ended.ends == whole.ends, f"seed {seed}, {stroke} at {at}: it ended otherwise"
                found += ended.found
                struck += 1
    return places, struck, found


def test_a_host_that_is_struck_anywhere_ends_its_runs_as_if_it_were_not() -> None:
    places, struck, found = sweep(STROKES, range(1), every=9)
    say("sweep memory", places * len(STROKES), 1, found, f"struck {struck} times")


@pytest.mark.soak
def test_a_host_that_is_struck_anywhere_in_a_hundred_seeds_ends_its_runs_as_if_it_were_not() -> None:
    places, struck, found = sweep(STROKES[2:], range(100), every=12)
    publish("sweep memory", places * 2, 100, found, f"struck {struck:,} times")
    places, struck, found = sweep(STROKES[:2], range(100), every=12)
    publish("unknown", places * 2, 100, found, f"struck {struck:,} times")
