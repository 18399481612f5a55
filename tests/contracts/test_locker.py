"""Every locker keeps the published promise, and so does the plainest one: leases in a dict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.servers import drop_schema
from tests.servers import postgres_place as postgres_place
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from tests.stores.redis_places import client_of, prefix_of
from tests.stores.redis_places import redis_place as redis_place
from trellis.stores.locks import open_locker
from trellis.stores.locks.base import Locker
from trellis.stores.locks.leases import LeaseLocker
from trellis.stores.locks.memory import MemoryLeases
from trellis.stores.locks.names import file_name
from trellis.testing import LockerContract, SharedLockerContract

pytestmark = pytest.mark.covers("TR02")


class TestMemoryLockerInRealTime(LockerContract):
    def open(self) -> Locker:
        return open_locker("memory://")


class TestMemoryLocker(SharedLockerContract):
    def open(self) -> Locker:
        self.ahead = 0.0
        self.leases = MemoryLeases(lambda: asyncio.get_running_loop().time() + self.ahead)
        return LeaseLocker("memory://", self.leases)

    def open_again(self) -> Locker:
        return LeaseLocker("memory://", self.leases)

    async def expire(self, locker: Locker, key: str) -> None:
        self.ahead += 60


class TestFileLocker(SharedLockerContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def open(self) -> Locker:
        return open_locker("file:some/where", root=str(self.folder))

    def open_again(self) -> Locker:
        return open_locker(f"file:{self.folder}/some/where")

    async def expire(self, locker: Locker, key: str) -> None:
        for lease in (self.folder / "some/where/locks" / file_name(key)).glob("h-*"):
            lease.write_text("0.0")


class TestPostgresLocker(SharedLockerContract):
    @pytest.fixture(autouse=True)
    def _schema(self, postgres_place: str) -> Iterator[None]:
        self.url = postgres_place
        url, self.schema = postgres_place.split("?schema=")
        with psycopg.connect(url, autocommit=True) as self.connection:
            yield
            drop_schema(url, f"{self.schema}_locks")

    def open(self) -> Locker:
        return open_locker(self.url)

    def open_again(self) -> Locker:
        return open_locker(self.url)

    async def expire(self, locker: Locker, key: str) -> None:
        statement = f"UPDATE {self.schema}_locks.leases SET ends = '-infinity' WHERE key = %s"
        self.connection.execute(statement.encode(), [key])


class TestRedisLocker(SharedLockerContract):
    @pytest.fixture(autouse=True)
    def _prefix(self, redis_place: str) -> Iterator[None]:
        self.url, self.prefix = redis_place, prefix_of(redis_place)
        with client_of(redis_place) as self.client:
            yield

    def open(self) -> Locker:
        return open_locker(self.url)

    def open_again(self) -> Locker:
        return open_locker(self.url)

    async def expire(self, locker: Locker, key: str) -> None:
        leases = f"{self.prefix}:lock:{key}:leases"
        self.client.zremrangebyscore(leases, "-inf", "+inf")
