"""Numbered records of many owners in one SQLite file, each with a time; what is in them is not looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw

from trellis.errors import StoreTooNew, StoreUnavailable
from trellis.stores.sqlite.faults import translate, translate_os
from trellis.stores.sqlite.transaction import Transaction

APPLICATION = int.from_bytes(b"TRLH", "big")
FORMAT = 1
_SCRIPT = f"""
    CREATE TABLE owners (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB NOT NULL) STRICT;
    CREATE TABLE records (
        id INTEGER PRIMARY KEY,
        owner INTEGER NOT NULL,
        number INTEGER NOT NULL,
        at INTEGER NOT NULL,        -- microseconds since 1970, UTC
        data BLOB NOT NULL,
        UNIQUE (owner, number)
    ) STRICT;
    CREATE INDEX records_by_time ON records (owner, at);
    PRAGMA application_id={APPLICATION}; PRAGMA user_version={FORMAT};
"""


class RecordFile:
    """One connection to the file, made where there is none. Every method raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._url = str(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise translate_os(self._url, error) from error
        try:
            self._connection = apsw.Connection(str(path))
        except apsw.Error as error:
            raise StoreUnavailable(self._url, f"it cannot be opened for writing: {error}") from error
        try:
            self._prepare()
        except apsw.Error as error:
            system = self._connection.system_errno
            self._connection.close()
            raise translate(self._url, error, system) from error
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        connection = self._connection
        connection.set_busy_timeout(5000)
        with Transaction(connection):
            application, found = connection.pragma("application_id"), connection.pragma("user_version")
            empty = not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall()
            if application == 0 and found == 0 and empty:
                connection.execute(_SCRIPT)
            elif application != APPLICATION:
                raise StoreUnavailable(self._url, "the file is a database of another kind; name another one")
            elif found > FORMAT:
                raise StoreTooNew(self._url, found, FORMAT)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "FULL")

    def owner(self, name: str) -> bytes | None:
        """What is known of an owner; None where nothing is."""
        try:
            found = self._connection.execute("SELECT data FROM owners WHERE name = ?", (name,)).fetchone()
        except apsw.Error as error:
            raise translate(self._url, error, self._connection.system_errno) from error
        return None if found is None else found[0]

    def write(self, name: str, data: bytes, rows: Sequence[tuple[int, int, bytes]], most: int) -> None:
        """Write what is known of an owner and new records (number, time, data), all or nothing.

        Of its records only the latest `most` stay; 0: all do.
        """
        execute = self._connection.execute
        try:
            with Transaction(self._connection):
                execute(
                    "INSERT INTO owners (name, data) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET data = excluded.data",
                    (name, data),
                )
                [(key,)] = execute("SELECT id FROM owners WHERE name = ?", (name,)).fetchall()
                self._connection.executemany(
                    "INSERT INTO records (owner, number, at, data) VALUES (?, ?, ?, ?)", [(key, *row) for row in rows]
                )
                if most and rows:
                    execute("DELETE FROM records WHERE owner = ? AND number <= ?", (key, rows[-1][0] - most))
        except apsw.Error as error:
            raise translate(self._url, error, self._connection.system_errno) from error

    def latest_first(self, name: str, low: int | None, high: int | None) -> Iterator[bytes]:
        """The records of an owner from one time to another, both included, the latest first."""
        where, given = "owners.name = ?", [name]
        values: list[str | int] = [*given]
        if low is not None:
            where, values = f"{where} AND at >= ?", [*values, low]
        if high is not None:
            where, values = f"{where} AND at <= ?", [*values, high]
        query = f"""
            SELECT records.data FROM records JOIN owners ON owners.id = records.owner
            WHERE {where} ORDER BY number DESC"""
        try:
            for (data,) in self._connection.execute(query, values):
                yield data
        except apsw.Error as error:
            raise translate(self._url, error, self._connection.system_errno) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
