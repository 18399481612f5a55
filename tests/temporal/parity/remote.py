"""The run performed on a Temporal server, by a worker of this process, as it can be seen and told from outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import NamedTuple

import msgspec
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError
from temporalio.worker import Replayer

from tests.temporal.parity.gates import Gates
from tests.temporal.parity.story import Handle, due, going
from trellis.engine import State, replay
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.hosts.temporal.address import Address, connect
from trellis.hosts.temporal.messages import JOURNAL, Journal
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.worker import TemporalWorker
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.hosts.values import used_by
from trellis.model.actions import StartChild
from trellis.model.codec import decode_event
from trellis.model.graph import Graph

PATIENCE_S = 60.0
"""How long something may take that goes on by itself."""


class Server(NamedTuple):
    """What the stories of one worker share."""

    host: Host
    client: Client
    gates: Gates
    watching: dict[str, asyncio.Task[None]]
    """What follows each run that was seen."""

    async def replay(self) -> None:
        """Go through the histories of all runs again. Raises where one does not come to the same commands."""
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=self.client.data_converter,
            workflow_runner=Ordered(),
        )

        async def histories() -> AsyncIterator[WorkflowHistory]:
            for run in self.watching:
                yield await self.client.get_workflow_handle(run).fetch_history()

        async with replayer.workflow_replay_iterator(histories()) as results:
            async for result in results:
                if result.replay_failure is not None:
                    raise AssertionError(f"run {result.history.workflow_id} goes otherwise") from result.replay_failure


@asynccontextmanager
async def serving(address: str, gates: Gates) -> AsyncIterator[Server]:
    """A host on a task queue of its own, and a worker that serves that queue with these gates."""
    queue = f"parity-{token_hex(6)}"
    client = await connect(Address(address, "default"))
    async with (
        TemporalWorker(client, queue, gates.tools, at_once=5000, drain_s=0.0),
        Host(f"temporal://{address}/default?queue={queue}") as host,
    ):
        server = Server(host, client, gates, {})
        try:
            yield server
        finally:
            for task in server.watching.values():
                task.cancel()


class Remote:
    """Plays one run on a server."""

    def __init__(self, server: Server) -> None:
        self._host, self._client, self._gates, self._watching = server
        self._stirred = asyncio.Event()
        self._graph: Graph
        self._run: Run

    async def start(self, graph: Graph, run: str) -> None:
        self._graph = graph
        self._gates.stirred[run] = self._stirred
        self._run = await self._host.start(graph, {"me": run}, id=run)

    async def settled(self) -> dict[str, State]:
        reason = ""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    self._stirred.clear()
                    states = await self._states()
                    waiting = f"something is due, in {states}" if due(states) else ""
                    reason = (going(states, self._gates.waiting) or waiting) if states else "it has not begun"
                    if not reason:
                        return states
                    await self._stirred.wait()
        except TimeoutError:
            raise AssertionError(f"run {self._run.id} gets nowhere: {reason}") from None

    async def _watch(self, run: str) -> None:
        """Each event of a history may be what is waited for."""
        async for _ in self._client.get_workflow_handle(run).fetch_history_events(wait_new_event=True):
            self._stirred.set()

    async def _states(self) -> dict[str, State]:
        """The run and all that it uses, as their journals tell."""
        states: dict[str, State] = {}
        wanted = [(self._run.id, self._graph)]
        while wanted:
            run, graph = wanted.pop()
            state = await self._state(run, graph)
            if state is None:
                continue
            states[run] = state
            requests = [pending.request for pending in state.open.values()]
            wanted += [
                (each.child, graph.used(used_by(graph, each))) for each in requests if isinstance(each, StartChild)
            ]
        return states

    async def _state(self, run: str, graph: Graph) -> State | None:
        try:
            journal = await self._client.get_workflow_handle(run).query(JOURNAL, 0, result_type=Journal)
        except RPCError:
            return None  # it has not begun yet
        if run not in self._watching:
            self._watching[run] = asyncio.create_task(self._watch(run))
        return replay(graph, [decode_event(msgspec.json.encode(event)) for event in journal.events])

    async def handle(self, run: str) -> Handle:
        return self._run if run == self._run.id else await self._host.resume(run)
