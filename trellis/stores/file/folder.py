"""The folder of a file store: its places, its format, its lock, and files that come into being whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic

import msgspec

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from trellis.stores import forked

FORMAT = 1
HALF = ".half"
"""Ends the name of a file that is not whole yet. What a killed process left of them is swept away."""

PATIENCE_S = 30.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_PARTS = ("runs", "snapshots", "definitions", "owners")

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # a byte that nobody reads: a locked one cannot be

    def _try_lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

    def sync_folder(folder: Path) -> None:
        """Windows writes names down by itself, and has no way to ask for it."""
else:
    import fcntl

    def _try_lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)

    def sync_folder(folder: Path) -> None:
        """The names in a folder are as durable as the files only after this."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Marker(msgspec.Struct):
    """What stands in `format.json`."""

    store: str
    format: int


class Folder:
    """Opens the store at `path`, and makes it where there is none. Raises StoreError; another's folder stays as it was."""

    def __init__(self, url: str, path: Path) -> None:
        self.url, self.path = url, path
        self.runs, self.snapshots, self.definitions, self.owners = (path / part for part in _PARTS)
        try:
            self._prepare()
        except OSError as error:
            raise translate(url, error) from error

    def _prepare(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        marker = self.path / "format.json"
        if not marker.exists():
            foreign = sorted({name.name for name in self.path.iterdir()} - {"lock", "format.json" + HALF, *_PARTS})
            if foreign and not marker.exists():
                raise StoreUnavailable(
                    self.url, f"the folder is no store and holds other files ('{foreign[0]}'); name an empty one"
                )
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._lock = forked.locked(lock)
        try:
            with self.locked():
                if not marker.exists():
                    for part in _PARTS:
                        (self.path / part).mkdir(exist_ok=True)
                    write_whole(marker, msgspec.json.encode(Marker("trellis", FORMAT)) + b"\n")
                found = _format(self.url, marker)
            if found > FORMAT:
                raise StoreTooNew(self.url, found, FORMAT)
        except BaseException:
            forked.close(self._lock)
            raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone in the folder. Raises StoreUnavailable where another process stays in it."""
        waited, end = 0.0005, monotonic() + PATIENCE_S
        while True:
            try:
                _try_lock(self._lock)
                break
            except (BlockingIOError, PermissionError) as error:
                if monotonic() > end:
                    reason = f"another process has kept it locked for {PATIENCE_S:g} s; try again when it is done"
                    raise StoreUnavailable(self.url, reason) from error
            Event().wait(waited)
            waited = min(waited * 2, 0.02)
        try:
            yield
        finally:
            _unlock(self._lock)

    def writes(self) -> int:
        """How many writes were begun in this folder. Lower than it was only after the machine went down."""
        os.lseek(self._lock, 0, os.SEEK_SET)
        return int.from_bytes(os.read(self._lock, 8), "little")

    def count(self, writes: int) -> None:
        """Say so before the write, so that nobody takes an interrupted one for none."""
        os.lseek(self._lock, 0, os.SEEK_SET)
        os.write(self._lock, writes.to_bytes(8, "little"))

    def close(self) -> None:
        forked.close(self._lock)


def inspect(url: str, path: Path) -> tuple[int | None, int]:
    """The format of the store in a folder, None where there is none, and the one this version writes.

    Writes nothing. Raises StoreUnavailable or StoreCorrupt where it is not ours.
    """
    marker = path / "format.json"
    try:
        return _format(url, marker) if marker.exists() else None, FORMAT
    except OSError as error:
        raise translate(url, error) from error


def _format(url: str, marker: Path) -> int:
    try:
        found = msgspec.json.decode(marker.read_bytes(), type=Marker)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreCorrupt(url, f"format.json does not say which format the folder has: {error}") from error
    if found.store != "trellis":
        raise StoreUnavailable(url, f"the folder is a store of '{found.store}'; name an empty one")
    return found.format


def write_whole(file: Path, data: bytes) -> None:
    """Make or replace a file; it is durable, and there was never a part of it under its name. Raises OSError."""
    half = file.with_name(file.name + HALF)
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o666)
        try:
            write_at(descriptor, 0, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(half, file)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    sync_folder(file.parent)


def write_at(descriptor: int, place: int, data: bytes) -> None:
    """Write all of `data`. Raises OSError, and then some of it may be there."""
    os.lseek(descriptor, place, os.SEEK_SET)
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def translate(url: str, error: OSError) -> StoreError:
    """What the system reports, as one of our errors."""
    reason = error.strerror or str(error)
    if error.errno in _NO_ROOM:
        return StoreFull(url, reason)
    return StoreUnavailable(url, f"{reason}: {error.filename}" if error.filename else reason)
