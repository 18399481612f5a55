"""Heartbeats: an attempt that has to beat and falls silent is cancelled, and has failed with `timeout`.

What counts is the host's clock. No beat is recorded: the journal has the outcome of an attempt, and silence is one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trellis.hosts.clock import Alarm, Clock
from trellis.model.actions import CallTool, Failed, Response
from trellis.model.durations import format_duration

LONGEST = 200
"""Characters of the details that are told of."""


class Heard(CallTool, frozen=True, gc=False):
    """A call whose beats somebody listens for."""

    beat: Any = None

    def heartbeat(self, details: Any = None) -> None:
        """See CallTool."""
        self.beat(details)


class Pulse:
    """The beats of one attempt. It is made by the task that makes the attempt."""

    __slots__ = ("_alarm", "_clock", "_details", "_due", "_retryable", "_silence", "_silent", "_task")

    def __init__(self, clock: Clock, silence: float, *, retryable: bool) -> None:
        self._clock, self._silence, self._retryable = clock, silence, retryable
        self._task = asyncio.current_task()
        self._due = clock.now() + silence
        self._silent = False
        self._details = ""
        self._alarm: Alarm | None = None

    async def watch(self, call: CallTool, perform: Callable[[CallTool], Awaitable[Response]]) -> Response:
        """Perform the call, while it beats. Raises CancelledError where somebody else cancels it."""
        heard = Heard(**{name: getattr(call, name) for name in call.__struct_fields__}, beat=self._beat)
        self._alarm = self._clock.alarm(self._silence, self._look)
        try:
            response = await perform(heard)
        except asyncio.CancelledError:
            if not self._silent or self._others():
                raise
            return Failed("timeout", self._told(), self._retryable)
        finally:
            self._alarm.cancel()
        if self._silent:  # it had completed all the same
            self._others()
        return response

    def _beat(self, details: Any) -> None:
        """It comes from whatever thread does the work; nothing is done but to note it."""
        self._due = self._clock.now() + self._silence
        if details is not None:
            try:
                text = msgspec.json.encode(details).decode()
            except (TypeError, ValueError, RecursionError):  # what an action says of itself is not checked before
                text = type(details).__name__
            self._details = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

    def _look(self) -> None:
        """A beat only moves the time by which the next is due; it is looked at when that of an earlier one is."""
        left = self._due - self._clock.now()
        if left > 0:
            self._alarm = self._clock.alarm(left, self._look)
        elif self._task is not None:
            self._silent = True
            self._task.cancel()

    def _others(self) -> bool:
        """Take back our cancellation; whether there is another one."""
        return self._task is not None and self._task.uncancel() > 0

    def _told(self) -> str:
        told = f"no heartbeat within {format_duration(self._silence)}"
        return f"{told}; the last said {self._details}" if self._details else told
