"""A worker for the tests of the workflow alone: a task queue of its own, and tools that are functions of this process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from trellis.engine.program import program_of
from trellis.hosts.temporal.attributes import register
from trellis.hosts.temporal.messages import JOURNAL, VIEW, Begin, Call, Done, Ended, Fault, Journal, View
from trellis.hosts.temporal.payloads import data_converter, detail
from trellis.hosts.temporal.workflow import RunWorkflow
from trellis.model.events import RunStarted
from trellis.model.graph import Graph

GENEROUS_S = 20.0
RESTRICTIONS = SandboxRestrictions.default.with_passthrough_modules("trellis", "msgspec", "tests")


class Broken(Exception):
    """What a tool raises to fail with a code."""

    def __init__(self, code: str, message: str = "", *, retryable: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.retryable = code, message, retryable


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

    async def history(self) -> list[str]:
        """The names of the events of its history."""
        events = (await self.handle.fetch_history()).events
        return [type_.Name(event.event_type).removeprefix("EVENT_TYPE_") for event in events for type_ in [_TYPES]]


class Stage:
    def __init__(self, client: Client, queue: str) -> None:
        self.client, self.queue = client, queue

    async def start(self, graph: Graph, run: str = "", **fields: Any) -> Made:
        name = run or f"flow-{secrets.token_hex(6)}"
        started = RunStarted(0.0, name, graph.hash, fields)
        program_of(graph)
        args = [Begin(graph.hash, graph.source, started=started), msgspec.Raw(graph.data)]
        return Made(await self.client.start_workflow(graph.name, args=args, id=name, task_queue=self.queue))


@asynccontextmanager
async def stage(address: str, **tools: Callable[..., Any]) -> AsyncIterator[Stage]:
    """A client and a worker whose tools are these functions, each called with the arguments by name."""

    @activity.defn(dynamic=True)
    async def perform(args: Sequence[RawValue]) -> Done:
        converter = activity.payload_converter()
        converter.from_payload(args[0].payload, Call)
        given = converter.from_payload(args[1].payload, dict[str, Any])
        try:
            value = tools[activity.info().activity_type](**given)
            value = await value if asyncio.iscoroutine(value) else value
        except Broken as error:
            fault = Fault(activity.info().attempt, error.retryable)
            raise ApplicationError(error.message, fault, type=error.code, non_retryable=not error.retryable) from None
        return Done(value, activity.info().attempt)

    client = await Client.connect(address, data_converter=data_converter())
    await register(client)
    queue = f"flow-{secrets.token_hex(6)}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[RunWorkflow],
        activities=[perform],
        workflow_runner=SandboxedWorkflowRunner(restrictions=RESTRICTIONS),
    ):
        yield Stage(client, queue)


def _types() -> Any:
    from temporalio.api.enums.v1 import EventType

    return EventType


_TYPES = _types()
