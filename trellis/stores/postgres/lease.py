"""Who is alive: an owner has a row that it renews, and is dead once the clock of the server has passed it."""

from __future__ import annotations

import asyncio
import os
import socket

from trellis.errors import StoreUnavailable
from trellis.stores.postgres import formats
from trellis.stores.postgres.connections import Connection, Pool
from trellis.stores.postgres.place import Place
from trellis.stores.postgres.schema import prepare
from trellis.stores.postgres.statements import Statements


class Lease:
    """The lease of one owner. `token` names it: its machine, its process, and 64 random bits."""

    def __init__(self, place: Place, pool: Pool, statements: Statements) -> None:
        mark = os.urandom(8).hex()
        self.token = f"{socket.gethostname()}-{os.getpid()}-{mark}"
        self.channel = channel(self.token)
        self.held = False
        """Whether it was ever taken, so that it has to be renewed."""
        self.interval = place.lease / 3
        self._place, self._pool, self._statements = place, pool, statements
        self._renewed = 0.0
        self._line = asyncio.Lock()

    @property
    def due(self) -> float:
        """The seconds until it should be renewed; not above 0: now."""
        return self._renewed + self.interval - asyncio.get_running_loop().time()

    async def hold(self, *, anew: bool = False) -> str:
        """Be alive for others to see, from now on; the token. `anew`: even if it was renewed a moment ago."""
        if not anew and self.held and self.due > 0:
            return self.token
        async with self._line:
            if anew or not self.held or self.due <= 0:
                async with self._pool.connection() as connection:
                    await self.renew(connection)
        return self.token

    async def renew(self, connection: Connection) -> None:
        """Raises psycopg.Error; StoreTooNew where a later version has taken over the store."""
        # By the moment it was asked for, not answered: what the server counts from lies between.
        asked = asyncio.get_running_loop().time()
        values = (self.token, self._place.lease, len(formats.FORMATS))
        cursor = await connection.execute(self._statements.hold, values)
        if cursor.rowcount != 1:
            await prepare(self._place, connection)  # it was brought up to another format since it was opened
            raise StoreUnavailable(self._place.url, "it is being brought up to another format; try again")
        self._renewed, self.held = asked, True

    async def leave(self) -> None:
        """Be dead, and free all that was held."""
        if self.held:
            self.held = False
            async with self._pool.connection() as connection:
                await connection.execute(self._statements.leave, (self.token,))


def channel(token: str) -> str:
    """Where the owner of that token listens."""
    return "trellis_" + token.rpartition("-")[2]
