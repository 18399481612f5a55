"""A clock that you turn by hand: a flow of thirty days runs in a test in milliseconds."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class _Alarm:
    __slots__ = ("cancelled", "ring")

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring, self.cancelled = ring, False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Keeps the contract of `hosts.clock.Clock`. Time stands still until `advance`; chance is always one half."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self._now = now
        self._alarms: list[tuple[float, int, _Alarm]] = []
        self._order = count()

    def now(self) -> float:
        return self._now

    def noise(self) -> float:
        return 0.5

    def alarm(self, delay: float, ring: Callable[[], None]) -> _Alarm:
        alarm = _Alarm(ring)
        heapq.heappush(self._alarms, (self._now + max(delay, 0.0), next(self._order), alarm))
        return alarm

    @property
    def next_due(self) -> float | None:
        """When the next alarm rings; None where none is set."""
        while self._alarms and self._alarms[0][2].cancelled:
            heapq.heappop(self._alarms)
        return self._alarms[0][0] if self._alarms else None

    def advance(self, seconds: float) -> None:
        """Let this much time pass; alarms ring in their order, each at its own time."""
        until = self._now + seconds
        while (due := self.next_due) is not None and due <= until:
            self._now = max(self._now, due)
            _, _, alarm = heapq.heappop(self._alarms)
            alarm.ring()
        self._now = until
