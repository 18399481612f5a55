"""The loop that closes the circle: events in, apply, one commit, and only then requests out.

A lane takes all events that are ready, applies them and appends them together, so that many runs share one commit; a
lone event commits at once. Where a server does the writing there are two lanes: while one waits, the other applies what
came since. A run is in one lane at a time. One whose commit failed is dropped from memory.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trellis.dispatch import Router
from trellis.engine import State, Step, apply
from trellis.engine.attempts import UNCERTAIN
from trellis.engine.snapshot import encode_state
from trellis.engine.versions import adopt
from trellis.errors import HostClosed, RunClosed, RunOwned, StoreUnavailable
from trellis.hosts.approving import Gate
from trellis.hosts.attempts import Attempts, Deliver
from trellis.hosts.children import Children
from trellis.hosts.clock import Clock
from trellis.hosts.held import Held
from trellis.hosts.live import LiveRun
from trellis.hosts.reports import Secret, report
from trellis.hosts.rows import adopted_row, next_row
from trellis.hosts.transactions import Transactions, taken_back
from trellis.hosts.vault import Vault
from trellis.model.actions import (
    ActionRequest,
    Attempted,
    CallTool,
    Cancel,
    Emit,
    RequestInput,
    Response,
    StartChild,
    StartTimer,
)
from trellis.model.codec import encode_event
from trellis.model.events import ActionCompleted, ActionFailed, Adopted, AttemptBegun, Event, TimerFired
from trellis.model.graph import Graph
from trellis.stores.base import RunRow, Store, Transaction, Turn
from trellis.stores.within import must_not_wait

log = logging.getLogger("trellis")
Reply = asyncio.Future[Step]

SNAPSHOT_EVERY = 1000
"""Events from one snapshot of a run to the next: folding so many takes some ten milliseconds."""
CLOSING_S = 10.0
"""How long a host that closes waits for what it is writing; then nobody knows whether that was written."""
BATCH = 32
"""Turns of one commit where there are several lanes: enough to share what a commit costs by itself, few enough that the
other lane has work."""
_MADE = CallTool, Emit
"""What is made in attempts here."""
_UNKNOWN = "the host was closed while this was written; whether it was, the run tells"


class Version(NamedTuple):
    """What a run that adopts another definition goes on with."""

    graph: Graph
    router: Router


Aside = Secret | Version | CallTool
"""What an event brings that no journal keeps; alone, a call that is to be made in a transaction."""


class _Taken(NamedTuple):
    """An event that was applied and waits for its commit; or was refused, and waits for that of an earlier one."""

    run: LiveRun
    event: Event
    step: Step
    row: RunRow
    reply: Reply | None
    aside: Aside | None
    graph: Graph

    @property
    def after(self) -> tuple[Graph, State, RunRow]:
        return self.graph, self.step.state, self.row


class _Batch(NamedTuple):
    """What a lane has taken: what was applied, the turns of it to write, and the runs it is of."""

    taken: list[_Taken]
    turns: list[Turn]
    runs: dict[str, LiveRun]


class Driver:
    """Drives the live runs of one host over one store."""

    def __init__(
        self, store: Store, clock: Clock, vault: Vault | None, deliver: Deliver, gate: Gate | None = None
    ) -> None:
        self.store, self._clock, self.vault, self._gate = store, clock, vault, gate
        self.runs: dict[str, LiveRun] = {}
        """The runs that are open here."""
        self.rested: Callable[[LiveRun], None] | None = None
        """Told of every run that has moved on and of which nothing is under way now; None: nobody cares."""
        self.children: Children
        """Who follows child runs; its host says."""
        self._attempts = Attempts(clock, vault, deliver, self.post)
        transacts = hasattr(store, "transaction")
        self._transactions = Transactions(store, clock, self._commit_within, self._freed) if transacts else None  # type: ignore[arg-type]
        self._inbox: deque[tuple[LiveRun, Event | None, Reply | None, Aside | None]] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._lane_count = getattr(store, "lanes", 1)
        self._batch_size = BATCH if self._lane_count > 1 else sys.maxsize
        self._lanes: list[asyncio.Task[None]] = []
        self._stopping = False

    def start(self) -> None:
        """Begin to serve. Needs a running event loop."""
        loop = asyncio.get_running_loop()
        self._lanes = [
            loop.create_task(self._serve(), name=f"trellis lane {number}") for number in range(self._lane_count)
        ]
        for lane in self._lanes:
            lane.add_done_callback(self._stopped)

    async def stop(self) -> None:
        """Stop serving. Work under way is cancelled and its outcome not recorded; who waits is told HostClosed.

        What is being written is waited for, so that whoever handed it in learns whether it counts.
        """
        self._stopping = True
        self._attempts.refuse()
        self.children.refuse()
        if self._lanes:
            while self._idle:
                self._wake()
            try:
                await asyncio.wait(self._lanes, timeout=CLOSING_S)
            finally:
                for lane in self._lanes:
                    lane.cancel()
            await asyncio.wait(self._lanes)
        self._abandon()
        await self._attempts.stop()
        await self.children.stop()
        if self._transactions is not None:
            await self._transactions.stop()
        self._abandon()
        self.runs.clear()

    @property
    def serving(self) -> bool:
        return bool(self._lanes) and not self._stopping and not any(lane.done() for lane in self._lanes)

    def _stopped(self, over: asyncio.Task[None]) -> None:
        failure = None if over.cancelled() else over.exception()
        if failure is not None or not self._stopping:
            for lane in self._lanes:  # what one of them could not, none should try
                lane.cancel()
            self._abandon(failure)

    def _abandon(self, failure: BaseException | None = None) -> None:
        """Nobody is left to wait for ever."""
        for run in list(self.runs.values()):
            run.end(failure or HostClosed(run.id))
        while self._inbox:
            run, _, reply, _ = self._inbox.popleft()
            _answer(reply, failure or HostClosed(run.id))

    def post(self, run: LiveRun, event: Event | None, reply: Reply | None = None, aside: Aside | None = None) -> None:
        """Hand in an event; it is applied in the order of arrival."""
        self._inbox.append((run, event, reply, aside))
        self._wake()

    def _wake(self) -> None:
        """Let a lane that has nothing to do look at what came in."""
        while self._idle:
            awake = self._idle.pop()
            if not awake.done():
                awake.set_result(None)
                return

    async def ask(self, run: LiveRun, event: Event, aside: Aside | None = None) -> Step:
        """Hand in an event and wait until it is committed or refused.

        Raises RunClosed, HostClosed, StoreError; Rested where the run has left the memory. An action in a transaction of
        the store's only writer is refused: it would wait for itself.
        """
        if run.closed.done():
            raise run.failure or RunClosed(run.id, run.state.status)
        if not self.serving:
            raise HostClosed(run.id)
        must_not_wait(self.store)
        reply: Reply = asyncio.get_running_loop().create_future()
        self.post(run, event, reply, aside)
        step = await reply
        if step.refusal is not None and step.refusal.code == "closed":
            raise RunClosed(run.id, step.state.status)
        return step

    async def _serve(self) -> None:
        while not self._stopping:
            if not self._inbox:
                awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(awake)
                await awake
                continue
            batch = self._take()
            if self._inbox:
                self._wake()
            try:
                if batch.turns:
                    await self._commit(batch)
            finally:
                for run in batch.runs.values():
                    self._give_back(run)

    def _take(self) -> _Batch:
        """Apply what is ready, of runs that no other lane has. From now on they are in this one."""
        inbox = self._inbox
        batch = taken, turns, runs = _Batch([], [], {})
        ahead: dict[str, _Taken] = {}
        for _ in range(len(inbox)):
            if len(turns) >= self._batch_size:
                break
            post = run, event, reply, aside = inbox.popleft()
            if run.held is not None or (run.away and run.id not in runs):
                run.posts.append(post)
                if run.held is not None:
                    run.held.disturb(run.state, event)
                continue
            if run.closed.done():
                _answer(reply, run.failure or RunClosed(run.id, run.state.status))
                continue
            if event is None:
                run.held = Held(aside)  # type: ignore[arg-type]
                run.away, runs[run.id] = True, run
                continue
            last = ahead.get(run.id)
            graph, state, row = (run.graph, run.state, run.row) if last is None else last.after
            try:
                if aside.__class__ is Version:
                    step, graph = _adopt(graph, state, event, aside)
                else:
                    step = apply(graph, state, event)
                if step.refusal is not None:
                    refused = _Taken(run, event, step, row, reply, None, graph)
                    if last is None:
                        self._refuse(refused)
                    else:
                        taken.append(refused)
                    continue
                now = _Taken(run, event, step, _row(graph, row, state, step), reply, aside, graph)
                turn = _turn(now, row)
            except Exception as error:  # noqa: BLE001 - a fault of ours stops this run, here; its journal is whole
                run.end(error)
                _answer(reply, error)
                continue
            ahead[run.id] = now
            run.away, runs[run.id] = True, run
            taken.append(now)
            turns.append(turn)
        return batch

    def _give_back(self, run: LiveRun) -> None:
        """A lane has done with the run: make the call that takes it out of all lanes, or go on with what came meanwhile."""
        if run.held is not None:
            self._leave(run)
            return
        run.away = False
        if run.posts:
            self._inbox.extendleft(reversed(run.posts))
            run.posts.clear()
            self._wake()
        elif self.rested is not None and run.resting:
            self.rested(run)

    async def _commit(self, batch: _Batch) -> None:
        taken, turns, _ = batch
        try:
            outcomes: Sequence[Exception | None] = await self.store.append(turns)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, these turns are not known to be recorded
            outcomes = [error] * len(turns)
        except asyncio.CancelledError:
            for each in taken:
                _answer(each.reply, StoreUnavailable(self.store.url, _UNKNOWN))
            raise
        answers = iter(outcomes)
        for each in taken:
            self._landed(each, next(answers) if each.step.refusal is None else None)

    def _landed(self, taken: _Taken, outcome: Exception | None) -> None:
        """What was applied has been written, or `outcome` says why not."""
        run, step = taken.run, taken.step
        if outcome is not None:
            if isinstance(outcome, RunOwned) and not run.closed.done():
                log.warning("run '%s' is driven here no longer, its owner is %s now", run.id, outcome.owner)
            run.end(outcome)
            _answer(taken.reply, outcome)
        elif run.closed.done() and step.refusal is not None:
            _answer(taken.reply, run.failure or RunClosed(run.id, run.state.status))
        elif run.closed.done():  # it came to grief here while this was written: it counts all the same
            _answer(taken.reply, step)
        elif step.refusal is not None:
            self._refuse(taken)
        else:
            run.row = taken.row
            aside = taken.aside
            if isinstance(aside, Version):
                run.become(*aside)
            elif aside is not None:
                run.secrets[aside[0]] = aside[1]  # type: ignore[index]
            run.advance(step)
            self.perform(run, step.requests)
            _answer(taken.reply, step)
            if isinstance(taken.event, ActionFailed) and taken.event.code == UNCERTAIN:
                self._tell_parked(run, taken.event.request)
            if step.state.closed:
                run.end()

    def _tell_parked(self, run: LiveRun, name: str) -> None:
        pending = run.state.open.get(name)
        if pending is not None and pending.uncertain:
            log.warning("run '%s' waits for somebody: nobody knows whether '%s' was done", run.id, pending.request.node)

    def _refuse(self, taken: _Taken) -> None:
        run, event, step = taken.run, taken.event, taken.step
        if step.requests:
            run.tell(step)  # a question to ask again
        timer = run.state.timers.get(event.timer) if isinstance(event, TimerFired) else None
        if timer is not None and isinstance(event, TimerFired):  # the wall clock was set back since
            self.alarm(run, event.timer, timer.due)
        elif isinstance(event, ActionCompleted | ActionFailed) and step.refusal is not None:
            log.info("run '%s': a result that came too late is dropped: %s", run.id, step.refusal.message)
        _answer(taken.reply, step)

    def perform(self, run: LiveRun, requests: tuple[ActionRequest, ...]) -> None:
        """Carry out what a committed step wants, in its order."""
        for request in requests:
            if isinstance(request, _MADE):
                self._make(run, request)
            elif isinstance(request, StartChild):
                self.children.begin(run, request)
            elif isinstance(request, StartTimer):
                if request.id in run.state.timers:
                    self.alarm(run, request.id, request.due)
            elif isinstance(request, Cancel):
                doomed, left = run.tasks.get(request.target), run.state.open.get(request.target)
                if left is not None and isinstance(left.request, StartChild):
                    self.children.begin(run, left.request)
                elif doomed is not None:
                    if left is None or not isinstance(left.request, Emit):  # a signal may be taken by now
                        doomed.cancel()
                elif request.awaited:
                    self.give_up(run, request.target, "it was cancelled, and nobody knows how far it had come")

    def _make(self, run: LiveRun, request: CallTool | Emit) -> None:
        """Make an attempt; a call once it is allowed. One that the journal says was begun was allowed before."""
        if isinstance(request, Emit):
            self._attempts.begin(run, request)
        elif self._gate is None or run.state.open[request.id].begun or self._gate.passed(run, request):
            self._send(run, request)
        else:
            self._attempts.ask(run, request, self._gate, self._send)

    def _send(self, run: LiveRun, request: CallTool) -> None:
        """Make a call; one that may be made at most once when the journal says so, one in a transaction in its turn."""
        effect = run.router.effect(request.tool)
        if effect == "at_most_once" and not run.state.open[request.id].begun:
            self.post(run, AttemptBegun(self._clock.now(), request.id))
        elif effect == "transactional" and self._transactions is not None:
            self.post(run, None, None, request)
        else:
            self._attempts.begin(run, request)

    def recover(self, run: LiveRun, name: str) -> None:
        """Go on with a call that another host left open: make it again, unless that may do harm. Follow a child run again."""
        pending = run.state.open.get(name)
        if pending is not None and isinstance(pending.request, StartChild):
            self.children.begin(run, pending.request)
            return
        if pending is None or pending.uncertain or isinstance(pending.request, RequestInput):
            return
        if pending.cancelling or pending.begun:
            self.give_up(run, name, "its host stopped while it was under way")
        elif not isinstance(pending.request, StartChild):
            self._make(run, pending.request)

    def give_up(self, run: LiveRun, name: str, why: str) -> None:
        """Nobody performs a call whose outcome the run still waits for."""
        pending = run.state.open.get(name)
        if pending is None or isinstance(pending.request, RequestInput):
            return
        code, effect = UNCERTAIN, _effect(run, pending.request)
        if effect == "at_most_once" and not pending.begun:
            code, why = "cancelled", "it was not begun"
        elif effect == "transactional" and self._transactions is not None:
            code, why = "cancelled", "its transaction was taken back"
        self.post(run, ActionFailed(self._clock.now(), name, code, why, retryable=False))

    def alarm(self, run: LiveRun, timer: str, due: float) -> None:
        """Let the timer fire when it is due by the wall clock."""

        def ring() -> None:
            run.alarms.pop(timer, None)
            if due <= self._clock.now():
                self.post(run, self.fired(timer))
            elif timer in run.state.timers:
                self.alarm(run, timer, due)

        run.alarms[timer] = self._clock.alarm(due - self._clock.now(), ring)

    def fired(self, timer: str) -> TimerFired:
        """The event of a timer that is due now."""
        return TimerFired(self._clock.now(), timer, self._clock.noise())

    def _leave(self, run: LiveRun) -> None:
        """All that was taken of the run is written, and nothing more is while it is held: make the call that holds it."""
        assert run.held is not None
        assert self._transactions is not None
        if self._wanted(run, run.held.request) and not (run.held.disturbed or self._stopping):
            self._transactions.begin(run)
        else:
            self._freed(run, run.held.request, None)

    def _wanted(self, run: LiveRun, request: CallTool) -> bool:
        pending = run.state.open.get(request.id)
        return pending is not None and not pending.cancelling and not run.closed.done()

    async def _commit_within(
        self, run: LiveRun, request: CallTool, response: Response, work: Transaction
    ) -> Callable[[], None]:
        """Apply how a call in a transaction ended, and write it there. What is to be done once that is committed."""
        event, secret = report(run, request, response, self._clock, self.vault)
        if isinstance(event, ActionFailed):
            raise taken_back(lambda: self.post(run, event, None, secret))
        step = apply(run.graph, run.state, event)
        if step.refusal is not None:
            raise taken_back(lambda: None)
        taken = _Taken(run, event, step, _row(run.graph, run.row, run.state, step), None, secret, run.graph)
        refused = await work.append(_turn(taken, run.row))
        if refused is not None:
            raise refused
        return lambda: self._landed(taken, None)

    def _freed(self, run: LiveRun, request: CallTool, error: BaseException | None) -> None:
        """The call is over, or was taken back; then it is made anew once what arrived meanwhile has been applied."""
        run.held = None
        if error is not None:
            run.end(error)
        if self._wanted(run, request):
            run.posts.append((run, None, None, request))
        self._give_back(run)


def _effect(run: LiveRun, request: Attempted) -> str:
    """What recovery may do with an attempt; whoever gets a signal twice under its key takes it once."""
    return run.router.effect(request.tool) if isinstance(request, CallTool) else "idempotent"


def _adopt(graph: Graph, state: State, event: Event, version: Version) -> tuple[Step, Graph]:
    assert isinstance(event, Adopted)
    step = adopt(graph, version.graph, state, event)
    return step, graph if step.refusal is not None else version.graph


def _row(graph: Graph, row: RunRow, before: State, step: Step) -> RunRow:
    return adopted_row(graph, row, step.state) if row.graph != graph.hash else next_row(graph, row, before, step)


def _turn(taken: _Taken, row: RunRow) -> Turn:
    """What is written of an event that was taken; `row` is as it was before."""
    state = taken.step.state
    return Turn(
        taken.run.id,
        state.seq,
        encode_event(taken.event),
        taken.run.epoch,
        None if taken.row is row else taken.row,
        state.closed,
        encode_state(state) if state.seq % SNAPSHOT_EVERY == 0 else None,
        taken.graph.data if taken.row.graph != row.graph else None,
    )


def _answer(reply: Reply | None, outcome: Step | BaseException) -> None:
    if reply is None or reply.done():
        return
    if isinstance(outcome, BaseException):
        reply.set_exception(outcome)
    else:
        reply.set_result(outcome)
