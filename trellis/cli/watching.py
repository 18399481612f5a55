"""A store that says which runs are taken up through it and which end, and what schedules do; all else it hands on to the store it is made of."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from trellis.errors import StoreError
from trellis.hosts.records import SKIPPED
from trellis.schedules.facts import REQUEST
from trellis.stores.base import Due, RunRow, Store, Turn


class Watched:
    """`told` hears of each run: a kind, words, and facts. It raises nothing, for what the store did is done."""

    def __init__(self, store: Store, told: Callable[..., None]) -> None:
        self._store, self._told = store, told
        if hasattr(store, "transaction"):
            self.transaction = self._transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        due = await self._store.claim_due(now, limit=limit, names=names, without=without)
        for run, _ in due.claimed:
            self._told("run.taken", f"took up {run}", run=run)
        return due

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        kept, epoch = await self._store.create(row, events, definitions, last=last, at_most=at_most)
        if epoch is not None and row.request.startswith(REQUEST):
            if row.name == SKIPPED:
                reason = str(row.fields["reason"])
                self._told("schedule.skipped", f"skipped {row.run}: {reason}", run=row.run, reason=reason)
            else:
                self._told("schedule.fired", f"started {row.run}", run=row.run)
            if last and row.name != SKIPPED:
                self._told("run.finished", f"finished {row.run}: {_words(row.status)}", run=row.run, status=row.status)
        return kept, epoch

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        outcomes = await self._store.append(turns)
        for turn, outcome in zip(turns, outcomes, strict=True):
            if turn.last and outcome is None:
                self._ended(turn)
        return outcomes

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        turns: list[Turn] = []
        async with self._store.transaction() as work:  # type: ignore[attr-defined]
            yield _Transaction(work, turns)
        for turn in turns:
            if turn.last:
                self._ended(turn)

    def _ended(self, turn: Turn) -> None:
        status = turn.row.status if turn.row is not None else "ended"
        self._told("run.finished", f"finished {turn.run}: {_words(status)}", run=turn.run, status=status)


def _words(status: str) -> str:
    return status.replace("_", " ")


class _Transaction:
    """Remembers the turns that were added."""

    def __init__(self, work: Any, turns: list[Turn]) -> None:
        self._work, self._turns = work, turns
        self.connection = work.connection

    async def append(self, turn: Turn) -> StoreError | None:
        refused: StoreError | None = await self._work.append(turn)
        if refused is None:
            self._turns.append(turn)
        return refused
