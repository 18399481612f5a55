"""Journals of earlier versions come to the same end, and are gone on with from any event."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.reliability import publish, say
from tests.simulation.journals import FOLDER, Kept, lines
from tests.simulation.parity import EFFECTS
from trellis.dispatch import Dispatcher
from trellis.hosts.local import Host
from trellis.hosts.rows import first_row
from trellis.model.codec import decode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.stores import open_store
from trellis.testing.clocks import ManualClock

pytestmark = pytest.mark.covers("TR04")

FILES = sorted(FOLDER.glob("*.json"))


def kept(path: Path) -> tuple[Kept, Graph, list[bytes]]:
    found = msgspec.json.decode(path.read_bytes(), type=Kept)
    return found, Graph.decode(bytes(found.definition), found.graph), [bytes(event) for event in found.events]


def test_every_journal_of_an_earlier_version_comes_to_the_same_end_line_by_line() -> None:
    events = replay()
    say("journals", len(FILES), 1, note=f"{events:,} events")
    assert len(FILES) >= 20


@pytest.mark.soak
def test_every_journal_comes_to_the_same_end_and_it_is_said_so() -> None:
    events = replay()
    publish("journals", len(FILES), 1, note=f"{events:,} events")


def replay() -> int:
    """Replay every file. Fails where one comes to another end. How many events there were."""
    events = 0
    for path in FILES:
        found, graph, journal = kept(path)
        status, fields, shown = lines(graph, journal)
        assert (path.name, status, fields) == (path.name, found.status, found.fields)
        for number, (line, before) in enumerate(zip(shown, found.lines, strict=True), start=1):
            assert before.items() <= line.items(), f"{path.name}: line {number}"
        events += len(journal)
    return events


@pytest.mark.parametrize("path", FILES[::4], ids=lambda path: path.stem)
def test_a_run_of_an_earlier_version_is_taken_up_after_any_of_its_events(path: Path) -> None:
    from trellis.engine import fold

    found, graph, journal = kept(path)
    tools = Dispatcher()
    for name in EFFECTS:
        tools.register(name, _nothing)

    async def taken_up(length: int) -> None:
        store, events = open_store("memory://"), [decode_event(event) for event in journal[:length]]
        *_, last = fold(graph, events)
        begun = events[0]
        assert isinstance(begun, RunStarted)
        row = msgspec.structs.replace(first_row(graph, last.state), run=begun.run, status=last.state.status)
        await store.create(row, journal[:length], {found.graph: bytes(found.definition)}, last=last.state.closed)
        await store.release(begun.run)
        async with Host(store, tools, clock=ManualClock(last.state.at)) as host:
            run = await host.resume(begun.run)
            if not run.closed:
                await run.cancel("enough")
            assert run.closed
        await store.close()

    for length in range(1, len(journal) + 1):
        asyncio.run(taken_up(length))


async def _nothing(**_: object) -> None:
    await asyncio.Event().wait()
