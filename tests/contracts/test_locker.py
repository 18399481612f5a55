"""Every locker keeps the published promise, and so does the plainest one: leases in a dict."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis

from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from trellis.stores.locks import open_locker
from trellis.stores.locks.base import Locker
from trellis.stores.locks.leases import LeaseLocker
from trellis.stores.locks.memory import MemoryLeases
from trellis.stores.locks.names import file_name
from trellis.testing import LockerContract, SharedLockerContract


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
    def _schema(self, postgres_url: str, tmp_path: Path) -> Iterator[None]:
        schema = f"locks_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_").lower()[-60:]
        self.url = f"{postgres_url}?options={quote(f'-csearch_path={schema}')}"
        with psycopg.connect(postgres_url, autocommit=True) as self.connection:
            self.connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}")  # type: ignore[arg-type]
            self.connection.execute(f"SET search_path = {schema}")  # type: ignore[arg-type]
            yield
            self.connection.execute(f"DROP SCHEMA {schema} CASCADE")  # type: ignore[arg-type]

    def open(self) -> Locker:
        return open_locker(self.url)

    def open_again(self) -> Locker:
        return open_locker(self.url)

    async def expire(self, locker: Locker, key: str) -> None:
        self.connection.execute("UPDATE trellis_lock_leases SET ends = '-infinity' WHERE key = %s", [key])


class TestRedisLocker(SharedLockerContract):
    @pytest.fixture(autouse=True)
    def _prefix(self, redis_url: str, tmp_path: Path) -> Iterator[None]:
        self.prefix = f"{tmp_path.parent.name}-{tmp_path.name}"
        self.url = f"{redis_url}?prefix={self.prefix}"
        with redis.Redis.from_url(redis_url) as self.client:
            yield
            for key in self.client.scan_iter(f"{self.prefix}:*", count=1000):
                self.client.delete(key)

    def open(self) -> Locker:
        return open_locker(self.url)

    def open_again(self) -> Locker:
        return open_locker(self.url)

    async def expire(self, locker: Locker, key: str) -> None:
        leases = f"{self.prefix}:lock:{key}:leases"
        for holder in self.client.zrange(leases, 0, -1):
            self.client.zadd(leases, {holder: 0})
