"""The face of the SQLite store: who may use its one connection when.

A lone turn commits inline, in the caller: handing it to a thread costs as much again as writing it. A batch commits in
one thread, so that the event loop goes on while the disk works; every other call waits its turn meanwhile.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import apsw

from trellis.errors import StoreError
from trellis.stores.base import RunRow, Turn
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.faults import translate, translate_os
from trellis.stores.sqlite.journal import Journal
from trellis.stores.sqlite.schema import connect

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

P = ParamSpec("P")
T = TypeVar("T")


class SqliteStore:
    """Keeps the promise of `Store` in the file `path`, relative to the folder `root`, shared by many processes."""

    def __init__(self, url: str, *, path: str, root: str = ".") -> None:
        file = Path(root, path).absolute()
        self.url = url
        self._connection = connect(url, file)
        self._journal = Journal(url, self._connection, OwnerLock(file))
        self._line = asyncio.Lock()  # in order of arrival, and the loop goes on meanwhile
        self._guard = threading.Lock()  # holds even where a batch goes on although its caller was cancelled
        self._thread: ThreadPoolExecutor | None = None

    async def put_definition(self, digest: str, data: bytes) -> None:
        await self._inline(self._journal.put_definition, digest, data)

    async def definition(self, digest: str) -> bytes | None:
        return await self._inline(self._journal.definition, digest)

    async def create(
        self, row: RunRow, event: bytes, definition: bytes, *, last: bool = False
    ) -> tuple[RunRow, int | None]:
        return await self._inline(self._journal.create, row, event, definition, last=last)

    async def claim(self, run: str) -> int:
        return await self._inline(self._journal.claim, run)

    async def release(self, run: str) -> None:
        await self._inline(self._journal.release, run)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        if len(turns) < 2:
            return await self._inline(self._journal.append, turns)
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="trellis-sqlite")
        async with self._line:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._guarded, self._journal.append, turns)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return await self._inline(self._journal.read, run, after)

    async def row(self, run: str) -> RunRow | None:
        return await self._inline(self._journal.row, run)

    async def rows(self, *, status: str | None = None, graph: str | None = None) -> list[RunRow]:
        return await self._inline(self._journal.rows, status, graph)

    async def delete(self, run: str) -> None:
        await self._inline(self._journal.delete, run)

    async def close(self) -> None:
        await self._inline(self._journal.close)
        if self._thread is not None:
            self._thread.shutdown()

    async def _inline(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it here, without suspending unless others are before us."""
        if not self._line.locked():
            return self._guarded(work, *args, **kwargs)
        async with self._line:
            return self._guarded(work, *args, **kwargs)

    def _guarded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._guard:
            try:
                return work(*args, **kwargs)
            except apsw.ConnectionClosedError as error:
                raise translate(self.url, error, 0) from error
            except apsw.Error as error:
                raise translate(self.url, error, self._connection.system_errno) from error
            except OSError as error:
                raise translate_os(self.url, error) from error
