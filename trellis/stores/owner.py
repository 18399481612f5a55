"""Who is alive: an owner holds an OS lock on a file of its own, and the system frees it at the owner's death.

The file is `<path>-owner-<token>`. It is made when the first run is owned, removed when the owner closes, and, where the
owner was killed, by whoever finds it unlocked. A missing file means a dead owner too: all that removing the file of a
living one does is to let its epochs grow old. What is in the file is how the owner is reached, once it can be: see
`trellis.stores.control`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from trellis.stores import forked

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
            self.living()
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
            _sweep(_read(descriptor), token)
            # Removed while it is locked: an owner that makes its file at this moment waits, and then makes another.
            _remove(file)
        except OSError:
            return True
        finally:
            os.close(descriptor)
        return False

    @property
    def held(self) -> bool:
        """Whether this owner is alive for others to see."""
        return self._descriptor is not None

    def publish(self, address: str) -> None:
        """Let others read how this owner, which is alive, is reached. Raises OSError where the disk takes no more."""
        if self._descriptor is None:
            raise ValueError("an owner that is not alive yet has no address")
        data = address.encode()
        os.pwrite(self._descriptor, data, 0)
        os.ftruncate(self._descriptor, len(data))

    def address(self, token: str) -> str:
        """How that owner is reached; empty where it has not said so, or is dead. Raises PermissionError."""
        try:
            return self._file(token).read_text()
        except FileNotFoundError:
            return ""

    def living(self) -> list[str]:
        """The other owners that are alive, sorted. The files of dead ones are removed."""
        tokens = {file.name.removeprefix(self._prefix) for file in _named(self._folder, self._prefix)} - {self.token}
        return [token for token in sorted(tokens) if self.alive(token)]

    def close(self) -> None:
        """Be dead: what this owner held is free for anyone."""
        if self._descriptor is not None:
            file, mine = self._file(self.token), os.fstat(self._descriptor).st_ino
            forked.close(self._descriptor)
            self._descriptor = None
            if _inode(file) == mine:  # not that of the process which forked this one
                _remove(file)

    def _file(self, token: str) -> Path:
        return self._folder / (self._prefix + token)


def folder_name(token: str) -> str:
    """What the folder of that owner's socket is called. None but its user may look into it."""
    return f"trellis-{os.getuid() if sys.platform != 'win32' else ''}-{token}"


def _named(folder: Path, prefix: str) -> list[Path]:
    return [file for file in folder.iterdir() if file.name.startswith(prefix)]


def _read(descriptor: int) -> str:
    return os.read(descriptor, 1024).decode(errors="replace")


def _sweep(address: str, token: str) -> None:
    """Remove the socket of a dead owner; nothing else, whatever the file says."""
    folder = Path(address).parent
    if address and folder.name == folder_name(token):
        try:
            os.unlink(address)
        except OSError:
            pass  # somebody was faster; a folder that is not ours to clear stays
        try:
            folder.rmdir()
        except OSError:
            pass


def _acquire(file: Path) -> int:
    while True:
        descriptor = forked.locked(os.open(file, os.O_RDWR | os.O_CREAT, 0o666))
        try:
            _lock(descriptor, probe=False)
            # Before we locked it, somebody's `hold` may have found it unlocked, and removed it.
            if _inode(file) == os.fstat(descriptor).st_ino:
                return descriptor
        except BaseException:
            forked.close(descriptor)
            raise
        forked.close(descriptor)


def _inode(file: Path) -> int | None:
    try:
        return file.stat().st_ino
    except FileNotFoundError:
        return None


def _remove(file: Path) -> None:
    try:
        file.unlink()
    except (FileNotFoundError, PermissionError):
        pass  # somebody was faster, or still has it open; a dead file left behind is found again
