"""Opening a file: nothing is written to it before it is known to be empty or ours, and of a format we know.

A later format appends a script to FORMATS; a file of an earlier one is brought up by the scripts it lacks, in one
transaction.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.faults import translate, translate_os
from trellis.stores.sqlite.fields import changes
from trellis.stores.sqlite.transaction import Transaction

APPLICATION = int.from_bytes(b"TRLS", "big")
"""The `application_id` in the header of our files."""

FORMATS = (
    """
    CREATE TABLE definitions (
        id INTEGER PRIMARY KEY,
        hash TEXT NOT NULL UNIQUE,
        data BLOB NOT NULL
    ) STRICT;

    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run TEXT NOT NULL UNIQUE,
        owner TEXT,                 -- the token of who may write; NULL while the run is free
        epoch INTEGER NOT NULL,
        graph TEXT NOT NULL,
        name TEXT NOT NULL,
        source TEXT NOT NULL,
        status TEXT NOT NULL,
        position TEXT NOT NULL,     -- JSON, like fields
        fields TEXT NOT NULL,
        wake REAL,
        created REAL NOT NULL,
        updated REAL NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_status ON runs (status, created);

    -- Events lie in the order in which they were written: with (run, seq) as the key of the table itself,
    -- every run of a batch would dirty a page of its own.
    CREATE TABLE journal (
        id INTEGER PRIMARY KEY,
        run INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        event BLOB NOT NULL,
        UNIQUE (run, seq)
    ) STRICT;
    """,
    """
    -- A new name: a process of an earlier version that still has the file open finds nothing to write to.
    ALTER TABLE journal RENAME TO events;

    ALTER TABLE runs ADD COLUMN request TEXT NOT NULL DEFAULT '';
    CREATE UNIQUE INDEX runs_by_request ON runs (request) WHERE request <> '';
    CREATE INDEX runs_by_name ON runs (name, created);
    CREATE INDEX runs_by_owner ON runs (owner) WHERE owner IS NOT NULL;

    -- While a run is owned it stands in neither: then a step that moves `wake` changes no index.
    CREATE INDEX runs_due ON runs (wake) WHERE owner IS NULL AND wake IS NOT NULL AND status = 'running';
    CREATE INDEX runs_due_by_name ON runs (name, wake)
        WHERE owner IS NULL AND wake IS NOT NULL AND status = 'running';

    CREATE TABLE snapshots (
        run INTEGER PRIMARY KEY,
        seq INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT;

    CREATE TABLE needs (
        run INTEGER NOT NULL,
        definition INTEGER NOT NULL,
        PRIMARY KEY (run, definition)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX needs_by_definition ON needs (definition);
    INSERT INTO needs SELECT runs.id, definitions.id FROM runs JOIN definitions ON definitions.hash = runs.graph;

    CREATE TABLE indexed (
        run INTEGER NOT NULL,
        name TEXT NOT NULL,
        value ANY NOT NULL,         -- see fields.py
        PRIMARY KEY (run, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX indexed_by_value ON indexed (name, value);
    """,
)
FORMAT = len(FORMATS)

BUSY_MS = 5000
"""How long SQLite waits for another process, where it is SQLite that waits."""
_SAFE_SQLITE = (3, 51, 3)  # earlier ones can corrupt a WAL file that two processes write


# A log that stays short is written over; one that grows makes every commit wait for the file's new length too
# (measured: 150 µs against 280 µs a commit while it grows).
_SETTINGS = {"mmap_size": 0, "synchronous": "FULL", "wal_autocheckpoint": 250, "journal_size_limit": 16_777_216}


def connect(url: str, path: Path) -> apsw.Connection:
    """A connection to the file, made where there is none, in our format. Raises StoreError.

    It waits for no other process: `apsw.BusyError` comes at once.
    """
    if tuple(map(int, apsw.sqlite_lib_version().split("."))) < _SAFE_SQLITE:
        needed = ".".join(map(str, _SAFE_SQLITE))
        raise StoreUnavailable(url, f"SQLite {apsw.sqlite_lib_version()} is older than {needed}; upgrade apsw")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate_os(url, error) from error
    if path.is_dir():
        raise StoreUnavailable(url, f"{path} is a folder; name a file in it")
    try:
        return _opened(url, path)
    except StoreFull:
        if not path.exists():
            raise
        # There is no room for the index of the log, which processes share. Alone, SQLite keeps it in memory: then what
        # is in the file can be read, and written once there is room.
        return _opened(url, path, "PRAGMA locking_mode=EXCLUSIVE")


def _opened(url: str, path: Path, first: str = "") -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path))
    except apsw.Error as error:
        raise StoreUnavailable(url, f"{path} cannot be opened for writing: {error}") from error
    try:
        connection.execute(first)
        _prepare(url, connection, path)
        connection.set_busy_timeout(0)
    except apsw.Error as error:
        system = connection.system_errno
        connection.close()
        raise translate(url, error, system) from error
    except StoreError:
        connection.close()
        raise
    return connection


def another(connection: apsw.Connection) -> apsw.Connection:
    """One more connection to the same file. Raises apsw.Error."""
    second = apsw.Connection(connection.filename)
    _set_up(second)
    return second


def inspect(path: Path) -> tuple[int | None, int]:
    """The format of the file, None where there is none or it is empty, and the one this version writes.

    Writes nothing. Raises StoreUnavailable or StoreCorrupt where it is not ours.
    """
    url = str(path)
    if not path.exists():
        return None, FORMAT
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    except apsw.Error as error:
        raise StoreUnavailable(url, f"{path} cannot be opened: {error}") from error
    try:
        connection.set_busy_timeout(BUSY_MS)
        return _look(url, connection) or None, FORMAT
    except apsw.Error as error:
        raise translate(url, error, connection.system_errno) from error
    finally:
        connection.close()


def migrate(path: Path) -> tuple[int | None, int]:
    """Bring the file to the format this version writes: the one it had, as `inspect`, and the one it has now.

    Raises StoreError: StoreTooNew, and StoreTooOld where a host of an earlier version is at work on it.
    """
    url = str(path)
    before = inspect(path)[0] if path.exists() else None
    connection = connect(url, path)
    connection.close()
    return before, FORMAT


def _prepare(url: str, connection: apsw.Connection, path: Path) -> None:
    connection.set_busy_timeout(BUSY_MS)
    if connection.readonly("main"):
        raise StoreUnavailable(url, "it may not be written; allow it, or name another --store")
    known = _look(url, connection)
    if known > FORMAT:
        raise StoreTooNew(url, known, FORMAT)
    if known < FORMAT:
        # Looked at once more: whoever is alive may be of our version, and have brought it up meanwhile.
        if known and OwnerLock(path).living() and _look(url, connection) == known:
            raise StoreTooOld(url, known, FORMAT)
        with Transaction(connection):
            # Another process may have done it while this one waited for the lock.
            found = _format(url, connection)
            if found > FORMAT:
                raise StoreTooNew(url, found, FORMAT)
            for script in FORMATS[found:]:
                connection.execute(script)
            if found == 1:
                _index_fields(connection)
            connection.execute(f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={FORMAT}")
    if not _write_ahead(connection):
        raise StoreUnavailable(url, "this file system takes no write-ahead log; name a --store on a local disk")
    _set_up(connection)


def _set_up(connection: apsw.Connection) -> None:
    for name, value in _SETTINGS.items():  # one by one: several in one text end at the first that answers
        connection.pragma(name, value)


def _index_fields(connection: apsw.Connection) -> None:
    """Format 1 had no index of the fields."""
    decode = msgspec.json.Decoder(dict[str, Any]).decode
    key: Any
    text: Any
    for key, text in connection.execute("SELECT id, fields FROM runs WHERE fields <> '{}'").fetchall():
        try:
            fields = decode(text)
        except msgspec.MsgspecError:
            continue  # whoever reads this row is told; the others need not suffer for it
        for statement, values in changes(key, {}, fields):
            connection.execute(statement, values)


def _look(url: str, connection: apsw.Connection) -> int:
    """The format of the file, from one look at it while another process may be making it. Raises where it was cut."""
    connection.execute("BEGIN DEFERRED")
    try:
        found = _format(url, connection)
        _must_be_whole(url, connection)
        return found
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _must_be_whole(url: str, connection: apsw.Connection) -> None:
    """SQLite reads what is missing of a file's last page as noughts. Pages that are in a log need not be in the file."""
    path = connection.filename
    if _in_logs(path):
        return
    needed, found = connection.pragma("page_count") * connection.pragma("page_size"), os.stat(path).st_size
    if found < needed and not _in_logs(path):  # somebody may have begun to write meanwhile
        reason = f"the file was cut short: it has {found:,} bytes of {needed:,}"
        raise StoreCorrupt(url, f"{reason}; restore it from a backup, or name another --store")


def _in_logs(path: str) -> bool:
    """Whether something waits beside the file to be moved into it, or back."""
    for log in (path + "-wal", path + "-journal"):
        with suppress(FileNotFoundError):
            if os.stat(log).st_size:
                return True
    return False


def _write_ahead(connection: apsw.Connection) -> bool:
    """Whether the file keeps a write-ahead log, from now on if not before."""
    for _ in range(100):
        try:
            return bool(connection.pragma("journal_mode", "wal") == "wal")
        except apsw.BusyError:
            # Several processes opened a new file at once. The change of mode does not wait for a lock; this does.
            with Transaction(connection):
                pass
    raise apsw.BusyError("the file changes hands too often")


def _format(url: str, connection: apsw.Connection) -> int:
    """The format of the file, 0 where it is empty. Raises where it is not ours."""
    application, found = connection.pragma("application_id"), connection.pragma("user_version")
    if application == 0 and found == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchall():
        return 0
    if application != APPLICATION or found < 1:
        raise StoreUnavailable(url, "the file is a database of another application; name another --store")
    return int(found)
