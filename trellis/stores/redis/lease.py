"""The lease of one owner: renewed in the background from its first run on, by the clock of the server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

from trellis.errors import StoreError
from trellis.stores.redis import scripts
from trellis.stores.redis.connection import Server


class OwnerLease:
    """`owner` lives while this is held, and as long as the server hears of it in time."""

    def __init__(self, server: Server, owner: str) -> None:
        self._server, self._owner = server, owner
        self._renewing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def held(self) -> bool:
        """Whether it was ever begun."""
        return self._renewing is not None

    def hold(self) -> None:
        """Renew from now on; the script that claimed a run has begun the lease."""
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def close(self) -> None:
        """Be dead at once: what is owned is free. Where the server cannot be reached, when the lease has run out."""
        if self._renewing is None or self._closed:
            return
        self._closed = True
        await stop([self._renewing])
        try:
            await self._server.run(scripts.LEAVE, self._owner)
        except StoreError:
            pass  # the lease ends by itself

    async def _renew(self) -> None:
        lease = self._server.lease
        pause = lease / 3
        while True:
            await asyncio.sleep(pause)
            try:
                await self._server.run(scripts.RENEW, self._owner, round(lease * 1000))
                pause = lease / 3
            except StoreError:
                # Often enough to be in time once the server is back; what was lost meanwhile, the epochs tell.
                pause = lease / 10


async def stop(tasks: Collection[asyncio.Task[Any]], again: float | None = None) -> None:
    """Cancel the tasks, and wait until they have ended; those that have not after `again` seconds are cancelled again."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again)
