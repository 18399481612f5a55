"""Leases in PostgreSQL: two tables in a schema of their own, by the server's clock.

The schema is that of the store of the same URL with `_locks` behind its name, `trellis_locks` where the URL names none.
What locks the row of a key is sent as one message, so that no holder can be stopped while it keeps others out. Tokens
are as durable as the database: after a failover to a standby that lagged behind, one may be given once more.
"""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from trellis.errors import StoreUnavailable
from trellis.stores.postgres.connections import Connection, connect
from trellis.stores.postgres.faults import translate
from trellis.stores.postgres.place import parse

_MAKE = """
    BEGIN;
    -- Two that make the same tables at once collide in the catalogue, in spite of IF NOT EXISTS.
    SELECT pg_advisory_xact_lock(7815546341);
    CREATE SCHEMA IF NOT EXISTS {s};
    CREATE TABLE IF NOT EXISTS {s}.keys (key text PRIMARY KEY, token bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS {s}.leases (
        key text NOT NULL, holder text NOT NULL, ends timestamptz NOT NULL, PRIMARY KEY (key, holder)
    );
    COMMIT
"""
# Each statement sees what was committed while it waited, as READ COMMITTED says; so the leases are counted by another
# one than locks the row.
_TAKE = """
    BEGIN ISOLATION LEVEL READ COMMITTED;
    INSERT INTO keys (key, token) VALUES (%(key)s, 0) ON CONFLICT DO NOTHING;
    SELECT 1 FROM keys WHERE key = %(key)s FOR UPDATE;
    DELETE FROM leases WHERE key = %(key)s AND ends <= clock_timestamp();
    WITH next AS (
        UPDATE keys SET token = token + 1
        WHERE key = %(key)s AND (SELECT count(*) FROM leases WHERE key = %(key)s) < %(slots)s
        RETURNING token
    ), lease AS (
        INSERT INTO leases (key, holder, ends)
        SELECT %(key)s, %(holder)s, clock_timestamp() + %(ttl)s * interval '1 second' FROM next
    ) SELECT token FROM next;
    COMMIT
"""
_FULL_NOW = """
    SELECT count(*) >= %(slots)s FROM leases WHERE key = %(key)s AND ends > clock_timestamp()
"""
_RENEW = """
    UPDATE leases SET ends = clock_timestamp() + %(ttl)s * interval '1 second'
    WHERE key = %(key)s AND holder = %(holder)s AND ends > clock_timestamp() RETURNING 1
"""
_FREE = """
    DELETE FROM leases WHERE key = %(key)s AND holder = %(holder)s RETURNING ends > clock_timestamp()
"""
_PATIENCE = 10.0  # seconds for one answer of the server


class PostgresLeases:
    """Leases in the database of `url`, over one connection, made when it is first needed and again where it broke."""

    def __init__(self, url: str) -> None:
        self._place = parse(url)
        self.url = self._place.url
        # What PostgreSQL would cut off a longer name tells two apart.
        self._schema = '"' + f"{self._place.schema}_locks".replace('"', '""') + '"'
        self._connection: Connection | None = None
        self._line = asyncio.Lock()

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        values = {"key": key, "holder": holder, "ttl": ttl, "slots": slots}
        if await self._ask(_FULL_NOW, values):
            return None  # those who wait do not stand in each other's way
        token = await self._ask(_TAKE, values)
        return None if token is None else int(token)

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        return bool(await self._ask(_RENEW, {"key": key, "holder": holder, "ttl": ttl}))

    async def free(self, key: str, holder: str) -> bool:
        return bool(await self._ask(_FREE, {"key": key, "holder": holder}))

    async def close(self) -> None:
        async with self._line:
            await self._drop()

    async def _ask(self, query: str, values: dict[str, Any]) -> Any:
        """The last value that the statements answer; None where they answer none."""
        async with self._line:
            try:
                async with asyncio.timeout(_PATIENCE):
                    cursor = psycopg.AsyncClientCursor(await self._connected())
                    await cursor.execute(query.encode(), values)
                    answer = None
                    while True:
                        if cursor.description is not None:
                            row = await cursor.fetchone()
                            answer = None if row is None else row[0]
                        if not cursor.nextset():
                            return answer
            except BaseException as error:
                # Whatever was under way, and in whichever transaction: the server takes it back.
                await self._drop()
                if isinstance(error, psycopg.Error):
                    raise translate(self.url, error) from error
                if isinstance(error, TimeoutError):
                    raise StoreUnavailable(self.url, f"no answer in {_PATIENCE:g} s") from error
                raise

    async def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = connection = await connect(self._place)
            await connection.execute("SET lock_timeout = '5s'")
            await connection.execute(f"SET search_path = {self._schema}".encode())
            found = await (await connection.execute("SELECT to_regclass('leases')")).fetchone()
            if found is None or found[0] is None:
                await connection.execute(_MAKE.replace("{s}", self._schema).encode())
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
