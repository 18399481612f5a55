"""Processes that die: at each point in turn, and at random moments. Every run ends as if nobody had died."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.crash.sweeps import KINDS, Yard, kills, sweep
from tests.reliability import publish, say

pytestmark = pytest.mark.covers("GT01", "TR07")


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_dies_at_any_point_loses_and_doubles_nothing(kind: str, nursery: Nursery, quick: Path) -> None:
    points, deaths, found = sweep(Yard(nursery, kind, quick), range(1), every=10)
    say(f"sweep {kind}", points, 1, found, f"{deaths} processes died")
    assert deaths >= 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_random_moments_loses_and_doubles_nothing(
    kind: str, nursery: Nursery, tmp_path: Path
) -> None:
    cases, found = kills(Yard(nursery, kind, tmp_path, runs=3), 25, seed=20)
    say(f"kills {kind}", 25, cases, found)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_dies_at_each_point_of_a_hundred_seeds_loses_and_doubles_nothing(
    kind: str, nursery: Nursery, quick: Path
) -> None:
    points, deaths, found = sweep(Yard(nursery, kind, quick), range(100), every=36)
    publish(f"sweep {kind}", points, 100, found, f"{deaths:,} processes died")


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_kills_lose_and_double_nothing(kind: str, nursery: Nursery, tmp_path: Path) -> None:
    cases, found = kills(Yard(nursery, kind, tmp_path, runs=3), 1000, seed=1000)
    publish(f"kills {kind}", 1000, cases, found)
