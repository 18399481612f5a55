"""Before its history grows too long a run goes on in another execution, which has its state and none of its history.

That is at a moment when nothing of it is under way: a call is never made by two executions at once. Where there is no
such moment by itself, nothing new is begun for a while; who waits longer than that goes on, and it is tried again later.
"""

from __future__ import annotations

import asyncio
from typing import NoReturn, Protocol

import msgspec
from temporalio import workflow
from temporalio.common import RawValue

from trellis.engine.state import State
from trellis.hosts.temporal.codec import LARGEST
from trellis.hosts.temporal.messages import BEGAN, SEMANTICS, Begin, Carried
from trellis.model.graph import Graph

PATIENCE_S = 30.0
"""How long nothing new is begun while other work is under way."""
AGAIN, AGAIN_BYTES = 4_000, 8_000_000
"""So many events, or bytes, of the history later it is tried again."""
LAST, LAST_BYTES = 40_000, 32_000_000
"""From so many events or bytes on it is waited for however long that takes: at 51,200, and at 50 MiB, Temporal ends the workflow."""

LARGE = LARGEST // 2
"""A state of more bytes than that is told of, before it does not fit into the start of the next execution any more."""


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
        self._from = self._from_bytes = 0
        self.due = False
        """The execution ends, and the run goes on in the next."""

    def suspend(self) -> None:
        """See whether it is time to begin nothing new. Called for every event before what it asks for is begun."""
        live, about = self._live, workflow.info()
        if live.suspended or live.state.closed or not about.is_continue_as_new_suggested():
            return
        length, size = about.get_current_history_length(), about.get_current_history_size()
        if live.quiet or length >= self._from or size >= self._from_bytes:
            live.suspended = True
            if length < LAST and size < LAST_BYTES and not live.quiet:
                asyncio.get_running_loop().call_later(PATIENCE_S, self._release)

    def look(self) -> None:
        """See whether nothing is under way any more."""
        if self._live.suspended and self._live.quiet:
            self.due = True
            self._live.stop()

    def _release(self) -> None:
        live = self._live
        if not self.due and not live.state.closed:
            about = workflow.info()
            self._from = about.get_current_history_length() + AGAIN
            self._from_bytes = about.get_current_history_size() + AGAIN_BYTES
            live.suspended = False
            live.resume()


def go_on(live: Suspended) -> NoReturn:
    """End this execution with what the next one goes on from."""
    carried = live.carried()
    size = len(bytes(carried.state))
    if size > LARGE:
        workflow.logger.warning(
            "run '%s' goes on in another execution with a state of %s bytes; without a store for claims it cannot with more "
            "than %s: keep large values elsewhere, or give its workers claims=STORE in time",
            live.state.run,
            f"{size:,}",
            f"{LARGEST:,}",
        )
    begin = Begin(live.graph.hash, live.source, SEMANTICS, carried=carried)
    about = workflow.info()
    kept = {name: RawValue(payload) for name, payload in about.raw_memo.items()}
    memo = {BEGAN: about.workflow_start_time.timestamp(), **kept, "graph": live.graph.hash}
    workflow.continue_as_new(
        args=[begin, msgspec.Raw(live.graph.data)],
        memo=memo,  # else a server hands on what the execution was started with, and not what was written since
        initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE,
    )
