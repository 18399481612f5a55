"""A run as its journal tells it: read from a store and folded, from its latest snapshot on where there is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trellis.engine import State, Step, fold
from trellis.engine.replay import fold_from
from trellis.engine.snapshot import decode_state
from trellis.errors import StoreCorrupt, UnknownRun
from trellis.hosts.lines import entered
from trellis.model.codec import decode_event
from trellis.model.events import Adopted, Event, RunStarted
from trellis.model.graph import Graph
from trellis.stores.base import RunRow, Store

MOST = 500
"""How many graphs are kept for runs to come; a run that is driven keeps its own."""


class Definitions:
    """The graphs that the runs of a store have, each decoded and linked once for all of them; the last MOST of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._graphs: dict[tuple[str, str], Graph] = {}

    def add(self, graph: Graph) -> Graph:
        """The graph by which all runs of this definition and source go on here."""
        known = self._graphs.setdefault((graph.hash, graph.source), graph)
        if len(self._graphs) > MOST:
            del self._graphs[next(iter(self._graphs))]
        return known

    async def get(self, digest: str, row: RunRow) -> Graph:
        """The graph with this hash that the run of `row` has or had. Raises StoreCorrupt."""
        known = self._graphs.pop((digest, row.source), None)
        if known is not None:
            return self.add(known)  # it is the one that was needed last
        data = await self._store.definition(digest)
        if data is None:
            raise StoreCorrupt(self._store.url, f"the definition {digest[:12]} of run '{row.run}' is not there")
        try:
            return self.add(Graph.decode(data, digest, source=row.source))
        except ValueError as error:
            raise StoreCorrupt(self._store.url, f"run '{row.run}': {error}") from error


def received(data: str, digest: str, source: str) -> Graph:
    """The graph of a definition that came from elsewhere, under its hash. Raises ValueError where it has another one."""
    try:
        graph = Graph.decode(data.encode(), digest, source=source)
    except ValueError as error:
        raise ValueError(f"definition {digest[:12]}: {error}") from error
    found = Graph(graph.definition).hash
    if found != digest:
        raise ValueError(f"definition {digest[:12]} is not what it is called, its hash is {found[:12]}")
    return graph


class Loaded(NamedTuple):
    """What a journal comes to, and the `seq` of the snapshot that the store has of it; 0 without one."""

    graph: Graph
    state: State
    kept: int


async def existing(store: Store, run: str) -> RunRow:
    """The row of the run. Raises UnknownRun, StoreError."""
    row = await store.row(run)
    if row is None:
        raise UnknownRun(run)
    return row


async def load(graphs: Definitions, store: Store, row: RunRow) -> Loaded:
    """The run as its journal ends. Raises StoreCorrupt, ReplayError, UnknownRun."""
    found = await store.snapshot(row.run)
    state = decode_state(found.data) if found is not None else None
    kept = found.seq if found is not None and state is not None else 0
    for step in await steps(graphs, store, row, since=state):
        state = step.state
    if state is None:
        raise StoreCorrupt(store.url, f"the journal of run '{row.run}' is empty")
    return Loaded(await graphs.get(state.graph, row), state, kept)


async def steps(graphs: Definitions, store: Store, row: RunRow, *, since: State | None = None) -> Iterator[Step]:
    """The steps of a run, all or those after the state `since`, folded as they are taken. Raises as `load` does."""
    events = await read_events(store, row.run, since.seq if since is not None else 0)
    return await folded(graphs, store, row, events, since=since)


async def folded(
    graphs: Definitions, store: Store, row: RunRow, events: Sequence[Event], *, since: State | None = None
) -> Iterator[Step]:
    """The steps that these events of a run come to."""
    later = {event.graph: await graphs.get(event.graph, row) for event in events if isinstance(event, Adopted)}
    if since is not None:
        return fold_from(await graphs.get(since.graph, row), since, events, later.__getitem__)
    if not events:
        return iter(())
    begun = events[0]
    if not isinstance(begun, RunStarted):
        raise StoreCorrupt(store.url, f"the journal of run '{row.run}' does not begin with its start")
    return fold(await graphs.get(begun.graph, row), events, later.__getitem__)


async def read_events(store: Store, run: str, after: int = 0) -> list[Event]:
    """The events of a run after the first so many. Raises UnknownRun, StoreCorrupt."""
    try:
        return [decode_event(event) for event in await store.read(run, after)]
    except ValueError as error:
        raise StoreCorrupt(store.url, f"run '{run}': {error}") from error


async def beginning(store: Store, run: str) -> RunStarted:
    """How the run was started. Raises UnknownRun, StoreCorrupt."""
    begun = (await read_events(store, run))[0]
    if not isinstance(begun, RunStarted):
        raise StoreCorrupt(store.url, f"the journal of run '{run}' does not begin with its start")
    return begun


async def inspect_run(store: Store, run: str) -> tuple[Graph, State, list[str]]:
    """The graph, the state and the visited nodes of a run, without owning it. Raises UnknownRun, StoreError."""
    row = await existing(store, run)
    graphs, state = Definitions(store), None
    visited: list[str] = []
    for step in await steps(graphs, store, row):
        state = step.state
        visited += entered(step)
    if state is None:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    return await graphs.get(state.graph, row), state, visited
