"""What a workflow does beside its fold: nobody waits for one of these, so what goes wrong in one is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine


class Beside:
    """Tasks of one execution. `fail` is told of each that ends with an exception."""

    def __init__(self, fail: Callable[[Exception], None]) -> None:
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def do(self, work: Coroutine[None, None, None]) -> None:
        """Begin this, in the order in which it is said."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):  # else the worker forgets this execution
            self._fail(error)
