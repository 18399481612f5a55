"""Who is alive: an owner holds an OS lock on a file of its own, and the system frees it at the owner's death.

The file is `<path>-owner-<token>`. It is made when the first run is owned, removed when the owner closes, and, where the
owner was killed, by whoever finds it unlocked. A missing file means a dead owner too: all that removing the file of a
living one does is to let its epochs grow old.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int, *, probe: bool) -> None:
        """Raises OSError where another holds it."""
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK if probe else msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(descriptor: int, *, probe: bool) -> None:
        """Raises OSError where another holds it. Probes share, so that two never take each other for the owner."""
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB if probe else fcntl.LOCK_EX)


class OwnerLock:
    """One owner of runs in the store whose file is `path`. `token` names it: its process, and 64 random bits."""

    def __init__(self, path: Path) -> None:
        self.token = f"{os.getpid()}-{os.urandom(8).hex()}"
        self._folder, self._prefix = path.parent, f"{path.name}-owner-"
        self._descriptor: int | None = None

    def hold(self) -> str:
        """Be alive for others to see, from now on. The token. Raises OSError where the file cannot be made."""
        if self._descriptor is None:
            for file in self._folder.iterdir():
                if file.name.startswith(self._prefix):
                    self.alive(file.name.removeprefix(self._prefix))
            self._descriptor = _acquire(self._file(self.token))
        return self.token

    def alive(self, token: str) -> bool:
        """Whether that owner lives. The file of a dead one is removed."""
        file = self._file(token)
        try:
            descriptor = os.open(file, os.O_RDWR)
        except FileNotFoundError:
            return False
        except PermissionError:
            return True  # another user's: we cannot ask, so we do not take what is theirs
        try:
            _lock(descriptor, probe=True)
            # Removed while it is locked: an owner that makes its file at this moment waits, and then makes another.
            _remove(file)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    def close(self) -> None:
        """Be dead: what this owner held is free for anyone."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _remove(self._file(self.token))

    def _file(self, token: str) -> Path:
        return self._folder / (self._prefix + token)


def _acquire(file: Path) -> int:
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor, probe=False)
            mine = os.fstat(descriptor).st_ino
            # Before we locked it, somebody's `hold` may have found it unlocked, and removed it.
            if file.exists() and file.stat().st_ino == mine:
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _remove(file: Path) -> None:
    try:
        file.unlink()
    except (FileNotFoundError, PermissionError):
        pass  # somebody was faster, or still has it open; a dead file left behind is found again
