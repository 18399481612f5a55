"""What SQLite reports, told as one of our errors; the cause stays attached by the one who raises it."""

from __future__ import annotations

import errno
import os

import apsw

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

# EFBIG: a file-size limit. With the others SQLite speaks of an I/O error where it could not grow its files.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def translate(url: str, error: apsw.Error, system: int) -> StoreError:
    """`system` is the `errno` of the connection's last failed system call."""
    match error:
        case apsw.FullError():
            return StoreFull(url, "the disk or the database is full")
        case apsw.IOError() | apsw.CantOpenError() if system in _NO_ROOM:
            return StoreFull(url, os.strerror(system))
        case apsw.NotADBError():
            return StoreCorrupt(url, "the file is no SQLite database; name another --store")
        case apsw.CorruptError() | apsw.SQLError() | apsw.MismatchError() | apsw.ConstraintError():
            return StoreCorrupt(url, f"{error}; restore the file from a backup, or name another --store")
        case apsw.BusyError() | apsw.LockedError():
            return StoreUnavailable(url, "another process has kept it locked for 5 s; try again when it is done")
        case apsw.ReadOnlyError():
            return StoreUnavailable(url, "it may not be written; allow it, or name another --store")
        case apsw.ConnectionClosedError():
            return StoreUnavailable(url, "it was closed")
        case apsw.IOError() | apsw.CantOpenError() if system:
            return StoreUnavailable(url, os.strerror(system))
    return StoreUnavailable(url, str(error))


def translate_os(url: str, error: OSError) -> StoreError:
    """The same for a system call of our own: making a folder or a lock file."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return StoreFull(url, reason)
    return StoreUnavailable(url, f"{reason}: {error.filename}" if error.filename else reason)
