"""One run in one execution of its workflow: every event is applied at once, and what it asks for becomes commands to Temporal.

Nothing here waits. Whatever ends (a call, a timer, a child run) hands in its event, and the fold of the events says what
comes next; so the same history comes to the same commands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from heapq import heappop, heappush

from msgspec.structs import replace
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from trellis.engine import State, Step, apply, start
from trellis.engine.snapshot import decode_state
from trellis.engine.versions.moving import move as adopt  # at once: nothing may be imported while a workflow runs
from trellis.hosts.lines import entered
from trellis.hosts.temporal.attributes import Shown
from trellis.hosts.temporal.messages import SEMANTICS, Begin, Call, Done, Fault
from trellis.hosts.temporal.payloads import detail
from trellis.model.actions import ActionRequest, CallTool, Cancel, StartTimer
from trellis.model.events import ActionCompleted, ActionFailed, Adopted, Event, TimerFired
from trellis.model.graph import Graph


class OtherSemantics(RuntimeError):
    """The run was begun under other semantics than this worker speaks: another worker goes on with it.

    It is no TrellisError, so that it fails the task and not the run.
    """

    def __init__(self, run: str, needed: int) -> None:
        super().__init__(
            f"run '{run}' needs a worker that speaks semantics {needed}, this one speaks {SEMANTICS}; "
            f"start a worker of the version with the build id 'trellis-{needed}' on the same task queue"
        )


class WorkflowClock:
    """The clock of the workflow: the same time and the same chance whenever the history is gone through again."""

    def now(self) -> float:
        return workflow.time()

    def noise(self) -> float:
        return workflow.random().random()

    def alarm(self, delay: float, ring: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(delay, 0.0), ring)


class Interpreter:
    """Folds the events of one run, and asks Temporal for what they come to."""

    def __init__(self, graph: Graph, begin: Begin, run: str) -> None:
        """Raises what `engine.start` does; OtherSemantics where this version cannot go on with the run."""
        self.graph, self.source, self.clock = graph, begin.source, WorkflowClock()
        self.events: list[Event] = []
        """Those of this execution, in order."""
        self.earlier: dict[str, Graph] = {}
        """The definitions that the run has left in this execution, by hash."""
        self.origin: State | None = None
        """The state that this execution went on from."""
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the run has ended, or something here went wrong."""
        self.failure: Exception | None = None
        self.cancelled = False
        """Whether the workflow itself was cancelled."""
        self._tasks: dict[str, asyncio.Task[Done]] = {}
        """What performs the calls that are open, by request."""
        self._due: list[tuple[float, str]] = []
        """The timers that may be waited for, the earliest first; one that is gone is dropped when it comes up."""
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due = 0.0
        self._attributes = Shown(workflow.info().typed_search_attributes)
        self._shows = False
        self._first: tuple[ActionRequest, ...] | None
        carried = begin.carried
        self.visited_before = list(carried.visited) if carried is not None else []
        """The nodes that were entered before this execution."""
        if carried is not None:
            state = decode_state(bytes(carried.state))
            if state is None:
                raise OtherSemantics(run, begin.semantics)
            self.state, self.origin, self.visited = state, state, list(self.visited_before)
            self._first = ()
        else:
            assert begin.started is not None
            event = replace(begin.started, at=self.clock.now(), run=run, graph=graph.hash)
            step = start(graph, event)
            self.state, self.visited = step.state, entered(step)
            self.events.append(event)
            self._first = step.requests

    @property
    def run(self) -> str:
        return self.state.run

    @property
    def evicted(self) -> bool:
        """Whether the worker forgets this execution just now: then nothing may be asked for any more."""
        return self.over.cancelled() and (self.cancelled or workflow.cancellation_reason() is None)

    def begin(self) -> None:
        """Ask for what the start wants. Said again, nothing happens: whatever comes first in an execution says it."""
        if self._first is not None:
            first, self._first = self._first, None
            self._perform(first)
            self._settle()

    def take(self, event: Event) -> Step:
        """Apply an event and ask for what it comes to; one that is refused changes nothing."""
        step = apply(self.graph, self.state, event)
        if step.refusal is None:
            self._took(event, step)
        return step

    def adopt(self, graph: Graph, event: Adopted) -> Step:
        """Go on with another definition, where the engine finds that safe."""
        step = adopt(self.graph, graph, self.state, event)
        if step.refusal is None:
            self.earlier[self.graph.hash], self.graph = self.graph, graph
            self._took(event, step)
        return step

    def _took(self, event: Event, step: Step) -> None:
        self.state = step.state
        self.events.append(event)
        self.visited += entered(step)
        self._perform(step.requests)
        self._settle()

    def fail(self, error: Exception) -> None:
        """Something went wrong where nobody waits for it: the execution ends with it."""
        self.failure = self.failure or error
        if not self.over.done():
            self.over.set_result(None)

    def _settle(self) -> None:
        if self.state.closed:
            self._show()
            if self._alarm is not None:
                self._alarm.cancel()
                self._alarm = None
            if not self.over.done():
                self.over.set_result(None)
            return
        if not self._shows:  # what happens at once is shown at once
            self._shows = True
            asyncio.get_running_loop().call_soon(self._show)
        if self._due or self._alarm is not None:
            self._watch()

    def _show(self) -> None:
        """Have the run found by what it is now. Each change is an event of the history."""
        self._shows = False
        changes = self._attributes.changes(self.graph, self.state)
        if changes:
            workflow.upsert_search_attributes(changes)

    def _perform(self, requests: tuple[ActionRequest, ...]) -> None:
        for request in requests:
            if isinstance(request, CallTool):
                self._call(request)
            elif isinstance(request, StartTimer):
                if request.id in self.state.timers:
                    heappush(self._due, (request.due, request.id))
            elif isinstance(request, Cancel):
                self._cancel(request)

    def _call(self, request: CallTool) -> None:
        tool = self.graph.definition.tools.get(request.tool)
        task = workflow.start_activity(
            request.tool,
            args=[Call(request.node, request.idempotency_key, tool, self.source), request.args],
            activity_id=request.id,
            result_type=Done,
            start_to_close_timeout=timedelta(days=1),
            heartbeat_timeout=timedelta(seconds=10),
            retry_policy=RetryPolicy(maximum_attempts=1),
            cancellation_type=workflow.ActivityCancellationType.TRY_CANCEL,
        )
        self._tasks[request.id] = task
        task.add_done_callback(partial(self._returned, request))

    def _returned(self, request: CallTool, task: asyncio.Task[Done]) -> None:
        """A call has ended."""
        if self.evicted:
            return
        self._tasks.pop(request.id, None)
        try:
            self.take(self._outcome(request, task))
        except Exception as error:  # noqa: BLE001 - nobody waits for a callback: whoever runs the workflow raises it
            self.fail(error)

    def _outcome(self, request: CallTool, task: asyncio.Task[Done]) -> Event:
        now = self.clock.now()
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            done = task.result()
            return ActionCompleted(now, request.id, done.value, done.secrets)
        if not isinstance(error, ActivityError) or is_cancelled_exception(error):
            return ActionFailed(now, request.id, "cancelled", "the attempt was cancelled", retryable=False)
        cause = error.cause
        if isinstance(cause, ApplicationError):
            fault = detail(cause, Fault) or Fault()
            return ActionFailed(
                now, request.id, cause.type or "failed", cause.message, fault.retryable, self.clock.noise()
            )
        return ActionFailed(now, request.id, "failed", str(cause), noise=self.clock.noise())

    def _cancel(self, request: Cancel) -> None:
        task = self._tasks.get(request.target)
        if task is not None:
            task.cancel()

    def _watch(self) -> None:
        """One timer of Temporal at a time, for the earliest of ours."""
        due, timers = self._due, self.state.timers
        while due and due[0][1] not in timers:
            heappop(due)
        first = due[0][0] if due else None
        if self._alarm is not None:
            if first == self._alarm_due:
                return
            self._alarm.cancel()
            self._alarm = None
        if first is not None:
            self._alarm_due = first
            self._alarm = self.clock.alarm(first - self.clock.now(), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        try:
            while self._due and self._due[0][0] <= self.clock.now() and not self.state.closed:
                _, name = heappop(self._due)
                if name in self.state.timers:
                    self.take(TimerFired(self.clock.now(), name, self.clock.noise()))
            self._settle()
        except Exception as error:  # noqa: BLE001 - as where a call has ended
            self.fail(error)
