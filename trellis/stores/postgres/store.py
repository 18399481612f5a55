"""The face of the PostgreSQL store: each call that writes is one statement, so it is there whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from trellis.errors import RunOwned, StoreCorrupt, StoreError, StoreUnavailable, TooManyRuns, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn
from trellis.stores.postgres.batches import Batch
from trellis.stores.postgres.connections import Connection, Pool, lost
from trellis.stores.postgres.faults import translate
from trellis.stores.postgres.lease import Lease
from trellis.stores.postgres.place import parse
from trellis.stores.postgres.post import Post
from trellis.stores.postgres.schema import prepare
from trellis.stores.postgres.statements import Statements
from trellis.stores.postgres.work import PostgresTransaction, write

T = TypeVar("T")

_LIMITS = int.from_bytes(b"TRLR", "big")
_TRIES = 10
# The server took the statement back because of what others did at that moment; the same again may well go through.
_AGAIN = (
    psycopg.errors.ForeignKeyViolation,  # our lease was buried, or a definition deleted
    psycopg.errors.DeadlockDetected,
    psycopg.errors.SerializationFailure,
)
_encode = msgspec.json.Encoder().encode
_decode_position = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode


class PostgresStore:
    """Keeps the promise of `TransactionalStore` in a schema of a database, shared by many hosts.

    `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with what else libpq takes, and of ours: `schema=NAME` (default
    `trellis`), `lease=SECONDS` after which a silent owner is dead (10), `pool_size=CONNECTIONS` at most (8; two more
    may listen and renew). Nothing is connected before the first call. `url` may be shown: it has no password.
    """

    lanes = 2

    def __init__(self, url: str) -> None:
        self._place = place = parse(url)
        self.url = place.url
        self._statements = Statements(place.quoted)
        self._pool = Pool(place)
        self._lease = Lease(place, self._pool, self._statements)
        self._post = Post(place, self._pool, self._lease, self._statements)
        self._opening = asyncio.Lock()
        self._open = False
        self._closed = False

    async def definition(self, digest: str) -> bytes | None:
        found = await self._one(self._statements.definition, (digest,))
        return None if found is None else found[0]

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        most = None if last else at_most
        digests = sorted(definitions)  # in one order, so that two who begin the same never wait for each other
        given = (
            _encode(row).decode(),
            list(events),
            digests,
            [definitions[digest] for digest in digests],
            most,
            _LIMITS,
            self._place.schema,
        )
        while True:
            outcome = await self._write(
                lambda connection: _value(connection, self._statements.create, (self._me(last), *given)), owns=not last
            )
            if outcome == "made":
                return msgspec.structs.replace(row, revision=len(events)), 1
            if outcome == "full":
                raise TooManyRuns(most or 0)
            found = await self.row(row.run) or await self._row(self._statements.row_by_request, row.request)
            if found is not None:  # else it was deleted a moment ago
                return found, None

    async def claim(self, run: str) -> int:
        async def take(connection: Connection) -> int:
            values = {"me": self._lease.token, "run": run}
            for last in (False, True):
                epoch = await _value(connection, self._statements.claim, values)
                if epoch is not None:
                    return int(epoch)
                if not last:
                    await connection.execute(self._statements.bury)
            raise await self._owned(connection, run)

        return await self._write(take, owns=True)

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        values = {
            "me": self._lease.token,
            "now": now,
            "limit": limit,
            "names": None if names is None else list(names),
            "without": list(without),
        }

        async def take(connection: Connection) -> Due:
            await connection.execute(self._statements.bury)
            cursor = await connection.execute(self._statements.claim_due, values, prepare=False)  # as in `_all`
            found = await cursor.fetchone()
            assert found is not None
            runs, epochs, wake = found
            return Due(tuple(zip(runs or (), epochs or (), strict=True)), wake)

        return await self._write(take, owns=True)

    async def owned(self) -> list[str]:
        return [run for (run,) in await self._all(self._statements.owned, (self._lease.token,))]

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        values = {
            "me": self._lease.token,
            "run": run,
            "seq": None if snapshot is None else snapshot.seq,
            "data": b"" if snapshot is None else snapshot.data,
        }

        async def free(connection: Connection) -> None:
            await connection.execute(self._statements.release, values)

        await self._write(free)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        if not turns:
            return []
        batch = Batch(turns, self._lease.token)
        return await self._write(lambda connection: write(connection, self._statements, batch))

    async def snapshot(self, run: str) -> Snapshot | None:
        found = await self._one(self._statements.snapshot, (run,))
        return None if found is None else Snapshot(*found)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        found = await self._all(self._statements.read, (after, run))
        if not found:
            raise UnknownRun(run)
        revision = found[0][0]
        numbered = {seq: event for _, seq, event in found if seq is not None}
        missing = next((seq for seq in range(after + 1, revision + 1) if seq not in numbered), None)
        if missing is not None:
            reason = f"event {missing} of run '{run}' is missing; restore the database from a backup"
            raise StoreCorrupt(self.url, reason)
        return list(numbered.values())

    async def row(self, run: str) -> RunRow | None:
        return await self._row(self._statements.row, run)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        query, values = [self._statements.rows], list[Any]()
        for column, wanted in (("status", status), ("name", name), ("graph", graph)):
            if wanted is not None:
                query.append(f"AND r.{column} = %s".encode())
                values.append(wanted)
        for field, value in (match or {}).items():
            query.append(b"AND coalesce(r.fields::jsonb -> %s, 'null') = %s")
            values += (field, Jsonb(value, _dumped))
            if value is not None:
                query.append(b"AND r.fields::jsonb @> %s")  # what the index answers: it holds for all that is equal
                values.append(Jsonb({field: value}, _dumped))
        query.append(b"ORDER BY r.created DESC, r.id DESC LIMIT %s")
        return [self._decoded(*found) for found in await self._all(b" ".join(query), (*values, limit))]

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109
        await self._ready()
        try:
            return await self._post.ask(run, message, timeout)
        except psycopg.Error as error:
            raise translate(self.url, error) from error

    def hear(self, answer: Hear) -> None:
        self._post.hear(answer)

    async def delete(self, run: str) -> None:
        async def drop(connection: Connection) -> None:
            values = (self._lease.token, run)
            for last in (False, True):
                if await _value(connection, self._statements.delete, values):
                    return
                if not last:
                    await connection.execute(self._statements.bury)
            raise await self._owned(connection, run)

        await self._write(drop)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresTransaction]:
        """One transaction on a connection of the pool, at READ COMMITTED."""
        await self._ready()
        async with self._pool.connection() as connection:
            work = PostgresTransaction(self._place, connection, self._statements, self._lease.token)
            try:
                await connection.execute("BEGIN")
            except psycopg.Error as error:
                raise translate(self.url, error) from error
            try:
                yield work
            except BaseException:
                await self._take_back(connection)
                raise
            if work.refused:
                await self._take_back(connection)
                return
            try:
                done = (await connection.execute("COMMIT")).statusmessage
            except psycopg.IntegrityError:
                raise  # of a deferred constraint of the action's own tables
            except psycopg.Error as error:
                raise translate(self.url, error, wrote=lost(connection)) from error
            if done != "COMMIT":
                # PostgreSQL answers the commit of a failed transaction with its rollback, and no error.
                raise StoreUnavailable(self.url, "a statement had failed in the transaction, so nothing was written")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._post.close()
        try:
            await self._lease.leave()
        except (psycopg.Error, StoreError):
            pass  # the lease ends by itself
        await self._pool.close()

    def _me(self, last: bool) -> str | None:
        return None if last else self._lease.token

    async def _ready(self) -> None:
        """Know that the schema is ours and of our format."""
        if self._open:
            return
        async with self._opening:
            if not self._open:
                async with self._pool.connection() as connection:
                    try:
                        await prepare(self._place, connection)
                    except psycopg.Error as error:
                        raise translate(self.url, error) from error
                self._open = True

    async def _write(self, work: Callable[[Connection], Awaitable[T]], *, owns: bool = False) -> T:
        """`owns`: it may make this owner hold a run, so the lease has to be there first."""
        await self._ready()
        tries = 0
        while True:
            tries += 1
            try:
                if owns:
                    await self._lease.hold(anew=tries > 1)
                    self._post.watch()
            except psycopg.Error as error:
                raise translate(self.url, error) from error
            async with self._pool.connection() as connection:
                try:
                    return await work(connection)
                except _AGAIN as error:
                    if tries == _TRIES:
                        raise translate(self.url, error) from error
                except psycopg.Error as error:
                    raise translate(self.url, error, wrote=lost(connection)) from error

    async def _all(self, query: bytes, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        await self._ready()
        for last in (False, True):
            async with self._pool.connection() as connection:
                try:
                    cursor = connection.cursor(binary=True)
                    # Planned each time: a plan of a day with ten runs would be kept when there are a million.
                    await cursor.execute(query, values, prepare=False)
                    return await cursor.fetchall()
                except psycopg.Error as error:
                    if last or not lost(connection):
                        raise translate(self.url, error) from error
        raise AssertionError("unreachable")

    async def _one(self, query: bytes, values: Sequence[Any]) -> tuple[Any, ...] | None:
        found = await self._all(query, values)
        return found[0] if found else None

    async def _row(self, query: bytes, key: str) -> RunRow | None:
        found = await self._one(query, (key,))
        return None if found is None else self._decoded(*found)

    def _decoded(self, run: str, graph: str, name: str, source: str, status: str, revision: int, *rest: Any) -> RunRow:
        position, fields, *others = rest
        try:
            where, indexed = _decode_position(position), _decode_fields(fields)
        except msgspec.MsgspecError as error:
            reason = f"the row of run '{run}': {error}; restore the database from a backup"
            raise StoreCorrupt(self.url, reason) from error
        return RunRow(run, graph, name, source, status, revision, where, indexed, *others)

    async def _owned(self, connection: Connection, run: str) -> Exception:
        found = await (await connection.execute(self._statements.held, ([run],))).fetchone()
        if found is None:
            return UnknownRun(run)
        return RunOwned(run, found[3] or "nobody")

    async def _take_back(self, connection: Connection) -> None:
        try:
            await connection.execute("ROLLBACK")
        except psycopg.Error:
            pass  # the connection is gone, and the server takes back what it had begun


async def _value(connection: Connection, query: bytes, values: Any) -> Any:
    found = await (await connection.execute(query, values)).fetchone()
    return None if found is None else found[0]


def _dumped(value: Any) -> bytes:
    return _encode(value)
