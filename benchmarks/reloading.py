"""A save of one file among a thousand: how long from the watcher's event until the new version is live."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from benchmarks.measure import Row
from trellis import Host
from trellis.hosts.reloading import Reloaded
from trellis.project import FileLoader, Reload

FILES = 1_000
SAVES = 30
NODES = 10


class Timed(FileLoader):
    """Remembers when it told of a change."""

    at = 0.0

    async def watch(self) -> AsyncGenerator[Reload, None]:
        async with aclosing(super().watch()) as changes:
            async for reload in changes:
                self.at = time.perf_counter()
                yield reload


def graph(number: int, save: int) -> str:
    """A graph of ten nodes, different with each save."""
    nodes = [f"  n{i}: {{say: 'Step {i} of {{{{ total }}}}', to: n{i + 1}}}" for i in range(NODES - 1)]
    head = ["trellis: 1", f"name: g{number}", "start: n0", "fields: {total: {type: integer, default: 0}}", "nodes:"]
    return "\n".join([*head, *nodes, f"  n{NODES - 1}: {{say: 'Save {save}', to: $end}}"]) + "\n"


def node(number: int, save: int) -> str:
    """One node of a graph that is a folder."""
    target = f"n{number + 1}" if number + 1 < FILES else "$end"
    return f"---\nto: {target}\n---\nStep {number} as of {save}, {{{{ total }}}}\n"


async def latencies(folder: Path, names: list[str], saves: list[tuple[Path, str]]) -> tuple[float, float]:
    """The median seconds from the event, and from the save, until a new version is live."""
    loader, told = Timed(folder), asyncio.Queue[tuple[float, Reloaded]]()
    events, whole = list[float](), list[float]()
    async with Host(watch=loader, reloaded=lambda one: told.put_nowait((time.perf_counter(), one))) as host:
        for name in names:
            await host.graph(name)
        await asyncio.sleep(1)  # the folder is watched, and looked through once
        while not told.empty():
            told.get_nowait()
        for path, text in saves:
            beside = path.with_name(f".{path.name}.swp")
            beside.write_text(text)
            begun = time.perf_counter()
            os.replace(beside, path)
            at, reloaded = await told.get()
            assert not reloaded.broken, reloaded.problems[0]
            events.append(at - loader.at)
            whole.append(at - begun)
    return statistics.median(events), statistics.median(whole)


def rows() -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in range(FILES):
            (folder / f"g{number}.yaml").write_text(graph(number, 0))
        saves = [(folder / f"g{save * 7}.yaml", graph(save * 7, save)) for save in range(1, SAVES + 1)]
        names = [f"g{number}.yaml" for number in range(FILES)]
        yield _row("one of 1,000 graphs of a project saved", *asyncio.run(latencies(folder, names, saves)))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "tour"
        folder.mkdir()
        head = "trellis: 1\nname: tour\nstart: n0\nfields: {total: {type: integer, default: 0}}\n"
        (folder / "graph.yaml").write_text(head)
        for number in range(FILES):
            (folder / f"n{number}.md").write_text(node(number, 0))
        saves = [(folder / f"n{save * 7}.md", node(save * 7, save)) for save in range(1, SAVES + 1)]
        yield _row(
            "one of the 1,000 files of a folder graph saved", *asyncio.run(latencies(folder.parent, ["tour"], saves))
        )


def _row(what: str, event: float, save: float) -> Row:
    beside = f"from the watcher's event; {save * 1000:.0f} ms from the save"
    return Row(f"{what}: new version live", f"{event * 1000:.0f} ms", beside, "<= 50 ms", event <= 0.05)
