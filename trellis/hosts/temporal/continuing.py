"""Before its history grows too long a run goes on in another execution, which has its state and none of its history.

That is at a moment when nothing of it is under way: a call is never made by two executions at once. Where there is no
such moment by itself, nothing new is begun for a while; who waits longer than that goes on, and it is tried again later.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn, Protocol

import msgspec
from temporalio import workflow

from trellis.engine.state import State
from trellis.hosts.temporal.messages import Begin, Carried
from trellis.model.graph import Graph

PATIENCE_S = 30.0
"""How long nothing new is begun while other work is under way."""
AGAIN = 4_000
"""So many events of the history later it is tried again."""
LAST = 40_000
"""From so many events on it is waited for however long that takes: at 51,200 Temporal ends the workflow."""


class Suspended(Protocol):
    """What is needed of the run."""

    graph: Graph
    source: str
    state: State
    suspended: bool

    @property
    def quiet(self) -> bool:
        """Whether nothing is under way."""

    def carried(self) -> Carried:
        """What the next execution goes on from."""

    def resume(self) -> None:
        """Ask for all that was not while it was suspended."""

    def stop(self) -> None:
        """End this execution."""


class Continuing:
    """Whether one run goes on in another execution."""

    def __init__(self, live: Suspended) -> None:
        self._live = live
        self._from = 0
        self.due = False
        """The execution ends, and the run goes on in the next."""

    def suspend(self) -> None:
        """See whether it is time to begin nothing new. Called for every event before what it asks for is begun."""
        live, about = self._live, workflow.info()
        if live.suspended or live.state.closed or not about.is_continue_as_new_suggested():
            return
        length = about.get_current_history_length()
        if length >= self._from:
            live.suspended = True
            if length < LAST and not live.quiet:
                asyncio.get_running_loop().call_later(PATIENCE_S, self._release)

    def look(self) -> None:
        """See whether nothing is under way any more."""
        if self._live.suspended and self._live.quiet:
            self.due = True
            self._live.stop()

    def _release(self) -> None:
        live = self._live
        if not self.due and not live.state.closed:
            self._from = workflow.info().get_current_history_length() + AGAIN
            live.suspended = False
            live.resume()


def go_on(live: Suspended) -> NoReturn:
    """End this execution with what the next one goes on from."""
    begin = Begin(live.graph.hash, live.source, carried=live.carried())
    workflow.continue_as_new(
        args=[begin, msgspec.Raw(live.graph.data)],
        initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
    )
