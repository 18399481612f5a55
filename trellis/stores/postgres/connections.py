"""Connections to one database, made when they are needed, kept for the next, and never trusted when they broke.

A pool of our own, not psycopg_pool: that one tries again behind one's back and answers a wrong password with a timeout,
while a host wants to hear at once why its store cannot be reached.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.pq import ConnStatus, TransactionStatus

from trellis.errors import StoreUnavailable
from trellis.stores.postgres.faults import translate, translate_connect
from trellis.stores.postgres.place import Place

Connection = psycopg.AsyncConnection[tuple[Any, ...]]

# What a role or a database may have been given as its default, and what breaks the promise of a store.
_SETTINGS = """
    SELECT
        CASE WHEN current_setting('synchronous_commit') = 'off'
            THEN set_config('synchronous_commit', 'on', false) END,
        set_config('default_transaction_isolation', 'read committed', false),
        set_config('client_min_messages', 'warning', false),
        current_setting('server_encoding'),
        current_setting('server_version_num')::int"""
_OLDEST = 130000


async def connect(place: Place) -> Connection:
    """A connection of its own, which commits each statement. Raises StoreUnavailable."""
    try:
        connection = await psycopg.AsyncConnection.connect(place.target, autocommit=True)
    except psycopg.Error as error:
        raise translate_connect(place.url, error) from error
    except UnicodeError as error:
        raise StoreUnavailable(place.url, "no such host; check the URL") from error
    try:
        cursor = await connection.execute(_SETTINGS)
        found = await cursor.fetchone()
    except BaseException as error:
        await connection.close()
        if isinstance(error, psycopg.Error):
            raise translate(place.url, error) from error
        raise
    assert found is not None
    *_, encoding, version = found
    if encoding != "UTF8":
        await connection.close()
        raise StoreUnavailable(place.url, f"the database is encoded in {encoding}; make one with createdb -E UTF8")
    if version < _OLDEST:
        await connection.close()
        raise StoreUnavailable(place.url, f"the server is PostgreSQL {version // 10000}; it takes 13 or newer")
    return connection


class Pool:
    """At most `place.pool` connections at once; who finds none free waits in line."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._free: list[Connection] = []
        self._room = asyncio.Semaphore(place.pool)
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One that works, for this block alone. Raises StoreUnavailable where none can be had."""
        async with self._room:
            connection = await self._take()
            try:
                yield connection
            finally:
                await self._give_back(connection)

    async def close(self) -> None:
        self._closed = True
        free, self._free = self._free, []
        for connection in free:
            await connection.close()

    async def _take(self) -> Connection:
        if self._closed:
            raise StoreUnavailable(self._place.url, "it was closed")
        while self._free:
            connection = self._free.pop()
            if quiet(connection):
                return connection
            await connection.close()
        return await connect(self._place)

    async def _give_back(self, connection: Connection) -> None:
        idle = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        if idle and not self._closed:
            self._free.append(connection)
        else:
            await connection.close()


def quiet(connection: Connection) -> bool:
    """Whether an idle connection is as it was left: what the server said meanwhile is nearly always its good-bye."""
    if connection.closed:
        return False
    if not hasattr(select, "poll"):  # Windows
        return not select.select([connection.fileno()], [], [], 0)[0]
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def lost(connection: Connection) -> bool:
    """Whether the server can no longer be heard on it."""
    return connection.closed or connection.pgconn.status != ConnStatus.OK
