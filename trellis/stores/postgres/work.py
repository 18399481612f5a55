"""A transaction that an action writes its own tables in, and its host the event that says so."""

from __future__ import annotations

import psycopg

from trellis.errors import StoreError
from trellis.stores.base import Turn
from trellis.stores.postgres.batches import Batch
from trellis.stores.postgres.connections import Connection
from trellis.stores.postgres.faults import translate
from trellis.stores.postgres.place import Place
from trellis.stores.postgres.statements import Statements


async def write(connection: Connection, statements: Statements, batch: Batch) -> list[StoreError | None]:
    """The answers to the turns of a batch. Raises psycopg.Error."""
    cursor = await connection.execute(statements.append, batch.values(), prepare=True)
    found = await cursor.fetchone()
    refused = batch.refused(found[0] if found else None)
    held = {}
    if refused:
        for run, *rest in await (await connection.execute(statements.held, (refused,))).fetchall():
            held[run] = tuple(rest)
    return batch.answers(held, refused)


class PostgresTransaction:
    """Keeps the promise of `Transaction`."""

    def __init__(self, place: Place, connection: Connection, statements: Statements, me: str) -> None:
        self.connection = connection
        self.refused = False
        self._place, self._statements, self._me = place, statements, me

    async def append(self, turn: Turn) -> StoreError | None:
        try:
            # From here on the row of the run is locked. Should this host stop now, the server ends the transaction
            # once the lease has run out, so that others can go on with the run.
            limit = f"{self._place.lease * 1000:.0f}ms"
            await self.connection.execute(
                "SELECT set_config('idle_in_transaction_session_timeout', %s, true)", (limit,)
            )
            [answer] = await write(self.connection, self._statements, Batch([turn], self._me))
        except psycopg.Error as error:
            raise translate(self._place.url, error) from error
        self.refused = self.refused or answer is not None
        return answer
