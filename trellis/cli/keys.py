"""What the keys and signals of a terminal do to the session that stays with a run."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn, Protocol

STOPS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
HURRY_S = 1.0
"""How long a command that was told twice to stop waits for tools that it has killed."""


class Stoppable(Protocol):
    """What is needed of a session."""

    left: bool

    @property
    def stopping(self) -> bool: ...

    def interrupt(self) -> None: ...

    def stop(self) -> None: ...

    def leave(self) -> NoReturn: ...


class Keys:
    """Ctrl-C is the signal `interrupt` where the run takes it, else it stops the session, as SIGTERM and SIGHUP do.

    A second Ctrl-C stops in any case; one while stopping kills the tools, and one more ends the process on the spot.
    """

    def __init__(self, again: Callable[[], None]) -> None:
        self.session: Stoppable | None = None
        self._again = again
        self._pressed = 0
        self._hurried = False
        self._before: dict[int, Any] = {}
        self._wake: tuple[socket.socket, socket.socket] | None = None
        self._loop = asyncio.get_running_loop()
        self._main = asyncio.current_task()

    def __enter__(self) -> Keys:
        for number in STOPS:
            # Who starts us so that a closed terminal is no matter (nohup) means it.
            if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        if sys.platform != "win32":
            self._before[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._continued)
            # Windows' loop does the following by itself.
            # A signal that another thread took, or that came just before the loop began to wait, does not end the
            # wait; what is written here does, and the handler runs.
            awake, wake = self._wake = socket.socketpair()
            for end in self._wake:
                end.setblocking(False)  # noqa: FBT003
            self._loop.add_reader(awake, lambda: awake.recv(4096))
            signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._wake is not None:
            signal.set_wakeup_fd(-1)
            self._loop.remove_reader(self._wake[0])
            for end in self._wake:
                end.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _continued(self, _number: int, _frame: FrameType | None) -> None:
        self._loop.call_soon_threadsafe(self._again)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        session = self.session
        if session is None:
            raise KeyboardInterrupt
        self._pressed += 1
        if self._hurried:
            session.leave()
        if session.stopping:
            self._hurried = True
            self._loop.call_soon_threadsafe(self._hurry, session, self._loop.time() + HURRY_S)
            return
        gently = number == signal.SIGINT and self._pressed == 1
        self._loop.call_soon_threadsafe(session.interrupt if gently else session.stop)

    def _hurry(self, session: Stoppable, until: float) -> None:
        """Cancel once more what is being stopped: that kills a process group at once. Exit where that is not enough."""
        if self._loop.time() > until:
            session.leave()
        if session.left:  # before, it would be the first cancellation, and the attempt would be recorded as failed
            for task in asyncio.all_tasks(self._loop):
                if task is not self._main:
                    task.cancel()
        self._loop.call_later(0.02, self._hurry, session, until)  # a task takes one cancellation at a time
