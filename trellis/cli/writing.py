"""A file that a command writes is there whole or not at all; what was there before stays until then."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def replace_file(path: str, data: bytes) -> None:
    """Write the file. Raises OSError, naming it."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if target.exists() and not target.is_file():  # a device or a pipe is written to, never replaced
        target.write_bytes(data)
        return
    new = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(new, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, target)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, path) from error
