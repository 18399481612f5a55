"""Steps per second: the reducer alone, a host in memory, and durable steps beside the disk's own commits."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row, seconds
from trellis.dispatch import Dispatcher
from trellis.engine import State, apply, start
from trellis.hosts.local import Host
from trellis.model.events import ActionCompleted, RunStarted
from trellis.model.graph import Call, Definition, Edge, Field, Graph, Node

TOOLS = Dispatcher()


@TOOLS.action("echo")
async def echo(x: int = 0) -> int:
    """The smallest action: gives back what it got."""
    return x


def counting(last: int, others: int = 0) -> Graph:
    """A graph that calls `echo` until its counter is `last`, beside `others` nodes that it never enters."""
    nodes = {
        "a": Node(
            "a", "do", do=Call("echo", {"x": "{{ n }}"}), save="n", set={"n": "n + 1"},
            to=(Edge("$end", f"n >= {last}"), Edge("a")),
        ),
        **{f"x{i}": Node(f"x{i}", "say", say="never said", to=(Edge("$end"),)) for i in range(others)},
    }  # fmt: skip
    return Graph(Definition("counting", "a", nodes, fields={"n": Field("integer", default=0)}))


def applied(graph: Graph, steps: int, state: State | None = None) -> tuple[State, float]:
    """Apply this many completions of the one open call; the state after, and the seconds."""
    state = start(graph, RunStarted(1.0, "r", graph.hash)).state if state is None else state
    begun = time.perf_counter()
    for _ in range(steps):
        state = apply(graph, state, ActionCompleted(2.0, next(iter(state.open)), 1)).state
    return state, time.perf_counter() - begun


async def hosted(url: str, runs: int, steps: int) -> float:
    """Seconds that a host takes for this many runs of this many steps."""
    async with Host(url, TOOLS) as host:
        graph = counting(steps)
        begun = time.perf_counter()
        started = await asyncio.gather(*(host.start(graph) for _ in range(runs)))
        for run in started:
            outcome = await run.result()
            assert outcome.ok, outcome
        return time.perf_counter() - begun


def raw_commits(folder: Path, commits: int) -> float:
    """Seconds that SQLite itself takes for this many commits of one small row, WAL and synchronous FULL."""
    import apsw

    connection = apsw.Connection(str(folder / f"raw-{os.urandom(4).hex()}.db"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE journal (id INTEGER PRIMARY KEY, run INTEGER, seq INTEGER, event BLOB)")
    payload = b"x" * 90
    begun = time.perf_counter()
    for seq in range(commits):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO journal (run, seq, event) VALUES (1, ?, ?)", (seq, payload))
        connection.execute("COMMIT")
    spent = time.perf_counter() - begun
    connection.close()
    return spent


def rows() -> Iterator[Row]:
    """All of it."""
    graph = counting(10**9)
    applied(graph, 1000)
    per_second = 20_000 / statistics.median(applied(graph, 20_000)[1] for _ in range(5))
    yield Row("`apply` alone", f"{per_second:,.0f} steps/s", "pure Python, 1 core", ">= 50,000", per_second >= 50_000)
    memory = 10_000 / statistics.median(asyncio.run(hosted("memory://", 1, 10_000)) for _ in range(3))
    yield Row(
        "host in memory, one run of an async action", f"{memory:,.0f} steps/s",
        f"{memory / per_second:.2f}x `apply` alone", ">= 15,000", memory >= 15_000,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(dir=os.environ.get("TRELLIS_BENCH_DIR")) as name:
        yield from _durable(Path(name))
    yield from _flat()


def _durable(folder: Path) -> Iterator[Row]:
    def ours(runs: int, steps: int) -> float:
        url = f"sqlite:///{folder}/ours-{os.urandom(4).hex()}.db"
        return asyncio.run(hosted(url, runs, steps)) / (runs * steps)

    pairs = [(ours(1, 1500), raw_commits(folder, 1500) / 1500) for _ in range(5)]
    over = statistics.median(a - b for a, b in pairs) * 1e6
    raw = statistics.median(b for _, b in pairs) * 1e6
    ratio = statistics.median(b / a for a, b in pairs)
    yield Row(
        "one run, SQLite FULL", f"{over:.0f} µs a step over the raw commit ({ratio:.2f}x)", f"raw commit {raw:.0f} µs",
        "<= 60 µs", over <= 60,
    )  # fmt: skip
    many = 1 / statistics.median(ours(500, 40) for _ in range(3))
    yield Row(
        "500 concurrent runs, SQLite FULL", f"{many:,.0f} steps/s", f"{many * raw / 1e6:.1f}x single raw commits",
        ">= 20,000", many >= 20_000,
    )  # fmt: skip


def _flat() -> Iterator[Row]:
    graph = counting(10**9)
    early, spent_early = applied(graph, 2_000)
    late, _ = applied(graph, 100_000, early)
    _, spent_late = applied(graph, 2_000, late)
    yield Row(
        "a step at event 100,000", f"{spent_late / spent_early:.2f}x", "a step at event 10", "1.0x (flat)",
        spent_late / spent_early < 1.25,
    )  # fmt: skip
    small, large = counting(10**9), counting(10**9, others=10_000)
    applied(small, 100), applied(large, 100)
    ratio = statistics.median(applied(large, 2_000)[1] / applied(small, 2_000)[1] for _ in range(9))
    yield Row("a step in a graph of 10,000 nodes", f"{ratio:.2f}x", "in a graph of 1", "1.0x (flat)", ratio < 1.25)


if __name__ == "__main__":
    print(seconds(lambda: [print(row) for row in rows()]))
