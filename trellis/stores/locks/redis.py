"""Leases in one Redis server, by its clock; each call is one script.

What it promises is what its one server remembers. While the server runs, there is one holder of a key, and tokens grow.
Where it restarts without a file of its appends that is synced always (`appendonly yes`, `appendfsync always`), or a
replica that lagged behind takes its place, the last leases and tokens may be forgotten: two may hold a key then, under
the same token. No number of replicas mends that. Where two writers would do harm, use PostgreSQL, or a resource that
refuses by more than the token.
"""

from __future__ import annotations

from trellis.stores.redis.connection import Script, Server

# Of each key two: a sorted set of the holders by the microsecond in which their leases end, and the last token given.
_NOW = """
local leases, token = ARGV[1] .. ':lock:' .. ARGV[2] .. ':leases', ARGV[1] .. ':lock:' .. ARGV[2] .. ':token'
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
_TAKE = Script(
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', leases, '-inf', now)
if redis.call('ZCARD', leases) >= tonumber(ARGV[5]) then return false end
local given = redis.call('INCR', token)
redis.call('ZADD', leases, now + ARGV[4] * 1000000, ARGV[3])
return given
"""
)
_RENEW = Script(
    _NOW
    + """
local ends = redis.call('ZSCORE', leases, ARGV[3])
if not ends or tonumber(ends) <= now then return 0 end
redis.call('ZADD', leases, now + ARGV[4] * 1000000, ARGV[3])
return 1
"""
)
_FREE = Script(
    _NOW
    + """
local ends = redis.call('ZSCORE', leases, ARGV[3])
redis.call('ZREM', leases, ARGV[3])
return ends and tonumber(ends) > now and 1 or 0
"""
)


class RedisLeases:
    """Leases on the server of `url`, under its prefix."""

    def __init__(self, url: str) -> None:
        self._server = Server(url)
        self.url = self._server.url

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        token = await self._server.run(_TAKE, key, holder, ttl, slots)
        return None if token is None else int(token)

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        return bool(await self._server.run(_RENEW, key, holder, ttl))

    async def free(self, key: str, holder: str) -> bool:
        return bool(await self._server.run(_FREE, key, holder))

    async def close(self) -> None:
        await self._server.close()
