"""A transaction takes the write lock when it begins, and its failure, or that of a part of it, is the error that caused it.

The connection's own `with` block is not used: where SQLite has rolled back by itself, as it does on a full disk, that
block fails on rolling back once more, and hides why.
"""

from __future__ import annotations

from types import TracebackType

import apsw


class Transaction:
    """Use it with `with`, as often as needed: committed at the end of the block, taken back where the block raises."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        # Not DEFERRED: one that reads first and then wants to write may be refused at once, whatever the timeout.
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")


class Savepoint:
    """A part of a transaction that is taken back alone where its block raises. Use it with `with`, as often as needed."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("SAVEPOINT trellis_part")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self._connection.in_transaction:
            return  # SQLite took all of it back: a full disk
        if kind is not None:
            self._connection.execute("ROLLBACK TO trellis_part")
        self._connection.execute("RELEASE trellis_part")
