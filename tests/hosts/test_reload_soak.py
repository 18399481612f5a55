"""Many saves, a third of them broken, while fifty runs are open: none is lost, none is moved without proof."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from trellis import Host
from trellis.engine.versions import compare
from trellis.hosts.operations import replayed
from trellis.hosts.reloading import Reloaded
from trellis.hosts.run import Run
from trellis.project import FileLoader, MemoryLoader
from trellis.stores import open_store
from trellis.stores.base import Store

RUNS = 50
PATIENCE_S = 60.0
FLAT = 24 * 2**20
"""Octets that the process may grow by in the last two thirds of a long soak."""


def text(dice: random.Random, save: int) -> str:
    """A sound version: what it says, how many nodes it has, what they are called and what the fields take differs."""
    middle = dice.choice(["middle", "middle", "middle", "centre"])
    kind = dice.choice(["string", "string", "string", "integer"])
    more = dice.random() < 0.3
    return f"""trellis: 1
name: g
start: first
fields:
  a: {{type: string, optional: true}}
  b: {{type: {kind}, optional: true}}
  c: {{type: string, optional: true}}
nodes:
  first: {{say: "One, as of {save}", ask: {{text: a}}, to: {middle}}}
  {middle}: {{say: "Two, as of {save}", ask: {{{"int" if kind == "integer" else "text"}: b}}, to: {"more" if more else "last"}}}
{"  more: {say: More, to: last}" if more else ""}
  last: {{ask: {{text: c}}, to: $end}}
"""


BREAKS: list[Callable[[str], str]] = [
    lambda sound: sound.replace("to: last", "to: lsat"),
    lambda sound: sound[: len(sound) // 2],
    lambda sound: sound.replace("type: string", "type: strnig", 1),
    lambda _: "",
    lambda sound: sound.replace("nodes:", "nodes: ["),
]


class Saves:
    """What the host told of each save, in order."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Reloaded] = asyncio.Queue()

    async def next(self) -> Reloaded:
        async with asyncio.timeout(PATIENCE_S):
            return await self.told.get()


def saved(folder: Path | None, loader: FileLoader | MemoryLoader, data: str, way: int) -> None:
    """Save it in one of the ways in which it is done."""
    if isinstance(loader, MemoryLoader):
        loader.set("g.yaml", data)
        return
    assert folder is not None
    path, beside = folder / "g.yaml", folder / ".g.yaml.swp"
    if way == 0:
        path.write_text(data)
        return
    if way == 1:
        path.unlink()
    beside.write_text(data)
    os.replace(beside, path)


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.covers("TR06")
@pytest.mark.parametrize("count", [pytest.param(100, id="few"), pytest.param(2000, id="many", marks=pytest.mark.soak)])
def test_no_run_is_lost_and_none_is_moved_without_proof(count: int, tmp_path: Path) -> None:
    dice = random.Random(count)
    many = count > 100
    folder = tmp_path / "project" if many else None
    loader: FileLoader | MemoryLoader
    if folder is not None:
        folder.mkdir()
        (folder / "g.yaml").write_text(text(dice, 0))
        loader = FileLoader(folder)
    else:
        loader = MemoryLoader({"g.yaml": text(dice, 0)})
    store = open_store(f"sqlite:///{tmp_path}/runs.db" if many else "memory://")
    asyncio.run(soaked(dice, count, folder, loader, store))


async def soaked(
    dice: random.Random, count: int, folder: Path | None, loader: FileLoader | MemoryLoader, store: Store
) -> None:
    saves, moved, stayed, broken, grown = Saves(), 0, 0, 0, 0
    runs: list[Run] = []
    begun = 0
    async with Host(store, watch=loader, on_change="adopt", reloaded=saves.told.put_nowait) as host:
        live = await host.graph("g.yaml")
        for save in range(1, count + 1):
            while len(runs) < RUNS:
                begun += 1
                runs.append(await host.start("g.yaml", id=f"r-{begun}"))
            if save == count // 3:
                grown = resident()
            sound = text(dice, save)
            wrong = save % 3 == 0
            data = dice.choice(BREAKS)(sound) if wrong else sound
            before = {run.id: run.graph for run in runs}
            states = {run.id: run.state for run in runs}
            saved(folder, loader, data, save % 2)
            told = await saves.next()
            while told.broken and not wrong:  # of a file that was gone for a moment
                told = await saves.next()
            if wrong:
                broken += 1
                assert (told.broken, told.graph, told.runs) == (True, live, ())
                assert {run.id: run.graph for run in runs} == before
                assert [problem.severity for problem in told.problems].count("error") > 0
            else:
                assert (told.broken, told.before) == (False, live)
                assert told.graph is not None
                live = told.graph
                proved = {run.id: compare(before[run.id], live, states[run.id]).status == "safe" for run in runs}
                assert {one.run: one.adopted for one in told.runs} == proved
                assert {run.id: run.graph for run in runs} == {
                    run.id: live if proved[run.id] else before[run.id] for run in runs
                }
                moved += sum(proved.values())
                stayed += len(proved) - sum(proved.values())
            for run in dice.sample(runs, 3):
                (node,) = run.asking
                await run.answer(node, "7")
            runs = [run for run in runs if not run.closed]
        assert (broken, moved > count, stayed > count) == (count // 3, True, True)
        if folder is not None:
            assert resident() - grown < FLAT
        for run in runs:
            while run.asking:
                await run.answer(run.asking[0], "7")
            assert (await run.result()).status == "completed"
        rows = await store.rows()
        assert {row.status for row in rows} == {"completed"}
        assert len(rows) == begun
        for row in dice.sample(rows, 20):
            assert (await replayed(store, row.run)).state.status == "completed"
    await store.close()
