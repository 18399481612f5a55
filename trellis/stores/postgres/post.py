"""Messages to owners, by a table that is asked every second; NOTIFY only says that asking now is worth it.

A notification is never part of a transaction that writes, since those that notify commit one after another; and those
of ten milliseconds are sent together.

A reply is a frame, whose first byte says what follows: `=` the reply, `-` nothing (that run is not owned there, or nobody
hears there), `!` why there is none. Where none comes, the asker finds out by itself: a message that its owner did not
take it withdraws, in one statement, so that it is known not to be heard; of one that was taken nothing is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import psycopg

from trellis.errors import StoreError, StoreUnavailable, UnknownRun
from trellis.stores.base import Hear
from trellis.stores.postgres.connections import Connection, Pool, connect
from trellis.stores.postgres.faults import translate
from trellis.stores.postgres.lease import Lease, channel
from trellis.stores.postgres.place import Place
from trellis.stores.postgres.statements import Statements

T = TypeVar("T")

_POLL = 1.0  # seconds
_LOOK = 0.3  # seconds until an asker looks again whether its message may still be heard
_TOGETHER = 0.01
_GRACE = 5.0  # a message outlives the patience of its asker, who must not take it for one that was lost
_GONE, _LOST = b"-", b"!it is gone, and whether it acted is unknown"


class Post:
    """Carries messages, and renews the lease, over one connection of its own, made again where it broke."""

    def __init__(self, place: Place, pool: Pool, lease: Lease, statements: Statements) -> None:
        self._place, self._pool, self._lease, self._statements = place, pool, lease, statements
        self._hear: Hear | None = None
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._hints: set[str] = set()
        self._hinting: asyncio.Task[None] | None = None
        self._hinted = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def hear(self, answer: Hear) -> None:
        self._hear = answer

    def watch(self) -> None:
        """Listen and renew, from now on."""
        if self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._watching(), name="trellis postgres watch")

    async def ask(self, run: str, message: bytes, patience: float) -> bytes | None:
        """As `Store.ask`, for so many seconds; psycopg.Error as it comes."""
        try:
            async with asyncio.timeout(patience):
                frame = await self._ask(run, message, patience)
        except TimeoutError as error:
            reason = f"the owner of run '{run}' gave no reply in {patience:g} s; whether it heard is unknown"
            raise StoreUnavailable(self._place.url, reason) from error
        kind, rest = frame[:1], frame[1:]
        if kind == b"=":
            return rest
        if kind == b"!":
            reason = f"the owner of run '{run}' gave no reply: {rest.decode(errors='replace')}"
            raise StoreUnavailable(self._place.url, reason)
        return None

    async def close(self) -> None:
        """Stop. Whoever waits for a reply is told nothing more, and times out."""
        ours = asyncio.current_task()  # who hears may be the one who closes
        tasks = [task for task in (self._watch, self._hinting, *self._tasks) if task is not None and task is not ours]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _ask(self, run: str, message: bytes, patience: float) -> bytes:
        async with self._pool.connection() as connection:
            found = await (await connection.execute(self._statements.held, ([run],))).fetchone()
        if found is None:
            raise UnknownRun(run)
        owner: str | None = found[4]
        if owner is None:
            return _GONE
        if owner == self._lease.token:
            # As with an owner elsewhere, it goes on hearing when the asker has run out of patience.
            work = self._start(self._reply(message))
            await asyncio.wait({work})
            return _LOST if work.cancelled() else work.result()
        self.watch()
        values = (owner, run, self._lease.channel, message, patience + _GRACE)
        async with self._pool.connection() as connection:
            sent = await (await connection.execute(self._statements.send, values)).fetchone()
        assert sent is not None
        number: int = sent[0]
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        self._hint(channel(owner))
        try:
            return await reply
        finally:
            del self._waiting[number]
            self._start(self._forget(number))

    async def _forget(self, number: int) -> None:
        try:
            async with self._pool.connection() as connection:
                await connection.execute(self._statements.forget, (number,))
        except (psycopg.Error, StoreError):
            pass  # it is swept when it has expired

    async def _watching(self) -> None:
        while True:
            try:
                connection = await connect(self._place)
                try:
                    await self._listen(connection)
                finally:
                    await connection.close()
            except (psycopg.Error, StoreError):
                # Whoever calls the store is told; here it is only tried again, well within the lease.
                await asyncio.sleep(min(_POLL, self._lease.interval / 3))

    async def _listen(self, connection: Connection) -> None:
        await connection.execute(f"LISTEN {self._lease.channel}".encode())
        while True:
            pause = min(_POLL, self._lease.interval)  # a lease that is taken while it waits is renewed in time
            if self._lease.held:
                if self._lease.due <= 0:
                    await self._lease.renew(connection)
                    await connection.execute(self._statements.sweep)
                await self._collect_messages(connection)
                pause = min(pause, max(self._lease.due, 0.0))
            if self._waiting:
                await self._collect_replies(connection)
                pause = min(pause, _LOOK)
            async for _ in connection.notifies(timeout=pause, stop_after=1):
                pass

    async def _collect_messages(self, connection: Connection) -> None:
        cursor = connection.cursor(binary=True)
        await cursor.execute(self._statements.take, {"me": self._lease.token})
        for number, message, mine in await cursor.fetchall():
            self._start(self._answer(number, message, mine=mine))

    async def _collect_replies(self, connection: Connection) -> None:
        asked = list(self._waiting)
        cursor = connection.cursor(binary=True)
        await cursor.execute(self._statements.answers, (asked,))
        found = {number: told for number, *told in await cursor.fetchall()}
        unheard = []
        for number in asked:
            taken, reply, lives, holds = found.get(number, (True, None, False, False))
            if reply is not None:
                self._settle(number, reply)
            elif taken and not lives:
                self._settle(number, _LOST)
            elif not taken and not (lives and holds):
                unheard.append(number)
        if unheard:
            # Those that were taken since are looked at again.
            cursor = await connection.execute(self._statements.withdraw, (unheard,))
            for (number,) in await cursor.fetchall():
                self._settle(number, _GONE)

    def _settle(self, number: int, frame: bytes) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            future.set_result(frame)

    async def _reply(self, message: bytes) -> bytes:
        """The frame that answers a message for a run that is owned here."""
        if self._hear is None:
            return _GONE
        try:
            return b"=" + await self._hear(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker is told
            return f"!{type(error).__name__}: {error}".encode(errors="replace")

    async def _answer(self, number: int, message: bytes, *, mine: bool) -> None:
        reply = await self._reply(message) if mine else _GONE
        try:
            async with self._pool.connection() as connection:
                found = await (await connection.execute(self._statements.answer, (reply, number))).fetchone()
        except psycopg.Error as error:
            raise translate(self._place.url, error) from error
        if found is not None:
            self._hint(found[0])

    def _hint(self, where: str) -> None:
        self._hints.add(where)
        if self._hinting is None or self._hinting.done():
            self._hinting = asyncio.get_running_loop().create_task(self._notify(), name="trellis postgres notify")

    async def _notify(self) -> None:
        loop = asyncio.get_running_loop()
        while self._hints:
            await asyncio.sleep(max(0.0, self._hinted + _TOGETHER - loop.time()))
            self._hinted = loop.time()
            hints, self._hints = self._hints, set()
            try:
                async with self._pool.connection() as connection:
                    await connection.execute(
                        "SELECT pg_notify(hint, '') FROM unnest(%s::text[]) AS hint", (list(hints),)
                    )
            except (psycopg.Error, StoreError):
                pass  # only a hint; it is asked for every second

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name="trellis postgres post")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            task.get_loop().call_exception_handler(
                {"message": "a message to a run went unanswered", "exception": task.exception(), "task": task}
            )
