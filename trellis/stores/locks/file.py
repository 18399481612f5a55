"""Leases of one machine: a file per lease under an OS lock, which its holder's death frees at once.

Each key has a folder of its own, `DIR/locks/<key>`:

    guard       locked by whoever looks at the leases, for that moment
    token       the last token given; replaced on the disk before the lease is
    h-<holder>  a lease: when it ends. It lives while its holder keeps it locked, and only until then

The clock is the machine's monotonic one, the same for all its processes; no lease outlives a restart of the machine,
so nothing compares it with that of another start. A folder on a network disk is not for several machines.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from trellis.stores import forked
from trellis.stores.locks.names import file_name

T = TypeVar("T")

_PAUSE, _PATIENCE = 0.002, 2.0  # seconds between two tries for the guard, and in all

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        """Raises OSError where another has it."""
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # behind the content: there, a lock keeps others from reading too
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        """Raises OSError where another has it."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class _Busy(Exception):
    """Another looks at the leases of the key at this moment."""


class FileLeases:
    """Leases in the folder `path`, relative to the folder `root`."""

    def __init__(self, url: str, path: str, *, root: str = ".") -> None:
        self._url, self._folder = url, Path(root, path).absolute() / "locks"
        self._descriptors: dict[str, int] = {}

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        return await self._guarded(key, lambda folder: self._take(folder, holder, ttl, slots))

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        return await self._guarded(key, lambda folder: self._renew(folder, holder, ttl))

    async def free(self, key: str, holder: str) -> bool:
        return await self._guarded(key, lambda folder: self._free(folder, holder))

    async def close(self) -> None:
        for descriptor in self._descriptors.values():
            forked.close(descriptor)
        self._descriptors.clear()

    async def _guarded(self, key: str, work: Callable[[Path], T]) -> T:
        folder, loop = self._folder / file_name(key), asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                return await asyncio.to_thread(self._alone, folder, work)
            except _Busy:
                if loop.time() >= until:
                    reason = f"a process keeps {folder / 'guard'} locked; is it stopped?"
                    raise StoreUnavailable(self._url, reason) from None
                await asyncio.sleep(_PAUSE)

    def _alone(self, folder: Path, work: Callable[[Path], T]) -> T:
        """Do it while nobody else looks at the leases of the key."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            guard = forked.locked(os.open(folder / "guard", os.O_RDWR | os.O_CREAT, 0o666))
            try:
                try:
                    _lock(guard)
                except OSError as error:
                    raise _Busy from error
                return work(folder)
            finally:
                forked.close(guard)
        except OSError as error:
            raise self._fault(error) from error

    def _take(self, folder: Path, holder: str, ttl: float, slots: int) -> int | None:
        living = sum(_alive(folder / name) for name in os.listdir(folder) if name.startswith("h-"))
        if living >= slots:
            return None
        token = self._next_token(folder)
        file = folder / f"h-{holder}"
        descriptor = forked.locked(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            _lock(descriptor)
            _write_end(descriptor, ttl)
        except BaseException:
            forked.close(descriptor)
            file.unlink(missing_ok=True)
            raise
        self._descriptors[holder] = descriptor
        return token

    def _renew(self, folder: Path, holder: str, ttl: float) -> bool:
        descriptor = self._descriptors.get(holder)
        if descriptor is None or not _is_ours(folder / f"h-{holder}", descriptor):
            return False
        _write_end(descriptor, ttl)
        return True

    def _free(self, folder: Path, holder: str) -> bool:
        descriptor, file = self._descriptors.pop(holder, None), folder / f"h-{holder}"
        if descriptor is None:
            return False
        lived = _is_ours(file, descriptor)
        forked.close(descriptor)
        file.unlink(missing_ok=True)
        return lived

    def _next_token(self, folder: Path) -> int:
        file, fresh = folder / "token", folder / "token.new"
        try:
            last = int(file.read_bytes())
        except FileNotFoundError:
            last = 0
        except ValueError as error:
            raise StoreCorrupt(self._url, f"{file} holds no number; write the last token given into it") from error
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(descriptor, b"%d\n" % (last + 1))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        fresh.replace(file)
        if sys.platform != "win32":
            place = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(place)
            finally:
                os.close(place)
        return last + 1

    def _fault(self, error: OSError) -> StoreError:
        import errno

        reason = error.strerror or str(error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return StoreFull(self._url, reason)
        return StoreUnavailable(self._url, f"{reason}: {error.filename}" if error.filename else reason)


def _alive(file: Path) -> bool:
    """Whether that lease lives. The file of one that does not is removed."""
    try:
        descriptor = os.open(file, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        if _end(descriptor) > time.monotonic():
            _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    try:
        file.unlink(missing_ok=True)
    except PermissionError:
        pass  # Windows keeps the file of a holder that was stopped; it stays dead, for its time is over
    return False


def _is_ours(file: Path, descriptor: int) -> bool:
    """Whether the lease still lives, and nobody has removed its file since its time was over."""
    try:
        same = file.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
    return same and _end(descriptor) > time.monotonic()


def _end(descriptor: int) -> float:
    os.lseek(descriptor, 0, os.SEEK_SET)
    data = os.read(descriptor, 64)
    return float(data) if data else 0.0


def _write_end(descriptor: int, ttl: float) -> None:
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, b"%-40r" % (time.monotonic() + ttl))
