"""A stop is taken at once, whichever thread of the process the signal reached."""

from __future__ import annotations

import asyncio
import selectors
import signal
import sys
import threading
from typing import Any, cast

import pytest

from trellis.cli.keys import Keys
from trellis.cli.session import Session

if sys.platform == "win32":
    pytest.skip("signals are not sent to threads here", allow_module_level=True)

LIMIT_S = 60


class Stopped:
    """As much of a session as a key needs."""

    stopping = False

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.told = threading.Event()

    def stop(self) -> None:
        self.came.set()
        self.told.set()

    interrupt = stop


class Telling(selectors.DefaultSelector):
    """Says when the loop is about to wait for long."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = threading.Event()

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout > 1:
            self.waits.set()
        return super().select(timeout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_that_reached_another_thread_wakes_the_loop_that_waits(number: signal.Signals) -> None:
    """Only the thread that took the signal is interrupted by it; here that is not the one with the loop."""
    selector = Telling()
    in_time: list[bool] = []

    async def wait() -> None:
        loop, session = asyncio.get_running_loop(), Stopped()

        def take() -> None:
            assert selector.waits.wait(LIMIT_S)
            signal.pthread_kill(threading.get_ident(), number)
            in_time.append(session.told.wait(LIMIT_S))
            loop.call_soon_threadsafe(session.came.set)

        with Keys(lambda: None) as keys:
            keys.session = cast(Session, session)
            selector.waits.clear()
            other = threading.Thread(target=take)
            other.start()
            await session.came.wait()
            other.join(LIMIT_S)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(wait())
    assert in_time == [True]
    assert signal.set_wakeup_fd(-1) == -1
