"""What a file store writes: under the lock of the folder, in front of everyone, each call whole or not at all.

A call writes first what its lines speak of, snapshots and definitions, then the lines of all its runs, and waits for the
disk; where any of it fails, all of it is taken back. All of this blocks: it is called in the store's thread.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, StoreCorrupt, StoreError, StoreUnavailable, TooManyRuns, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import Due, RunRow, Snapshot, Turn
from trellis.stores.file import lines
from trellis.stores.file.folder import Folder, sync_folder, translate, write_at, write_whole
from trellis.stores.file.index import Index, Known, definition_name
from trellis.stores.file.lines import Line, Saved
from trellis.stores.locks.names import file_name
from trellis.stores.matching import wanted
from trellis.stores.owner import OwnerLock


class _Draft:
    """Lines to write to one run. `before` is the run as it is, `after` as it will be."""

    def __init__(self, before: Known) -> None:
        self.before, self.after = before, replace(before)
        self.data: list[bytes] = []

    def say(self, line: Line, event: bytes | None = None) -> None:
        data, own = lines.written(line, event, self.after.sum)
        self.after.take(line, len(data), own)
        self.data.append(data)


class Journals:
    """The runs of one folder, as one owner. Every method raises StoreError."""

    def __init__(self, folder: Folder) -> None:
        self._folder, self._url = folder, folder.url
        self.owner = OwnerLock(folder.owners / "run")
        self._index = Index(folder)
        self._made: list[Path] = []  # files that the call under way made beside the journals

    @contextmanager
    def _alone(self) -> Iterator[Index]:
        """The index as it is now, and as it stays while the block runs."""
        try:
            with self._folder.locked():
                self._index.refresh()
                self._made = []
                try:
                    yield self._index
                except BaseException:
                    _remove(self._made)
                    raise
        except OSError as error:
            raise translate(self._url, error) from error

    def owns(self, run: str) -> bool:
        """Whether this owner has the run, as far as it knows. May be called from anywhere."""
        known = self._index.runs.get(run)
        return known is not None and known.owner == self.owner.token

    def _living(self, known: Known) -> str | None:
        """The owner of the run; None where that is nobody, or dead."""
        mine = known.owner == self.owner.token
        return known.owner if mine or (known.owner and self.owner.alive(known.owner)) else None

    def _of(self, run: str) -> Known:
        known = self._index.find(run)
        if known is None:
            raise UnknownRun(run)
        return known

    def owned(self) -> list[str]:
        with self._alone() as index:
            return [run for run, known in index.runs.items() if known.owner == self.owner.token]

    def living(self, run: str) -> str | None:
        with self._alone():
            return self._living(self._of(run))

    def create(
        self, row: RunRow, events: Sequence[bytes], definitions: Mapping[str, bytes], last: bool, at_most: int | None
    ) -> tuple[RunRow, int | None]:
        with self._alone() as index:
            known = index.find(row.run) or (index.started_by(row.request) if row.request else None)
            if known is not None:
                return known.index(), None
            if at_most is not None and row.status == "running":
                if sum(other.row.status == "running" for other in index.everything().values()) >= at_most:
                    raise TooManyRuns(at_most)
            owner = "" if last else self.owner.hold()
            number = index.begin()
            file = self._folder.runs / f"{number:08}-{file_name(row.run)}.jsonl"
            draft = _Draft(Known(file, row))
            draft.after.number = number
            first = Line(run=row.run, number=number, row=row, epoch=1, owner=owner)
            first = replace(first, definitions=self._keep(definitions), seq=min(1, len(events)))
            draft.say(first, events[0] if events else None)
            for seq, event in enumerate(events[1:], 2):
                draft.say(Line(seq=seq), event)
            self._made.append(file)
            write_whole(file, b"".join(draft.data))
            index.add(draft.after)
            return draft.after.index(), 1

    def _keep(self, definitions: Mapping[str, bytes]) -> dict[str, int]:
        sums = {}
        for digest, data in definitions.items():
            sums[digest] = crc32(data)
            file = self._folder.definitions / definition_name(digest)
            # A hash has one text: what differs was damaged, and is mended.
            if not file.exists() or file.read_bytes() != data:
                if digest not in self._index.needs:
                    self._made.append(file)
                write_whole(file, data)
        return sums

    def _save(self, known: Known, snapshot: Snapshot) -> Saved:
        saved = Saved(snapshot.seq, f"{known.number}-{self._index.begin()}", crc32(snapshot.data))
        file = self._folder.snapshots / saved.file
        self._made.append(file)
        write_whole(file, snapshot.data)
        return saved

    def claim(self, run: str) -> int:
        with self._alone():
            known = self._of(run)
            owner = self._living(known)
            if owner == self.owner.token:
                return known.epoch
            if owner is not None:
                raise RunOwned(run, owner)
            return self._take([known])[0][1]

    def claim_due(self, now: float, limit: int, names: Collection[str] | None, without: Collection[str]) -> Due:
        with self._alone() as index:
            owners: dict[str, bool] = {"": False, self.owner.token: True}
            due, later = [], []
            for run, known in index.runs.items():
                row = known.row
                if row.wake is None or row.status != "running":
                    continue
                if known.owner not in owners:
                    owners[known.owner] = self.owner.alive(known.owner)
                if owners[known.owner]:
                    continue
                if row.wake > now:
                    later.append(row.wake)
                elif run not in without and (names is None or row.name in names):
                    due.append((row.wake, known.number, known))
            taken = [known for _, _, known in sorted(due, key=lambda each: each[:2])[: max(limit, 0)]]
            return Due(tuple(self._take(taken)), min(later, default=None))

    def _take(self, free: Sequence[Known]) -> list[tuple[str, int]]:
        drafts = []
        for known in free:
            drafts.append(draft := _Draft(known))
            draft.say(Line(epoch=known.epoch + 1, owner=self.owner.hold()))
        self._commit(drafts)
        return [(draft.after.row.run, draft.after.epoch) for draft in drafts]

    def release(self, run: str, snapshot: Snapshot | None) -> None:
        with self._alone() as index:
            known = index.find(run)
            if known is None or known.owner != self.owner.token:
                return
            if snapshot is not None and snapshot.seq > known.revision:
                snapshot = None
            draft = _Draft(known)
            draft.say(Line(owner="", snapshot=None if snapshot is None else self._save(known, snapshot)))
            self._commit([draft])

    def append(self, turns: Sequence[Turn]) -> list[StoreError | None]:
        with self._alone():
            answers: list[StoreError | None] = []
            refused: dict[str, StoreError] = {}
            drafts: dict[str, _Draft] = {}
            for turn in turns:
                error = refused.get(turn.run) or self._refusal(turn, drafts)
                if error is not None:
                    refused[turn.run] = error
                else:
                    self._draft(turn, drafts[turn.run])
                answers.append(error)
            self._commit([draft for draft in drafts.values() if draft.data])
            return answers

    def _refusal(self, turn: Turn, drafts: dict[str, _Draft]) -> StoreError | None:
        if turn.run not in drafts:
            known = self._index.find(turn.run)
            if known is None:
                return Conflict(turn.run, turn.seq, 0)
            drafts[turn.run] = _Draft(known)
        known = drafts[turn.run].after
        if known.owner != self.owner.token or known.epoch != turn.epoch:
            return RunOwned(turn.run, self._living(known) or "nobody")
        return Conflict(turn.run, turn.seq, known.revision) if turn.seq != known.revision + 1 else None

    def _draft(self, turn: Turn, draft: _Draft) -> None:
        graph = draft.after.row.graph if turn.row is None else turn.row.graph
        line = Line(
            seq=turn.seq,
            row=turn.row,
            owner="" if turn.last else None,
            snapshot=None if turn.snapshot is None else self._save(draft.before, Snapshot(turn.seq, turn.snapshot)),
            definitions={} if turn.definition is None else self._keep({graph: turn.definition}),
        )
        draft.say(line, turn.event)

    def _commit(self, drafts: Sequence[_Draft]) -> None:
        """Write the lines of all drafts, or of none."""
        if not drafts:
            return
        self._index.begin()
        opened: list[tuple[int, _Draft]] = []
        try:
            try:
                for draft in drafts:
                    file = draft.before.file
                    descriptor = os.open(file, os.O_RDWR | getattr(os, "O_BINARY", 0))
                    opened.append((descriptor, draft))
                    if os.fstat(descriptor).st_size != draft.before.size:
                        raise StoreCorrupt(self._url, f"runs/{file.name} was changed by something else than trellis")
                    write_at(descriptor, draft.before.size, b"".join(draft.data))
                for descriptor, _ in opened:
                    os.fsync(descriptor)
            except BaseException:
                self._take_back(opened)
                raise
        finally:
            for descriptor, _ in opened:
                os.close(descriptor)
        for draft in drafts:
            self._index.add(draft.after)
        self._tidy(drafts)

    def _take_back(self, opened: Sequence[tuple[int, _Draft]]) -> None:
        try:
            for descriptor, draft in opened:
                if os.fstat(descriptor).st_size > draft.before.size:
                    os.ftruncate(descriptor, draft.before.size)
                    os.fsync(descriptor)
        except OSError as error:
            self._index.forget()
            self._made = []
            reason = f"the disk took a part and does not give it back ({error.strerror}); the outcome is unknown"
            raise StoreUnavailable(self._url, reason) from error

    def _tidy(self, drafts: Sequence[_Draft]) -> None:
        """Remove the snapshots that were replaced, and those that never counted."""
        kept = {draft.after.snapshot.file for draft in drafts if draft.after.snapshot is not None}
        before = [draft.before.snapshot.file for draft in drafts if draft.before.snapshot is not None]
        made = [file.name for file in self._made if file.parent == self._folder.snapshots]
        _remove([self._folder.snapshots / file for file in {*before, *made} - kept])

    def snapshot(self, run: str) -> Snapshot | None:
        with self._alone() as index:
            known = index.find(run)
            if known is None or known.snapshot is None:
                return None
            try:
                data = (self._folder.snapshots / known.snapshot.file).read_bytes()
            except FileNotFoundError:
                return None
            return Snapshot(known.snapshot.seq, data) if crc32(data) == known.snapshot.sum else None

    def read(self, run: str, after: int) -> list[bytes]:
        try:
            with self._alone():
                known = self._of(run)
                stream = known.file.open("rb")
            # What is known of a journal does not change any more, so others may write meanwhile.
            with stream:
                return self._index.events(known, stream)[after:]
        except OSError as error:
            raise translate(self._url, error) from error

    def row(self, run: str) -> RunRow | None:
        with self._alone() as index:
            known = index.find(run)
            return None if known is None else known.index()

    def rows(
        self,
        status: str | None,
        name: str | None,
        graph: str | None,
        match: Mapping[str, Value] | None,
        limit: int | None,
    ) -> list[RunRow]:
        with self._alone() as index:
            found = [known for known in index.everything().values() if wanted(known.row, status, name, graph, match)]
            found.sort(key=lambda known: (known.row.created, known.number), reverse=True)
            return [known.index() for known in found[:limit]]

    def definition(self, digest: str) -> bytes | None:
        with self._alone() as index:
            if digest not in index.needs:
                return None
            file = self._folder.definitions / definition_name(digest)
            try:
                data = file.read_bytes()
            except FileNotFoundError as error:
                raise StoreCorrupt(self._url, f"definitions/{file.name} is gone; restore the file") from error
            if crc32(data) != index.needs[digest][1]:
                raise StoreCorrupt(self._url, f"definitions/{file.name} is not as it was written; restore the file")
            return data

    def delete(self, run: str) -> None:
        with self._alone() as index:
            known = self._of(run)
            owner = self._living(known)
            if owner not in (None, self.owner.token):
                raise RunOwned(run, str(owner))
            index.begin()
            known.file.unlink()
            index.drop(known)
            sync_folder(self._folder.runs)
            if known.snapshot is not None:
                _remove([self._folder.snapshots / known.snapshot.file])
            # A run that cannot be read may need any of them.
            if not index.damaged:
                orphans = [digest for digest in known.definitions if digest not in index.needs]
                _remove([self._folder.definitions / definition_name(digest) for digest in orphans])

    def close(self) -> None:
        self.owner.close()
        self._folder.close()


def _remove(files: Collection[Path]) -> None:
    for file in files:
        with suppress(OSError):  # what stays is swept away by the next store that opens the folder
            file.unlink(missing_ok=True)
