"""Functions that block run here: at most so many at once, in threads that never keep a program from ending.

A thread cannot be stopped from outside. Whoever stops waiting for a call drops its result; a call that has not
begun by then never begins. The threads are daemons, so a call that hangs ends with the process, as it would with
kill -9: that is what idempotency keys are for. A thread with nothing to do ends after a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

IDLE_S = 10.0


class _Call:
    """One call: what to do, whom to tell, and how it ended."""

    __slots__ = ("dropped", "outcome", "perform", "tell")

    def __init__(self, perform: Callable[[], Any], tell: Callable[[], None]) -> None:
        self.perform, self.tell = perform, tell
        self.dropped = False
        self.outcome: tuple[Any, BaseException | None] | None = None


class Threads:
    """At most `most` threads, each started when a call would otherwise wait."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._lock = Lock()
        self._alive = 0
        self._unfinished = 0

    async def call(self, function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        """What `function` returns, called in a thread with the context variables of the caller; raises what it raises.

        Cancelled: CancelledError at once, unless the call has just ended; then it is reported as it ended.
        """
        loop = asyncio.get_running_loop()
        ended = loop.create_future()

        def settle() -> None:
            if not ended.done():
                ended.set_result(None)

        def tell() -> None:
            try:
                loop.call_soon_threadsafe(settle)
            except RuntimeError:  # the loop was closed meanwhile: nobody is waiting any more
                pass

        call = _Call(partial(copy_context().run, partial(function, **arguments)), tell)
        self._submit(call)
        try:
            await ended
        except asyncio.CancelledError:
            call.dropped = True
            if call.outcome is None:
                raise
        assert call.outcome is not None
        value, error = call.outcome
        if error is not None:
            raise error
        return value

    def _submit(self, call: _Call) -> None:
        with self._lock:
            if self._unfinished >= self._alive and self._alive < self._most:
                Thread(target=self._work, name="trellis-action", daemon=True).start()
                self._alive += 1
            self._unfinished += 1
            self._calls.put(call)

    def _work(self) -> None:
        while True:
            try:
                call = self._calls.get(timeout=IDLE_S)
            except Empty:
                with self._lock:
                    if self._calls.empty():  # under the lock, so a call is never left without a thread
                        self._alive -= 1
                        return
                continue
            if not call.dropped:
                try:
                    call.outcome = call.perform(), None
                except BaseException as error:  # noqa: BLE001 - raised again where the call is awaited
                    call.outcome = None, error
            with self._lock:
                self._unfinished -= 1  # before telling, so that the next call finds this thread free
            call.tell()
            del call  # a thread that waits holds on to nobody's values
