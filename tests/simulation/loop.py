"""An event loop whose time is virtual: it never waits, it turns the clock to whatever is due next.

What asyncio itself times (sleeps, timeouts, alarms) runs on it unchanged, so hours of a host pass in milliseconds and
the same seed gives the same order.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")

EPOCH = 1_700_000_000.0
"""The wall clock where the virtual time is 0."""


class Stalled(AssertionError):
    """Everybody waits and nothing is due: somebody waits for ever."""


class _Instant(selectors.DefaultSelector):
    """Waits for nothing: what would have been waited is added to the time."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise Stalled("nothing is due, and somebody waits for ever")
        self.now += max(timeout, 0.0)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop for one thread without any input or output. `names` tells whose each task is."""

    def __init__(self) -> None:
        self._instant = _Instant()
        super().__init__(self._instant)
        self.tasks: dict[str, dict[asyncio.Task[Any], None]] = {}
        self.faults: list[dict[str, Any]] = []
        self.set_task_factory(self._born)
        self.set_exception_handler(lambda _loop, context: self.faults.append(context))

    def time(self) -> float:
        return self._instant.now

    def _born(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
        theirs = self.tasks.setdefault(PROCESS.get(), {})  # in the order of their birth, unlike a set
        theirs[task] = None
        task.add_done_callback(lambda over: theirs.pop(over, None))
        return task


PROCESS: ContextVar[str] = ContextVar("process", default="")
"""Whose the code is that runs: the name of a simulated process, empty for the test itself."""


class SkewedClock:
    """The clock of one host: `hosts.clock.Clock` on a virtual loop, set off by `offset` seconds, with seeded chance."""

    def __init__(self, loop: VirtualLoop, random: Random, offset: float = 0.0) -> None:
        self._loop, self._random, self.offset = loop, random, offset
        self.hold: Callable[[Callable[[], None]], Callable[[], None]] = lambda ring: ring
        """What wraps the alarms of a process that may be stopped."""

    def now(self) -> float:
        return EPOCH + self._loop.time() + self.offset

    def noise(self) -> float:
        return self._random.random()

    def alarm(self, delay: float, ring: Callable[[], None]) -> asyncio.TimerHandle:
        return self._loop.call_later(max(delay, 0.0), self.hold(ring))


def play(scene: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """What the scene returns, in a loop of its own. Raises Stalled where it waits for ever."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(scene(loop))
    finally:
        for _ in range(100):  # what is cancelled may begin something else
            left = [task for tasks in loop.tasks.values() for task in tasks if not task.done()]
            for task in left:
                task.cancel()
            if left:
                loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
