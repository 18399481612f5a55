"""A large `each` makes its calls in batches: child workflows that only perform activities, so that the history of the run
has a few events for a hundred calls.

A batch tells how its calls ended when the last one has; sooner, by a signal, where one failed or there is much to tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Protocol

import msgspec
from google.protobuf.json_format import MessageToDict, ParseDict
from temporalio import workflow
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import DefaultFailureConverter
from temporalio.exceptions import ActivityError, ApplicationError, FailureError

from trellis.engine.program import program_of
from trellis.engine.state import State
from trellis.errors import RunTaken, TrellisError
from trellis.hosts.temporal.beside import Beside
from trellis.hosts.temporal.calls import HEARTBEAT_S, done
from trellis.hosts.temporal.messages import BATCH, LEAVE, STOPPED, TOLD, Call, Done
from trellis.hosts.temporal.payloads import JsonPayloads
from trellis.hosts.temporal.placing import place
from trellis.model.actions import CallTool
from trellis.model.graph import Graph
from trellis.model.values import Value

FROM, MOST = 50, 100
"""So many calls of one `each` that are wanted at once go in batches; and so many are in one at most."""
BYTES = 256 * 1024
"""About what the arguments of one batch, or what it tells at once, may have: Temporal takes no message over 2 MiB."""


_CONVERTER = JsonPayloads()


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """An activity, as what `calls.options` chose for it."""

    id: str
    tool: str
    call: Call
    args: dict[str, Value]
    attempt_s: float
    """Seconds that one attempt may take."""
    first_s: float
    """The wait before the second attempt, in seconds."""
    coefficient: float
    longest_s: float | None
    attempts: int
    """How many there may be; 0: any number."""
    final: list[str]
    """What is not tried again."""
    awaited: bool = False
    """Whether its outcome counts when it is cancelled."""
    all_s: float | None = None
    """Seconds that all attempts may take."""


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the activity of a request ended: what it gave back, or its failure, as Temporal has failures in JSON."""

    request: str
    done: Done | None = None
    failure: dict[str, Any] = {}


def item(run: str, tool: str, chosen: dict[str, Any]) -> Item:
    """What `calls.options` chose for a call of a run, as data."""
    call, args = chosen["args"]
    policy: RetryPolicy = chosen["retry_policy"]
    longest, whole = policy.maximum_interval, chosen.get("schedule_to_close_timeout")
    return Item(
        chosen["activity_id"],
        tool,
        msgspec.structs.replace(call, run=run),
        args,
        chosen["start_to_close_timeout"].total_seconds(),
        policy.initial_interval.total_seconds(),
        policy.backoff_coefficient,
        None if longest is None else longest.total_seconds(),
        policy.maximum_attempts,
        list(policy.non_retryable_error_types or ()),
        chosen["cancellation_type"] == workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        None if whole is None else whole.total_seconds(),
    )


def chosen(one: Item) -> dict[str, Any]:
    """What `workflow.start_activity` takes beside the tool."""
    kinds = workflow.ActivityCancellationType
    return {
        "args": [one.call, one.args],
        "activity_id": one.id,
        "result_type": RawValue,
        "start_to_close_timeout": timedelta(seconds=one.attempt_s),
        "schedule_to_close_timeout": None if one.all_s is None else timedelta(seconds=one.all_s),
        "heartbeat_timeout": timedelta(seconds=HEARTBEAT_S),
        "retry_policy": RetryPolicy(
            initial_interval=timedelta(seconds=one.first_s),
            backoff_coefficient=one.coefficient,
            maximum_interval=None if one.longest_s is None else timedelta(seconds=one.longest_s),
            maximum_attempts=one.attempts,
            non_retryable_error_types=one.final,
        ),
        "cancellation_type": kinds.WAIT_CANCELLATION_COMPLETED if one.awaited else kinds.TRY_CANCEL,
        "summary": one.call.node,
    }


def packed(request: str, outcome: Done | BaseException) -> Outcome:
    """How an activity ended, as data. Raises what is neither an outcome nor an error of ours."""
    if isinstance(outcome, Done):
        return Outcome(request, outcome)
    if isinstance(outcome, TrellisError):
        outcome = ApplicationError(str(outcome), type="invalid", non_retryable=True)
    if not isinstance(outcome, FailureError):
        raise outcome
    failure = Failure()
    DefaultFailureConverter().to_failure(outcome, _CONVERTER, failure)
    return Outcome(request, failure=MessageToDict(failure))


def unpacked(outcome: Outcome) -> Done | BaseException:
    """How the activity ended."""
    if outcome.done is not None:
        return outcome.done
    failure = ParseDict(outcome.failure, Failure())
    return DefaultFailureConverter().from_failure(failure, _CONVERTER)


def large(graph: Graph, state: State, requests: Sequence[CallTool]) -> list[list[CallTool]]:
    """The calls that go in batches, in the order in which they are wanted: those of an `each` that waits for all items."""
    if len(requests) < FROM:
        return []
    program, by_each = program_of(graph), dict[str, list[CallTool]]()
    for request in requests:
        token = state.tokens.get(request.node)
        if token is None or not token.parent or token.request != request.id:
            continue
        node = program.node(state.tokens[token.parent].node).node
        if node.each is not None and (node.join is None or node.join.mode != "count"):
            by_each.setdefault(token.parent, []).append(request)
    return [calls for calls in by_each.values() if len(calls) >= FROM]


def parts(items: Iterable[Item]) -> list[list[Item]]:
    """The items in batches, none too large to be sent; an item that is too large by itself is alone."""
    found: list[list[Item]] = []
    room = 0
    for one in items:
        size = len(msgspec.json.encode(one))
        if not found or len(found[-1]) >= MOST or size > room:
            found.append([])
            room = BYTES
        found[-1].append(one)
        room -= size
    return found


