"""Leases in PostgreSQL: two tables of their own, `trellis_lock_keys` and `trellis_lock_leases`, by the server's clock.

What locks the row of a key is sent as one message, so that no holder can be stopped while it keeps others out. Tokens
are as durable as the database: after a failover to a standby that lagged behind, one may be given once more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from trellis.errors import StoreError, StoreFull, StoreUnavailable

if TYPE_CHECKING:
    import psycopg

_MAKE = """
    BEGIN;
    -- Two that make the same tables at once collide in the catalogue, in spite of IF NOT EXISTS.
    SELECT pg_advisory_xact_lock(7815546341);
    CREATE TABLE IF NOT EXISTS trellis_lock_keys (key text PRIMARY KEY, token bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS trellis_lock_leases (
        key text NOT NULL, holder text NOT NULL, ends timestamptz NOT NULL, PRIMARY KEY (key, holder)
    );
    COMMIT
"""
# Each statement sees what was committed while it waited, as READ COMMITTED says; so the leases are counted by another
# one than locks the row.
_TAKE = """
    BEGIN ISOLATION LEVEL READ COMMITTED;
    SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
    INSERT INTO trellis_lock_keys (key, token) VALUES (%(key)s, 0) ON CONFLICT DO NOTHING;
    SELECT 1 FROM trellis_lock_keys WHERE key = %(key)s FOR UPDATE;
    DELETE FROM trellis_lock_leases WHERE key = %(key)s AND ends <= clock_timestamp();
    WITH next AS (
        UPDATE trellis_lock_keys SET token = token + 1
        WHERE key = %(key)s AND (SELECT count(*) FROM trellis_lock_leases WHERE key = %(key)s) < %(slots)s
        RETURNING token
    ), lease AS (
        INSERT INTO trellis_lock_leases (key, holder, ends)
        SELECT %(key)s, %(holder)s, clock_timestamp() + %(ttl)s * interval '1 second' FROM next
    ) SELECT token FROM next;
    COMMIT
"""
_FULL_NOW = """
    SELECT count(*) >= %(slots)s FROM trellis_lock_leases WHERE key = %(key)s AND ends > clock_timestamp()
"""
_RENEW = """
    UPDATE trellis_lock_leases SET ends = clock_timestamp() + %(ttl)s * interval '1 second'
    WHERE key = %(key)s AND holder = %(holder)s AND ends > clock_timestamp() RETURNING 1
"""
_FREE = """
    DELETE FROM trellis_lock_leases WHERE key = %(key)s AND holder = %(holder)s RETURNING ends > clock_timestamp()
"""
_PATIENCE = 10.0  # seconds for one answer of the server


class PostgresLeases:
    """Leases in the database of `url`, over one connection, made when it is first needed and again where it broke."""

    def __init__(self, url: str) -> None:
        self.url = masked(url)
        self._target = _for_libpq(url)
        self._connection: psycopg.AsyncConnection[Any] | None = None
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
        import psycopg

        async with self._line:
            try:
                async with asyncio.timeout(_PATIENCE):
                    connection = await self._connected()
                    cursor = await connection.execute(query, values)
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
                    raise _fault(self.url, error) from error
                if isinstance(error, TimeoutError):
                    raise StoreUnavailable(self.url, f"no answer in {_PATIENCE:g} s") from error
                raise

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        import psycopg

        if self._connection is None:
            self._connection = connection = await psycopg.AsyncConnection.connect(
                self._target, autocommit=True, cursor_factory=psycopg.AsyncClientCursor, prepare_threshold=None
            )
            await connection.execute("SET lock_timeout = '5s'")
            found = await (await connection.execute("SELECT to_regclass('trellis_lock_leases')")).fetchone()
            if found is None or found[0] is None:
                await connection.execute(_MAKE)
        return self._connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


def masked(url: str) -> str:
    """The URL as it may be shown: without its password."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@", 1)).geturl()


def _for_libpq(url: str) -> str:
    """The URL without the setting that is a store's own."""
    from urllib.parse import parse_qsl, quote, urlencode, urlsplit

    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name != "lease"]
    return parts._replace(query=urlencode(kept, quote_via=quote)).geturl()


def _fault(url: str, error: psycopg.Error) -> StoreError:
    reason = " ".join(str(error).split())
    if (error.sqlstate or "").startswith("53") and error.sqlstate != "53300":
        return StoreFull(url, reason)
    return StoreUnavailable(url, reason)
