"""A store written from the docstrings of `Store` alone: the least that keeps the promise, slow and plain.

It judges the contract suite (whoever reads only the promise passes) and is the model of the property tests.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, StoreError, StoreUnavailable, TooManyRuns, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn


class Shelf:
    """What owners share, by run. A run without owner is free."""

    def __init__(self) -> None:
        self.definitions: dict[tuple[str, str], bytes] = {}  # (run, hash): each run has its own copy
        self.events: dict[str, list[bytes]] = {}
        self.rows: dict[str, RunRow] = {}
        self.snapshots: dict[str, Snapshot] = {}
        self.owners: dict[str, DictStore] = {}
        self.epochs: dict[str, int] = {}


class DictStore:
    def __init__(self, shelf: Shelf, name: str) -> None:
        self.url, self.shelf, self.name = "dict://", shelf, name
        self.answer: Hear | None = None

    async def definition(self, digest: str) -> bytes | None:
        for (_, kept), data in self.shelf.definitions.items():
            if kept == digest:
                return data
        return None

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        rows = await self.rows()
        for present in [found for found in rows if found.run == row.run] or rows:
            if present.run == row.run or (row.request and present.request == row.request):
                return present, None
        if at_most is not None and row.status == "running":
            if len(await self.rows(status="running")) >= at_most:
                raise TooManyRuns(at_most)
        self.shelf.rows[row.run], self.shelf.events[row.run] = row, list(events)
        self.shelf.definitions.update({(row.run, digest): data for digest, data in definitions.items()})
        if not last:
            self.shelf.owners[row.run] = self
        self.shelf.epochs[row.run] = 1
        return replace(row, revision=len(events)), 1

    async def claim(self, run: str) -> int:
        self._must_not_be_anothers(run)
        if self.shelf.owners.get(run) is not self:
            self.shelf.owners[run] = self
            self.shelf.epochs[run] += 1
        return self.shelf.epochs[run]

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        waiting = []
        for run, row in self.shelf.rows.items():
            if row.status == "running" and row.wake is not None and run not in self.shelf.owners:
                waiting.append((row.wake, row.name, run))
        due = [
            run
            for wake, name, run in sorted(waiting)
            if wake <= now and (names is None or name in names) and run not in without
        ]
        claimed = tuple([(run, await self.claim(run)) for run in due[:limit]])
        return Due(claimed, min((wake for wake, _, _ in waiting if wake > now), default=None))

    async def owned(self) -> list[str]:
        return [run for run, owner in self.shelf.owners.items() if owner is self]

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        if self.shelf.owners.get(run) is self:
            del self.shelf.owners[run]
            if snapshot is not None and snapshot.seq <= len(self.shelf.events[run]):
                self.shelf.snapshots[run] = snapshot

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        answers: list[StoreError | None] = []
        stopped: dict[str, StoreError] = {}
        for turn in turns:
            if turn.run not in stopped:
                error = self._judge(turn)
                if error is not None:
                    stopped[turn.run] = error
                else:
                    self._write(turn)
            answers.append(stopped.get(turn.run))
        return answers

    def _write(self, turn: Turn) -> None:
        shelf = self.shelf
        shelf.events[turn.run].append(turn.event)
        if turn.row is not None:
            shelf.rows[turn.run] = replace(turn.row, request=shelf.rows[turn.run].request)
        if turn.snapshot is not None:
            shelf.snapshots[turn.run] = Snapshot(turn.seq, turn.snapshot)
        if turn.definition is not None:
            shelf.definitions[turn.run, shelf.rows[turn.run].graph] = turn.definition
        if turn.last:
            del shelf.owners[turn.run]

    async def snapshot(self, run: str) -> Snapshot | None:
        return self.shelf.snapshots.get(run)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        if run not in self.shelf.events:
            raise UnknownRun(run)
        return self.shelf.events[run][after:]

    async def row(self, run: str) -> RunRow | None:
        return next((row for row in await self.rows() if row.run == run), None)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        found = []
        for row in reversed(self.shelf.rows.values()):
            if status in (None, row.status) and name in (None, row.name) and graph in (None, row.graph):
                if all(plain(row.fields.get(key)) == plain(value) for key, value in (match or {}).items()):
                    found.append(replace(row, revision=len(self.shelf.events[row.run])))
        return sorted(found, key=lambda row: row.created, reverse=True)[:limit]

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        if run not in self.shelf.rows:
            raise UnknownRun(run)
        owner = self.shelf.owners.get(run)
        if owner is None or owner.answer is None:
            return None
        try:
            return await asyncio.wait_for(owner.answer(message), timeout)
        except TimeoutError:
            raise StoreUnavailable(self.url, f"no reply in {timeout} s") from None
        except Exception as error:
            raise StoreUnavailable(self.url, f"no reply: {type(error).__name__}: {error}") from error

    def hear(self, answer: Hear) -> None:
        self.answer = answer

    async def delete(self, run: str) -> None:
        self._must_not_be_anothers(run)
        parts = (self.shelf.events, self.shelf.rows, self.shelf.snapshots, self.shelf.owners, self.shelf.epochs)
        for part in parts:
            part.pop(run, None)
        for key in [key for key in self.shelf.definitions if key[0] == run]:
            del self.shelf.definitions[key]

    async def close(self) -> None:
        for run, owner in list(self.shelf.owners.items()):
            if owner is self:
                del self.shelf.owners[run]

    def _must_not_be_anothers(self, run: str) -> None:
        if run not in self.shelf.rows:
            raise UnknownRun(run)
        owner = self.shelf.owners.get(run, self)
        if owner is not self:
            raise RunOwned(run, owner.name)

    def _judge(self, turn: Turn) -> StoreError | None:
        if turn.run not in self.shelf.rows:
            return Conflict(turn.run, turn.seq, 0)
        owner = self.shelf.owners.get(turn.run)
        if owner is not self or self.shelf.epochs[turn.run] != turn.epoch:
            return RunOwned(turn.run, owner.name if owner is not None else "nobody")
        revision = len(self.shelf.events[turn.run])
        return Conflict(turn.run, turn.seq, revision) if turn.seq != revision + 1 else None


def plain(value: Value) -> object:
    """Something that is equal where JSON is."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return [plain(part) for part in value]
    return {key: plain(part) for key, part in value.items()} if isinstance(value, dict) else value
