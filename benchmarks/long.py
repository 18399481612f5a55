"""One run of very many events: what its last steps cost beside its first ones, and how soon it goes on.

The journal is a real one: each event is applied to the state before it and appended with the row and the snapshots that
a host would write. Only, many events share a commit, and `synchronous` is OFF, so that it is there in a minute or so.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.steps import counting
from trellis.dispatch import Dispatcher
from trellis.engine import apply, start
from trellis.engine.snapshot import encode_state
from trellis.hosts.driver import SNAPSHOT_EVERY
from trellis.hosts.local import Host
from trellis.hosts.rows import first_row, next_row
from trellis.model.codec import encode_event
from trellis.model.events import ActionCompleted, RunStarted
from trellis.stores.base import Turn
from trellis.stores.sqlite import SqliteStore

GRAPH = counting(10**9)
BATCH = 500


async def seed(file: Path, events: int, parts: int = 10) -> list[float]:
    """A run of so many events; the seconds that each of the parts took, of the same number of events."""
    store = SqliteStore(f"sqlite:///{file}", path=str(file))
    store._connection.execute("PRAGMA synchronous=OFF")
    begun = RunStarted(1.0, "long", GRAPH.hash)
    state = start(GRAPH, begun).state
    row = first_row(GRAPH, state)
    _, epoch = await store.create(row, [encode_event(begun)], {GRAPH.hash: GRAPH.data})
    assert epoch is not None
    spent, length = [], (events - 1) // parts
    for _ in range(parts):
        begins = time.perf_counter()
        for first in range(0, length, BATCH):
            turns = []
            for _ in range(min(BATCH, length - first)):
                event = ActionCompleted(2.0, next(iter(state.open)), 1)
                before, step = state, apply(GRAPH, state, event)
                state, was = step.state, row
                row = next_row(GRAPH, row, before, step)
                kept = encode_state(state) if state.seq % SNAPSHOT_EVERY == 0 else None
                changed = None if row is was else row
                turns.append(Turn("long", state.seq, encode_event(event), epoch, changed, snapshot=kept))
            assert not any(await store.append(turns))
        spent.append(time.perf_counter() - begins)
    await store.release("long")
    await store.close()
    return spent


async def walked(file: Path, steps: int, *, long: bool) -> tuple[float, float]:
    """Seconds until a fresh host has the run in memory, the long one or a new one, and seconds a durable step of it."""
    tools, times = Dispatcher(), list[float]()
    over = asyncio.Event()

    @tools.action("echo", effect="idempotent")
    async def echo(x: int = 0) -> int:
        times.append(time.perf_counter())
        if len(times) > steps:
            over.set()
            await asyncio.Event().wait()  # the host ends here, and the run waits for the next one
        return x

    begun = time.perf_counter()
    async with Host(f"sqlite:///{file}", tools) as host:
        await (host.resume("long") if long else host.start(GRAPH))
        there = time.perf_counter() - begun
        await over.wait()
    warm = steps // 10
    return there, (times[-1] - times[warm]) / (steps - warm)


def rows(events: int = 1_000_000, steps: int = 2_000, rounds: int = 5) -> Iterator[Row]:
    """All of it, on SQLite."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TRELLIS_BENCH_DIR")) as name:
        file, small = Path(name, "long.db"), Path(name, "short.db")
        spent = asyncio.run(seed(file, events))
        what = f"a run of {events:,} events, SQLite"
        yield Row(
            f"{what}: applied and appended", f"{spent[-1] / spent[0]:.2f}x", "its last tenth beside its first",
            "1.0x (flat)", spent[-1] / spent[0] < 1.25,
        )  # fmt: skip
        late, early = [], []
        for _ in range(rounds):
            late.append(asyncio.run(walked(file, steps, long=True)))
            early.append(asyncio.run(walked(small, steps, long=False)))
        ratio = statistics.median(a / b for (_, a), (_, b) in zip(late, early, strict=True))
        yield Row(
            f"{what}: a durable step of a host", f"{ratio:.2f}x", "a step of a new run in a new file", "1.0x (flat)",
            ratio < 1.25,
        )  # fmt: skip
        there = max(seconds for seconds, _ in late)
        yield Row(
            f"{what}: resumed", f"{there * 1e3:.0f} ms at worst",
            f"file opened, at most {SNAPSHOT_EVERY - 1} events folded; file of {file.stat().st_size / 2**20:,.0f} MiB",
            "< 1 s", there < 1,
        )  # fmt: skip
