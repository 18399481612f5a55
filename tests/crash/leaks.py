"""One host that runs for long: what it holds of memory, files, threads and leases after so many runs."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import NamedTuple

from tests.hosts.authored import graph
from trellis.dispatch import Dispatcher
from trellis.hosts.local import Host
from trellis.stores import open_store

GRAPH = graph("""
trellis: 1
name: short
fields: {n: {type: integer, default: 0}, w: {type: string, optional: true}}
start: a
nodes:
  a: {do: grow, with: {n: "{{ n }}"}, save: n, timeout: 1h, to: b}
  b: {do: grow, with: {n: "{{ n }}"}, save: n, retry: {max_attempts: 2}, to: c}
  c: {ask: {text: w}, timeout: 1h, to: $end}
""")
AT_ONCE = 50


class Held(NamedTuple):
    """What a process holds."""

    memory_kb: int
    files: int
    threads: int
    tasks: int
    """Of the event loop, with that of the test."""
    log_kb: int
    """The write-ahead log of the store."""
    owned: int
    """Runs that the store says it owns."""
    live: int
    """Runs in the memory of the host."""


def _held(folder: Path, owned: int, live: int) -> Held:
    gc.collect()
    status = Path("/proc/self/status").read_text(encoding="ascii")
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    log = sum(path.stat().st_size for path in folder.rglob("*-wal")) // 1024
    files, tasks = len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())
    return Held(memory, files, threading.active_count(), tasks, log, owned, live)


async def run_many(url: str, folder: Path, runs: int, looks: int) -> list[Held]:
    """Run so many runs in one host that serves; what it held at so many moments, evenly apart."""
    tools, store, seen = Dispatcher(), open_store(url), []

    async def grow(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    tools.register("grow", grow)
    try:
        async with Host(store, tools) as host:
            await host.serve()

            async def one(number: int) -> None:
                run = await host.start(GRAPH, {}, id=f"r-{number}", request_id=f"q-{number}")
                while not run.questions:
                    await asyncio.sleep(0)
                await run.answer("c", "x", answer_id=f"a-{number}")
                assert (await run.result()).fields == {"n": 2, "w": "x"}

            for start in range(0, runs, AT_ONCE):
                await asyncio.gather(*(one(number) for number in range(start, start + AT_ONCE)))
                if (start + AT_ONCE) % (runs // looks) == 0:
                    seen.append(_held(folder, len(await store.owned()), len(host.running)))
    finally:
        await store.close()
    return seen


def level(seen: list[Held], *, slack_kb: int) -> str:
    """Fails where something grows; what was held at the end, in words. The first third is for warming up."""
    warm, last = seen[len(seen) // 3], seen[-1]
    assert (last.owned, last.live) == (0, 0), f"runs that have ended are held: {last}"
    # Fewer may be left: threads of tests before this one end when nobody has needed them for a while.
    grown = [name for name in ("files", "threads", "tasks") if getattr(last, name) > getattr(warm, name)]
    assert not grown, f"{grown} grew: {warm} / {last}"
    assert last.memory_kb <= warm.memory_kb + slack_kb, f"memory grew from {warm.memory_kb} to {last.memory_kb} KB"
    assert last.log_kb <= 16_384, f"the log of the store has {last.log_kb} KB"
    return "memory, files, threads, tasks and leases level"
