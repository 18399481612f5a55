"""A worker for the tests of the workflow alone: a task queue of its own, and tools that are functions of this process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker

from trellis.dispatch import Dispatcher
from trellis.errors import ActionError
from trellis.hosts.temporal.activities import Activities
from trellis.hosts.temporal.attributes import register
from trellis.hosts.temporal.emitting import Emitting
from trellis.hosts.temporal.messages import JOURNAL, SEMANTICS, VIEW, Begin, Ended, Journal, View
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.passing import Passing
from trellis.hosts.temporal.payloads import data_converter, detail
from trellis.hosts.temporal.placing import Placing
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.hosts.values import start_values
from trellis.hosts.vault import Vault, sealed
from trellis.model.events import RunStarted
from trellis.model.graph import Graph

GENEROUS_S = 60.0
Broken = ActionError
SUM = """
trellis: 1
name: sum
fields: {a: {type: integer}, b: {type: integer}, total: {type: integer, optional: true}}
start: add
nodes:
  add: {do: add, with: {a: "{{ a }}", b: "{{ b }}"}, save: total, to: done}
  done: {end: {status: ok, result: total}}
"""
ASK = """
trellis: 1
name: asking
fields: {age: {type: integer, check: value > 0, optional: true}}
signals: {stop: {}}
upon: {stop: stopped}
start: ask
nodes:
  ask: {say: How old?, ask: {int: age}, to: done}
  done: {end: {status: ok, result: age}}
  stopped: {end: {status: cancelled, result: "'stopped'"}}
"""


class Made:
    """A run that was started on the stage."""

    def __init__(self, handle: WorkflowHandle[Any, Any]) -> None:
        self.handle, self.id = handle, handle.id

    async def view(self) -> View:
        return await self.handle.query(VIEW, result_type=View)

    async def journal(self, after: int = 0) -> Journal:
        return await self.handle.query(JOURNAL, after, result_type=Journal)

    async def tell(self, name: str, command: Any, *more: Any) -> Any:
        return await asyncio.wait_for(self.handle.execute_update(name, args=[command, *more]), GENEROUS_S)

    async def ended(self) -> Ended:
        """How it ended, whatever the status."""
        try:
            return msgspec.convert(await asyncio.wait_for(self.handle.result(), GENEROUS_S), Ended)
        except WorkflowFailureError as failure:
            cause = failure.cause
            found = detail(cause, Ended) if isinstance(cause, ApplicationError) else None
            if found is None:
                raise
            return found

    async def events(self) -> list[tuple[str, Any]]:
        """The events of its history, each with its name."""
        found = (await self.handle.fetch_history()).events
        return [(EventType.Name(event.event_type).removeprefix("EVENT_TYPE_"), event) for event in found]

    async def happened(self, name: str) -> Any:
        """Wait until its history has an event of this name."""
        async with asyncio.timeout(GENEROUS_S):
            async for event in self.handle.fetch_history_events(wait_new_event=True):
                if EventType.Name(event.event_type) == f"EVENT_TYPE_{name}":
                    return event
        raise AssertionError(f"{self.id} ended without {name}")

    async def history(self) -> list[str]:
        """The names of the events of its history."""
        return [name for name, _ in await self.events()]


class Stage:
    """A client and its task queue. Whatever was started here is gone through again from its history in the end."""

    def __init__(self, client: Client, queue: str, vault: Vault | None) -> None:
        self.client, self.queue, self.vault = client, queue, vault
        self.made: list[Made] = []

    def get(self, run: str) -> Made:
        """A run that another one started."""
        made = Made(self.client.get_workflow_handle(run))
        self.made.append(made)
        return made

    async def replay(self) -> None:
        """Raises where a history does not come to the same commands."""
        replayer = Replayer(
            workflows=WORKFLOWS,
            data_converter=self.client.data_converter,
            workflow_runner=Ordered("tests"),
        )
        for made in self.made:
            await replayer.replay_workflow(await made.handle.fetch_history())

    async def start(
        self, graph: Graph, run: str = "", *, semantics: int = SEMANTICS, signal: str = "", **fields: Any
    ) -> Made:
        """Start a run, with a signal of Temporal's own where one is named."""
        name = run or f"flow-{secrets.token_hex(6)}"
        given, hidden = start_values(graph, fields)
        started = RunStarted(0.0, name, graph.hash, given, secrets=sealed(self.vault, name, hidden))
        args = [Begin(graph.hash, graph.source, semantics, started), msgspec.Raw(graph.data)]
        handle = await self.client.start_workflow(
            graph.name, args=args, id=name, task_queue=self.queue, start_signal=signal or None
        )
        made = Made(handle)
        self.made.append(made)
        return made


@asynccontextmanager
async def stage(
    address: str,
    vault: Vault | None = None,
    *,
    converter: DataConverter | None = None,
    queue: str = "",
    cached: int = 1000,
    folds: bool = True,
    **tools: Callable[..., Any],
) -> AsyncIterator[Stage]:
    """A client and a worker whose tools are these functions, each called with the arguments by name.

    `cached`: how many workflows the worker remembers; of others it goes through the whole history at each task. `folds`: whether
    it is a worker of runs too, and not of calls alone.
    """

    dispatcher = Dispatcher()
    for name, function in tools.items():
        dispatcher.register(name, function)
    passing = Passing(vault)
    client = await Client.connect(address, data_converter=converter or data_converter())
    perform = Activities(dispatcher, vault=vault, converter=client.data_converter).call
    await register(client)
    queue = queue or f"flow-{secrets.token_hex(6)}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=WORKFLOWS if folds else (),
        activities=[perform, Emitting(client).emit, passing.begin, passing.take, Placing(client).ours],
        max_cached_workflows=cached,
        workflow_runner=Ordered("tests"),
    ):
        here = Stage(client, queue, vault)
        yield here
        await here.replay()
