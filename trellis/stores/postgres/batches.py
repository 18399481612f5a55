"""Turns of many runs as one call: what the database is given, and the answer to each turn.

The turns of one run that follow each other stand or fall together: once the first of them is taken, its row is locked
and nothing can come between. So the database judges the first of each run, and what follows is judged here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from trellis.errors import Conflict, RunOwned, StoreError
from trellis.stores.base import RunRow, Turn

_encode = msgspec.json.Encoder().encode


class Part(msgspec.Struct, omit_defaults=True):
    """The turns of one run, as `append_turns` takes them: it is not sent what is none.

    Indexes count from 1, as PostgreSQL does; 0: none.
    """

    number: int
    run: str
    epoch: int
    before: int
    start: int
    count: int = 0
    ended: bool = False
    image: int = 0
    image_seq: int = 0
    first_definition: int = 0
    last_definition: int = 0
    graph: str | None = None
    name: str | None = None
    source: str | None = None
    status: str | None = None
    position: tuple[str, ...] | None = None
    fields: dict[str, Any] | None = None
    wake: float | None = None
    created: float | None = None
    updated: float | None = None

    def describe(self, row: RunRow) -> None:
        self.graph, self.name, self.source, self.status = row.graph, row.name, row.source, row.status
        self.position, self.fields = row.position, row.fields
        self.wake, self.created, self.updated = row.wake, row.created, row.updated


class Batch:
    """What to send, and what comes of it."""

    def __init__(self, turns: Sequence[Turn], me: str) -> None:
        self._turns, self._me = turns, me
        self.parts: dict[str, Part] = {}
        self._late: list[StoreError | None] = []
        """What is refused if the turns of the run before it are taken; None: what they are answered."""
        self._events: list[bytes] = []
        self._images: list[bytes] = []
        self._hashes: list[str] = []
        self._definitions: list[bytes] = []
        ordered: dict[str, list[int]] = {}
        for index, turn in enumerate(turns):
            ordered.setdefault(turn.run, []).append(index)
        self._late = [None] * len(turns)
        for run, indexes in ordered.items():
            self._add(run, indexes)

    def values(self) -> tuple[Any, ...]:
        """The arguments of `append_turns`."""
        # In the order of the runs, in which every batch takes its locks.
        parts = _encode([self.parts[run] for run in sorted(self.parts)]).decode()
        return self._me, parts, self._events, self._images, self._hashes, self._definitions

    def refused(self, written: Sequence[int] | None) -> list[str]:
        """The runs of which nothing was written."""
        taken = set(written or ())
        return [part.run for part in self.parts.values() if part.number not in taken]

    def answers(
        self, held: Mapping[str, tuple[int, int, str | None, str | None]], refused: Sequence[str]
    ) -> list[StoreError | None]:
        """The answer to each turn. `held`: of the refused runs the epoch, revision, owner, and the owner if it lives."""
        if not refused:
            return self._late
        reasons = {run: self._reason(self.parts[run], held.get(run)) for run in refused}
        return [reasons.get(turn.run) or late for turn, late in zip(self._turns, self._late, strict=True)]

    def _add(self, run: str, indexes: list[int]) -> None:
        first = self._turns[indexes[0]]
        part = Part(len(self.parts), run, first.epoch, first.seq - 1, len(self._events) + 1)
        self.parts[run] = part
        error: StoreError | None = None
        row: RunRow | None = None
        for index in indexes:
            turn = self._turns[index]
            if error is None:
                error = self._follows(turn, part)
            if error is not None:
                self._late[index] = error
                continue
            self._events.append(turn.event)
            part.count += 1
            part.ended = turn.last
            row = turn.row or row
            if turn.snapshot is not None:
                self._images.append(turn.snapshot)
                part.image, part.image_seq = len(self._images), turn.seq
            if turn.definition is not None and turn.row is not None:
                part.first_definition = part.first_definition or len(self._hashes) + 1
                self._hashes.append(turn.row.graph)
                self._definitions.append(turn.definition)
        if part.first_definition:
            part.last_definition = len(self._hashes)
        if row is not None:
            part.describe(row)

    def _follows(self, turn: Turn, part: Part) -> StoreError | None:
        if part.ended:
            return RunOwned(turn.run, "nobody")
        if turn.epoch != part.epoch:
            return RunOwned(turn.run, self._me)
        last = part.before + part.count
        return None if turn.seq == last + 1 else Conflict(turn.run, turn.seq, last)

    def _reason(self, part: Part, held: tuple[int, int, str | None, str | None] | None) -> StoreError:
        if held is None:
            return Conflict(part.run, part.before + 1, 0)
        epoch, revision, owner, living = held
        if owner == self._me and epoch == part.epoch:
            return Conflict(part.run, part.before + 1, revision)
        return RunOwned(part.run, living or "nobody")
