"""A store that lives as long as its process: bytes in dicts. Each one is a store of its own, with one owner."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, StoreError, UnknownRun
from trellis.stores.base import RunRow, Turn


class _Journal:
    """One run. `writable` is the epoch under which it may be written, None while it is free."""

    __slots__ = ("epoch", "events", "row", "writable")

    def __init__(self, row: RunRow, event: bytes) -> None:
        self.row, self.events = row, [event]
        self.epoch = 1
        self.writable: int | None = 1

    def index(self) -> RunRow:
        return replace(self.row, revision=len(self.events))


class MemoryStore:
    """Keeps the promise of `Store`, but for durability."""

    def __init__(self, url: str = "memory://") -> None:
        self.url = url
        self._runs: dict[str, _Journal] = {}
        self._definitions: dict[str, bytes] = {}

    async def put_definition(self, digest: str, data: bytes) -> None:
        self._definitions.setdefault(digest, data)

    async def definition(self, digest: str) -> bytes | None:
        return self._definitions.get(digest)

    async def create(
        self, row: RunRow, event: bytes, definition: bytes, *, last: bool = False
    ) -> tuple[RunRow, int | None]:
        found = self._runs.get(row.run)
        if found is not None:
            return found.index(), None
        self._definitions.setdefault(row.graph, definition)
        self._runs[row.run] = journal = _Journal(row, event)
        if last:
            journal.writable = None
        return journal.index(), 1

    async def claim(self, run: str) -> int:
        journal = self._journal(run)
        if journal.writable is None:
            journal.epoch += 1
            journal.writable = journal.epoch
        return journal.epoch

    async def release(self, run: str) -> None:
        journal = self._runs.get(run)
        if journal is not None:
            journal.writable = None

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        runs = self._runs
        answers: list[StoreError | None] = []
        refused: dict[str, StoreError] = {}
        for turn in turns:
            journal = runs.get(turn.run)
            if (
                journal is not None
                and turn.epoch == journal.writable
                and turn.seq == len(journal.events) + 1
                and not (refused and turn.run in refused)
            ):
                journal.events.append(turn.event)
                if turn.row is not None:
                    journal.row = turn.row
                if turn.last:
                    journal.writable = None
                answers.append(None)
            else:
                answers.append(refused.setdefault(turn.run, self._refusal(turn, journal)))
        return answers

    def _refusal(self, turn: Turn, journal: _Journal | None) -> StoreError:
        if journal is None:
            return Conflict(turn.run, turn.seq, 0)
        if turn.epoch != journal.writable:
            return RunOwned(turn.run, "nobody" if journal.writable is None else self.url)
        return Conflict(turn.run, turn.seq, len(journal.events))

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return self._journal(run).events[after:]

    async def row(self, run: str) -> RunRow | None:
        journal = self._runs.get(run)
        return None if journal is None else journal.index()

    async def rows(self, *, status: str | None = None, graph: str | None = None) -> list[RunRow]:
        found = [
            journal.index()
            for journal in reversed(self._runs.values())
            if (status is None or journal.row.status == status) and (graph is None or journal.row.graph == graph)
        ]
        found.sort(key=lambda row: -row.created)  # stable, so the one written last stays first among equals
        return found

    async def delete(self, run: str) -> None:
        self._journal(run)
        del self._runs[run]

    async def close(self) -> None:
        """Nothing is held outside this object."""

    def _journal(self, run: str) -> _Journal:
        journal = self._runs.get(run)
        if journal is None:
            raise UnknownRun(run)
        return journal
