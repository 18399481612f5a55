"""What every peer is told and tells: `python -m benchmarks.peers.with_X PLACE LOG STEPS EACH CROWD…` prints a line of JSON.

PLACE is a folder for an SQLite file, or the URL of a PostgreSQL that ends in `schema=` and one to make there. LOG is
`log` where the file gets a write-ahead log that the peer would not ask for, else `as-is`. One workflow takes STEPS steps; then, for each CROWD, so many workflows
take EACH steps at once. A CROWD of 1 is the one workflow.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

NOTE = "y" * 100


class Task(NamedTuple):
    """What is to be measured, and where."""

    place: str
    log: bool
    steps: int
    each: int
    crowds: tuple[int, ...]

    @property
    def postgres(self) -> bool:
        return self.place.startswith("postgresql:")

    @property
    def file(self) -> Path:
        """The SQLite file of a peer, which is not there yet."""
        return Path(self.place, "peer.db")


def told() -> Task:
    """The words of the command line."""
    place, log, steps, each, *crowds = sys.argv[1:]
    return Task(place, log == "log", int(steps), int(each), tuple(map(int, crowds)))


def advanced(x: int) -> dict[str, object]:
    """One step of the work."""
    return {"x": x + 1, "note": NOTE}


def rate(task: Task, crowd: int, work: Callable[[int, int], None]) -> float:
    """Steps per second of `work(workflows, steps of each)`."""
    steps = task.steps if crowd == 1 else task.each
    begun = time.perf_counter()
    work(crowd, steps)
    return crowd * steps / (time.perf_counter() - begun)


def tell(rates: dict[int, float], settings: str) -> None:
    """Print what was measured, and what a finished step is worth."""
    print(json.dumps({"rates": rates, "settings": settings}))


def opened(task: Task) -> sqlite3.Connection:
    """A connection of the standard library to the peer's file; with a write-ahead log where the task gives one.

    That mode stays with the file. How much is synced is the affair of each connection: SQLite's default, FULL, is what
    a peer has that does not change it.
    """
    connection = sqlite3.connect(task.file, check_same_thread=False)
    if task.log:
        connection.execute("PRAGMA journal_mode=WAL")
    return connection


def pragmas(connection: sqlite3.Connection) -> str:
    """How a connection syncs, as it says itself."""
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    [synchronous] = connection.execute("PRAGMA synchronous").fetchone()
    kept = {"wal": "write-ahead log", "delete": "rollback journal"}.get(mode, mode)
    return f"{kept}, {('OFF', 'NORMAL', 'FULL', 'EXTRA')[synchronous]}"
