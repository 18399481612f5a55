"""A process that appends for ever and tells what was acknowledged: `run seq` a line. Made to be killed.

Usage: python -m tests.stores.appending URL
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count

from trellis.stores import open_store
from trellis.stores.base import RunRow, Turn

RUNS = ("r-1", "r-2", "r-3")


def row(run: str, seq: int) -> RunRow:
    return RunRow(run, "g", "graph", "graph.yaml", "running", seq, (f"node{seq}",), {"seq": seq}, None, 0.0, float(seq))


def event(run: str, seq: int) -> bytes:
    return f"{run}:{seq}:".encode() + b"x" * (seq * 37 % 900)


def turn(run: str, seq: int, epoch: int) -> Turn:
    """Every third event comes with a snapshot."""
    return Turn(run, seq, event(run, seq), epoch, row(run, seq), snapshot=None if seq % 3 else b"%d" % seq)


def acknowledge(turns: list[Turn]) -> None:
    os.write(1, b"".join(b"%s %d\n" % (turn.run.encode(), turn.seq) for turn in turns))


async def main(url: str) -> None:
    store = open_store(url)
    epochs, heads = {}, {}
    for run in RUNS:
        await store.create(row(run, 1), [event(run, 1)], {"g": b"definition"})
        epochs[run] = await store.claim(run)
        heads[run] = len(await store.read(run))
    for number in count():
        # Lone turns commit inline, batches in the thread: in turn, and every batch with two turns of one run.
        runs = RUNS[number % 3 :][:1] if number % 2 else (*RUNS, RUNS[0])
        turns = []
        for run in runs:
            heads[run] += 1
            turns.append(turn(run, heads[run], epochs[run]))
        answers = await store.append(turns)
        if any(answers):
            raise SystemExit(f"refused: {answers}")
        acknowledge(turns)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
