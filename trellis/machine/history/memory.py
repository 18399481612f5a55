"""A history in this process: a ring that drops the oldest record for a new one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from trellis.machine.body import Body
from trellis.machine.history.base import History, now
from trellis.machine.history.records import MachineRecord, Record
from trellis.machine.history.tracking import Tracking


class MemoryHistory(History):
    """Keeps its promises for as long as it is referred to; nothing is written anywhere."""

    def __init__(
        self, machine: Body[Any], tracking: Tracking | None = None, *, clock: Callable[[], datetime] = now
    ) -> None:
        super().__init__(machine, tracking, clock=clock)
        self._ring: deque[Record] = deque(maxlen=self.tracking.max_records or None)

    def _known(self, _machine: str) -> MachineRecord | None:
        return None

    def _keep(self, record: Record) -> None:
        self._ring.append(record)

    def sync(self) -> None:
        """Nothing waits to be written."""

    def latest_first(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Record]:
        """All records from `start` to `end`, inclusive, the latest first."""
        for record in tuple(reversed(self._ring)):
            if (start is None or record.at >= start) and (end is None or record.at <= end):
                yield record
