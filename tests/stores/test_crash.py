"""What was acknowledged is there after a kill, whenever it comes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.stores.appending import RUNS, event, row
from trellis.stores import open_store
from trellis.stores.base import Snapshot

REPOSITORY = Path(__file__).parents[2]


def killed_after(url: str, lines: int) -> dict[str, int]:
    """Let a process append until it told of `lines` events, then kill it: the last acknowledged event of each run."""
    command = [sys.executable, "-m", "tests.stores.appending", url]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        told = [child.stdout.readline() for _ in range(lines)]
        child.kill()
        rest, errors = child.communicate()
    assert errors == ""
    return {run: int(seq) for run, seq in (line.split() for line in [*told, *rest.splitlines()])}


async def contents(url: str) -> dict[str, tuple[int, list[bytes]]]:
    store = open_store(url)
    try:
        return {found.run: (found.revision, await store.read(found.run)) for found in await store.rows()}
    finally:
        await store.close()


async def all_of_a_turn_is_there(url: str) -> None:
    """The row, the index of its fields, and the snapshot are those of the last event."""
    store = open_store(url)
    try:
        for found in await store.rows():
            assert found == row(found.run, found.revision)
            assert found in await store.rows(match={"seq": found.revision})
            latest = found.revision // 3 * 3
            assert await store.snapshot(found.run) == (Snapshot(latest, b"%d" % latest) if latest else None)
    finally:
        await store.close()


def crash(url: str, folder: Path, random: Random, kills: int) -> None:
    acknowledged = dict.fromkeys(RUNS, 0)
    for _ in range(kills):
        acknowledged |= killed_after(url, random.randrange(1, 120))
        kept = asyncio.run(contents(url))
        for run in RUNS:
            revision, events = kept[run]
            assert revision >= acknowledged[run]
            assert events == [event(run, seq) for seq in range(1, revision + 1)]
        asyncio.run(all_of_a_turn_is_there(url))
        assert len(list(folder.glob("*-owner-*"))) <= 1


@pytest.mark.slow
@pytest.mark.covers("GT01", "GT08")
def test_no_acknowledged_event_is_lost_and_no_turn_torn_by_ten_kills(tmp_path: Path) -> None:
    crash(f"sqlite:///{tmp_path}/runs.db", tmp_path, Random(20), kills=10)


@pytest.mark.soak
def test_no_acknowledged_event_is_lost_and_no_turn_torn_by_two_hundred_kills(tmp_path: Path) -> None:
    crash(f"sqlite:///{tmp_path}/runs.db", tmp_path, Random(), kills=200)
