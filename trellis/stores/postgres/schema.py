"""Opening a schema: nothing is written to it before it is known to be empty or ours, and of a format we know.

An empty one is made at once. One of an earlier format waits for `migrate`: hosts of both versions may be at work. The
change is one transaction, under a lock that two who migrate at once take in turn; who does not get it fails.
"""

from __future__ import annotations

import psycopg

from trellis.errors import StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores.postgres import formats
from trellis.stores.postgres.connections import Connection, connect
from trellis.stores.postgres.faults import translate
from trellis.stores.postgres.place import Place, parse

_PATIENCE_MS = 10_000
_LOCK = int.from_bytes(b"TRLM", "big")

_STATE = """
    SELECT
        to_regclass(%(table)s) IS NOT NULL,
        (SELECT array_agg(relname::text ORDER BY relname) FROM pg_class
         WHERE relnamespace = to_regnamespace(%(schema)s) AND relname = ANY(%(ours)s))"""
_OURS = ["definitions", "inbox", "journal", "needs", "owners", "runs", "snapshots"]


async def inspect(url: str) -> tuple[int | None, int]:
    """The format of what is there, None where nothing is yet, and the one that this version knows.

    Raises StoreUnavailable.
    """
    place = parse(url)
    connection = await connect(place)
    try:
        return await _format(place, connection) or None, len(formats.FORMATS)
    except psycopg.Error as error:
        raise translate(place.url, error) from error
    finally:
        await connection.close()


async def migrate(url: str) -> tuple[int | None, int]:
    """Bring the store up to the format that this version knows; the format before, None for nothing, and the one now.

    All or nothing, and safe where two do it at once. Stop the hosts of earlier versions first. Raises StoreTooNew,
    StoreUnavailable, StoreFull.
    """
    place = parse(url)
    connection = await connect(place)
    try:
        return await _bring_up(place, connection) or None, len(formats.FORMATS)
    except psycopg.Error as error:
        raise translate(place.url, error) from error
    finally:
        await connection.close()


async def prepare(place: Place, connection: Connection) -> None:
    """Make an empty schema ours. Raises StoreTooOld, StoreTooNew, StoreUnavailable; psycopg.Error as it comes."""
    known = len(formats.FORMATS)
    found = await _format(place, connection)
    if found == 0:
        found = await _bring_up(place, connection, only_empty=True) or known
    if found < known:
        raise StoreTooOld(place.url, found, known)
    if found > known:
        raise StoreTooNew(place.url, found, known)


async def _bring_up(place: Place, connection: Connection, *, only_empty: bool = False) -> int:
    """Run the scripts that the schema lacks; its format before. `only_empty`: where it has a format, leave it."""
    known = len(formats.FORMATS)
    async with connection.transaction():
        await connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{_PATIENCE_MS}ms",))
        try:
            await connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK, place.schema))
        except psycopg.errors.LockNotAvailable as error:
            reason = f"another process has been migrating it for {_PATIENCE_MS / 1000:g} s; try again when it is done"
            raise StoreUnavailable(place.url, reason) from error
        found = await _format(place, connection)  # another may have done it while this one waited
        if found > known:
            raise StoreTooNew(place.url, found, known)
        if found and only_empty:
            return found
        if found == 0:
            await _make(place, connection)
        elif found < known:
            await _deserted(place, connection)
        for number, script in enumerate(formats.FORMATS[found:], found + 1):
            await connection.execute(script.replace("{s}", place.quoted).encode())
            await connection.execute(
                f"INSERT INTO {place.quoted}.trellis_formats (format) VALUES (%s)".encode(), (number,)
            )
    return found


async def _deserted(place: Place, connection: Connection) -> None:
    """Raises StoreUnavailable where a host is at work. None can begin before this transaction ends."""
    try:
        await connection.execute(f"LOCK TABLE {place.quoted}.owners IN ACCESS EXCLUSIVE MODE".encode())
    except psycopg.errors.LockNotAvailable as error:
        raise StoreUnavailable(place.url, "a host is at work on it; stop it, then try again") from error
    query = f"SELECT count(*) FROM {place.quoted}.owners WHERE expires > clock_timestamp()".encode()
    found = await (await connection.execute(query)).fetchone()
    if found and found[0]:
        hosts = "1 host is" if found[0] == 1 else f"{found[0]} hosts are"
        reason = f"{hosts} at work on it, or ended less than {place.lease:g} s ago without closing; stop them, then try again"
        raise StoreUnavailable(place.url, reason)


async def _make(place: Place, connection: Connection) -> None:
    """An existing schema is taken as it is: who may not make schemas can be given one."""
    cursor = await connection.execute("SELECT to_regnamespace(%s)", (place.quoted,))
    if await cursor.fetchone() == (None,):
        await connection.execute(f"CREATE SCHEMA {place.quoted}".encode())
    await connection.execute(
        f"CREATE TABLE {place.quoted}.trellis_formats "
        "(format int PRIMARY KEY, since timestamptz NOT NULL DEFAULT now())".encode()
    )


async def _format(place: Place, connection: Connection) -> int:
    """The format of the schema, 0 where nothing of ours is in it. Raises where what is there is another's."""
    values = {"table": f"{place.quoted}.trellis_formats", "schema": place.quoted, "ours": _OURS}
    found = await (await connection.execute(_STATE, values)).fetchone()
    assert found is not None
    ours, tables = found
    if not ours:
        if tables:
            raise StoreUnavailable(
                place.url,
                f"schema {place.schema} of the database has another application's tables ({', '.join(tables)}); "
                "name another schema with ?schema=NAME",
            )
        return 0
    query = f"SELECT coalesce(max(format), 0) FROM {place.quoted}.trellis_formats".encode()
    row = await (await connection.execute(query)).fetchone()
    return int(row[0]) if row else 0
