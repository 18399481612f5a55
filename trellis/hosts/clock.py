"""The one place where time and chance enter: a host reads them here and writes them into events."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_ALARM_S = 60.0
"""An alarm of the system rings after so long at the latest: the machine may have slept, or its clock been set."""


class Alarm(Protocol):
    """Something that will ring, unless it is cancelled."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Wall-clock seconds since 1970, UTC; chance; and alarms on the running event loop."""

    def now(self) -> float: ...

    def noise(self) -> float:
        """A number in [0, 1)."""

    def alarm(self, delay: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` after `delay` seconds of this clock, or sooner where that is long: who is rung looks at it again."""


async def pause(clock: Clock, delay: float) -> None:
    """Wait so long by this clock."""
    over = asyncio.get_running_loop().create_future()
    alarm = clock.alarm(delay, lambda: None if over.done() else over.set_result(None))
    try:
        await over
    finally:
        alarm.cancel()


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def noise(self) -> float:
        return random.random()

    def alarm(self, delay: float, ring: Callable[[], None]) -> Alarm:
        return asyncio.get_running_loop().call_later(min(max(delay, 0.0), LONGEST_ALARM_S), ring)
