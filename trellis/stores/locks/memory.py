"""Leases in a dict: for the tasks of one process, by the clock of its event loop; the tokens end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class MemoryLeases:
    """`now` gives seconds that only grow; None: the clock of the event loop."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self._now = now
        self._tokens: dict[str, int] = {}
        self._ends: dict[str, dict[str, float]] = {}

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        now = self._clock()
        living = {other: ends for other, ends in self._ends.get(key, {}).items() if ends > now}
        self._ends[key] = living
        if len(living) >= slots:
            return None
        living[holder] = now + ttl
        self._tokens[key] = token = self._tokens.get(key, 0) + 1
        return token

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        now, leases = self._clock(), self._ends.get(key, {})
        if leases.get(holder, now) <= now:
            return False
        leases[holder] = now + ttl
        return True

    async def free(self, key: str, holder: str) -> bool:
        leases = self._ends.get(key, {})
        lived = leases.pop(holder, 0.0) > self._clock()
        if not leases:
            self._ends.pop(key, None)
        return lived

    async def close(self) -> None:
        self._ends.clear()

    def _clock(self) -> float:
        return self._now() if self._now is not None else asyncio.get_running_loop().time()
