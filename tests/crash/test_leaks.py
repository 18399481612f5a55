"""A host holds no more after thousands of runs than after a few."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.crash.leaks import level, run_many
from tests.crash.sweeps import KINDS
from tests.reliability import publish, say
from tests.stores.redis_places import redis_place as redis_place

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

SERVERS = {"postgresql": "postgres_place", "redis": "redis_place"}
RUNS = {"sqlite": 10_000, "postgresql": 5_000, "redis": 5_000}
"""Not of files: their store has the index of all its runs in memory, and so grows with them."""


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, quick: Path) -> str:
    """A new store of this kind."""
    made: str = KINDS[kind].format(quick) if kind in KINDS else request.getfixturevalue(SERVERS[kind])
    return made


@pytest.mark.parametrize("kind", RUNS)
def test_a_host_holds_nothing_of_runs_that_have_ended(kind: str, url: str, quick: Path) -> None:
    seen = asyncio.run(run_many(url, quick, 300, 6))
    say(f"leaks {kind}", 300, 1, note=level(seen, slack_kb=8_000))


@pytest.mark.soak
@pytest.mark.parametrize("kind", RUNS)
def test_a_host_holds_no_more_after_thousands_of_runs(kind: str, url: str, quick: Path) -> None:
    seen = asyncio.run(run_many(url, quick, RUNS[kind], 20))
    publish(f"leaks {kind}", RUNS[kind], 1, note=level(seen, slack_kb=4_000))
