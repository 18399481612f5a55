"""A run that a transaction has taken out of its host's turns, and what can happen to it meanwhile."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from trellis.engine import State
from trellis.model.actions import CallTool
from trellis.model.events import AttemptWanted, CancelRequested, Event, SignalReceived, TimerFired


class Held:
    """A run that a transaction has taken out: what arrived meanwhile, and the task that the transaction runs in."""

    __slots__ = ("disturbed", "posts", "request", "task")

    def __init__(self, request: CallTool) -> None:
        self.request = request
        self.posts: deque[Any] = deque()
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
