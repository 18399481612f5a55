"""The PostgreSQL store keeps the published promise, leases included."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from tests.servers import with_setting
from trellis.stores.base import Store
from trellis.stores.postgres import PostgresStore
from trellis.testing import LeaseStoreContract

pytestmark = pytest.mark.covers("TR04", "TR05", "GT08")


class TestPostgresStore(LeaseStoreContract):
    lease_s = 1.0

    @pytest.fixture(autouse=True)
    def _schema(self, postgres_place: str) -> None:
        self.url = with_setting(postgres_place, "lease", self.lease_s)

    def open(self) -> Store:
        return PostgresStore(self.url)

    def open_again(self) -> Store:
        return PostgresStore(self.url)

    async def expire(self, store: Store) -> None:
        await expire(store, self.url)


async def expire(store: Store, url: str) -> None:
    """As though the owner had been stopped: it thinks that it renewed a moment ago, and the server knows better."""
    assert isinstance(store, PostgresStore)
    lease, place = store._lease, store._place
    lease._renewed = asyncio.get_running_loop().time()
    async with await psycopg.AsyncConnection.connect(place.target) as connection:
        query = f"UPDATE {place.quoted}.owners SET expires = now() - interval '1 s' WHERE token = %s RETURNING 1"
        cursor = await connection.execute(query.encode(), (lease.token,))
        assert await cursor.fetchone() == (1,)
