"""The face of every locker: who waits, who renews, and what is lost. A place only keeps leases by its own clock.

A holder trusts its own clock too: from the moment it *asked* for the last renewal it counts `ttl` seconds. So it knows
that its lease is lost as soon as it runs again after a pause, without asking anyone, and never later than the place.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Protocol, TypeVar
from weakref import WeakValueDictionary

from trellis.errors import LeaseLost, StoreError, StoreUnavailable

T = TypeVar("T")

_FIRST, _LONGEST = 0.01, 0.25  # seconds between two looks of one who waits


class Leases(Protocol):
    """Where leases are kept: by key and holder, each until a time that the place's own clock decides.

    Each call is atomic, and may raise StoreError. A lease whose time is over counts for nothing.
    """

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        """A lease of `ttl` seconds and its token, greater than any before of the key; None where `slots` live."""

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        """Let the lease end `ttl` seconds from now; False where there is none that lives."""

    async def free(self, key: str, holder: str) -> bool:
        """End the lease, dead or not; False where it did not live any more."""

    async def close(self) -> None:
        """Let go of the place."""


class _Held:
    """A lease that is renewed: what its holder asks, and what the renewal tells it."""

    def __init__(self, token: int, ends: float) -> None:
        self.token = token
        self._ends, self._lost = ends, False

    @property
    def lost(self) -> bool:
        if not self._lost and asyncio.get_running_loop().time() >= self._ends:
            self._lost = True
        return self._lost

    def lose(self) -> None:
        self._lost = True

    def extend(self, ends: float) -> None:
        self._ends = ends

    def settle(self, lost: bool) -> None:
        """It has ended: from now on the clock says nothing of it."""
        self._ends, self._lost = math.inf, lost


class LeaseLocker:
    """Keeps the promise of `Locker` with whatever keeps leases. Used from one event loop."""

    def __init__(self, url: str, leases: Leases) -> None:
        self.url, self._leases = url, leases
        self._name = f"{os.getpid()}-{os.urandom(8).hex()}"
        self._count = 0
        self._dice = Random(self._name)
        self._held: dict[str, tuple[str, _Held]] = {}
        # Who waits here stands in line, and only the first looks at the place.
        self._lines: WeakValueDictionary[tuple[str, int], asyncio.Lock] = WeakValueDictionary()
        self._freed: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._closed = False

    def lock(
        self, key: str, ttl: float, *, slots: int = 1, wait: float | None = None
    ) -> AbstractAsyncContextManager[_Held]:
        if not key or "\0" in key or not _is_utf8(key):
            raise ValueError(f"{key!r} is no key of a lock: text of one character or more, none of them U+0000")
        if not (math.isfinite(ttl) and ttl > 0):
            raise ValueError(f"lock '{key}': ttl is {ttl}, expected seconds greater than 0")
        if slots < 1:
            raise ValueError(f"lock '{key}': slots is {slots}, expected 1 or more")
        return self._lock(key, ttl, slots, wait)

    @asynccontextmanager
    async def _lock(self, key: str, ttl: float, slots: int, wait: float | None) -> AsyncIterator[_Held]:
        self._count += 1
        holder = f"{self._name}-{self._count}"
        lease = await self._wait(key, holder, ttl, slots, wait)
        self._held[holder] = key, lease
        renewal = asyncio.create_task(self._renew(key, holder, lease, ttl))
        raised = True
        try:
            yield lease
            raised = False
        finally:
            await _whole(self._end(key, holder, lease, renewal))
            if lease.lost and not raised:
                raise LeaseLost(key, lease.token)

    async def close(self) -> None:
        self._closed = True
        held, self._held = self._held, {}
        for holder, (key, lease) in held.items():
            lease.lose()
            try:
                await self._leases.free(key, holder)
            except StoreError:
                pass  # it ends by itself
        await self._leases.close()

    async def _wait(self, key: str, holder: str, ttl: float, slots: int, wait: float | None) -> _Held:
        loop = asyncio.get_running_loop()
        until = math.inf if wait is None else loop.time() + wait
        late = f"the lock '{key}' was not free within {wait or 0:g} s"
        line = self._lines.get((key, slots))
        if line is None:
            line = self._lines[key, slots] = asyncio.Lock()
        freed = self._freed.get(key)
        if freed is None:
            freed = self._freed[key] = asyncio.Event()
        try:
            async with asyncio.timeout_at(None if wait is None else until):
                await line.acquire()
        except TimeoutError:
            raise TimeoutError(late) from None
        try:
            pause = _FIRST
            while True:
                freed.clear()
                lease = await self._take(key, holder, ttl, slots)
                if lease is not None:
                    return lease
                left = until - loop.time()
                if left <= 0:
                    raise TimeoutError(late)
                await _set_within(freed, min(pause * self._dice.uniform(0.5, 1.0), left))
                pause = min(pause * 1.5, _LONGEST)
        finally:
            line.release()

    async def _take(self, key: str, holder: str, ttl: float, slots: int) -> _Held | None:
        if self._closed:
            raise StoreUnavailable(self.url, "it was closed")
        started = asyncio.get_running_loop().time()
        attempt = asyncio.ensure_future(self._leases.take(key, holder, ttl, slots))
        try:
            token = await asyncio.shield(attempt)
        except (asyncio.CancelledError, StoreError):
            # It may have been carried out nevertheless.
            await _whole(self._forget(attempt, key, holder))
            raise
        return None if token is None else _Held(token, started + ttl)

    async def _forget(self, attempt: asyncio.Future[int | None], key: str, holder: str) -> None:
        try:
            if await attempt is None:
                return
        except StoreError:
            pass  # then nobody knows whether it was taken
        try:
            await self._leases.free(key, holder)
        except StoreError:
            pass  # it ends by itself
        self._tell(key)

    async def _renew(self, key: str, holder: str, lease: _Held, ttl: float) -> None:
        loop = asyncio.get_running_loop()
        pause = ttl / 3
        while holder in self._held:  # a cancellation may come out of a place as an error
            await asyncio.sleep(pause)
            if lease.lost:
                return
            started = loop.time()
            try:
                alive = await self._leases.renew(key, holder, ttl)
            except StoreError:
                pause = ttl / 10  # often enough to be in time once the place is back
                continue
            if not alive:
                lease.lose()
                return
            lease.extend(started + ttl)
            pause = ttl / 3

    async def _end(self, key: str, holder: str, lease: _Held, renewal: asyncio.Task[None]) -> None:
        lost = lease.lost  # before anything that takes its time
        held = self._held.pop(holder, None)
        while not renewal.done():  # what a place calls may swallow a cancellation; so it comes again
            renewal.cancel()
            await asyncio.wait([renewal], timeout=0.1)
        if held is None:
            return
        try:
            lost = not await self._leases.free(key, holder) or lost
        except StoreError:
            pass  # what the block did was done under its lease, which ends by itself
        lease.settle(lost)
        self._tell(key)

    def _tell(self, key: str) -> None:
        """Let the first in line look at once."""
        freed = self._freed.get(key)
        if freed is not None:
            freed.set()


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass


async def _whole(work: Awaitable[T]) -> T:
    """Carry it out even where the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
        except StoreError:
            break
    if cancelled is not None:
        raise cancelled
    return task.result()


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
