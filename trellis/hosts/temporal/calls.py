"""A call becomes an activity whose attempts Temporal makes by the policy of the node, and its end becomes the events that an
embedded host would have journaled.

Pure: it is told the time and draws nothing.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from temporalio.common import RawValue, RetryPolicy
from temporalio.converter import PayloadConverter
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    RetryState,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as TimedOut
from temporalio.workflow import ActivityCancellationType

from trellis.engine.attempts import UNCERTAIN
from trellis.engine.program import program_of
from trellis.engine.retries import delay_before
from trellis.engine.state import Open, State
from trellis.errors import NoTransactions, TrellisError, UsageError
from trellis.hosts.temporal.messages import (
    BATCH,
    BEGIN,
    EMIT,
    OURS,
    PASS,
    STOPPED,
    UNBEGUN,
    Call,
    Done,
    Fault,
    short_key,
)
from trellis.hosts.temporal.payloads import PayloadUnreadable, detail
from trellis.model.actions import Attempted, CallTool
from trellis.model.events import ActionCompleted, ActionFailed, Event, TimerFired
from trellis.model.graph import Graph, Retry
from trellis.model.secrets import sealed_names

HEARTBEAT_S = 10.0
"""How long a worker may be silent about an attempt until it counts as dead."""
LONGEST = timedelta(days=3650)
"""What stands for no limit of one attempt, since Temporal wants one."""
GRACE_S = 5.0
"""How long an attempt may take to stop once its time is over: a worker tells it so. Then Temporal gives it up."""
_DIED, _LATE = "TemporalTimeout:Heartbeat", "TemporalTimeout:StartToClose"
"""The types under which a policy of Temporal knows its own timeouts."""
_CANCELLED = "the attempt was cancelled"
_LOST = "its worker stopped while it was under way"


class Terms(msgspec.Struct, frozen=True, gc=False):
    """What a call may take, as its node has it, or the undo of its node."""

    retry: Retry | None = None
    timeout: float | None = None
    deadline: str = ""
    """The timer that bounds all attempts; empty: none does."""
    timer: str = ""
    """The timer that stands for the time of one attempt; empty: nothing does."""


def terms(graph: Graph, state: State, request: Attempted) -> Terms:
    """What this open call may take. One that reminds or escalates has no policy."""
    pending = state.open[request.id]
    node = program_of(graph).node(pending.token.node).node
    if pending.beside:
        return Terms()
    if _undoes(request):
        rolling, undo = state.rollback, node.undo
        timers = rolling.timers if rolling is not None and rolling.request == request.id else ()
        return Terms() if undo is None else Terms(undo.retry, undo.timeout, "", _timer(state, timers, "timeout"))
    token = state.tokens.get(request.node)
    timers = token.timers if token is not None and token.request == request.id else ()
    return Terms(node.retry, node.timeout, _timer(state, timers, "deadline"), _timer(state, timers, "timeout"))


def own_timers(graph: Graph, state: State, running: frozenset[str] | set[str] | dict[str, Any]) -> set[str]:
    """The timers that the activities of calls stand for, so that the workflow has none: the time of one attempt of any
    call, and the deadline of each whose activity is `running`, by request."""
    own = set()
    for pending in state.open.values():
        request = pending.request
        if isinstance(request, CallTool) and not pending.cancelling:
            allowed = terms(graph, state, request)
            own.add(allowed.timer)
            if request.id in running:
                own.add(allowed.deadline)
    return own - {""}


def options(
    graph: Graph, source: str, state: State, request: CallTool, before: int, now: float, *, again: bool = False
) -> dict[str, Any]:
    """All that `workflow.start_activity` takes beside the tool. What comes back is for `done` to read.

    `before`: attempts that were made of the call before, `request.attempt - 1` where nobody knows better. `again`: the
    call was handed out before, and nobody knows how that ended.
    """
    pending, allowed = state.open[request.id], terms(graph, state, request)
    definition = graph.definition
    tool, retry = definition.tools.get(request.tool), allowed.retry
    drawn = retry is not None and (retry.jitter > 0 or not _plain(retry))
    call = Call(
        node=request.node,
        key=short_key(request.idempotency_key, request.run, request.node),
        tool=tool,
        source=source,
        undo=request.undo,
        silence=request.silence,
        timeout=allowed.timeout,
        deadline=state.timers[allowed.deadline].due if allowed.deadline else None,
        before=before,
        save=_secret(graph, pending),
        secrets=_asked(state, request),
        retry=retry if drawn else None,
        again=again,
    )
    chosen: dict[str, Any] = {
        "args": [call, request.args],
        "activity_id": request.id,
        "result_type": RawValue,
        "start_to_close_timeout": LONGEST if allowed.timeout is None else _span(allowed.timeout + GRACE_S),
        "heartbeat_timeout": timedelta(seconds=HEARTBEAT_S),
        "retry_policy": _policy(retry, before, once=_once(graph, request)),
        "cancellation_type": _awaited(graph, pending),
        "summary": request.node,
    }
    if allowed.deadline:
        chosen["schedule_to_close_timeout"] = _span(max(state.timers[allowed.deadline].due - now, 0.0) + GRACE_S)
    return chosen


def done(outcome: RawValue | BaseException, converter: PayloadConverter) -> Done | BaseException:
    """What an activity has given back; or that it is none of ours, which the author may catch: anybody may complete one."""
    if isinstance(outcome, BaseException):
        return outcome
    try:
        return converter.from_payload(outcome.payload, Done)
    except PayloadUnreadable as error:
        return error


def ended(
    graph: Graph,
    state: State,
    request: Attempted,
    before: int,
    outcome: Done | BaseException,
    at: float,
    noise: float,
) -> list[Event] | None:
    """What the end of the activity of an open call comes to: events to apply in their order, of which a later one may be
    refused as stale. None: issue it again under the same key.

    An empty list: no next attempt would have begun before the deadline, which is the workflow's to wait for.
    Raises what is neither an outcome nor an error of ours.
    """
    name, pending = request.id, state.open[request.id]
    if isinstance(outcome, Done):
        return [ActionCompleted(at, name, outcome.value, secrets=outcome.secrets, attempt=outcome.attempt)]

    def failed(code: str, message: str, attempt: int, *, retryable: bool = False) -> ActionFailed:
        return ActionFailed(at, name, code, message, retryable, noise, attempt=attempt)

    cause, number = _cause(outcome), made(graph, state, request, before, outcome)
    if _lost(cause):
        if pending.cancelling or _once(graph, request):
            return [failed(UNCERTAIN, _LOST, number + 1)]
        return None
    if unbegun(cause):
        return [failed("cancelled", "no worker had begun it", number)] if pending.cancelling else None
    number = max(number, 1)
    if isinstance(cause, TimedOut):
        allowed = terms(graph, state, request)
        if allowed.deadline and _out_of_time(outcome, cause):
            due = state.timers[allowed.deadline].due
            if at < due - 1:  # what was left was too short for a next attempt
                return []
            fired = TimerFired(max(at, due), allowed.deadline, noise, number)
        elif allowed.timer:
            fired = TimerFired(max(at, state.timers[allowed.timer].due), allowed.timer, noise, number)
        else:
            return [failed(UNCERTAIN if pending.cancelling else "timeout", str(cause), number)]
        if cause.type == TimeoutType.SCHEDULE_TO_START:
            return [fired, failed("cancelled", "no worker had begun it", number)]
        return [fired, failed(UNCERTAIN, "it took too long, and nobody knows how far it had come", number)]
    # Of the runtime rather than of Temporal: it was taken back before it was asked for.
    if isinstance(cause, CancelledError | asyncio.CancelledError):
        return [failed("cancelled", _CANCELLED, number)]
    if isinstance(cause, ApplicationError):
        allowed, fault = terms(graph, state, request), detail(cause, Fault)
        if fault is not None and fault.passed:
            late = fault.late
            known: Event = failed("cancelled", _CANCELLED, number)
            if late is not None:
                known = ActionCompleted(at, name, late.value, secrets=late.secrets, attempt=number)
            passed = allowed.timer if fault.passed == "timeout" else allowed.deadline
            if not passed:  # its node was left before
                return [known]
            return [TimerFired(max(at, state.timers[passed].due), passed, noise, number), known]
        if allowed.deadline and _out_of_time(outcome, cause):
            return []
        retryable = fault.retryable if fault is not None else not cause.non_retryable
        return [failed(cause.type or "failed", cause.message, number, retryable=retryable)]
    if isinstance(cause, TrellisError):  # the value cannot be read
        return [failed("invalid", str(cause), number)]
    if isinstance(cause, FailureError):
        return [failed("failed", cause.message, number)]
    raise outcome


def made(graph: Graph, state: State, request: Attempted, before: int, outcome: Done | BaseException) -> int:
    """How many attempts of the call were made by the end of this activity. One whose worker died is none of them."""
    if isinstance(outcome, Done):
        return outcome.attempt
    cause = _cause(outcome)
    if isinstance(cause, ApplicationError):
        fault = detail(cause, Fault)
        if unbegun(cause):  # who could not open a call tells the number that the server gave to the attempt
            return before + (fault.attempt - 1 if fault is not None else 0)
        number = fault.attempt if fault is not None else before + 1
        return number - 1 if _lost(cause) else number
    if not isinstance(cause, TimedOut):
        return before + 1
    if cause.type == TimeoutType.HEARTBEAT:
        return before + _beaten(cause, 1) - 1
    retry = terms(graph, state, request).retry
    if isinstance(outcome, ActivityError) and outcome.retry_state == RetryState.MAXIMUM_ATTEMPTS_REACHED:
        return before + _most(retry, before)
    return before + _beaten(cause, 1)


def must_fit(graph: Graph, url: str) -> None:
    """Raises where a graph, or one that it uses, cannot run on Temporal at `url`: NoTransactions for a tool that writes in
    one transaction with the run, UsageError for a name that something of ours has there."""
    for used in (graph, *graph.all_used()):
        if used.name == BATCH:
            raise UsageError(
                f"no graph named '{BATCH}' runs on Temporal, where batches of calls have that name; rename it"
            )
        for name in used.tools_called:
            if name in (EMIT, BEGIN, PASS, OURS):
                raise UsageError(
                    f"no tool named '{name}' is called on Temporal, where work of hosts has that name; rename it"
                )
            tool = used.definition.tools.get(name)
            if tool is not None and tool.effect == "transactional":
                raise NoTransactions(name, url)


def _policy(retry: Retry | None, before: int, *, once: bool) -> RetryPolicy:
    final = [_DIED]  # the workflow hands it out again: what a worker's death costs is none of the author's attempts
    if retry is None:
        return RetryPolicy(maximum_attempts=1, non_retryable_error_types=final)
    if once or "timeout" in retry.non_retryable:
        final.append(_LATE)
    first, longest = (_wait(retry, attempt) for attempt in (before + 1, None))
    return RetryPolicy(
        initial_interval=_span(first),
        backoff_coefficient=max(retry.backoff_coefficient, 1.0),
        maximum_interval=_span(max(first, longest)),
        maximum_attempts=_most(retry, before),
        non_retryable_error_types=[*retry.non_retryable, *final],
    )


def _wait(retry: Retry, attempt: int | None) -> float:
    """Seconds after a failed attempt, without jitter; None: the longest."""
    if attempt is None:
        return 100 * retry.initial_interval if retry.max_interval is None else retry.max_interval
    endless = msgspec.structs.replace(retry, max_attempts=0, non_retryable=())
    return delay_before(endless, attempt, "", retryable=True, noise=0.5) or 0.0


def _plain(retry: Retry) -> bool:
    """Whether Temporal knows such a policy: its waits begin above zero and never shrink."""
    longest = _wait(retry, None)
    return retry.backoff_coefficient >= 1 and 0 < retry.initial_interval <= longest


def _most(retry: Retry | None, before: int) -> int:
    """How many attempts an activity may have; 0: any number."""
    if retry is None:
        return 1
    return max(1, retry.max_attempts - before) if retry.max_attempts else 0


def _span(seconds: float) -> timedelta:
    """Temporal takes zero for no limit, so nothing is less than a millisecond."""
    return timedelta(seconds=max(seconds, 0.001)) if seconds < LONGEST.total_seconds() else LONGEST


def _awaited(graph: Graph, pending: Open) -> ActivityCancellationType:
    """What may succeed though it is cancelled is waited for where that is to be undone then."""
    node = program_of(graph).node(pending.token.node).node
    if node.undo is None or pending.beside or _undoes(pending.request):
        return ActivityCancellationType.TRY_CANCEL
    return ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


def _asked(state: State, request: CallTool) -> dict[str, str]:
    """The secrets that the arguments stand for, under encryption."""
    if not state.secrets:
        return {}
    return {name: state.secrets[name] for name in sorted(sealed_names(request.args)) if name in state.secrets}


def _secret(graph: Graph, pending: Open) -> str:
    """The secret field that takes the value; empty for nearly every call."""
    program = program_of(graph)
    save = program.node(pending.token.node).node.save
    taken = save is not None and save in program.secrets and not (pending.beside or _undoes(pending.request))
    return save if taken and save is not None else ""


def _undoes(request: object) -> bool:
    return isinstance(request, CallTool) and request.undo


def _timer(state: State, names: tuple[str, ...], purpose: str) -> str:
    return next((name for name in names if state.timers[name].purpose == purpose), "")


def _cause(outcome: BaseException) -> BaseException:
    return outcome.cause if isinstance(outcome, ActivityError) and outcome.cause is not None else outcome


def _lost(cause: BaseException) -> bool:
    """Whether the worker died or stopped while it made an attempt."""
    if isinstance(cause, ApplicationError):
        return cause.type == STOPPED
    return isinstance(cause, TimedOut) and cause.type == TimeoutType.HEARTBEAT


def unbegun(outcome: Done | BaseException) -> bool:
    """Whether the last attempt was handed back by a worker that did nothing."""
    cause = _cause(outcome) if isinstance(outcome, BaseException) else None
    return isinstance(cause, ApplicationError) and cause.type == UNBEGUN


def _once(graph: Graph, request: Attempted) -> bool:
    tool = graph.definition.tools.get(request.tool) if isinstance(request, CallTool) else None
    return tool is not None and tool.effect == "at_most_once"


def _out_of_time(outcome: BaseException, cause: BaseException) -> bool:
    """Whether the time for all attempts is over, or too short for another one."""
    # The server takes the time for all attempts as that for finding a worker too, so either may be over.
    whole = TimeoutType.SCHEDULE_TO_CLOSE, TimeoutType.SCHEDULE_TO_START
    if isinstance(cause, TimedOut) and cause.type in whole:
        return True
    return isinstance(outcome, ActivityError) and outcome.retry_state == RetryState.TIMEOUT


def _beaten(cause: TimedOut, otherwise: int) -> int:
    """The attempt of the activity that a worker told of last."""
    details = cause.last_heartbeat_details
    found = details[0] if details else None
    return found if isinstance(found, int) and found > 0 else otherwise
