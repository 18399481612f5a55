"""Journals as a version wrote them, kept as files: whatever comes later must read them to the same end.

`python -m tests.simulation.journals VERSION` adds those of today; files that are there are never written again.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from tests.reliability import told
from tests.simulation.parity import story
from tests.simulation.stories import some_graph
from tests.simulation.test_parity import KeptOpen
from trellis.hosts.lines import Scribe
from trellis.model.codec import decode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph

FOLDER = Path(__file__).parent / "journals"
SEEDS = range(24)


class Kept(msgspec.Struct):
    """One run: what a store keeps of it, and what it came to."""

    graph: str
    """The hash of its definition."""
    definition: msgspec.Raw
    events: list[msgspec.Raw]
    status: str
    fields: dict[str, Any]
    lines: list[dict[str, Any]]
    """Its event lines."""


def lines(graph: Graph, events: list[bytes]) -> tuple[str, dict[str, Any], list[dict[str, Any]]]:
    """What this version makes of a journal: status, fields and lines."""
    said = told(graph, events)
    scribe = Scribe(graph, said.state.run)
    made = [line for step in said.steps for line in scribe.lines(step)]
    plain: list[dict[str, Any]] = msgspec.json.decode(msgspec.json.encode(made))
    return said.state.status, said.state.fields, plain


def made(seed: int) -> Kept:
    """The run of a seed."""
    graph = some_graph(Random(seed), secrets=False)
    kept = KeptOpen()
    journal = asyncio.run(story(kept.open, seed, f"run-{seed}")).journal
    begun = decode_event(journal[0])
    assert isinstance(begun, RunStarted) and begun.graph == graph.hash
    status, fields, shown = lines(graph, journal)
    return Kept(graph.hash, msgspec.Raw(graph.data), [msgspec.Raw(event) for event in journal], status, fields, shown)


def main(version: str) -> None:
    for seed in SEEDS:
        path = FOLDER / f"{version}-{seed:02}.json"
        if path.exists():
            raise SystemExit(f"{path.name} is there, and stays as it is")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(msgspec.json.encode(made(seed)) + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
