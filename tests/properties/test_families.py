"""What must hold of runs that use other graphs inside all, race and each: of each of them, and of all together."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.generators import CHILD, Data, nested
from tests.hosts.scenes import play
from tests.searching import searched
from trellis.dispatch import Dispatcher
from trellis.engine import replay
from trellis.errors import ActionError, RunClosed
from trellis.hosts.local import Host, Run
from trellis.model.codec import decode_event
from trellis.model.events import ActionCompleted
from trellis.model.graph import Graph
from trellis.project import load
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

STILL = 60
"""How often everything may go on, with nothing new in the store, before nothing more is taken to happen by itself."""


def with_uses(random: Random, part: Any, graphs: list[str]) -> Any:
    """The same document, some of whose calls are graphs that are used."""
    if isinstance(part, list):
        return [with_uses(random, one, graphs) for one in part]
    if not isinstance(part, dict):
        return part
    written = {key: with_uses(random, value, graphs) for key, value in part.items() if key != "undo"}
    if "undo" in part:
        written["undo"] = part["undo"]
    if graphs and isinstance(part.get("do"), str) and random.random() < 0.5:
        del written["do"]
        written["use"] = random.choice(graphs)
    return written


class Tools:
    """Tools that complete, fail, or work until they are let go, by the dice; it is known what is under way."""

    def __init__(self, random: Random) -> None:
        self.dispatcher = Dispatcher()
        for name in ("t", "u", "v", "w"):
            self.dispatcher.register(name, self.work if name != "w" else self.undo)
        self._random = random
        self._gates: list[asyncio.Event] = []
        self.under_way: set[str] = set()
        self.keys: dict[str, str] = {}
        """Request -> idempotency key of each call that is no undo."""
        self.undone: list[str] = []

    async def work(self, *, request: Any, **_: Any) -> int:
        self.keys[request.id] = request.idempotency_key
        self.under_way.add(request.id)
        try:
            how = self._random.random()
            if how < 0.5:
                gate = asyncio.Event()
                self._gates.append(gate)
                await gate.wait()
            if how > 0.85:
                raise ActionError("failed", "by the dice", retryable=False)
            return 1
        finally:
            self.under_way.discard(request.id)

    async def undo(self, *, request: Any, **_: Any) -> None:
        self.undone.append(request.idempotency_key.removesuffix("/undo"))

    def let_go(self) -> bool:
        """Let one of those that work end. False where there is none."""
        waiting = [gate for gate in self._gates if not gate.is_set()]
        if waiting:
            self._random.choice(waiting).set()
        return bool(waiting)


async def rest(store: MemoryStore) -> None:
    """Until nothing more happens by itself."""
    seen: list[Any] = []
    while (rows := await store.rows()) != seen:
        seen = rows
        for _ in range(STILL):
            await asyncio.sleep(0)


async def lived(path: Path, seed: int, cancelled_after: int | None) -> None:
    """One life of a run and of all that it uses, and what holds at its end."""
    store, clock = MemoryStore(), ManualClock()
    tools = Tools(Random(seed))
    graph = load(path, tools=tools.dispatcher.names, cache=False)
    async with Host(store, tools.dispatcher, clock=clock) as host:
        run = await host.start(graph, id="r")
        for turns in range(5_000):
            await rest(store)
            if run.closed:
                break
            if turns == cancelled_after:
                await cancel(run)
                await rest(store)
                assert run.closed, "nobody outside is needed any more for it to end"
                assert tools.under_way == set(), "a call that nobody was told to leave"
            elif not tools.let_go():
                clock.advance(10)
        await rest(store)
        assert run.closed
        for row in await store.rows():
            assert row.status != "running", f"{row.run} outlives what uses it"
            events = [decode_event(data) for data in await store.read(row.run)]
            data = await store.definition(events[0].graph)  # type: ignore[union-attr]
            assert data is not None
            state = replay(Graph.decode(data, events[0].graph), events)  # type: ignore[union-attr]
            assert state.status == row.status
            if row.run == "r":
                assert state == run.state
            ended = [
                tools.keys[one.request]
                for one in events
                if isinstance(one, ActionCompleted) and one.request in tools.keys
            ]
            undone = [key for key in tools.undone if key in ended]
            assert undone == [key for key in reversed(ended) if key in undone]
    await store.close()


async def cancel(run: Run) -> None:
    try:
        await run.cancel("enough")
    except RunClosed:
        pass


def family(documents: list[Data], seed: int, folder: Path) -> Path:
    """The documents as files, each of which may use those after it."""
    random = Random(seed)
    (folder / "child.yaml").write_text(json.dumps(CHILD))
    names = [f"g{place}.yaml" for place in range(len(documents))]
    for place, document in enumerate(documents):
        later = [f"./{name}" for name in names[place + 1 :]]
        changed = with_uses(random, document, later) | {"name": f"g{place}"}
        (folder / names[place]).write_text(json.dumps(changed), "utf-8")
    return folder / names[0]


@searched(
    few=12,
    many=1000,
    documents=st.lists(nested(), min_size=3, max_size=3),
    seed=st.integers(0, 2**32),
    cancelled_after=st.one_of(st.none(), st.integers(0, 12)),
)
def test_each_run_of_a_family_is_its_journal_and_undoes_in_reverse_and_none_outlives_a_cancelling(
    documents: list[Data], seed: int, cancelled_after: int | None
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(lived(family(documents, seed, Path(folder)), seed, cancelled_after))
