"""The transaction in which an action writes to its own tables, and its host the event that says so.

Whatever the action does with the connection, it is we who end the transaction: a COMMIT of its own is refused, and a
ROLLBACK takes everything with it, and is told.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

import apsw

from trellis.errors import StoreError, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.sqlite.writing import Claim, Displaced, Plan, Writing

_ENDED = (
    "an action ended the transaction that it was given, so nothing of it was kept; let it execute no COMMIT, END or "
    "ROLLBACK: what it wrote is committed together with the event that records it"
)


class ActingTransaction:
    """Keeps the promise of `Transaction`. `begin` it; end it with `commit`, or with `take_back` where its block raises.

    `guarded` runs a call on the connection, and raises what it raises as one of our errors.
    """

    def __init__(
        self,
        url: str,
        connection: apsw.Connection,
        writing: Writing,
        guarded: Callable[[Callable[[Turn], StoreError | None], Turn], StoreError | None],
    ) -> None:
        self.connection = connection
        self._url, self._writing, self._guarded = url, writing, guarded
        self._before: dict[str, Claim] = {}
        self._refused = self._committing = self._ended = False

    def begin(self) -> None:
        """Take the write lock."""
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.set_commit_hook(self._is_not_ours, id=self)
        self.connection.set_rollback_hook(self._is_not_ours, id=self)

    async def append(self, turn: Turn) -> StoreError | None:
        """As `Transaction.append`."""
        return self._guarded(self._append, turn)

    def commit(self) -> None:
        """Commit, or take back where a turn was refused. Raises StoreUnavailable where the action has ended it."""
        try:
            self._check()
            if not self._refused:
                self._committing = True
                self.connection.execute("COMMIT")
                self._before.clear()
        finally:
            self.take_back()

    def take_back(self) -> None:
        """What is not committed by now never was."""
        self.connection.set_commit_hook(None, id=self)
        self.connection.set_rollback_hook(None, id=self)
        for run, claim in self._before.items():
            claim.revision = -1  # as after every commit that failed: look, before the next turn
            self._writing.claims[run] = claim
        self._before.clear()
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def _append(self, turn: Turn) -> StoreError | None:
        self._check()
        writing, plan = self._writing, Plan()
        (error,) = writing.judge(plan, (turn,))
        if error is None:
            try:
                with _Savepoint(self.connection):
                    writing.write(plan)
            except (Displaced, apsw.ConstraintError):
                writing.look((turn.run,))
                plan = Plan()
                (error,) = writing.judge(plan, (turn,))
                writing.write(plan)
        if error is None:
            self._before.setdefault(turn.run, copy(writing.claims[turn.run]))
            writing.written(plan)
        else:
            self._refused = True
        return error

    def _check(self) -> None:
        if self._ended or not self.connection.in_transaction:
            self._ended = True
            raise StoreUnavailable(self._url, _ENDED)

    def _is_not_ours(self) -> bool:
        """Called before a commit, which goes ahead for False only, and at a rollback."""
        self._ended = self._ended or not self._committing
        return not self._committing


class _Savepoint:
    """A part of a transaction that is taken back alone where its block raises."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._execute = connection.execute

    def __enter__(self) -> None:
        self._execute("SAVEPOINT trellis_turn")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._execute("ROLLBACK TO trellis_turn")
        self._execute("RELEASE trellis_turn")
