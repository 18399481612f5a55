"""The face of the SQLite store: who may use its one connection when.

A lone turn commits inline, in the caller: handing it to a thread costs as much again as writing it. A batch commits in
one thread, so that the event loop goes on while the disk works, and so does a search for runs that are due; every other
call waits its turn meanwhile. So it does while an action writes in a transaction, through a connection beside this one.

Nobody waits here for another process: what finds the file locked is tried again, and the loop goes on in between.

Runs are begun, claimed, freed and deleted inline too. Where several ask for that in the same turn of the loop, the first
goes ahead, and the others share one commit as a batch; so do all who ask while somebody else is at work.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import apsw

from trellis.errors import StoreError, StoreUnavailable
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn
from trellis.stores.control import ControlSocket
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.acting import ActingTransaction
from trellis.stores.sqlite.faults import translate, translate_os
from trellis.stores.sqlite.journal import Journal
from trellis.stores.sqlite.schema import another, connect
from trellis.stores.within import is_within, must_not_wait, within

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_S = 30.0
"""How long another process may keep the file locked until whoever waits for it is told."""
_PAUSE_S, _LONGEST_PAUSE_S = 0.001, 0.02


class SqliteStore:
    """Keeps the promise of `Store` in the file `path`, relative to the folder `root`, shared by many processes."""

    def __init__(self, url: str, *, path: str, root: str = ".") -> None:
        file = Path(root, path).absolute()
        self.url = url
        self._connection = connect(url, file)
        self._owner = OwnerLock(file)
        self._journal = Journal(url, self._connection, self._owner)
        self._control = ControlSocket(url, self._owner, self._journal.owns)
        self._line = asyncio.Lock()  # in order of arrival, and the loop goes on meanwhile
        self._guard = threading.Lock()  # holds even where a batch goes on although its caller was cancelled
        self._first: asyncio.Task[Any] | None = None  # whose call was committed inline in this turn of the loop
        self._asked: list[Callable[[], Any]] = []  # what came after it
        self._next: asyncio.Task[list[Any]] | None = None  # the commit of that, until it begins
        self._thread: ThreadPoolExecutor | None = None
        self._beside: apsw.Connection | None = None  # for transactions that actions write in

    async def definition(self, digest: str) -> bytes | None:
        return await self._look(self._journal.reading.definition, digest)

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        create = self._journal.create
        return await self._owning(create, row, events, definitions, last=last, at_most=at_most)

    async def claim(self, run: str) -> int:
        return await self._owning(self._journal.claim, run)

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        due = await self._aside(self._journal.claim_due, now, limit, names, without)
        self._control.listen()
        return due

    async def owned(self) -> list[str]:
        return await self._look(self._journal.owned)

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        await self._together(self._journal.release, run, snapshot)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        if len(turns) < 2:
            return await self._inline(self._journal.append, turns)
        return await self._aside(self._journal.append, turns)

    async def snapshot(self, run: str) -> Snapshot | None:
        return await self._look(self._journal.reading.snapshot, run)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return await self._look(self._journal.reading.read, run, after)

    async def row(self, run: str) -> RunRow | None:
        return await self._look(self._journal.reading.row, run)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        return await self._look(self._journal.reading.rows, status, name, graph, match, limit)

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        must_not_wait(self)  # the owner could write nothing
        owner = await self._inline(self._journal.reading.owner, run)
        try:
            return await self._control.ask(owner, run, message, timeout)
        except OSError as error:
            raise translate_os(self.url, error) from error

    def hear(self, answer: Hear) -> None:
        self._control.hear(answer)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ActingTransaction]:
        """As `TransactionalStore.transaction`. Every other call of this store waits until the block ends.

        But those of the block itself: it may look at what was committed before; all else that it asks of the store but
        through the transaction raises StoreUnavailable, for it would wait for itself. Where the block has ended the
        transaction itself, StoreUnavailable is raised, and nothing of it was written.
        """
        must_not_wait(self)
        async with self._line:
            acting = await self._patiently(self._here, self._acting)
            try:
                with within(self):
                    yield acting
                    acting.commit()
            except BaseException:
                self._beside = None
                await _abandoned(acting)
                raise

    def _acting(self) -> ActingTransaction:
        if self._beside is None:
            self._beside = another(self._connection)
        acting = ActingTransaction(self.url, self._beside, self._journal.beside(self._beside))
        acting.begin()
        return acting

    async def delete(self, run: str) -> None:
        await self._together(self._journal.delete, run)

    async def close(self) -> None:
        await self._control.close()
        await self._inline(self._close)
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None

    def _close(self) -> None:
        if self._beside is not None:
            self._beside.close()
        self._journal.close()

    async def _owning(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it as an owner that is alive for others to see, and that they reach."""
        if not self._owner.held:
            await self._inline(self._owner.hold)
        answer = await self._together(work, *args, **kwargs)
        self._control.listen()
        return answer

    async def _together(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Commit it here, without suspending, unless others ask in the same turn of the loop, or are before us."""
        call = partial(self._told, work, *args, **kwargs)
        loop, caller = asyncio.get_running_loop(), asyncio.current_task()
        if self._first in (None, caller) and not self._asked and not self._line.locked():
            if self._first is None:
                self._first = caller
                loop.call_soon(self._end_turn)
            try:
                return self._guarded(self._journal.alone, call)
            except StoreUnavailable as error:
                if not _locked_elsewhere(error):
                    raise
        must_not_wait(self)
        if self._next is None or self._next.done():
            self._next = loop.create_task(self._commit())
        place = len(self._asked)
        self._asked.append(call)
        outcome: T | Exception = (await asyncio.shield(self._next))[place]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _end_turn(self) -> None:
        self._first = None

    async def _commit(self) -> list[Any]:
        """Do all that was asked for until it is our turn."""
        async with self._line:
            asked, self._asked, self._next = self._asked, [], None
            where = self._here if len(asked) == 1 else self._in_thread
            return await self._patiently(where, partial(self._journal.together, asked))

    async def _aside(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it in the thread, when it is our turn."""
        must_not_wait(self)
        async with self._line:
            return await self._patiently(self._in_thread, partial(work, *args, **kwargs))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._thread is None:
            from concurrent.futures import ThreadPoolExecutor

            self._thread = ThreadPoolExecutor(1, thread_name_prefix="trellis-sqlite")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._guarded, work)

    async def _inline(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it here, without suspending unless others are before us."""
        if not self._line.locked():
            try:
                return self._guarded(work, *args, **kwargs)
            except StoreUnavailable as error:
                if not _locked_elsewhere(error):
                    raise
        must_not_wait(self)
        async with self._line:
            return await self._patiently(self._here, partial(work, *args, **kwargs))

    async def _look(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `_inline`, for what only reads; so may an action, while its own transaction rests."""
        if self._line.locked() and is_within(self):
            return await self._patiently(self._here, partial(work, *args, **kwargs))
        return await self._inline(work, *args, **kwargs)

    async def _patiently(self, where: Callable[[Callable[[], T]], Awaitable[T]], work: Callable[[], T]) -> T:
        """Do it there, as often as it takes until no other process has the file locked."""
        clock, pause = asyncio.get_running_loop().time, _PAUSE_S
        until = clock() + PATIENCE_S
        while True:
            try:
                return await where(work)
            except StoreUnavailable as error:
                if not _locked_elsewhere(error):
                    raise
                if clock() >= until:
                    reason = f"another process has kept it locked for {PATIENCE_S:g} s; try again when it is done"
                    raise StoreUnavailable(self.url, reason) from error.__cause__
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    async def _here(self, work: Callable[[], T]) -> T:
        return self._guarded(work)

    def _guarded(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        with self._guard:
            return self._told(work, *args, **kwargs)

    def _told(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return work(*args, **kwargs)
        except apsw.ConnectionClosedError as error:
            raise translate(self.url, error, 0) from error
        except apsw.Error as error:
            raise translate(self.url, error, self._connection.system_errno) from error
        except OSError as error:
            raise translate_os(self.url, error) from error


def _locked_elsewhere(error: StoreUnavailable) -> bool:
    """Then nothing was done."""
    return isinstance(error.__cause__, apsw.BusyError)


async def _abandoned(acting: ActingTransaction) -> None:
    """Take it back, however long a thread uses its connection, and whoever wants to be rid of us meanwhile."""
    cancelled = None
    while not acting.abandon():
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
