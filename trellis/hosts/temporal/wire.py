"""What is asked of a Temporal server about runs, and what it answers, or refuses in our words."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace
from temporalio.api.common.v1 import WorkflowExecution as Execution
from temporalio.api.enums.v1 import EventType, TaskQueueType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryReverseRequest,
)
from temporalio.client import (
    Client,
    RPCError,
    WorkflowExecution,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError
from temporalio.exceptions import TimeoutError as TimedOut
from temporalio.service import RPCStatusCode

from trellis.errors import StoreCorrupt, StoreError, StoreUnavailable, UnknownRun
from trellis.hosts.clock import Clock
from trellis.hosts.commands import Command, Reply
from trellis.hosts.journal import received
from trellis.hosts.temporal.address import Address, NotPermitted, unavailable
from trellis.hosts.temporal.messages import DEFINITION, JOURNAL, VIEW, Begin, Ended, Journal, View, began
from trellis.hosts.temporal.ordering import AHEAD
from trellis.hosts.temporal.payloads import PayloadUnopened, PayloadUnreadable, detail
from trellis.model.actions import RequestInput
from trellis.model.graph import Graph

ASK_S = 10.0
"""How long a worker may take to answer a query or to judge an update."""
SOON_S = 0.5
"""After so long without an answer it is looked whether there is a worker at all."""
LOOKS = 5
"""So often, until it is sure: one that has just begun, or whose server has, was not heard of yet."""
STUCK_S = 2.0
"""After so long it is looked whether the workers of the run fail at it: then it is not waited for them any longer."""
POLL_S = 65.0
"""A worker asks its queue at least so often; one that was not heard of for longer is gone."""
LOOK_S = 20.0
"""How long the server is asked to wait for what happens next, at a time."""

UNSEEN = ("UnprocessedUpdate", "AcceptedUpdateCompletedWorkflow")
"""What the server says itself of an update that a task did not deal with: its run did not see it, or was over by then."""
DROPPED = "unexpected workflow task failure"
"""What the server says of an update that it dropped with its task, as it does where something happened to the run just as
that task ended it: such a task is made anew, and nothing that came with it counts."""
UNREAD = "?"
"""What stands for the hash of a definition where the memo of a run cannot be opened here."""
_UNREAD = "Failed decoding arguments"
"""What the library says of an argument that a worker could not open; why, the cause of it says."""
_CONCEALED = "Encoded failure"
"""What the library says where it cannot open why something failed."""
_WHY_CONCEALED = (
    "why is encrypted under a key that is not given here; TRELLIS_SECRET_KEYS has to hold the same keys as the workers'"
)

_Found = TypeVar("_Found")
_ENDS = {
    WorkflowExecutionStatus.RUNNING: "running",
    WorkflowExecutionStatus.CONTINUED_AS_NEW: "running",
    WorkflowExecutionStatus.COMPLETED: "completed",
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.CANCELED: "cancelled",
    WorkflowExecutionStatus.TERMINATED: "cancelled",
    WorkflowExecutionStatus.TIMED_OUT: "timed_out",
}
"""Status of a workflow -> that of its run, as far as the server knows it: how one failed, only its end tells."""


class NotPolled(StoreUnavailable):
    """Nobody works on the queue: what was asked needs a worker."""

    def __init__(self, url: str, queue: str, how: str) -> None:
        self.queue = queue
        super().__init__(url, f"no worker polls task queue '{queue}'; start one: {how}")


class Hindered(StoreUnavailable):
    """The server is there, and the workers of the run cannot do what was asked of it, for now."""


class News(msgspec.Struct, frozen=True):
    """What happened to an execution: the token to go on from, whether its run moved on, whether it is over, and which
    execution follows it."""

    token: bytes
    moved: bool
    over: bool
    then: str = ""
    terminated: bool = False
    """Somebody ended it; where that was a reset, another execution goes on in its place."""


class Described(msgspec.Struct, frozen=True):
    """A run as the server knows it, without a worker. `execution` is the one of its workflow that is under way, or was last."""

    run: str
    execution: str
    name: str
    status: str
    graph: str
    source: str
    request: str
    queue: str
    began: float
    """When the run was started."""
    ended: float | None
    seen: dict[str, Any]
    """Its search attributes."""


class Asked(msgspec.Struct, frozen=True):
    """What became of a command, and the question that is asked again because of it."""

    reply: Reply
    question: RequestInput | None = None


class Wire:
    """A client, and the address that it was made for."""

    def __init__(self, client: Client, address: Address, clock: Clock) -> None:
        self.client, self.address, self.clock = client, address, clock

    @property
    def url(self) -> str:
        return self.address.url

    async def describe(self, run: str) -> Described:
        """What the server knows of the run. Raises UnknownRun, StoreUnavailable."""
        with self.said(run):
            return await self.described(await self.client.get_workflow_handle(run).describe())

    async def described(self, found: WorkflowExecution) -> Described:
        """The same of what a list or a description holds of a workflow."""
        try:
            memo = await found.memo()
        except PayloadUnopened:
            memo = {"graph": UNREAD}  # it is listed, and may be ended, all the same
        except PayloadUnreadable:
            memo = {}  # it is somebody else's, and keeps nobody from seeing ours
        return Described(
            found.id,
            found.run_id,
            found.workflow_type,
            "running" if found.status is None else _ENDS.get(found.status, "running"),
            str(memo.get("graph", "")),
            str(memo.get("source", "")),
            str(memo.get("request", "")),
            found.task_queue,
            began(memo, found.start_time.timestamp()),
            found.close_time.timestamp() if found.close_time is not None else None,
            {pair.key.name: pair.value for pair in found.typed_search_attributes},
        )

    async def begun(self, run: str, execution: str = "") -> tuple[Begin, Graph]:
        """What an execution of the workflow of a run began with, the last one unless said; no worker is needed.

        Raises UnknownRun, StoreCorrupt where it is no run of ours, StoreUnavailable.
        """
        with self.said(run):
            events, _ = await self._events(run, execution, most=1)
        given = events[0].workflow_execution_started_event_attributes
        try:
            with self.said(run):
                begin, data = await self.client.data_converter.decode_wrapper(given.input, [Begin, msgspec.Raw])
            return begin, Graph.decode(bytes(data), begin.graph, source=begin.source)
        except (ValueError, TypeError, PayloadUnreadable) as error:
            what = f"workflow '{run}' of type '{given.workflow_type.name}' is no run of trellis: {error}"
            raise StoreCorrupt(self.url, what) from error

    async def first(self, run: str) -> Begin | None:
        """What the run was started with; None where the server keeps its first execution no more."""
        with self.said(run):
            events, _ = await self._events(run, "", most=1)
        first = events[0].workflow_execution_started_event_attributes.first_execution_run_id
        try:
            begin, _ = await self.begun(run, first)
        except UnknownRun:
            return None
        return begin

    async def executions(self, run: str) -> list[str]:
        """The executions of the workflow of a run that the server still keeps, from the first to the last.

        Raises UnknownRun, StoreUnavailable.
        """
        found, before = list[str](), (await self.describe(run)).execution
        while before:
            try:
                with self.said(run):
                    events, _ = await self._events(run, before, most=1)
            except UnknownRun:
                break
            found.append(before)
            before = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
        return found[::-1]

    async def worked_on(self, run: str) -> bool:
        """Whether a worker ever took the run a step further. Raises UnknownRun, StoreUnavailable."""
        if len(await self.executions(run)) > 1:
            return True
        token = b""
        while True:
            with self.said(run):
                events, token = await self._events(run, "", token=token)
            if any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events):
                return True
            if not token:
                return False

    async def journal(self, run: str, after: int, execution: str = "") -> Journal:
        """The events of an execution after `after`. Raises UnknownRun, NotPolled, StoreUnavailable."""
        journal = page = await self._query(run, JOURNAL, Journal, [after], execution)
        while page.more:
            reached = max(after, journal.base) + len(journal.events)
            page = await self._query(run, JOURNAL, Journal, [reached], execution)
            journal = replace(page, events=[*journal.events, *page.events])
        return journal

    async def definition(self, run: str, graph: str, source: str) -> Graph:
        """The definition with this hash that the run goes by, or went by in an execution that the server still keeps.

        Raises StoreCorrupt, and as `journal`.
        """
        execution = ""
        while True:
            data = await self._query(run, DEFINITION, msgspec.Raw, [graph], execution)
            try:
                return received(bytes(data).decode(), graph, source)
            except ValueError as error:  # it went by it before this execution began
                with self.said(run):
                    events, _ = await self._events(run, execution, most=1)
                execution = events[0].workflow_execution_started_event_attributes.continued_execution_run_id
                if not execution:
                    raise StoreCorrupt(self.url, f"run '{run}': {error}") from error

    async def view(self, run: str) -> View:
        """Where the run stands. Raises as `journal` does."""
        return await self._query(run, VIEW, View, [])

    async def update(self, run: str, command: Command, id: str) -> Asked | None:
        """Hand a command to the run, under an id; None where it has ended, or is to have it again under the same id.

        Raises NotPolled, Hindered, StoreUnavailable.
        """
        name = str(type(command).__struct_config__.tag)
        handle = self.client.get_workflow_handle(run)
        try:
            return Asked(await self._worked(run, handle.execute_update(name, command, id=id, result_type=Reply)))
        except WorkflowUpdateFailedError as failed:
            cause = failed.cause
            if not isinstance(cause, ApplicationError):
                raise StoreUnavailable(self.url, f"run '{run}' did not answer: {cause}") from failed
            if cause.type in UNSEEN:
                return None
            if cause.message == _UNREAD and isinstance(cause.cause, ApplicationError):
                cause = cause.cause  # the worker has not the key that this client has
            if cause.message == _CONCEALED:
                return Asked(Reply("running", "refused", _said(cause.message)))
            return Asked(Reply("running", cause.type or "failed", cause.message), detail(cause, RequestInput))
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND or DROPPED in error.message:
                return None
            known = self.told(run, error)
            if error.status == RPCStatusCode.FAILED_PRECONDITION and not isinstance(known, NotPolled):
                raise Hindered(self.url, await self.why(run, error.message)) from error
            raise known from error
        except PayloadUnopened as error:
            raise self._unopened(run, error) from error
        except TimeoutError as error:
            told = f"its worker did not take it within {ASK_S:g} s; it may still do so"
            raise Hindered(self.url, await self.why(run, told)) from error

    async def ended(self, run: str) -> Ended:
        """Wait for the end of the run. Raises UnknownRun, StoreUnavailable; asked again, it goes on waiting."""
        execution = ""
        while True:
            handle = self.client.get_workflow_handle(run, run_id=execution or None, result_type=Ended)
            try:
                with self.said(run):
                    found: Ended = await handle.result()
                return found
            except WorkflowFailureError as failed:
                ended, last = end_of(failed.cause), execution
            if (ended.error or {}).get("code") != "terminated":
                return ended
            execution = (await self.describe(run)).execution
            if execution == last:
                return ended  # else it may have been reset, which ends one execution, and another goes on

    async def news(self, run: str, execution: str, token: bytes) -> News:
        """Wait until something happens to an execution, or for a while. An empty token: all since its first event.

        Raises UnknownRun, StoreUnavailable.
        """
        with self.said(run):
            events, token = await self._events(run, execution, token=token, wait=True)
        then = _follower(events[-1]) if events else ""
        ended = bool(events) and events[-1].event_type in _ENDED
        moved = any(event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED for event in events)
        terminated = ended and events[-1].event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED
        return News(token, moved or ended, ended and not then, then, terminated)

    async def polled(self) -> bool:
        """Whether some worker lives that works on runs of the queue."""
        request = DescribeTaskQueueRequest(
            namespace=self.client.namespace,
            task_queue=TaskQueue(name=self.address.queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        with self.said(""):
            found = await self.client.workflow_service.describe_task_queue(request)
        now = self.clock.now()
        return any(now - each.last_access_time.seconds < POLL_S for each in found.pollers)

    def not_polled(self) -> NotPolled:
        """The error that says which worker lacks."""
        target = self.client.service_client.config.target_host
        how = f"trellis worker --temporal {target} --namespace {self.client.namespace} --queue {self.address.queue}"
        return NotPolled(self.url, self.address.queue, f"{how}{self.address.claiming} GRAPHS…")

    async def must_be_polled(self) -> None:
        """Raises NotPolled where nobody works on the queue."""
        if not await self.polled():
            raise self.not_polled()

    async def why_stuck(self, run: str) -> str:
        """Why the workers cannot go on with the run, as the last of them said; empty where none has failed at it."""
        request = GetWorkflowExecutionHistoryReverseRequest(
            namespace=self.client.namespace, execution=Execution(workflow_id=run), maximum_page_size=5
        )
        with suppress(StoreError, UnknownRun), self.said(run):
            found = await self.client.workflow_service.get_workflow_execution_history_reverse(request)
            for event in found.history.events:
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
                    failure = event.workflow_task_failed_event_attributes.failure
                    why = str(await self.client.data_converter.decode_failure(failure))
                    return "" if why == AHEAD else _said(why)
                if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                    break
        return ""

    def told(self, run: str, error: RPCError) -> Exception:
        """What an error of the server means for whoever asked about a run."""
        if error.status == RPCStatusCode.NOT_FOUND and "amespace" not in error.message:
            return UnknownRun(run)
        if error.status == RPCStatusCode.FAILED_PRECONDITION and "poller" in error.message:
            return self.not_polled()
        return unavailable(self.url, self.client.namespace, error)

    @contextmanager
    def said(self, run: str) -> Iterator[None]:
        """Errors of the server, in our words."""
        try:
            yield
        except RPCError as error:
            raise self.told(run, error) from error
        except PayloadUnopened as error:
            raise self._unopened(run, error) from error

    def _unopened(self, run: str, error: PayloadUnopened) -> StoreUnavailable:
        return StoreUnavailable(self.url, f"run '{run}': {error}" if run else str(error))

    async def _query(self, run: str, name: str, kind: type[_Found], args: list[Any], execution: str = "") -> _Found:
        handle = self.client.get_workflow_handle(run, run_id=execution or None)
        try:
            for _ in range(LOOKS):
                try:
                    return await self._worked(run, handle.query(name, args=args, result_type=kind))
                except WorkflowQueryFailedError as error:
                    if str(error) != AHEAD:  # else the run is taken up again, and then it answers
                        raise
            raise Hindered(self.url, f"run '{run}': {AHEAD}")
        except TimeoutError as error:
            raise Hindered(self.url, await self.why(run, "its worker did not answer")) from error
        except WorkflowQueryFailedError as error:
            raise Hindered(self.url, await self.why(run, str(error))) from error
        except PayloadUnopened as error:
            raise Hindered(self.url, f"run '{run}': {error}") from error
        except RPCError as error:
            told = self.told(run, error)
            if isinstance(told, UnknownRun | NotPolled | NotPermitted) or error.status == RPCStatusCode.UNAVAILABLE:
                raise told from error
            raise Hindered(self.url, await self.why(run, error.message)) from error

    async def _worked(self, run: str, asking: Coroutine[Any, Any, _Found]) -> _Found:
        """What a worker answers. Raises NotPolled where there is none, TimeoutError where it does not answer in time."""
        task = asyncio.ensure_future(asking)
        try:
            for _ in range(LOOKS):
                done, _ = await asyncio.wait({task}, timeout=SOON_S)
                if done or await self.polled():
                    break
            else:
                raise self.not_polled()
            # Not by cancelling it: the library tells of a cancelled update by an error of its own.
            until = self.clock.now() + ASK_S
            while not task.done():
                await asyncio.wait({task}, timeout=min(STUCK_S, ASK_S))
                if not task.done() and (self.clock.now() > until or await self.why_stuck(run)):
                    raise TimeoutError
            return await task
        except WorkflowUpdateRPCTimeoutOrCancelledError as error:
            raise TimeoutError from error
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def why(self, run: str, otherwise: str) -> str:
        """Why the run does not do what it was asked, in a sentence."""
        why = await self.why_stuck(run)
        return f"run '{run}' cannot go on: {why}" if why else f"run '{run}': {_said(otherwise)}"

    async def _events(
        self, run: str, execution: str, *, most: int = 0, token: bytes = b"", wait: bool = False
    ) -> tuple[list[HistoryEvent], bytes]:
        request = GetWorkflowExecutionHistoryRequest(
            namespace=self.client.namespace,
            execution=Execution(workflow_id=run, run_id=execution),
            maximum_page_size=most,
            next_page_token=token,
            wait_new_event=wait,
            skip_archival=True,
        )
        timeout = timedelta(seconds=LOOK_S + ASK_S) if wait else None
        found = await self.client.workflow_service.get_workflow_execution_history(request, timeout=timeout)
        return list(found.history.events), found.next_page_token


def _said(why: str) -> str:
    """The reason, or why it cannot be read here."""
    return why.replace(_CONCEALED, _WHY_CONCEALED)


def end_of(cause: BaseException | None) -> Ended:
    """How a run ended whose workflow did not complete; also one that somebody ended past its workers."""
    found = detail(cause, Ended) if isinstance(cause, ApplicationError | CancelledError) else None
    if found is not None:
        return found
    status, code, told = "failed", "failed", str(cause)
    match cause:
        case TerminatedError():
            status, code = "cancelled", "terminated"
        case CancelledError():
            status, code = "cancelled", "cancelled"
        case TimedOut():
            status, code = "timed_out", "timeout"
        case ApplicationError():
            code, told = cause.type or "failed", cause.message
    return Ended(status, error={"code": code, "message": told, "node": "", "attempt": 0})


_ENDED = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCELED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW,
    }
)


def _follower(event: HistoryEvent) -> str:
    """The execution that follows the one that this event ends; by a policy or a cron of who started it past us, too."""
    kind = event.WhichOneof("attributes")
    return str(getattr(getattr(event, kind), "new_execution_run_id", "")) if kind is not None else ""
