"""A store written from the docstrings of `Store` alone: the least that keeps the promise, slow and plain.

It judges the contract suite (whoever reads only the promise passes) and is the model of the property tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, StoreError, UnknownRun
from trellis.stores.base import RunRow, Turn


class Shelf:
    """What owners share. `events`, `rows`, `owners` and `epochs` are by run; a run without owner is free."""

    def __init__(self) -> None:
        self.definitions: dict[str, bytes] = {}
        self.events: dict[str, list[bytes]] = {}
        self.rows: dict[str, RunRow] = {}
        self.owners: dict[str, DictStore] = {}
        self.epochs: dict[str, int] = {}


class DictStore:
    def __init__(self, shelf: Shelf, name: str) -> None:
        self.url, self.shelf, self.name = "dict://", shelf, name

    async def put_definition(self, digest: str, data: bytes) -> None:
        if digest not in self.shelf.definitions:
            self.shelf.definitions[digest] = data

    async def definition(self, digest: str) -> bytes | None:
        return self.shelf.definitions.get(digest)

    async def create(
        self, row: RunRow, event: bytes, definition: bytes, *, last: bool = False
    ) -> tuple[RunRow, int | None]:
        present = await self.row(row.run)
        if present is not None:
            return present, None
        await self.put_definition(row.graph, definition)
        self.shelf.rows[row.run] = row
        self.shelf.events[row.run] = [event]
        if not last:
            self.shelf.owners[row.run] = self
        self.shelf.epochs[row.run] = 1
        return replace(row, revision=1), 1

    async def claim(self, run: str) -> int:
        self._must_not_be_anothers(run)
        if self.shelf.owners.get(run) is not self:
            self.shelf.owners[run] = self
            self.shelf.epochs[run] += 1
        return self.shelf.epochs[run]

    async def release(self, run: str) -> None:
        if self.shelf.owners.get(run) is self:
            del self.shelf.owners[run]

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        answers: list[StoreError | None] = []
        stopped: dict[str, StoreError] = {}
        for turn in turns:
            if turn.run not in stopped:
                error = self._judge(turn)
                if error is not None:
                    stopped[turn.run] = error
                else:
                    self.shelf.events[turn.run].append(turn.event)
                    if turn.row is not None:
                        self.shelf.rows[turn.run] = turn.row
                    if turn.last:
                        del self.shelf.owners[turn.run]
            answers.append(stopped.get(turn.run))
        return answers

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        if run not in self.shelf.events:
            raise UnknownRun(run)
        return self.shelf.events[run][after:]

    async def row(self, run: str) -> RunRow | None:
        if run not in self.shelf.rows:
            return None
        return replace(self.shelf.rows[run], revision=len(self.shelf.events[run]))

    async def rows(self, *, status: str | None = None, graph: str | None = None) -> list[RunRow]:
        wanted: list[tuple[Any, RunRow]] = []
        for order, (run, row) in enumerate(self.shelf.rows.items()):
            if status in (None, row.status) and graph in (None, row.graph):
                wanted.append(((row.created, order), replace(row, revision=len(self.shelf.events[run]))))
        return [row for _, row in sorted(wanted, key=lambda pair: pair[0], reverse=True)]

    async def delete(self, run: str) -> None:
        self._must_not_be_anothers(run)
        for part in (self.shelf.events, self.shelf.rows, self.shelf.owners, self.shelf.epochs):
            part.pop(run, None)

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
