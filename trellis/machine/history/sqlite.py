"""A history in a SQLite file, for many machines; one opened again goes on where it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from trellis.errors import BadHistory
from trellis.machine.body import Body
from trellis.machine.history.base import History, now
from trellis.machine.history.records import MachineRecord, Record
from trellis.machine.history.tracking import Tracking
from trellis.stores.sqlite.records import RecordFile

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_encode = msgspec.json.Encoder().encode


class SqliteHistory(History):
    """Writes `batch` records at once, or fewer where somebody asks, or calls `sync` or `close`.

    What was not written is lost with the process. Raises StoreError where the file cannot be used, and BadHistory where
    its folder is not there or the history is closed; a record that could not be written is tried again with the next ones.
    """

    def __init__(
        self,
        machine: Body[Any],
        path: str | Path,
        tracking: Tracking | None = None,
        *,
        clock: Callable[[], datetime] = now,
        batch: int = 100,
    ) -> None:
        path = Path(path)
        if not path.parent.is_dir():  # a misspelt path would make folders
            raise BadHistory([f"there is no folder {str(path.parent)!r} for the file '{path.name}': make it first"])
        self._file = RecordFile(path)
        self._waiting: list[Record] = []
        self._batch, self._open = batch, True
        self._decode_record = msgspec.json.Decoder(Record).decode
        self._decode_machine = msgspec.json.Decoder(MachineRecord).decode
        try:
            super().__init__(machine, tracking, clock=clock)
            self.sync()
        except BaseException:
            self._file.close()
            raise

    def _known(self, machine: str) -> MachineRecord | None:
        found = self._file.owner(machine)
        return None if found is None else self._decode_machine(found)

    def _keep(self, record: Record) -> None:
        self._waiting.append(record)
        if len(self._waiting) >= self._batch:
            self.sync()

    def sync(self) -> None:
        """Write what was not written yet, in one transaction. Raises StoreError; then all of it still waits."""
        if not self._open:
            raise BadHistory(
                [f"the history of machine '{self._record.id}' is closed: ask it before, or open another one"]
            )
        rows = [(record.number, _microseconds(record.at), _encode(record)) for record in self._waiting]
        self._file.write(self._record.id, _encode(self._record), rows, self.tracking.max_records)
        self._waiting.clear()

    def latest_first(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Record]:
        """All records from `start` to `end`, inclusive, the latest first."""
        self.sync()
        low = None if start is None else _microseconds(start)
        high = None if end is None else _microseconds(end)
        for data in self._file.latest_first(self._record.id, low, high):
            yield self._decode_record(data)

    def close(self) -> None:
        """Watch no more, write what was not written yet, and let go of the file."""
        if self._open:
            try:
                super().close()
            finally:
                self._open = False
                self._file.close()


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