class Gathered:
    """What is told together, no more than can be sent; an outcome that is too large by itself is alone."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self._size = 0

    def add(self, outcome: Outcome) -> list[Outcome]:
        """Take one more. What is to be told before it, since there was no room for both; mostly nothing."""
        size, before = len(msgspec.json.encode(outcome)), list[Outcome]()
        if self.outcomes and self._size + size > BYTES:
            before, self.outcomes, self._size = self.outcomes, [], 0
        self.outcomes.append(outcome)
        self._size += size
        return before


class Calling(Protocol):
    """What is needed of the run whose calls they are."""

    def returned(self, outcomes: list[tuple[str, Done | BaseException]]) -> None:
        """The activities of these requests have ended so."""

    def fail(self, error: Exception) -> None:
        """Something went wrong that nobody waits for."""


class Batches:
    """The batches of one run that are not over."""

    def __init__(self, live: Calling) -> None:
        self._live = live
        self._begun: dict[str, asyncio.Future[workflow.ChildWorkflowHandle[Any, list[Outcome]] | None]] = {}
        """What is to come of the start of the batch of each open call, by request."""
        self._leaving: dict[str, asyncio.Future[Any]] = {}
        self._beside = Beside(live.fail)
        self.running = 0
        """How many batches are not over."""

    def __contains__(self, request: str) -> bool:
        return request in self._begun

    def begin(self, items: list[Item]) -> None:
        """Make these calls in one batch."""
        begun = asyncio.get_running_loop().create_future()
        for one in items:
            self._begun[one.id] = begun
        self.running += 1
        self._beside.do(self._follow(items, begun))

    def told(self, outcomes: list[Outcome]) -> None:
        """These calls have ended; told twice, it counts once."""
        news = [each for each in outcomes if self._begun.pop(each.request, None) is not None]
        if news:
            self._live.returned([(each.request, unpacked(each)) for each in news])

    def leave(self, request: str) -> None:
        """Stop this call. All that are stopped in one turn are told to their batches together."""
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._leave)
        self._leaving[request] = self._begun[request]

    def _leave(self) -> None:
        of: dict[asyncio.Future[Any], list[str]] = {}
        for request, begun in self._leaving.items():
            of.setdefault(begun, []).append(request)
        self._leaving = {}
        for begun, requests in of.items():
            self._beside.do(self._tell(begun, requests))

    async def _tell(self, begun: asyncio.Future[Any], requests: list[str]) -> None:
        handle = await asyncio.shield(begun)
        if handle is not None:
            try:
                await handle.signal(LEAVE, requests)
            except FailureError:
                return  # it is over, and tells so

    async def _follow(self, items: list[Item], begun: asyncio.Future[Any]) -> None:
        lost = ApplicationError("its batch was ended by somebody", type=STOPPED, non_retryable=True)
        try:
            handle: workflow.ChildWorkflowHandle[Any, list[Outcome]] | None = await place(
                BATCH,
                [items],
                id=f"{items[0].id}~batch",
                wanted=lambda: True,
                result_type=list[Outcome],
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            )
            assert handle is not None
            begun.set_result(handle)
            self.told(await handle)
        except RunTaken as error:
            lost = ApplicationError(str(error), type="failed", non_retryable=True)
        except FailureError as error:
            workflow.logger.warning("a batch of '%s' came to no end: %s", items[0].call.node, error)
        finally:
            if not begun.done():
                begun.set_result(None)
        rest = [one.id for one in items if self._begun.get(one.id) is begun]
        for request in rest:
            del self._begun[request]
        self.running -= 1
        self._live.returned([(request, lost) for request in rest])


@workflow.defn(name=BATCH)
class BatchWorkflow:
    """Performs activities, and nothing else."""

    def __init__(self) -> None:
        self._handles: dict[str, workflow.ActivityHandle[RawValue]] = {}
        self._over = Gathered()
        self._beside = Beside(self._fail)
        self._left = False
        self._failure: Exception | None = None
        """What is a fault of ours, or of the keys of this worker: the task fails with it, and is tried again."""

    @workflow.run
    async def run(self, items: list[Item]) -> list[Outcome]:
        """How the calls ended that it has not told of by a signal."""
        for one in items:
            self._handles[one.id] = workflow.start_activity(one.tool, **chosen(one))
        for one in items:
            self._beside.do(self._make(one.id))
        try:
            await workflow.wait_condition(lambda: self._failure is not None or not (self._handles or self._beside))
        except asyncio.CancelledError:  # the run above has ended, and nobody is to be told anything
            self._left = True
            for handle in self._handles.values():
                handle.cancel()
            raise
        if self._failure is not None:
            raise self._failure
        return self._over.outcomes

    @workflow.signal(name=LEAVE)
    def leave(self, requests: list[str]) -> None:
        """Nobody needs these calls any more."""
        for request in requests:
            if request in self._handles:
                self._handles[request].cancel()

    async def _make(self, request: str) -> None:
        result: RawValue | BaseException
        try:
            result = await self._handles[request]
        except ActivityError as error:
            result = error
        if self._left:
            return
        told = packed(request, done(result, workflow.payload_converter()))
        del self._handles[request]
        if told.done is None and self._handles:
            self._beside.do(self._tell([told]))
            return
        before = self._over.add(told)
        if before:
            self._beside.do(self._tell(before))

    async def _tell(self, over: list[Outcome]) -> None:
        """Tell the run above how these have ended."""
        above = workflow.info().parent
        if above is None:
            return
        try:
            await workflow.get_external_workflow_handle(above.workflow_id).signal(TOLD, over)
        except FailureError:
            workflow.logger.warning("the run above has ended")

    def _fail(self, error: Exception) -> None:
        self._failure = self._failure or error
