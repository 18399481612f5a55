"""What is known of each run without reading its journal again, and how that follows what other processes write.

A store reads every journal once, at its first use. From then on it looks at the sizes of all files whenever another
process wrote in between, and reads what was added. A damaged journal is that run's trouble:
the others go on, but for questions that are about all runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import msgspec
from msgspec.structs import replace

from trellis.errors import StoreCorrupt
from trellis.stores.base import RunRow
from trellis.stores.file import lines
from trellis.stores.file.folder import HALF, Folder
from trellis.stores.file.lines import Line, Saved
from trellis.stores.locks.names import file_name


class Known(msgspec.Struct):
    """A run, as the first `size` bytes of its file, which are `lines` lines, have it. `sum` is that of the last."""

    file: Path
    row: RunRow
    size: int = 0
    sum: int = 0
    lines: int = 0
    number: int = 0
    revision: int = 0
    epoch: int = 0
    owner: str = ""
    snapshot: Saved | None = None
    definitions: dict[str, int] = {}

    def take(self, line: Line, size: int, sum: int) -> None:
        """Know the next line, of so many bytes."""
        self.size, self.sum, self.lines = self.size + size, sum, self.lines + 1
        if line.seq:
            self.revision = line.seq
        if line.row is not None:
            run, request = self.row.run, self.row.request
            same = line.row.run == run and line.row.request == request
            self.row = line.row if same else replace(line.row, run=run, request=request)
        if line.epoch:
            self.epoch = line.epoch
        if line.owner is not None:
            self.owner = line.owner
        if line.snapshot is not None:
            self.snapshot = line.snapshot
        if line.definitions:
            self.definitions = {**self.definitions, **line.definitions}

    def index(self) -> RunRow:
        return replace(self.row, revision=self.revision)


class Index:
    """The runs of a folder. Every method is called under the lock of the folder, and raises StoreError or OSError."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.runs: dict[str, Known] = {}
        self.needs: dict[str, tuple[int, int]] = {}  # definition -> how many runs need it, and its CRC-32
        self.damaged: dict[str, StoreCorrupt] = {}  # the name of a file -> what is the matter with it
        self._files: dict[str, Known] = {}
        self._lost: dict[str, str] = {}  # run -> the name of its file, which is damaged
        self._requests: dict[str, str] = {}
        self._writes: int | None = None

    def refresh(self) -> None:
        """Know what every process wrote until now."""
        writes = self.folder.writes()
        if writes == self._writes and not self.damaged:
            return
        first, self._writes = self._writes is None, None
        found = {}
        with os.scandir(self.folder.runs) as entries:
            for entry in entries:
                if entry.name.endswith(".jsonl"):
                    found[entry.name] = entry.stat().st_size
        for name in [name for name in self._files if name not in found]:
            self.drop(self._files[name])
        self.damaged, self._lost = {}, {}
        for name, size in sorted(found.items()):
            known = self._files.get(name)
            if known is None or known.size != size:
                self._read(name, known)
        if first:
            least = self._sweep()
            if least > writes:
                self.folder.count(writes := least)
        self._writes = writes

    def begin(self) -> int:
        """A number for this write, greater than that of all before."""
        number = (self._writes or 0) + 1
        self.folder.count(number)
        self._writes = number
        return number

    def forget(self) -> None:
        """Read everything anew, since what is known may not be what is there."""
        self.runs, self.needs, self._files, self._requests, self._writes = {}, {}, {}, {}, None

    def find(self, run: str) -> Known | None:
        """The run; None where there is none. Raises StoreCorrupt where that cannot be told."""
        known = self.runs.get(run)
        if known is None and self.damaged:
            if run in self._lost:
                raise self.damaged[self._lost[run]]
            # A file whose first line is damaged may be that of any run.
            for name, damage in self.damaged.items():
                if name not in self._lost.values():
                    raise damage
        return known

    def everything(self) -> dict[str, Known]:
        """All runs. Raises StoreCorrupt where one cannot be read."""
        for damage in self.damaged.values():
            raise damage
        return self.runs

    def started_by(self, request: str) -> Known | None:
        """The run that this request started. Raises StoreCorrupt as `everything` does."""
        runs, run = self.everything(), self._requests.get(request)
        return None if run is None else runs[run]

    def add(self, known: Known) -> None:
        """Know a run, or know better what was known of it. It is never gone in between: see `Journals.owns`."""
        before = self.runs.get(known.row.run)
        self.runs[known.row.run] = self._files[known.file.name] = known
        if known.row.request:
            self._requests[known.row.request] = known.row.run
        for digest, check in known.definitions.items():
            self.needs[digest] = (self.needs.get(digest, (0, 0))[0] + 1, check)
        if before is not None:
            self._uncount(before)

    def drop(self, known: Known) -> None:
        """The run is gone."""
        del self.runs[known.row.run], self._files[known.file.name]
        self._requests.pop(known.row.request, None)
        self._uncount(known)

    def _uncount(self, known: Known) -> None:
        for digest in known.definitions:
            count, check = self.needs.pop(digest)
            if count > 1:
                self.needs[digest] = (count - 1, check)

    def _read(self, name: str, known: Known | None) -> None:
        file = self.folder.runs / name
        try:
            self.add(self._scan(file, known))
        except StoreCorrupt as damage:
            self.damaged[name] = damage
            with file.open("rb") as stream:
                first = lines.read(stream.readline(), 0)
            if first is not None and first[0].run is not None:
                self._lost[first[0].run] = name
            if known is not None:
                self.drop(known)

    def _scan(self, file: Path, known: Known | None) -> Known:
        """The run in a file, from what is known of it on. A torn end is cut off. Raises StoreCorrupt."""
        with file.open("r+b", buffering=1 << 16) as stream:
            if known is not None:
                if os.fstat(stream.fileno()).st_size < known.size:
                    raise self._damage(file, known.lines, f"the file had {known.size} bytes, and was cut")
                known = replace(known)
                stream.seek(known.size)
            for data in stream:
                got = lines.read(data, known.sum if known is not None else 0)
                if not data.endswith(b"\n"):
                    place = known.size if known is not None else 0
                    if got is not None:
                        # Whole but for its end, as some editors leave it: it may have counted.
                        data += b"\n"
                        _end(stream, place, data)
                    elif known is not None:
                        _end(stream, place, b"")
                        break
                known = self._next(file, known, got, len(data))
        if known is None:
            raise self._damage(file, 1, "the file is empty")
        return known

    def events(self, known: Known, stream: IO[bytes]) -> list[bytes]:
        """The events of a run, from its open file; asks for no lock. Raises StoreCorrupt."""
        events: list[bytes] = []
        found: Known | None = None
        for data in stream:
            got = lines.read(data, found.sum if found is not None else 0)
            found = self._next(known.file, found, got, len(data))
            if got is not None and got[0].seq:
                events.append(lines.happened(got[0]))
            if found.lines == known.lines:
                break
        if found is None or (found.lines, found.sum) != (known.lines, known.sum):
            raise self._damage(known.file, known.lines, "the line is gone, or not as it was written")
        return events

    def _next(self, file: Path, known: Known | None, got: tuple[Line, int] | None, size: int) -> Known:
        at = 1 if known is None else known.lines + 1
        if got is None:
            raise self._damage(file, at, "the line is not as it was written")
        line, own = got
        if known is None:
            if line.run is None or line.row is None:
                raise self._damage(file, at, "the line begins no run")
            known = Known(file, line.row, number=line.number)
        if line.seq and line.seq != known.revision + 1:
            raise self._damage(file, at, f"event {line.seq} follows on event {known.revision}")
        known.take(line, size, own)
        return known

    def _damage(self, file: Path, line: int, what: str) -> StoreCorrupt:
        reason = f"runs/{file.name}, line {line}: {what}; restore the file, or move it elsewhere"
        return StoreCorrupt(self.folder.url, reason)

    def _sweep(self) -> int:
        """Remove what killed processes left half done. The greatest number in use."""
        numbers = [0, *(known.number for known in self.runs.values())]
        wanted = {known.snapshot.file for known in self.runs.values() if known.snapshot is not None}
        needed = set(map(definition_name, self.needs))
        for file in self.folder.snapshots.iterdir():
            _, _, number = file.name.partition("-")
            if number.isdigit():
                numbers.append(int(number))
            if file.name not in wanted and not self.damaged:
                file.unlink(missing_ok=True)
        for file in self.folder.definitions.iterdir():
            if file.name not in needed and not self.damaged:
                file.unlink(missing_ok=True)
        for file in self.folder.runs.iterdir():
            if file.name.endswith(HALF):
                file.unlink(missing_ok=True)
        return max(numbers)


def definition_name(digest: str) -> str:
    """The name of a definition's file."""
    plain = len(digest) == 64 and not digest.strip("0123456789abcdef")
    return digest if plain else file_name(digest)


def _end(stream: IO[bytes], place: int, data: bytes) -> None:
    """Let a file end with `data` at that place."""
    stream.seek(place)
    stream.write(data)
    stream.truncate()
    stream.flush()
    os.fsync(stream.fileno())
