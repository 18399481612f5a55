"""A call in a transaction, which takes its run out of its host's turns, and what can happen to the run meanwhile."""

from __future__ import annotations

import asyncio

from trellis.engine import State
from trellis.model.actions import CallTool
from trellis.model.events import AttemptWanted, CancelRequested, Event, SignalReceived, TimerFired


class Held:
    """The call that holds a run, and the task that its transaction runs in."""

    __slots__ = ("disturbed", "request", "task")

    def __init__(self, request: CallTool) -> None:
        self.request = request
        self.task: asyncio.Task[None] | None = None
        self.disturbed = False
        """Whether something arrived that the call cannot go on after."""

    def disturb(self, state: State, event: Event | None) -> None:
        """Something arrived: take the transaction back where it cannot go on after it."""
        if isinstance(event, TimerFired):
            timer = state.timers.get(event.timer)
            ended = timer is not None and _within(self.request.node, timer.path)
        else:
            ended = isinstance(event, CancelRequested | SignalReceived | AttemptWanted)
        self.disturbed = self.disturbed or ended
        if ended and self.task is not None:
            self.task.cancel()


def _within(node: str, path: str) -> bool:
    """Whether a node is the one at `path`, or in one of its bodies."""
    return node == path or node.startswith((f"{path}.", f"{path}["))
