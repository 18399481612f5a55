"""A store that lives as long as its process: bytes in dicts. Each one is a store of its own, with one owner."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from heapq import heappop, heappush

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, StoreError, StoreUnavailable, TooManyRuns, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn
from trellis.stores.matching import wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from asyncio import Future


class _Journal:
    """One run. `writable` is the epoch under which it may be written, None while it is free."""

    __slots__ = ("definitions", "epoch", "events", "gone", "queued", "row", "snapshot", "writable")

    def __init__(self, row: RunRow, events: Sequence[bytes], definitions: Collection[str]) -> None:
        self.row, self.events, self.definitions = row, list(events), set(definitions)
        self.epoch = 1
        self.writable: int | None = 1
        self.snapshot: Snapshot | None = None
        self.queued: float | None = None  # the `wake` under which it stands among those to be woken
        self.gone = False

    def index(self) -> RunRow:
        return replace(self.row, revision=len(self.events))

    def due(self) -> float | None:
        """When it may be claimed because it is due; None while it may not."""
        free = self.writable is None and not self.gone
        return self.row.wake if free and self.row.status == "running" else None


class MemoryStore:
    """Keeps the promise of `Store`, but for durability."""

    def __init__(self, url: str = "memory://") -> None:
        self.url = url
        self._runs: dict[str, _Journal] = {}
        self._requests: dict[str, _Journal] = {}
        self._definitions: dict[str, bytes] = {}
        self._needs: dict[str, int] = {}  # definition -> how many runs need it
        self._open = 0
        # (wake, a number that tells equals apart, run); an entry counts while it is what its run has `queued` and `due`.
        self._waking: list[tuple[float, int, _Journal]] = []
        self._entries = 0
        self._hear: Hear | None = None
        self._asked: set[Future[bytes]] = set()

    async def definition(self, digest: str) -> bytes | None:
        return self._definitions.get(digest)

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        found = self._runs.get(row.run)
        if found is None and row.request:
            found = self._requests.get(row.request)
        if found is not None:
            return found.index(), None
        is_open = row.status == "running"
        if at_most is not None and is_open and self._open >= at_most:
            raise TooManyRuns(at_most)
        self._open += is_open
        self._runs[row.run] = journal = _Journal(row, events, ())
        if row.request:
            self._requests[row.request] = journal
        for digest, data in definitions.items():
            self._keep(journal, digest, data)
        if last:
            self._free(journal)
        return journal.index(), 1

    async def claim(self, run: str) -> int:
        return self._claim(self._journal(run))

    def _claim(self, journal: _Journal) -> int:
        if journal.writable is None:
            journal.epoch += 1
            journal.writable = journal.epoch
        return journal.epoch

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        claimed: list[tuple[str, int]] = []
        kept: list[tuple[float, int, _Journal]] = []
        waking = self._waking
        while waking:
            wake, _, journal = waking[0]
            if journal.queued != wake or journal.due() != wake:
                heappop(waking)
                if journal.queued == wake:
                    journal.queued = None
                continue
            if wake > now or len(claimed) >= limit:
                break
            entry = heappop(waking)
            row = journal.row
            if row.run in without or (names is not None and row.name not in names):
                kept.append(entry)
            else:
                journal.queued = None
                claimed.append((row.run, self._claim(journal)))
        for entry in kept:
            heappush(waking, entry)
        return Due(tuple(claimed), self._next(now))

    def _next(self, now: float) -> float | None:
        if not self._waking or self._waking[0][0] > now:
            return self._waking[0][0] if self._waking else None
        # Something due was left: over the limit, or not asked for.
        later = [wake for wake, _, journal in self._waking if wake > now and journal.due() == wake]
        return min(later, default=None)

    async def owned(self) -> list[str]:
        return [run for run, journal in self._runs.items() if journal.writable is not None]

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        journal = self._runs.get(run)
        if journal is not None and journal.writable is not None:
            if snapshot is not None and snapshot.seq <= len(journal.events):
                journal.snapshot = snapshot
            self._free(journal)

    def _free(self, journal: _Journal) -> None:
        journal.writable = None
        wake = journal.due()
        if wake is not None and journal.queued != wake:
            journal.queued = wake
            self._entries += 1
            heappush(self._waking, (wake, self._entries, journal))

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
                    self._replace(journal, turn.row)
                if turn.snapshot is not None:
                    journal.snapshot = Snapshot(turn.seq, turn.snapshot)
                if turn.definition is not None:
                    self._keep(journal, journal.row.graph, turn.definition)
                if turn.last:
                    self._free(journal)
                answers.append(None)
            else:
                answers.append(refused.setdefault(turn.run, self._refusal(turn, journal)))
        return answers

    def _replace(self, journal: _Journal, row: RunRow) -> None:
        before = journal.row
        journal.row = row if row.request == before.request else replace(row, request=before.request)
        self._open += (row.status == "running") - (before.status == "running")

    def _keep(self, journal: _Journal, digest: str, data: bytes) -> None:
        if digest not in journal.definitions:
            journal.definitions.add(digest)
            self._needs[digest] = self._needs.get(digest, 0) + 1
            self._definitions.setdefault(digest, data)

    def _refusal(self, turn: Turn, journal: _Journal | None) -> StoreError:
        if journal is None:
            return Conflict(turn.run, turn.seq, 0)
        if turn.epoch != journal.writable:
            return RunOwned(turn.run, "nobody" if journal.writable is None else self.url)
        return Conflict(turn.run, turn.seq, len(journal.events))

    async def snapshot(self, run: str) -> Snapshot | None:
        journal = self._runs.get(run)
        return None if journal is None else journal.snapshot

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return self._journal(run).events[after:]

    async def row(self, run: str) -> RunRow | None:
        journal = self._runs.get(run)
        return None if journal is None else journal.index()

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        found = [
            journal for journal in reversed(self._runs.values()) if wanted(journal.row, status, name, graph, match)
        ]
        found.sort(key=lambda journal: -journal.row.created)  # stable: the one written last stays first among equals
        return [journal.index() for journal in found[:limit]]

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        if self._journal(run).writable is None or self._hear is None:
            return None
        import asyncio

        # Who stops waiting does not stop the owner: a message that was heard is acted on whole.
        hearing = asyncio.ensure_future(self._hear(message))
        self._asked.add(hearing)
        hearing.add_done_callback(self._asked.discard)
        done, _ = await asyncio.wait({hearing}, timeout=timeout)
        if not done:
            raise StoreUnavailable(self.url, f"the owner of run '{run}' gave no reply in {timeout:g} s")
        return hearing.result()

    def hear(self, answer: Hear) -> None:
        self._hear = answer

    async def delete(self, run: str) -> None:
        journal = self._journal(run)
        journal.gone = True
        del self._runs[run]
        self._requests.pop(journal.row.request, None)
        self._open -= journal.row.status == "running"
        for digest in journal.definitions:
            self._needs[digest] -= 1
            if not self._needs[digest]:
                del self._needs[digest], self._definitions[digest]

    async def close(self) -> None:
        """Nothing is held outside this object."""

    def _journal(self, run: str) -> _Journal:
        journal = self._runs.get(run)
        if journal is None:
            raise UnknownRun(run)
        return journal
