"""The loop that closes the circle: events in, apply, one commit, and only then requests out.

One task serves every run of a host. All events that are ready are applied and appended together, so that many
runs share one commit; a lone one commits at once. A run whose commit failed is dropped from memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from trellis.engine import Step, apply
from trellis.errors import HostClosed, RunClosed
from trellis.hosts.attempts import Attempts, Secret
from trellis.hosts.clock import Clock
from trellis.hosts.live import LiveRun
from trellis.hosts.rows import next_row
from trellis.model.actions import ActionRequest, CallTool, Cancel, StartTimer
from trellis.model.codec import encode_event
from trellis.model.events import Event, TimerFired
from trellis.stores.base import RunRow, Store, Turn

Reply = asyncio.Future[Step]


class _Taken(NamedTuple):
    """An event that was applied and waits for its commit; or was refused, and waits for that of an earlier one."""

    run: LiveRun
    event: Event
    step: Step
    row: RunRow
    reply: Reply | None
    secret: Secret | None


class Driver:
    """Drives the live runs of one host over one store."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store, self._clock = store, clock
        self.runs: dict[str, LiveRun] = {}
        """The runs that are open here."""
        self._attempts = Attempts(clock, self.post)
        self._inbox: deque[tuple[LiveRun, Event, Reply | None, Secret | None]] = deque()
        self._awake: asyncio.Future[None] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._stopping = False

    def start(self) -> None:
        """Begin to serve. Needs a running event loop."""
        self._pump = asyncio.get_running_loop().create_task(self._serve(), name="trellis driver")
        self._pump.add_done_callback(self._stopped)

    async def stop(self) -> None:
        """Stop serving. Work under way is cancelled and its outcome not recorded; who waits is told HostClosed."""
        self._stopping = True
        self._attempts.refuse()
        for run in list(self.runs.values()):
            run.end(HostClosed(run.id))
        await self._attempts.stop()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.wait([self._pump])
        self.runs.clear()

    @property
    def serving(self) -> bool:
        return self._pump is not None and not self._pump.done() and not self._stopping

    def _stopped(self, pump: asyncio.Task[None]) -> None:
        failure = None if pump.cancelled() else pump.exception()
        for run in list(self.runs.values()):  # nobody is left to wait for ever
            run.end(failure or HostClosed(run.id))
        while self._inbox:
            run, _, reply, _ = self._inbox.popleft()
            _answer(reply, failure or HostClosed(run.id))

    def post(self, run: LiveRun, event: Event, reply: Reply | None = None, secret: Secret | None = None) -> None:
        """Hand in an event; it is applied in the order of arrival."""
        self._inbox.append((run, event, reply, secret))
        if self._awake is not None:
            awake, self._awake = self._awake, None
            if not awake.done():
                awake.set_result(None)

    async def ask(self, run: LiveRun, event: Event, secret: Secret | None = None) -> Step:
        """Hand in an event and wait until it is committed or refused. Raises RunClosed, HostClosed, StoreError."""
        if run.closed.done():
            raise run.failure or RunClosed(run.id, run.state.status)
        if not self.serving:
            raise HostClosed(run.id)
        reply: Reply = asyncio.get_running_loop().create_future()
        self.post(run, event, reply, secret)
        step = await reply
        if step.refusal is not None and step.refusal.code == "closed":
            raise RunClosed(run.id, step.state.status)
        return step

    async def _serve(self) -> None:
        inbox = self._inbox
        while True:
            if not inbox:
                self._awake = asyncio.get_running_loop().create_future()
                await self._awake
            await self._turns()

    async def _turns(self) -> None:
        """Apply all that is ready, commit it together, and perform what is wanted."""
        inbox = self._inbox
        taken: list[_Taken] = []
        turns: list[Turn] = []
        ahead: dict[str, _Taken] = {}
        for _ in range(len(inbox)):
            run, event, reply, secret = inbox.popleft()
            if run.closed.done():
                _answer(reply, run.failure or RunClosed(run.id, run.state.status))
                continue
            last = ahead.get(run.id)
            before, row = (run.state, run.row) if last is None else (last.step.state, last.row)
            try:
                step = apply(run.graph, before, event)
                if step.refusal is not None:
                    refused = _Taken(run, event, step, row, reply, None)
                    if last is None:
                        self._refuse(refused)
                    else:
                        taken.append(refused)
                    continue
                data, changed = encode_event(event), next_row(run, row, before, step)
            except Exception as error:  # noqa: BLE001 - a fault of ours stops this run, here; its journal is whole
                run.end(error)
                _answer(reply, error)
                continue
            ahead[run.id] = now = _Taken(run, event, step, changed, reply, secret)
            taken.append(now)
            written = None if changed is row else changed
            turns.append(Turn(run.id, step.state.seq, data, run.epoch, written, step.state.closed))
        if turns:
            await self._commit(taken, turns)

    async def _commit(self, taken: list[_Taken], turns: list[Turn]) -> None:
        try:
            outcomes: Sequence[Exception | None] = await self.store.append(turns)
        except Exception as error:  # noqa: BLE001 - whatever a store raises, these turns are not recorded
            outcomes = [error] * len(turns)
        except asyncio.CancelledError:
            for each in taken:
                _answer(each.reply, HostClosed(each.run.id))
            raise
        answers = iter(outcomes)
        for each in taken:
            run, step = each.run, each.step
            outcome = next(answers) if step.refusal is None else None
            if run.closed.done():  # it ended just now, or the host was told to stop while this was written
                _answer(each.reply, run.failure or RunClosed(run.id, run.state.status))
            elif step.refusal is not None:
                self._refuse(each)
            elif outcome is not None:
                run.end(outcome)
                _answer(each.reply, outcome)
            else:
                run.row = each.row
                if each.secret is not None:
                    run.secrets[each.secret[0]] = each.secret[1]
                run.advance(step)
                self.perform(run, step.requests)
                _answer(each.reply, step)
                if step.state.closed:
                    run.end()

    def _refuse(self, taken: _Taken) -> None:
        run, event, step = taken.run, taken.event, taken.step
        if step.requests:
            run.tell(step)  # a question to ask again
        timer = run.state.timers.get(event.timer) if isinstance(event, TimerFired) else None
        if timer is not None and isinstance(event, TimerFired):  # the wall clock was set back since
            self.alarm(run, event.timer, timer.due)
        _answer(taken.reply, step)

    def perform(self, run: LiveRun, requests: tuple[ActionRequest, ...]) -> None:
        """Carry out what a committed step wants, in its order."""
        for request in requests:
            if isinstance(request, CallTool):
                self._attempts.begin(run, request)
            elif isinstance(request, StartTimer):
                if request.id in run.state.timers:
                    self.alarm(run, request.id, request.due)
            elif isinstance(request, Cancel):
                doomed = run.tasks.get(request.target)
                if doomed is not None:
                    doomed.cancel()

    def alarm(self, run: LiveRun, timer: str, due: float) -> None:
        """Let the timer fire when it is due."""

        def ring() -> None:
            run.alarms.pop(timer, None)
            self.post(run, self.fired(timer))

        run.alarms[timer] = self._clock.alarm(due - self._clock.now(), ring)

    def fired(self, timer: str) -> TimerFired:
        """The event of a timer that is due now."""
        return TimerFired(self._clock.now(), timer, self._clock.noise())


def _answer(reply: Reply | None, outcome: Step | BaseException) -> None:
    if reply is None or reply.done():
        return
    if isinstance(outcome, BaseException):
        reply.set_exception(outcome)
    else:
        reply.set_result(outcome)
