import os
from collections.abc import Iterator
from pathlib import Path
import pytest, redis
from trellis.stores.redis import RedisStore
from trellis.testing.stores import LeaseStoreContract

class TestRedisStore(LeaseStoreContract):
    @pytest.fixture(autouse=True)
    def _prefix(self, tmp_path: Path) -> Iterator[None]:
        redis_url = os.environ["TRELLIS_TEST_REDIS_URL"]
        self.prefix = f"{tmp_path.parent.name}-{tmp_path.name}"
        self.url = f"{redis_url}?prefix={self.prefix}&lease=1"
        with redis.Redis.from_url(redis_url) as self.client:
            yield
            for key in self.client.scan_iter(f"{self.prefix}:*", count=1000):
                self.client.delete(key)
    def open(self): return RedisStore(self.url)
    def open_again(self): return RedisStore(self.url)
    async def expire(self, store):
        self.client.zadd(f"{self.prefix}:owners", {store._owner: 0})
