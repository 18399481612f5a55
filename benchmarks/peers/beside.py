"""Rows that set a durable step beside that of each peer: both on the same disk or server, in turn, each in a process.

A peer that is not installed is left out, and the table says so.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Row

CROWDS = (1, 16, 64)
SYNCS = ("fsync", "fdatasync", "sync_file_range", "msync")


class Peer(NamedTuple):
    """A library beside which we stand; `log`: its SQLite file gets a write-ahead log, which it would not ask for."""

    name: str
    module: str
    needs: str
    log: bool = False


ON_SQLITE = (
    Peer("DBOS", "with_dbos", "dbos"),
    Peer("DBOS given a write-ahead log", "with_dbos", "dbos", log=True),
    Peer("LangGraph", "with_langgraph", "langgraph.checkpoint.sqlite"),
    Peer("Burr", "with_burr", "burr"),
    Peer("Burr given a write-ahead log", "with_burr", "burr", log=True),
)
ON_POSTGRES = (Peer("DBOS", "with_dbos", "dbos"),)
TRELLIS = Peer("Trellis", "with_trellis", "trellis")


class Sizes(NamedTuple):
    """How much is done: steps of the one workflow, of each of many, how many, how often, and steps to count syncs of."""

    steps: int = 600
    each: int = 30
    crowds: tuple[int, ...] = CROWDS
    rounds: int = 3
    counted: int = 100


class Measured(NamedTuple):
    """Steps per second by the number of workflows at once, and how what is done is kept."""

    rates: dict[int, float]
    settings: str


def installed(peer: Peer) -> bool:
    """Whether its library is there."""
    top = peer.needs.partition(".")[0]
    return find_spec(top) is not None and find_spec(peer.needs) is not None


def words(peer: Peer, place: str, steps: int, each: int, *crowds: int) -> list[str]:
    """The command that measures a peer."""
    log = "log" if peer.log else "as-is"
    numbers = map(str, (steps, each, *crowds))
    return [sys.executable, "-W", "ignore", "-m", f"benchmarks.peers.{peer.module}", place, log, *numbers]


def measured(peer: Peer, place: str, sizes: Sizes) -> Measured:
    """What one process of the peer tells."""
    command = words(peer, place, sizes.steps, sizes.each, *sizes.crowds)
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured({int(crowd): rate for crowd, rate in told["rates"].items()}, told["settings"])


def syncs(peer: Peer, folder: Path, steps: int) -> float | None:
    """How often a step of one workflow on SQLite waits for the disk; None without strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    counted = []
    for number, length in enumerate((steps, 3 * steps)):
        place, log = folder / f"counted-{number}", folder / f"counted-{number}.txt"
        place.mkdir()
        tracing = [strace, "-f", "-qq", "-e", f"trace={','.join(SYNCS)}", "-o", str(log)]
        done = subprocess.run(
            [*tracing, *words(peer, str(place), length, 1, 1)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode:
            return None  # no permission to trace
        counted.append(sum(line.count("sync(") for line in log.read_text().splitlines() if "resumed" not in line))
    repeats = 2 if peer.module == "with_dbos" else 1  # it does the work in two ways
    return (counted[1] - counted[0]) / (2 * steps * repeats)


def on_sqlite(sizes: Sizes = Sizes()) -> Iterator[Row]:  # noqa: B008 - a constant
    """A row for each peer and number of workflows."""
    for peer in ON_SQLITE:
        if not installed(peer):
            yield left_out(peer)
            continue
        with tempfile.TemporaryDirectory(dir=os.environ.get("TRELLIS_BENCH_DIR")) as name:
            folder = Path(name)
            pairs = []
            for number in range(sizes.rounds):
                places = [folder / f"{who}-{number}" for who in ("ours", "theirs")]
                for place in places:
                    place.mkdir()
                pairs.append((measured(TRELLIS, str(places[0]), sizes), measured(peer, str(places[1]), sizes)))
            counts = [syncs(each, _made(folder / each.module), sizes.counted) for each in (TRELLIS, peer)]
        yield from _rows(f"{peer.name}, SQLite", pairs, counts, sizes, as_it_comes=not peer.log)


def on_postgres(url: str, sizes: Sizes = Sizes()) -> Iterator[Row]:  # noqa: B008 - a constant
    """The same, on a server; `url` ends in how the names of new schemas begin."""
    for peer in ON_POSTGRES:
        if not installed(peer):
            yield left_out(peer)
            continue
        pairs = []
        for number in range(sizes.rounds):
            ours, theirs = (measured(who, f"{url}_{who.module}_{number}", sizes) for who in (TRELLIS, peer))
            pairs.append((ours, theirs))
        yield from _rows(f"{peer.name}, PostgreSQL", pairs, [None, None], sizes, as_it_comes=True)


def left_out(peer: Peer) -> Row:
    """What is said of a peer that is not there."""
    return Row(f"a durable step beside {peer.name}", "left out", "not installed: pip install 'trellis-engine[bench]'")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _rows(
    beside: str,
    pairs: list[tuple[Measured, Measured]],
    counts: list[float | None],
    sizes: Sizes,
    *,
    as_it_comes: bool,
) -> Iterator[Row]:
    # The aim is set for a peer as it comes. One that we gave a write-ahead log waits once for the same disk as we do:
    # alone, neither can be much faster than the other.
    for crowd in sizes.crowds:
        ours, theirs = ([pair[side].rates[crowd] for pair in pairs] for side in (0, 1))
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        many = "one workflow" if crowd == 1 else f"{crowd} workflows at once"
        waits = ["" if count is None else f", {count:.1f} syncs a step" for count in counts]
        mine, other = (
            f"{statistics.median(rates):,.0f}/s{wait if crowd == 1 else ''}"
            for rates, wait in zip((ours, theirs), waits, strict=True)
        )
        yield Row(
            f"a durable step beside {beside}, {many}", f"{ratio:.1f}x ({mine})", f"{other}; {pairs[0][1].settings}",
            *((">= 3x", ratio >= 3) if as_it_comes else ()),
        )  # fmt: skip
