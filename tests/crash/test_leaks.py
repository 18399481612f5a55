"""A host holds no more after ten thousand runs than after a few."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.crash.leaks import level, run_many
from tests.reliability import publish, say

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


def test_a_host_holds_nothing_of_runs_that_have_ended(quick: Path) -> None:
    seen = asyncio.run(run_many(f"sqlite:///{quick}/runs.db", quick, 600, 6))
    say("leaks", 600, 1, note=level(seen, slack_kb=8_000))


@pytest.mark.soak
def test_a_host_holds_no_more_after_ten_thousand_runs(tmp_path: Path) -> None:
    seen = asyncio.run(run_many(f"sqlite:///{tmp_path}/runs.db", tmp_path, 10_000, 20))
    publish("leaks", 10_000, 1, note=level(seen, slack_kb=4_000))
