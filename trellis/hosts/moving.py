"""Open runs go on with another version of their graph where the engine proves it safe for what they have come to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Literal, NamedTuple, Protocol

from trellis.dispatch import Router
from trellis.engine import State
from trellis.engine.versions import Verdict, compare
from trellis.errors import TrellisError
from trellis.hosts.clock import Clock
from trellis.hosts.commands import Adopt, Command, Reply
from trellis.hosts.driver import Driver, Version
from trellis.hosts.journal import Definitions, load
from trellis.hosts.live import LiveRun, Rested
from trellis.hosts.sending import replied
from trellis.model.events import Adopted
from trellis.model.graph import Graph
from trellis.stores.base import RunRow, Store

RELOAD = "reload"
"""Who it is in the journal that lets a run adopt a version."""

OnChange = Literal["keep", "adopt"]
"""What becomes of open runs when their graph has a new version: they stay with theirs, or go on with the new one where
that is proved safe."""


class Moved(NamedTuple):
    """What was found for one open run, and whether it goes on with the new version; `reasons` why not."""

    run: str
    verdict: Verdict
    adopted: bool
    reasons: tuple[str, ...] = ()


class Adopting(Protocol):
    """What is needed of the host."""

    @property
    def serving(self) -> bool: ...

    async def send(self, run: str, command: Command) -> Reply: ...


class Movers:
    """Moves the runs that a host drives, and those that it serves."""

    def __init__(
        self,
        host: Adopting,
        driver: Driver,
        store: Store,
        graphs: Definitions,
        clock: Clock,
        router: Callable[[Graph], Router],
    ) -> None:
        self._host, self._driver, self._store, self._graphs = host, driver, store, graphs
        self._clock, self._router = clock, router

    async def change(self, live: LiveRun, graph: Graph, by: str) -> Reply:
        """Let a run that is driven here go on with another version, after its turn. Raises Rested, HostClosed, StoreError."""
        try:
            router = self._router(graph)
        except TrellisError as error:  # a graph that this host cannot drive
            return Reply(live.state.status, "adopt", str(error))
        graph = self._graphs.add(graph)
        migrate = graph.definition.migrate
        event = Adopted(self._clock.now(), graph.hash, migrate.nodes, migrate.fields, by)
        return replied(await self._driver.ask(live, event, Version(graph, router)))

    async def move(
        self, before: Graph, graph: Graph, on_change: OnChange, others: Collection[str] = ()
    ) -> tuple[list[Moved], int]:
        """What was found for each open run of `before` and of versions before it, and how many were not asked.

        `others`: versions of other documents, whose runs are not meant. Child runs are never asked: they stay what the
        runs above them use.
        """

        def meant(row: RunRow) -> bool:
            earlier = row.graph != graph.hash and row.graph not in others
            return earlier and row.name in names and row.source == before.source

        names = dict.fromkeys((before.name, graph.name))  # a save may take back that it was renamed
        runs = [live for live in self._driver.runs.values() if meant(live.row) and not live.state.parent]
        rows: list[RunRow] = []
        if self._host.serving:
            for name in names:
                rows += await self._store.rows(status="running", name=name)
            driven = self._driver.runs.keys()
            rows = [row for row in rows if row.run not in driven and meant(row)]
        if on_change == "keep":
            return [], len(runs) + len(rows)
        found = [
            await _judged(live.id, live.graph, graph, live.state, partial(self.change, live, graph, RELOAD))
            for live in runs
            if not live.state.closed
        ]
        order = Adopt(graph.hash, graph.data.decode(), RELOAD) if rows else None
        for row in rows:
            try:
                loaded = await load(self._graphs, self._store, row)
            except TrellisError as error:
                found.append(Moved(row.run, Verdict("blocked", (str(error),)), adopted=False, reasons=(str(error),)))
                continue
            if order is not None and not loaded.state.closed and not loaded.state.parent:
                adopt = partial(self._host.send, row.run, order)
                found.append(await _judged(row.run, loaded.graph, graph, loaded.state, adopt))
        return found, 0


async def _judged(run: str, old: Graph, new: Graph, state: State, adopt: Callable[[], Awaitable[Reply]]) -> Moved:
    """The verdict on a run, which adopts the version if that is safe."""
    verdict = compare(old, new, state)
    if verdict.status != "safe":
        return Moved(run, verdict, adopted=False, reasons=verdict.reasons)
    try:
        reply = await adopt()
    except (TrellisError, Rested) as error:  # it has ended meanwhile, or cannot be recorded
        return Moved(run, verdict, adopted=False, reasons=(str(error) or "it left the memory of its host meanwhile",))
    return Moved(run, verdict, adopted=not reply.code, reasons=(reply.message,) if reply.code else ())
