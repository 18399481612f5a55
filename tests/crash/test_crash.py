"""Processes that die: at each point in turn, and at random moments. Every run ends as if nobody had died."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.crash.sweeps import KINDS, kills, sweep
from tests.reliability import publish, say

pytestmark = pytest.mark.covers("GT01", "TR07")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_dies_at_any_point_loses_and_doubles_nothing(
    kind: str, nursery: Nursery, tmp_path: Path
) -> None:
    points, deaths, found = sweep(nursery, kind, tmp_path, range(1), every=12)
    say(f"sweep {kind}", points, 1, found, f"{deaths} processes died")
    assert deaths >= 20


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_killed_at_random_moments_loses_and_doubles_nothing(
    kind: str, nursery: Nursery, tmp_path: Path
) -> None:
    stores, found = kills(nursery, kind, tmp_path, 25, seed=20)
    say(f"kills {kind}", 25, stores, found)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_process_that_dies_at_every_point_of_a_hundred_seeds_loses_and_doubles_nothing(
    kind: str, nursery: Nursery, tmp_path: Path
) -> None:
    points, deaths, found = sweep(nursery, kind, tmp_path, range(100), every=8)
    publish(f"sweep {kind}", points, 100, found, f"{deaths:,} processes died")


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_kills_lose_and_double_nothing(kind: str, nursery: Nursery, tmp_path: Path) -> None:
    stores, found = kills(nursery, kind, tmp_path, 1000, seed=1000)
    publish(f"kills {kind}", 1000, stores, found)
