"""Who is alive: an owner has a row that it renews, and is dead once the clock of the server has passed it."""

from __future__ import annotations

import asyncio
import os
import socket

import psycopg

from trellis.stores.postgres.connections import Connection, Pool
from trellis.stores.postgres.place import Place
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
        self._seconds, self._pool, self._statements = place.lease, pool, statements
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
        """Raises psycopg.Error."""
        # By the moment it was asked for, not answered: what the server counts from lies between.
        asked = asyncio.get_running_loop().time()
        await connection.execute(self._statements.hold, (self.token, self._seconds))
        self._renewed, self.held = asked, True

    async def bury(self, connection: Connection) -> None:
        """Free what dead owners held. Raises psycopg.Error."""
        try:
            async with connection.transaction():
                # An owner that was stopped in the midst of a transaction keeps its run locked until the server ends
                # that transaction; until then it is left lying.
                await connection.execute("SET LOCAL lock_timeout = '1s'")
                await connection.execute(self._statements.bury)
        except psycopg.errors.LockNotAvailable:
            pass

    async def leave(self) -> None:
        """Be dead, and free all that was held."""
        if self.held:
            self.held = False
            async with self._pool.connection() as connection:
                await connection.execute(self._statements.leave, (self.token,))


def channel(token: str) -> str:
    """Where the owner of that token listens."""
    return "trellis_" + token.rpartition("-")[2]
