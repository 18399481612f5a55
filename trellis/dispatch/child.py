"""One process group and its output: ended when its attempt is given up; what a finished tool leaves running is its own.

The output is kept up to a limit for stdout and as a tail for stderr, whatever the process prints. The group is
the process and its children; it is ended as a whole. It does not die with a host that is killed by SIGKILL.

This drives Popen from the loop by itself: a start that cannot be cancelled half-way leaves nothing behind, and an
exit is seen when it happens, not when the last child has let go of the output. It needs a POSIX system.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from threading import Thread
from typing import Literal

MOST_STDOUT = 16 * 1024 * 1024
TAIL_STDERR = 4096
CHUNK = 256 * 1024
LINGER_S = 1.0
"""How long a child left behind may keep the output open after the process itself has exited."""
REAP_S = 5.0
"""How long a process may take to vanish after SIGKILL; only one stuck in the kernel takes longer."""

News = Literal["ended", "flooded", "held"]


class Child:
    """A process, leader of a group of its own, started in `folder` by being made, inside a running loop.

    `news` is settled once: "ended" when it has exited and its output is closed, "flooded" when stdout went over
    MOST_STDOUT, "held" when it has exited and something it started keeps the output open. `heard` is called
    whenever something has come on stderr. Raises OSError or ValueError where it cannot be started. Whoever made it calls `close`.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        folder: str,
        environment: Mapping[str, str],
        stdin: bytes,
        heard: Callable[[], object] = lambda: None,
    ) -> None:
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self.news: asyncio.Future[News] = self._loop.create_future()
        self.stdout, self.stderr = bytearray(), bytearray()
        self.flooded = False
        self._exited: asyncio.Future[None] = self._loop.create_future()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._readers: dict[int, Callable[[], object]] = {}
        source = _readable(stdin)
        try:
            self._process = subprocess.Popen(
                words,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=folder,
                env=environment,
                start_new_session=True,
            )
        finally:
            os.close(source)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._outputs = {
            self._read(self._process.stdout.fileno(), self._take_stdout, self._process.stdout.close),
            self._read(self._process.stderr.fileno(), self._take_stderr, self._process.stderr.close),
        }
        self._await_exit()

    @property
    def status(self) -> int | None:
        """The exit status; -n where signal n killed it; None while it runs."""
        return self._process.returncode

    async def stop(self, grace_s: float) -> None:
        """End the group: SIGTERM, then SIGKILL after the grace or at a cancellation. The process is reaped on return.

        A cancellation meanwhile is not passed on: the caller knows why it stops.
        """
        self._signal(signal.SIGTERM)
        try:
            await asyncio.wait([self._closed], timeout=grace_s)
        except asyncio.CancelledError:
            pass  # asked twice: no more grace
        self._signal(signal.SIGKILL)
        end = self._loop.time() + REAP_S
        while not self._exited.done() and (left := end - self._loop.time()) > 0:
            try:
                await asyncio.wait([self._exited], timeout=left)
            except asyncio.CancelledError:
                continue  # the kill is on its way, and a process left unreaped would outlive its report

    def close(self) -> None:
        """Let go of the output, which a process that left the group may still hold."""
        for fd in tuple(self._readers):
            self._release(fd)

    def _signal(self, number: int) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # the group has ended, or what is left of it changed its user

    def _read(self, fd: int, take: Callable[[bytes], None], release: Callable[[], object]) -> int:
        def readable() -> None:
            data = os.read(fd, CHUNK)
            if data:
                take(data)
            else:
                self._output_closed(fd)

        self._readers[fd] = release
        self._loop.add_reader(fd, readable)
        return fd

    def _take_stdout(self, data: bytes) -> None:
        if len(self.stdout) + len(data) <= MOST_STDOUT:
            self.stdout += data
            return
        self.flooded = True
        assert self._process.stdout is not None
        self._tell("flooded")
        self._output_closed(self._process.stdout.fileno())

    def _take_stderr(self, data: bytes) -> None:
        self._heard()
        self.stderr += data
        del self.stderr[:-TAIL_STDERR]

    def _output_closed(self, fd: int) -> None:
        self._release(fd)
        self._outputs.discard(fd)
        self._settle()

    def _release(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        self._readers.pop(fd)()

    def _await_exit(self) -> None:
        try:
            fd = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # not Linux, or too old a kernel: a thread waits instead
            Thread(target=self._wait_in_thread, name="trellis-process", daemon=True).start()
            return

        def exited() -> None:
            self._release(fd)
            self._process.wait()
            self._has_exited()

        self._readers[fd] = lambda: os.close(fd)
        self._loop.add_reader(fd, exited)

    def _wait_in_thread(self) -> None:
        self._process.wait()
        try:
            self._loop.call_soon_threadsafe(self._has_exited)
        except RuntimeError:  # the loop was closed meanwhile: nobody is waiting any more
            pass

    def _has_exited(self) -> None:
        self._exited.set_result(None)
        self._settle()
        if self._outputs:
            self._loop.call_later(LINGER_S, self._tell, "held")

    def _settle(self) -> None:
        if self._exited.done() and not self._outputs and not self._closed.done():
            self._closed.set_result(None)
            self._tell("ended")

    def _tell(self, news: News) -> None:
        if not self.news.done():
            self.news.set_result(news)


def _readable(data: bytes) -> int:
    """A file descriptor that reads `data` and then ends; nobody has to write to it any more.

    A pipe where all of it fits, as most does, else a file without a name: so a tool may leave its stdin unread,
    or open it by name as /dev/stdin, and nothing waits for it.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        if os.write(write, data) == len(data):
            return read
    except BlockingIOError:
        pass
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    os.close(read)
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        return os.dup(file.fileno())
