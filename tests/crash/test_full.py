"""A full disk is said to be full, leaves nothing half written, and is forgotten once there is room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.nursery import Nursery
from tests.crash.sweeps import KINDS, Yard, judge, well
from tests.reliability import Verdict, publish, say

pytestmark = pytest.mark.covers("GT08")


def fill(yard: Yard, seeds: range) -> tuple[int, Verdict]:
    """Let the disk of so many hosts be full for a while: (how often it was, verdict)."""
    found, times = Verdict(), 0
    for seed in seeds:
        place = yard.new()
        folder = str(Path(place.ledger.path).parent)
        ended = well(yard.nursery.run("tests.crash.full:fill", folder=folder, **place.args(seed)), "done", "failed")
        assert ended.how == "done" or ended.error.endswith("SystemExit: 7\n"), ended.error
        times += ended.how == "done"
        found += judge(place).found
    return times, found


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_goes_on_by_itself_when_a_full_disk_has_room_again(kind: str, nursery: Nursery, quick: Path) -> None:
    times, found = fill(Yard(nursery, kind, quick), range(6))
    say("full", times, 1, found)
    assert times


@pytest.mark.soak
def test_a_disk_that_is_full_two_hundred_times_loses_nothing(nursery: Nursery, quick: Path) -> None:
    times, found = 0, Verdict()
    for kind in KINDS:
        more, verdict = fill(Yard(nursery, kind, quick), range(140))
        times, found = times + more, found + verdict
    publish("full", times, len(KINDS), found)
