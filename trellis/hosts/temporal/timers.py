"""Of the timers of a run one at a time is a timer of Temporal, for whatever is due first; those that the activity of a call stands
for are none.
"""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from typing import Protocol

from trellis.engine.state import State
from trellis.hosts.temporal.clock import WorkflowClock
from trellis.model.actions import CallTool


class Timed(Protocol):
    """What is needed of the run."""

    state: State
    clock: WorkflowClock

    def performed(self, request: str) -> bool:
        """Whether an activity of its own makes this call."""

    def fired(self, timer: str) -> None:
        """This timer is due."""

    def settle(self) -> None:
        """Ask for what is to be done now."""

    def fail(self, error: Exception) -> None:
        """Something went wrong that nobody waits for."""


class Timers:
    """The timers of one run."""

    def __init__(self, live: Timed) -> None:
        self._live = live
        self._due: list[tuple[float, str]] = []
        """Those that may be waited for, the earliest first; one that is gone is dropped when it comes up."""
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_due = 0.0

    def resume(self) -> None:
        """Take all that the state has."""
        self._due = [(timer.due, name) for name, timer in self._live.state.timers.items()]
        heapify(self._due)

    def add(self, name: str) -> None:
        """Wait for this one too, if it is still there."""
        timer = self._live.state.timers.get(name)
        if timer is not None:
            heappush(self._due, (timer.due, name))

    def stop(self) -> None:
        """Wait for none."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def watch(self) -> None:
        """Wait for the one that is due first now."""
        due, clock = self._due, self._live.clock
        while due and self._idle(due[0][1]):
            heappop(due)
        first = due[0][0] if due else None
        if self._alarm is not None:
            if first == self._alarm_due:
                return
            self.stop()
        if first is not None:
            self._alarm_due = first
            self._alarm = clock.alarm(first - clock.now(), self._ring)

    def _idle(self, name: str) -> bool:
        """Whether nobody needs to wait for this timer: it is gone, or an activity of a call stands for it."""
        state = self._live.state
        timer = state.timers.get(name)
        if timer is None:
            return True
        if timer.purpose not in ("timeout", "deadline"):
            return False
        if timer.entry == 0:
            return True  # the time of one attempt of an undo
        token = state.tokens[timer.path]
        pending = state.open.get(token.request)
        if pending is None or not isinstance(pending.request, CallTool):
            return False
        return timer.purpose == "timeout" or self._live.performed(token.request)

    def _ring(self) -> None:
        self._alarm = None
        live = self._live
        try:
            while self._due and self._due[0][0] <= live.clock.now() and not live.state.closed:
                _, name = heappop(self._due)
                if not self._idle(name):
                    live.fired(name)
            live.settle()
        except Exception as error:  # noqa: BLE001 - as where an activity has ended
            live.fail(error)
