"""One at a time for each run: however many ask a host for a run at once, it is begun or taken up once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Admission:
    """Locks by run."""

    def __init__(self) -> None:
        self._doors: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, run: str) -> AsyncIterator[None]:
        """Nobody else is admitted to this run while the block runs."""
        door, others = self._doors.get(run) or (asyncio.Lock(), 0)
        self._doors[run] = door, others + 1
        try:
            async with door:
                yield
        finally:
            door, here = self._doors[run]
            if here > 1:
                self._doors[run] = door, here - 1
            else:
                del self._doors[run]
