"""Many runs at rest: what a host that serves them costs, how soon a due one is woken, how soon crashed ones go on.

The runs are seeded through `Store.create` itself, each from a state that the engine made; only `synchronous` is OFF
while that is done, since the disk need not vouch for each of them. Half wait for an answer alone, half for a timer too.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from trellis import load
from trellis.dispatch import Dispatcher
from trellis.engine import start
from trellis.hosts.local import Host
from trellis.hosts.rows import first_row
from trellis.model.codec import encode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.stores.base import Due, Store
from trellis.stores.sqlite import SqliteStore

HOUR = 3600
PATIENT = """
trellis: 1
name: patient
start: a
fields: {ok: {type: boolean, optional: true}}
nodes:
  a: {ask: {confirm: ok}, to: $end}
"""
TIMED = """
trellis: 1
name: timed
start: a
fields: {due: {type: number}, ok: {type: boolean, optional: true}}
nodes:
  a: {ask: {confirm: ok}, timeout: 1h, catch: {timeout: late}, to: $end}
  late: {do: late, with: {due: "{{ due }}"}, to: $end}
"""
STUCK = "{trellis: 1, name: stuck, start: a, nodes: {a: {do: stuck, to: $end}}}"


def graph(folder: Path, name: str, text: str) -> Graph:
    """The graph of this YAML."""
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return load(str(file))


async def begun(store: Store, graph: Graph, run: str, at: float, fields: dict[str, Any]) -> None:
    """A run that was started at this time and waits."""
    event = RunStarted(at, run, graph.hash, fields)
    state = start(graph, event).state
    await store.create(first_row(graph, state), [encode_event(event)], {graph.hash: graph.data})


async def seed(folder: Path, file: Path, runs: int) -> None:
    """So many waiting runs, freed, as a host leaves those that are idle."""
    patient, timed = graph(folder, "patient", PATIENT), graph(folder, "timed", TIMED)
    store = SqliteStore(f"sqlite:///{file}", path=str(file))
    connection = store._connection
    connection.execute("PRAGMA synchronous=OFF")
    now = time.time()
    for number in range(runs):
        which, fields = (timed, {"due": 0.0}) if number % 2 else (patient, {})
        await begun(store, which, f"run-{number}", now + number / 100, fields)
    connection.execute("UPDATE runs SET owner = NULL")
    await store.close()


def serve(file: str, spawned: float, samples: int) -> None:
    """In a process of its own: serve the file, tell when the first look is over, then how late the due runs were."""
    tools, lates = Dispatcher(), list[float]()
    over = asyncio.Event()

    @tools.action("late")
    async def late(due: float) -> None:
        lates.append(time.time() - due)
        if len(lates) == samples:
            over.set()

    async def serving() -> None:
        store = SqliteStore(f"sqlite:///{file}", path=file)
        looked = asyncio.Event()
        ask = store.claim_due

        async def claim_due(now: float, **given: Any) -> Due:
            due = await ask(now, **given)
            looked.set()
            return due

        store.claim_due = claim_due  # type: ignore[method-assign]
        async with Host(store, tools) as host:
            await host.serve()
            await looked.wait()
            print(json.dumps({"start": time.time() - spawned}), flush=True)
            if samples:
                await over.wait()
            print(json.dumps({"lates": lates, "peak": peak()}), flush=True)
        await store.close()

    asyncio.run(serving())


def peak() -> float:
    """The most memory that this process ever had resident, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage tells begins with the peak of the process that made this one
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def served(folder: Path, file: Path, samples: int) -> tuple[float, float, list[float]]:
    """Seconds until the first look is over, process and all; peak MiB; and how late each due run was."""
    words = [sys.executable, "-m", "benchmarks.waiting", str(file), repr(time.time()), str(samples)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = json.loads(process.stdout.readline())["start"]
        asyncio.run(due_soon(folder, file, samples))
        told = json.loads(process.stdout.readline())
    return started, told["peak"], told["lates"]


async def due_soon(folder: Path, file: Path, samples: int) -> None:
    """Runs that another process leaves behind, each with a timer that is due in a moment."""
    timed = graph(folder, "timed", TIMED)
    store = SqliteStore(f"sqlite:///{file}", path=str(file))
    first = time.time() + 2.5  # later than the next look, which sees them
    for number in range(samples):
        due = first + number * 0.21
        await begun(store, timed, f"due-{os.urandom(4).hex()}", due - HOUR, {"due": due})
    for run in await store.owned():
        await store.release(run)
    await store.close()


def crashed(folder: Path, url: str, runs: int) -> None:
    """Leave so many runs behind, each with a call under way, whose host was killed."""
    code = "import sys; from benchmarks.waiting import stuck; stuck(*sys.argv[1:])"
    words = [sys.executable, "-c", code, str(folder), url, str(runs)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)


def stuck(folder: str, url: str, runs: str) -> None:
    """In a process of its own: begin the runs, and wait to be killed."""

    async def beginning() -> None:
        async with Host(url, calls(int(runs))[0]) as host:
            stuck = graph(Path(folder), "stuck", STUCK)
            await asyncio.gather(*(host.start(stuck) for _ in range(int(runs))))
            print("up", flush=True)
            await asyncio.Event().wait()

    asyncio.run(beginning())


def calls(expected: int) -> tuple[Dispatcher, asyncio.Event]:
    """An action that never ends, and what tells that it was called so often."""
    tools, reached, called = Dispatcher(), asyncio.Event(), list[None]()

    @tools.action("stuck", effect="idempotent")
    async def stuck() -> None:
        called.append(None)
        if len(called) == expected:
            reached.set()
        await asyncio.Event().wait()

    return tools, reached


async def recovered(url: str, runs: int) -> float:
    """Seconds until a fresh host has made the calls of all crashed runs again."""
    tools, reached = calls(runs)
    begun = time.perf_counter()
    async with Host(url, tools) as host:
        await host.serve()
        await reached.wait()
        return time.perf_counter() - begun


def rows(waiting: int = 100_000, samples: int = 20, crashes: int = 1000) -> Iterator[Row]:
    """All of it, on SQLite."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TRELLIS_BENCH_DIR")) as name:
        folder, many = Path(name), f"{waiting:,} waiting runs, SQLite"
        file = folder / "waiting.db"
        asyncio.run(seed(folder, file, waiting))
        started, peak, lates = served(folder, file, samples)
        size = file.stat().st_size / 2**20
        yield Row(
            f"{many}: host started", f"{started:.2f} s", "from the process's start to the end of its first look",
            "< 5 s", started < 5,
        )  # fmt: skip
        yield Row(
            f"{many}: resident memory", f"{peak:.0f} MiB at most", f"the file: {size:.0f} MiB", "< 300 MiB", peak < 300
        )
        middle, worst = statistics.median(lates) * 1e3, max(lates) * 1e3
        yield Row(
            f"{many}: a due one woken", f"{middle:.0f} ms late, at worst {worst:.0f} ms",
            f"its timer due -> its action called, {len(lates)} of them", "< 50 ms", worst < 50,
        )  # fmt: skip
        own(file)
        started, peak, _ = served(folder, file, 0)
        yield Row(
            f"{many}, all left by one dead host: host started", f"{started:.2f} s", f"{peak:.0f} MiB at most", "< 5 s",
            started < 5,
        )  # fmt: skip
        url = f"sqlite:///{folder}/crashed.db"
        crashed(folder, url, crashes)
        spent = asyncio.run(recovered(url, crashes))
        yield Row(
            f"{crashes:,} crashed runs, SQLite: all calls made again", f"{spent:.2f} s",
            f"{spent / crashes * 1e3:.2f} ms a run", "",
        )  # fmt: skip


def own(file: Path) -> None:
    """Let a host that is dead own every run."""
    import apsw

    connection = apsw.Connection(str(file))
    connection.execute("UPDATE runs SET owner = '1-0000000000000000'")
    connection.close()


if __name__ == "__main__":
    serve(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
