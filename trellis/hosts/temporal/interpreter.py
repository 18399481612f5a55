"""One run in one execution of its workflow: every event is applied at once, and what it asks for becomes commands to Temporal.

Nothing here waits. Whatever ends (a call, a timer, a child run) hands in its event, and the fold of the events says what
comes next; so the same history comes to the same commands.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
from msgspec.structs import replace
from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy

from trellis.engine import State, Step, apply, start
from trellis.engine.attempts import UNCERTAIN
from trellis.engine.snapshot import decode_state, encode_state
from trellis.engine.versions.moving import move as adopt  # at once: nothing may be imported while a workflow runs
from trellis.hosts.commands import Reply
from trellis.hosts.emitting import LATER
from trellis.hosts.lines import entered
from trellis.hosts.temporal.attributes import Shown
from trellis.hosts.temporal.batches import FROM, Batches, Outcome, item, large, parts
from trellis.hosts.temporal.calls import done, ended, made, options, unbegun
from trellis.hosts.temporal.children import Children, Sealed
from trellis.hosts.temporal.clock import WorkflowClock
from trellis.hosts.temporal.continuing import Continuing
from trellis.hosts.temporal.messages import EMIT, Begin, Carried, Done, OtherSemantics
from trellis.hosts.temporal.room import SOON_S, Room
from trellis.hosts.temporal.timers import Timers
from trellis.hosts.values import used_by
from trellis.model.actions import (
    ActionRequest,
    Attempted,
    CallTool,
    Cancel,
    Completed,
    Emit,
    Failed,
    RequestInput,
    StartChild,
    StartTimer,
)
from trellis.model.events import ActionCompleted, ActionFailed, Adopted, Event, TimerFired
from trellis.model.graph import Graph
from trellis.model.secrets import seal, unsealed

VISITED = 10_000
"""How many of the nodes that a run has entered its next execution knows of, the last ones."""
EMIT_S, AGAIN_S = timedelta(seconds=10), timedelta(milliseconds=200)
"""How long one try may take to bring a signal to another run, and the wait before the next."""
AT_ONCE = 1500
"""How many calls, signals and child runs are under way at once; what is more waits. A server fails the task that asks for
more than 2,000 of one sort."""


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
        self.suspended = False
        """Whether nothing new is asked for any more: what is under way ends, and the run goes on in another execution."""
        self.made: dict[str, int] = {}
        """Attempts that were made of open calls which no activity makes now, by request."""
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        """What performs the calls and signals that are open, by request."""
        self._taken_back: set[str] = set()
        """The requests of which we cancelled what performs them."""
        self._children = Children(self)
        self._batches = Batches(self)
        self._continuing = Continuing(self)
        self._lapsed: set[str] = set()
        """Open calls of which no attempt is made any more, since their deadline leaves no time for one."""
        self._again: set[str] = set()
        """Open calls that were handed out before, and nobody knows how that ended."""
        self._given_up: set[str] = set()
        """Open calls that nobody makes, and whose end is about to be told."""
        self._gathered: list[ActionRequest] | None = None
        """What is asked for while the ends of several calls are taken, to be asked for together."""
        self._held: deque[ActionRequest] = deque()
        """What waits until less is under way."""
        self._timers = Timers(self)
        self._room = Room()
        self._rest: asyncio.TimerHandle | None = None  # rings where there is room for what had none in one task
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
            self.made, self._lapsed, self._again = dict(carried.calls), set(carried.lapsed), set(carried.again)
            self._timers.resume()
            self._first = tuple(self._waiting())
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

    @property
    def due(self) -> bool:
        """Whether the run goes on in another execution now."""
        return self._continuing.due and self.quiet and not self.state.closed

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""
        return not (self._tasks or self._children or self._batches.running or self._given_up)

    def _waiting(self) -> list[ActionRequest]:
        """What is open, and nobody does it."""
        waiting: list[ActionRequest] = []
        for name, pending in self.state.open.items():
            under_way = name in self._tasks or name in self._batches or name in self._children
            parked = pending.uncertain or pending.cancelling or name in self._lapsed
            if not (under_way or parked or isinstance(pending.request, RequestInput)):
                waiting.append(pending.request)
        return waiting

    def carried(self) -> Carried:
        """What the next execution of the run goes on from."""
        state = self.state
        return Carried(
            msgspec.Raw(encode_state(state)),
            self.visited[-VISITED:],
            {name: number for name, number in self.made.items() if name in state.open},
            sorted(self._lapsed & state.open.keys()),
            sorted(self._again & state.open.keys()),
        )

    def resume(self) -> None:
        """Ask for all that was not asked for while the run was suspended."""
        self._held.clear()
        self._perform(self._waiting())
        self.settle()

    def stop(self) -> None:
        """Wait for nothing more in this execution."""
        if not self.over.done():
            self.over.set_result(None)

    def begin(self) -> None:
        """Ask for what the start wants. Said again, nothing happens: whatever comes first in an execution says it."""
        if self._first is not None:
            first, self._first = self._first, None
            self._perform(first)
            self.settle()

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
        self._continuing.suspend()
        self._perform(step.requests)
        self.settle()

    def fail(self, error: Exception) -> None:
        """Something went wrong where nobody waits for it: the execution ends with it."""
        self.failure = self.failure or error
        self.stop()

    def settle(self) -> None:
        """Ask for what is to be done now, or end."""
        if self._gathered is not None:
            return
        if self.state.closed:
            self._show()
            self._timers.stop()
            if self._rest is not None:
                self._rest.cancel()
                self._rest = None
            self.stop()
            return
        self._continuing.suspend()
        self._continuing.look()
        self._go_on()
        if not self._shows:  # what happens at once is shown at once
            self._shows = True
            asyncio.get_running_loop().call_soon(self._show)
        self._timers.watch()

    def _show(self) -> None:
        """Have the run found by what it is now. Each change is an event of the history."""
        self._shows = False
        try:
            changes = self._attributes.changes(self.graph, self.state)
            if changes:
                workflow.upsert_search_attributes(changes)
        except Exception as error:  # noqa: BLE001 - as where an activity has ended
            self.fail(error)

    def _perform(self, requests: Sequence[ActionRequest]) -> None:
        if self._gathered is not None:
            self._gathered += requests
            return
        batched = self._batch(requests) if len(requests) >= FROM and not self.suspended else ()
        for request in requests:
            if isinstance(request, StartTimer):
                self._timers.add(request.id)
            elif isinstance(request, Cancel):
                self._cancel(request)
            elif self.suspended or request.id in batched or not self._wanted(request.id):
                continue  # it stays open, and the next execution asks for it; or it is under way, or was taken back since
            elif self._held or self._full or not self._ask(request):
                self._held.append(request)

    def _ask(self, request: ActionRequest) -> bool:
        """Ask for it; False where the present task has no room for it, but the next one has."""
        if isinstance(request, CallTool):
            args = msgspec.json.encode(request.args)
            if not self._has_room(len(args)):
                return False
            self._call(request, msgspec.Raw(args))
        elif isinstance(request, StartChild):
            if not self._has_room(len(self.graph.used(used_by(self.graph, request)).data)):
                return False
            self._children.begin(request)
        elif isinstance(request, Emit):
            self._emit(request)
        return True

    @property
    def _full(self) -> bool:
        return len(self._tasks) + len(self._children) >= AT_ONCE

    def _go_on(self) -> None:
        """Ask for what there is room for by now."""
        while self._held and not (self._full or self.suspended):
            if self._wanted(self._held[0].id) and not self._ask(self._held[0]):
                return
            self._held.popleft()

    def _has_room(self, size: int) -> bool:
        if self._room.takes(size):
            return True
        if self._rest is None:
            self._rest = self.clock.alarm(SOON_S, self._more)
        return False

    def _more(self) -> None:
        self._rest = None
        held, self._held = self._held, deque()
        try:
            self._perform(tuple(held))  # anew, so that what goes in batches still does
            self.settle()
        except Exception as error:  # noqa: BLE001 - as where an activity has ended
            self.fail(error)

    def _wanted(self, name: str) -> bool:
        pending = self.state.open.get(name)
        return pending is not None and not pending.cancelling

    def _before(self, request: CallTool) -> int:
        """How many attempts were made of the call that no activity makes now."""
        return self.made.get(request.id, request.attempt - 1)

    def _options(self, request: CallTool) -> dict[str, Any]:
        before, again = self._before(request), request.id in self._again
        return options(self.graph, self.source, self.state, request, before, self.clock.now(), again=again)

    def _call(self, request: CallTool, args: msgspec.Raw) -> None:
        chosen = self._options(request)
        task = workflow.start_activity(request.tool, **{**chosen, "args": [chosen["args"][0], args]})
        self._tasks[request.id] = task
        task.add_done_callback(partial(self._over, request.id, partial(self._made, request)))

    def _batch(self, requests: Sequence[ActionRequest]) -> set[str]:
        """Make the calls that are better made together; which these are."""
        calls = [request for request in requests if isinstance(request, CallTool) and self._wanted(request.id)]
        groups = large(self.graph, self.state, calls)
        for group in groups:
            for part in parts(item(self.run, request.tool, self._options(request)) for request in group):
                if self._has_room(len(msgspec.json.encode(part))):
                    self._batches.begin(part)
                else:
                    self._held += [self.state.open[one.id].request for one in part]
        return {request.id for group in groups for request in group}

    def _emit(self, request: Emit) -> None:
        task = workflow.start_activity(
            EMIT,
            args=[request, self.run],
            activity_id=request.id,
            result_type=Reply,
            start_to_close_timeout=EMIT_S,
            retry_policy=RetryPolicy(initial_interval=AGAIN_S, maximum_interval=EMIT_S),
            summary=request.node,
        )
        self._tasks[request.id] = task
        task.add_done_callback(partial(self._over, request.id, partial(self._brought, request)))

    def _over(self, name: str, told: Callable[[Any], None], task: asyncio.Task[Any]) -> None:
        """What an activity was asked for has ended: tell what with, its result or an error."""
        outcome = asyncio.CancelledError() if task.cancelled() else task.exception() or task.result()
        lost = isinstance(outcome, BaseException) and not isinstance(outcome, Exception)
        if self.evicted or (lost and name not in self._taken_back):  # nobody else cancels what performs a call
            return
        try:
            told(outcome)
        except Exception as error:  # noqa: BLE001 - nobody waits for a callback: whoever runs the workflow raises it
            self.fail(error)

    def _made(self, request: CallTool, result: RawValue | BaseException) -> None:
        outcome = done(result, workflow.payload_converter())
        del self._tasks[request.id]
        self._ended(request.id, outcome)
        self.settle()

    def batched(self, outcomes: list[Outcome]) -> None:
        """A batch tells how some of its calls ended."""
        self._batches.told(outcomes)

    def returned(self, outcomes: list[tuple[str, Done | BaseException]]) -> None:
        """These calls of a batch have ended so. What follows from all of them is asked for together."""
        gathered = self._gathered = []
        for request, outcome in outcomes:
            self._ended(request, outcome)
        self._gathered = None
        self._perform(gathered)
        self.settle()

    def _ended(self, name: str, outcome: Done | BaseException) -> None:
        """The activity of a call has ended."""
        pending = self.state.open.get(name)
        if pending is None or not isinstance(pending.request, CallTool):
            return  # it was cancelled, and nobody needs to know
        request = pending.request
        before, now, noise = self._before(request), self.clock.now(), self.clock.noise()
        events = ended(self.graph, self.state, request, before, outcome, now, noise)
        number = made(self.graph, self.state, request, before, outcome)
        if events is None:
            self.made[name] = number
            if not unbegun(outcome):
                self._again.add(name)
            self._perform((request,))
            return
        self._again.discard(name)
        for event in events:
            self.take(event)
        self._wait_itself(request, number)

    def _wait_itself(self, request: CallTool, number: int) -> None:
        """A call that is open though nobody makes it: its deadline is for the workflow to wait for."""
        pending = self.state.open.get(request.id)
        token = self.state.tokens.get(request.node)
        if pending is None or token is None or token.request != request.id:
            self.made.pop(request.id, None)
            return
        self.made[request.id] = number
        (self._again if pending.uncertain else self._lapsed).add(request.id)
        for name in token.timers:
            self._timers.add(name)

    def _brought(self, request: Emit, outcome: Reply | BaseException) -> None:
        """A signal to another run has arrived, or never will."""
        del self._tasks[request.id]
        if isinstance(outcome, BaseException):
            reply = Reply("", "failed", f"signal '{request.name}' was not brought to run '{request.run}': {outcome}")
        else:
            reply = outcome
        if reply.code:
            self.answer(request, Failed(reply.code, reply.message, reply.code in LATER))
        else:
            self.answer(request, Completed())

    def answer(self, request: Attempted, response: Completed | Failed | Sealed) -> None:
        """An attempt whose next one is the engine's to ask for has ended so."""
        now = self.clock.now()
        event: Event
        if isinstance(response, Completed):
            event = ActionCompleted(now, request.id, response.value)
        elif isinstance(response, Sealed):
            event = ActionCompleted(now, request.id, seal(response.field), {response.field: response.envelope})
        else:
            noise, message = self.clock.noise(), unsealed(response.message)
            event = ActionFailed(now, request.id, response.code, message, response.retryable, noise)
        if self.take(event).refusal is not None:  # nobody needs to know, but there is room for something else now
            self.settle()

    def _cancel(self, request: Cancel) -> None:
        left, task = self.state.open.get(request.target), self._tasks.get(request.target)
        if self._children.told(request):
            return
        if request.target in self._batches:
            self._batches.leave(request.target)
        elif task is not None:
            if left is None or not isinstance(left.request, Emit):  # a signal may be taken by now
                self._taken_back.add(request.target)
                task.cancel()
        elif left is not None:
            self._given_up.add(request.target)
            asyncio.get_running_loop().call_soon(self._give_up, request.target)

    def _give_up(self, name: str) -> None:
        """Nobody makes a call whose outcome the run still waits for. It was not begun, or has failed, or nobody knows."""
        self._given_up.discard(name)
        code, why = "cancelled", "it was not begun"
        if name in self._lapsed:
            why = "there was no time for another attempt"
        elif name in self._again:
            code, why = UNCERTAIN, "nobody knows how far it had come"
        try:
            self.take(ActionFailed(self.clock.now(), name, code, why, retryable=False))
        except Exception as error:  # noqa: BLE001 - as where an activity has ended
            self.fail(error)

    def performed(self, request: str) -> bool:
        """Whether an activity of its own makes this call."""
        return request in self._tasks

    def fired(self, timer: str) -> None:
        """This timer is due."""
        token = self.state.tokens.get(self.state.timers[timer].path)
        number = self.made.get(token.request, 0) if token is not None else 0
        self.take(TimerFired(self.clock.now(), timer, self.clock.noise(), number))
