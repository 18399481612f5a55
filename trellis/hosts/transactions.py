"""An action that writes to the store's own database: its writes and the event that says so are one commit.

Such a call takes its run out of the host's turns: nothing else happens to the run until it is over, so the event
follows from the state that is known. What arrives meanwhile waits. What the call could not go on after (its time is
up, the run is cancelled, a signal came) takes it back first; then nothing of it has happened, and if it is still wanted
it is made anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trellis.hosts.attempts import perform
from trellis.hosts.clock import Clock
from trellis.hosts.live import LiveRun
from trellis.model.actions import CallTool

if TYPE_CHECKING:
    from trellis.model.actions import Response
    from trellis.stores.base import Transaction, TransactionalStore


class Transactions:
    """Makes such calls, each in a task of its own.

    `commit` applies the outcome and writes it in the transaction, `free` gives the run back to the host's turns.
    """

    def __init__(
        self,
        store: TransactionalStore,
        clock: Clock,
        commit: Callable[[LiveRun, CallTool, Response, Transaction], Any],
        free: Callable[[LiveRun, CallTool, BaseException | None], None],
    ) -> None:
        self._store, self._clock, self._commit, self._free = store, clock, commit, free
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, run: LiveRun) -> None:
        """Make the call that holds the run."""
        held = run.held
        assert held is not None
        held.task = asyncio.get_running_loop().create_task(self._make(run, held.request))
        self._tasks.add(held.task)
        held.task.add_done_callback(lambda task: self._over(run, held.request, task))

    async def stop(self) -> None:
        """Take back what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _make(self, run: LiveRun, request: CallTool) -> None:
        told: Any = None
        try:
            async with self._store.transaction() as work:
                response = await perform(run, request, self._clock, work.connection)
                told = await self._commit(run, request, response, work)
        except _TakenBack as back:
            told = back.told
        told()

    def _over(self, run: LiveRun, request: CallTool, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._free(run, request, None if task.cancelled() else task.exception())


class _TakenBack(Exception):
    """Leaving the transaction with it takes back what the action wrote; `told` is what to do then."""

    def __init__(self, told: Callable[[], None]) -> None:
        self.told = told
        super().__init__("taken back")


def taken_back(told: Callable[[], None]) -> Exception:
    """Raise it from `commit` where the attempt has failed: its writes do not count."""
    return _TakenBack(told)
