"""The transaction in which an action writes to its own tables, and its host the event that says so.

It has a connection of its own, for an action that nobody waits for any more may still be using it, in its thread: that
one is closed, and whatever the action tries then fails. Meanwhile it is we who end the transaction: a COMMIT of the
action's is refused, and a ROLLBACK takes everything with it, and is told.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TypeVar

import apsw

from trellis.errors import StoreError, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.sqlite.faults import translate, translate_os
from trellis.stores.sqlite.schema import BUSY_MS
from trellis.stores.sqlite.transaction import Savepoint
from trellis.stores.sqlite.writing import Claim, Displaced, Plan, Writing

T = TypeVar("T")

_ENDED = (
    "an action ended the transaction that it was given, so nothing of it was kept; let it execute no COMMIT, END or "
    "ROLLBACK: what it wrote is committed together with the event that records it"
)
_REFUSED = "what an action wrote breaks a constraint of its own tables, so nothing of it was kept"


class ActingTransaction:
    """Keeps the promise of `Transaction`. `begin` it; end it with `commit`, or with `abandon` where its block raises.

    Every method raises StoreError.
    """

    def __init__(self, url: str, connection: apsw.Connection, writing: Writing) -> None:
        self.connection = connection
        self._url, self._writing = url, writing
        self._before: dict[str, Claim] = {}
        self._refused = self._committing = self._ended = False

    def begin(self) -> None:
        """Take the write lock. Waits for nobody: StoreUnavailable where another process has it."""
        self._told(self._begin)
        self.connection.set_commit_hook(self._is_not_ours, id=self)
        self.connection.set_rollback_hook(self._note_end, id=self)

    async def append(self, turn: Turn) -> StoreError | None:
        """As `Transaction.append`."""
        return self._told(lambda: self._append(turn))

    def commit(self) -> None:
        """Commit, or take back where a turn was refused. Raises StoreUnavailable where the action has ended it."""
        self._told(self._commit)

    def abandon(self) -> bool:
        """Take everything back and close the connection; False where a thread is in the midst of using it: try again."""
        try:
            self.connection.interrupt()
            self.connection.close()
        except apsw.ConnectionClosedError:
            pass  # by the action
        except apsw.ThreadingViolationError:
            return False
        self._forget()
        return True

    def _begin(self) -> None:
        self.connection.set_busy_timeout(0)
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.set_busy_timeout(BUSY_MS)  # for files that the action attaches

    def _append(self, turn: Turn) -> StoreError | None:
        self._check()
        writing, plan = self._writing, Plan()
        (error,) = writing.judge(plan, (turn,))
        if error is None:
            try:
                with Savepoint(self.connection):
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

    def _commit(self) -> None:
        self._check()
        self._committing = True
        if self._refused:
            self.connection.execute("ROLLBACK")
            self._forget()
        else:
            try:
                self.connection.execute("COMMIT")
            except apsw.ConstraintError as error:  # one that was deferred; our tables have none
                raise StoreUnavailable(self._url, f"{_REFUSED}: {error}") from error
            self._before.clear()
        self.connection.set_commit_hook(None, id=self)
        self.connection.set_rollback_hook(None, id=self)

    def _forget(self) -> None:
        """Nothing of the turns was written."""
        for run, claim in self._before.items():
            claim.revision = -1  # as after every commit that failed: look, before the next turn
            self._writing.claims[run] = claim
        self._before.clear()

    def _check(self) -> None:
        if self._ended or not self.connection.in_transaction:
            self._ended = True
            raise StoreUnavailable(self._url, _ENDED)

    def _is_not_ours(self) -> bool:
        """Called before a commit, which goes ahead only for False."""
        self._note_end()
        return not self._committing

    def _note_end(self) -> None:
        self._ended = self._ended or not self._committing

    def _told(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except apsw.ConnectionClosedError as error:
            raise StoreUnavailable(self._url, _ENDED) from error
        except apsw.Error as error:
            raise translate(self._url, error, self.connection.system_errno) from error
        except OSError as error:
            raise translate_os(self._url, error) from error
