"""A file that is written is there whole or not at all; what was there before stays until then."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from trellis.errors import UsageError


def replace_file(path: str, data: bytes, *, was: bytes | None = None) -> None:
    """Write the file; a link stays one, and who may read a file stays as it was.

    `was` is what the data was made of: raises UsageError where the file has something else by now. Raises OSError,
    naming the file.
    """
    target = Path(path)
    if was is not None:
        _refuse_changed(path, was)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if target.exists() and not target.is_file():  # a device or a pipe is written to, never replaced
        target.write_bytes(data)
        return
    new = None
    try:
        new = _beside(target, data)
        os.replace(new, target.resolve())
    except OSError as error:
        if new is not None:
            new.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, path) from error


def replace_files(
    files: Mapping[str, bytes], moved: Mapping[str, str] = MappingProxyType({}), *, were: Mapping[str, bytes]
) -> None:
    """Write all of these files, which are there already, and give those in `moved` their new paths; or do none of it.

    `were` is what each file held when that was decided: raises UsageError where one has something else by now. Raises
    OSError, naming the file that stands in the way.
    """
    for path, data in were.items():
        _refuse_changed(path, data)
    ready: dict[str, Path] = {}
    before: dict[str, bytes] = {}
    there: list[tuple[str, str]] = []
    try:
        for path, data in files.items():
            before[path] = Path(path).read_bytes()
            ready[path] = _beside(Path(path), data)
        for path in files:
            os.replace(ready[path], Path(path).resolve())
            del ready[path]
        for path, other in moved.items():
            same = os.path.exists(other) and os.path.samefile(path, other)  # where case makes no other file
            if os.path.lexists(other) and not same:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), other)
            os.rename(path, other)
            there.append((other, path))
    except OSError as error:
        for other, path in reversed(there):
            os.rename(other, path)
        for new in ready.values():
            new.unlink(missing_ok=True)
        for path, data in before.items():
            if path not in ready and Path(path).read_bytes() != data:
                replace_file(path, data)
        raise OSError(error.errno, error.strerror, error.filename2 or error.filename) from error


def _refuse_changed(path: str, was: bytes) -> None:
    if Path(path).read_bytes() != was:
        raise UsageError(f"{path} was changed by somebody else meanwhile; nothing was written, try again")


def _beside(target: Path, data: bytes) -> Path:
    """The data in a new file beside the target, with its mode. Raises OSError; then nothing is left behind."""
    real = target.resolve()
    new = real.with_name(f".{real.name}.{os.getpid()}")
    try:
        with open(new, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            if real.exists():
                os.chmod(new, stat.S_IMODE(real.stat().st_mode))
    except OSError as error:
        if not isinstance(error, FileExistsError):
            new.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, os.fspath(target)) from error
    return new


def make_own(folder: Path) -> None:
    """Make a folder of ours, in `.trellis` or that itself, which git leaves alone. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for around in (folder, folder.parent):
        if around.name == ".trellis" and not (ignore := around / ".gitignore").exists():
            ignore.write_text("*\n", "utf-8")
