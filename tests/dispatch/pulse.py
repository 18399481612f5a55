"""A named pipe that tells whether processes are at work: it beats when one opens it, and ends when none holds it.

`script` is what a shell runs to be at work until it is killed. Nobody waits longer than it takes to happen.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


class Pulse:
    """Made before the processes start."""

    def __init__(self, folder: Path, name: str = "pulse") -> None:
        self.path = folder / name
        os.mkfifo(self.path)
        self._fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        # Held here until the end is awaited: a process that is ended before it could open the pipe has ended, too.
        self._own = os.open(self.path, os.O_WRONLY)

    @property
    def hold(self) -> str:
        """Be at work, on file descriptor 3, as long as any process of this shell lives."""
        return f"exec 3>'{self.path}';"

    @property
    def begin(self) -> str:
        """Be at work and say so."""
        return f"{self.hold} echo begun >&3;"

    @property
    def script(self) -> str:
        """Work until a signal comes."""
        return f"{self.begin} sleep 1000"

    async def begun(self) -> None:
        """Returns once a process has said that it began."""
        assert b"begun" in await self._next()

    async def ended(self) -> None:
        """Returns once no process holds the pipe."""
        os.close(self._own)
        while await self._next():
            pass
        os.close(self._fd)

    def watch_it_end(self) -> None:
        """The same, while the loop stands still."""
        os.close(self._own)
        os.set_blocking(self._fd, True)
        while os.read(self._fd, 4096):
            pass
        os.close(self._fd)

    async def _next(self) -> bytes:
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(self._fd, lambda: None if readable.done() else readable.set_result(None))
        try:
            await readable
        finally:
            loop.remove_reader(self._fd)
        return os.read(self._fd, 4096)
