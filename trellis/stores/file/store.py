"""The face of the file store: the loop never waits for the disk, one thread does, call by call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from trellis.errors import StoreError, StoreUnavailable
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn
from trellis.stores.control import ControlSocket
from trellis.stores.file.folder import Folder
from trellis.stores.file.journals import Journals

_T = TypeVar("_T")


class FileStore:
    """Keeps the promise of `Store` in the folder `path` under `root`, for the processes of one machine.

    What it costs: the rows of all runs are in memory, found at the first use by reading every journal; `rows` and
    `claim_due` look at each of them; `read` reads a journal from its beginning; a call holds the lock of the folder while
    the disk works, whatever the run; and after another process wrote, the next call looks at the size of every file.

    Measured on two cores: with 1,000 runs that look takes 3 ms, with 10,000 runs 32 ms, and the first use 0.4 s, of
    which 0.15 s for 100,000 events. Beyond that, or where several processes write all the time, SQLite is for you.
    """

    def __init__(self, url: str, *, path: str, root: str = ".") -> None:
        self.url = url
        self._journals = Journals(Folder(url, Path(root, path)))
        self._control = ControlSocket(url, self._journals.owner, self._journals.owns)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="trellis-file-store")
        self._closed = False

    async def _do(self, work: Callable[[], _T]) -> _T:
        if self._closed:
            raise StoreUnavailable(self.url, "it was closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def definition(self, digest: str) -> bytes | None:
        return await self._do(lambda: self._journals.definition(digest))

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        answer = await self._do(lambda: self._journals.create(row, events, definitions, last, at_most))
        self._control.listen()
        return answer

    async def claim(self, run: str) -> int:
        epoch = await self._do(lambda: self._journals.claim(run))
        self._control.listen()
        return epoch

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        due = await self._do(lambda: self._journals.claim_due(now, limit, names, without))
        self._control.listen()
        return due

    async def owned(self) -> list[str]:
        return await self._do(self._journals.owned)

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        await self._do(lambda: self._journals.release(run, snapshot))

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        return await self._do(lambda: self._journals.append(turns))

    async def snapshot(self, run: str) -> Snapshot | None:
        """A snapshot that is missing or damaged counts as none: the journal has everything."""
        return await self._do(lambda: self._journals.snapshot(run))

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return await self._do(lambda: self._journals.read(run, after))

    async def row(self, run: str) -> RunRow | None:
        return await self._do(lambda: self._journals.row(run))

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        return await self._do(lambda: self._journals.rows(status, name, graph, match, limit))

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        owner = await self._do(lambda: self._journals.living(run))
        return await self._control.ask(owner, run, message, timeout)

    def hear(self, answer: Hear) -> None:
        self._control.hear(answer)

    async def delete(self, run: str) -> None:
        await self._do(lambda: self._journals.delete(run))

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._control.close()
            await asyncio.get_running_loop().run_in_executor(self._thread, self._journals.close)
            self._thread.shutdown(wait=False)
