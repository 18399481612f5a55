"""Places at which a process may die: counted in memory that outlives it, deadly at the one that was chosen.

`reach` stands before and after each call of a store, around each action, before each alarm, before each statement of
SQLite and PostgreSQL, and before each system call with which the file store writes.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
from collections.abc import Callable
from typing import Any

_COUNT = struct.Struct("q")


class Reached:
    """How many points a process has reached."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNT.size)

    @property
    def number(self) -> int:
        count: int = _COUNT.unpack_from(self._memory)[0]
        return count

    def grow(self) -> int:
        count = self.number + 1
        _COUNT.pack_into(self._memory, 0, count)
        return count


class Points:
    """A counter in memory that a child shares with its parent, which reads what the dead child had reached."""

    def __init__(self) -> None:
        self.reached = Reached()
        self.deadly = 0
        """The number of the point that kills; 0: none does."""
        self.inactive = True

    def reach(self) -> None:
        if self.inactive:
            return
        count = self.reached.grow()
        if count == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


POINTS = Points()


class Pointed:
    """A store with a point before and after each of its calls."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found) or name in {"hear", "transaction"}:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            POINTS.reach()
            answer = await found(*args, **kwargs)
            POINTS.reach()
            return answer

        return call


def place(url: str) -> None:
    """Put points into what the store of this URL is built on. Only in a process that is made to die."""
    kind = url.partition(":")[0]
    if kind == "sqlite":
        import apsw

        apsw.connection_hooks.append(_trace)
    elif kind == "file":
        for name in ("write", "fsync", "replace", "rename", "link", "unlink", "ftruncate", "mkdir"):
            setattr(os, name, _before(getattr(os, name)))
    elif kind == "postgresql":
        import psycopg

        for owner in (psycopg.AsyncCursor, psycopg.AsyncConnection):
            for name in ("execute", "executemany", "commit"):
                if name in vars(owner):
                    setattr(owner, name, _before_async(getattr(owner, name)))


def _trace(connection: Any) -> None:
    def traced(*_: Any) -> bool:
        POINTS.reach()
        return True

    connection.exec_trace = traced


def _before(call: Callable[..., Any]) -> Callable[..., Any]:
    def with_point(*args: Any, **kwargs: Any) -> Any:
        POINTS.reach()
        return call(*args, **kwargs)

    return with_point


def _before_async(call: Callable[..., Any]) -> Callable[..., Any]:
    async def with_point(*args: Any, **kwargs: Any) -> Any:
        POINTS.reach()
        return await call(*args, **kwargs)

    return with_point
