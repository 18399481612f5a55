"""Each graph in graphs/ ends in this process and on Temporal as the other does, and says the same."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from secrets import token_hex
from typing import Any, NamedTuple

import msgspec
import pytest

from tests.temporal.parity.story import timeless
from trellis.dispatch import Dispatcher
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.values import Value
from trellis.project import load

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 60.0


class Sample(NamedTuple):
    """A run of a sample graph: what it begins with, and what is answered, in order, by node and who."""

    graph: str
    fields: Mapping[str, Value] = {}
    answers: tuple[tuple[str, Value, str], ...] = ()


SAMPLES = {
    "hello": Sample("hello.yaml", {"name": "Ana"}),
    "agents": Sample("agents.yaml"),
    "agents for nothing": Sample("agents.yaml", {"query": "sing"}),
    "connect": Sample("connect.yaml"),
    "connect in vain": Sample("connect.yaml", {"busy": 9}),
    "helpdesk": Sample("helpdesk", {}, (("start", "no internet", ""), ("lights", "no", ""), ("lights", "yes", ""))),
    "helpdesk, a story": Sample("helpdesk", {}, (("start", "something else", ""), ("story", "The box hums.", ""))),
    "mirrors": Sample("mirrors.yaml"),
    "mirrors, damaged": Sample("mirrors.yaml", {"damaged": True}),
    "questions": Sample(
        "questions.yaml",
        {},
        (
            ("who", {"name": "Ana", "env": "PROD"}, "ana"),
            ("what", "api, docs", "ana"),
            ("when", "2030-02-01", "ana"),
            ("live", "approve: it was tried on staging", "ana"),
            ("live", "approve: the calendar is free", "cyn"),
        ),
    ),
    "release, declined": Sample("release.yaml", {}, (("confirm", "no", ""),)),
    "table without a kitchen": Sample("table.yaml", {"me": "t", "kitchen": "nowhere"}),
    "worker": Sample("worker.yaml"),
    "worker, ailing": Sample("worker.yaml", {"jobs": ["sum 1 2", "sum x", "sum y", "sum 5 6"]}),
}
Observed = dict[str, Any]


async def observe(host: Host, sample: Sample, run: str) -> Observed:
    """How the run of a sample ended, and what it said."""
    async with asyncio.timeout(LIMIT_S):
        handle = await host.start(load(str(ROOT / "graphs" / sample.graph)), sample.fields, id=run)
        said, left = [], list(sample.answers)
        async for line in handle.events():
            if line["type"] == "say":
                said.append(line["text"])
            elif line["type"] == "ask":
                while left and left[0][0] == line["node"]:  # a question that several are asked is told once
                    node, value, by = left.pop(0)
                    await handle.answer(node, value, by=by)
        return {**await _end(handle), "said": said}


async def _end(handle: Run) -> Observed:
    outcome = timeless(msgspec.to_builtins(await handle.result()))
    return {**outcome, "visited": sorted(outcome["visited"])}  # side by side, no order is promised


async def served(host: Host, mark: str) -> dict[str, Observed]:
    """A kitchen and two tables that order of it: runs that send each other signals."""
    async with asyncio.timeout(LIMIT_S):
        graph = load(str(ROOT / "graphs/kitchen.yaml"))
        kitchen = await host.start(graph, {}, id=f"{mark}-kitchen")
        ends: dict[str, Observed] = {}
        for name, dish in (("1", "soup"), ("2", "pie")):
            fields: dict[str, Value] = {"kitchen": kitchen.id, "me": f"{mark}-{name}", "dish": dish}
            table = await host.start(load(str(ROOT / "graphs/table.yaml")), fields, id=f"{mark}-{name}")
            ends[name] = await _end(table)
        await kitchen.signal("close")
        return {**ends, "kitchen": await _end(kitchen)}


async def all_of(host: Host, samples: Mapping[str, Sample], mark: str) -> dict[str, Observed]:
    """All samples, side by side."""
    runs = {name: observe(host, sample, f"{mark}-s{number}") for number, (name, sample) in enumerate(samples.items())}
    told = await asyncio.gather(served(host, mark), *runs.values())
    return {**told[0], **dict(zip(runs, told[1:], strict=True))}


def compare(url: str, samples: Mapping[str, Sample]) -> None:
    """Perform them here and there. Fails where one ends otherwise."""
    mark = f"sample-{token_hex(4)}"

    async def performed(store: str) -> dict[str, Observed]:
        async with Host(store, Dispatcher(), allow=["process"], root=str(ROOT)) as host:
            return await all_of(host, samples, mark)

    here = asyncio.run(performed("memory://"))
    there = asyncio.run(performed(url))
    for name in here:
        assert there[name] == here[name], name


def test_each_sample_graph_is_among_them() -> None:
    graphs = {
        path.name for path in (ROOT / "graphs").iterdir() if path.suffix == ".yaml" or (path / "graph.yaml").exists()
    }
    assert graphs == {sample.graph for sample in SAMPLES.values()} | {"kitchen.yaml"}


def test_each_sample_graph_ends_on_temporal_as_it_does_here(temporal_url: str) -> None:
    compare(temporal_url, SAMPLES)


@pytest.mark.soak
def test_a_release_is_built_on_temporal_as_it_is_here(temporal_url: str, tmp_path: Path) -> None:
    compare(temporal_url, {"release": Sample("release.yaml", {"into": f"{tmp_path}/dist"}, (("confirm", "yes", ""),))})
