"""What stores cost: starts, runs at rest, very long runs, PostgreSQL beside its own limit, peers at the same work."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import long, postgres, waiting
from benchmarks.measure import Row
from benchmarks.peers.beside import Sizes, on_sqlite
from benchmarks.starting import started
from benchmarks.steps import raw_commits

SMALL = Sizes(steps=20, each=5, crowds=(1, 4), rounds=1, counted=10)


def starts(runs: int = 500, rounds: int = 3) -> Iterator[Row]:
    """Many runs started at once, on SQLite."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TRELLIS_BENCH_DIR")) as name:
        pairs = []
        for number in range(rounds):
            begun = asyncio.run(started(f"sqlite:///{name}/starts-{number}.db", runs))
            pairs.append((begun, runs / raw_commits(Path(name), runs)))
    rate, ratio = statistics.median(a for a, _ in pairs), statistics.median(a / b for a, b in pairs)
    yield Row(f"{runs} starts at once, SQLite FULL", f"{rate:,.0f} starts/s", f"{ratio:.2f}x single raw commits")


def rows() -> Iterator[Row]:
    """All of it."""
    yield from starts()
    yield from waiting.rows()
    yield from long.rows()
    yield from on_sqlite()
    yield from postgres.rows()
