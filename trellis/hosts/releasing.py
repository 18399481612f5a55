"""A host frees the runs that it drives no longer, once nothing of them is under way, so that another one may go on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from trellis.engine.snapshot import encode_state
from trellis.errors import StoreError
from trellis.hosts.admission import Admission
from trellis.hosts.live import LiveRun, Rested
from trellis.hosts.serving import Serving
from trellis.stores.base import Snapshot, Store

WORTH_A_SNAPSHOT = 50
"""Events since the last snapshot for which a run that rests leaves another: folding fewer costs less."""


class Releasing:
    """Frees runs of one store. `driven` are those that are open here."""

    def __init__(self, store: Store, admission: Admission, driven: dict[str, LiveRun]) -> None:
        self._store, self._admission, self._driven = store, admission, driven
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.serving: Serving | None = None
        """Told of what could not be freed, and of what came to grief."""

    def forget(self, live: LiveRun) -> None:
        """Drive the run no longer."""
        if self._driven.pop(live.id, None) is None or live.state.closed:
            return  # one that has ended was freed with its last event
        if self.serving is not None and live.failure is not None:
            self.serving.failed(live.id, live.failure)
        worth = isinstance(live.failure, Rested) and live.state.seq - live.kept >= WORTH_A_SNAPSHOT
        snapshot = Snapshot(live.state.seq, encode_state(live.state)) if worth else None
        task = asyncio.get_running_loop().create_task(self.release(live.id, list(live.tasks.values()), snapshot))
        self._tasks[live.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(live.id, None))

    async def release(
        self, run: str, under_way: Collection[asyncio.Task[None]] = (), snapshot: Snapshot | None = None
    ) -> None:
        """Free a run that has not ended, once nothing of it is under way here."""
        if under_way:
            await asyncio.wait(under_way)
        try:
            await self._store.release(run, snapshot)
        except StoreError:  # closing the store frees the run, if nobody does before
            if self.serving is not None:
                self.serving.doubt()

    async def of(self, run: str) -> None:
        """Wait until the run is free, where it is being freed."""
        if run in self._tasks:
            await asyncio.wait([self._tasks[run]])

    async def all(self) -> None:
        """Wait until all that is being freed is free."""
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def let_go(self) -> None:
        """Free the runs that the store owns and nobody here drives. Raises StoreError."""
        await self.all()
        for run in await self._store.owned():
            async with self._admission.of(run):
                if run not in self._driven:
                    await self._store.release(run)
