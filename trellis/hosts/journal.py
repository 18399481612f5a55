"""A run as its journal tells it: read from a store, folded, without owning it."""

from __future__ import annotations

from typing import NamedTuple

from trellis.engine import State, fold
from trellis.errors import StoreCorrupt, UnknownRun
from trellis.hosts.lines import entered
from trellis.model.codec import decode_event
from trellis.model.events import Event, RunStarted
from trellis.model.graph import Graph
from trellis.stores.base import RunRow, Store


class Folded(NamedTuple):
    """What a journal comes to: how the run began, the state it is in, the nodes it entered in order."""

    graph: Graph
    begun: RunStarted
    state: State
    visited: list[str]


async def folded(store: Store, row: RunRow) -> Folded:
    """Read a run and the graph that it pins. Raises StoreCorrupt, ReplayError."""
    data = await store.definition(row.graph)
    if data is None:
        raise StoreCorrupt(store.url, f"the definition {row.graph[:12]} of run '{row.run}' is not there")
    try:
        graph = Graph.decode(data, row.graph, source=row.source)
    except ValueError as error:
        raise StoreCorrupt(store.url, f"run '{row.run}': {error}") from error
    events = await read_events(store, row.run)
    state, visited = None, []
    for step in fold(graph, events):
        state = step.state
        visited += entered(step)
    if state is None or not isinstance(events[0], RunStarted):
        raise StoreCorrupt(store.url, f"the journal of run '{row.run}' is empty")
    return Folded(graph, events[0], state, visited)


async def read_events(store: Store, run: str) -> list[Event]:
    """The events of a run. Raises UnknownRun, StoreCorrupt."""
    try:
        return [decode_event(event) for event in await store.read(run)]
    except ValueError as error:
        raise StoreCorrupt(store.url, f"run '{run}': {error}") from error


async def inspect_run(store: Store, run: str) -> tuple[Graph, State, list[str]]:
    """The graph, the state and the visited nodes of a run, without owning it. Raises UnknownRun, StoreError."""
    row = await store.row(run)
    if row is None:
        raise UnknownRun(run)
    found = await folded(store, row)
    return found.graph, found.state, found.visited
