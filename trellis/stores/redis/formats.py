"""What is under the prefix, in which format, and how durable the server keeps it.

A prefix with nothing under it takes the present format with its first run. Every script looks at the format first, so
that hosts of an earlier version stop where a later one has brought the store up.
"""

from __future__ import annotations

from typing import Any

from trellis.errors import StoreUnavailable
from trellis.stores.redis.connection import FORMAT, Script, Server, wrong_format

_OLDEST = (6, 2)
_LOOK = Script("return redis.call('GET', ARGV[1] .. ':format')", writes=False)
_SET = Script(
    """
    local found = redis.call('GET', ARGV[1] .. ':format')
    if not found then redis.call('SET', ARGV[1] .. ':format', ARGV[2]) end
    return found
    """
)


async def inspect(url: str) -> tuple[int | None, int]:
    """The format of what is there, None where nothing is yet, and the one that this version knows.

    Raises StoreUnavailable.
    """
    server = Server(url)
    try:
        found = await server.run(_LOOK)
        return None if found is None else int(found), FORMAT
    finally:
        await server.close()


async def migrate(url: str) -> tuple[int | None, int]:
    """Bring the store up to the format that this version knows; the format before, None for nothing, and the one now.

    All or nothing, and safe where two do it at once. Raises StoreTooNew, StoreUnavailable, StoreFull.
    """
    server = Server(url)
    try:
        found = await server.run(_SET, FORMAT)
        if found is not None and int(found) != FORMAT:
            raise wrong_format(server.url, int(found))
        return None if found is None else int(found), FORMAT
    finally:
        await server.close()


async def durability(server: Server) -> str:
    """One sentence for people: what a crash of the server costs. Raises StoreError where it cannot be used at all."""
    told: dict[str, Any] = await server.info()
    version = str(told.get("redis_version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < _OLDEST:
        raise StoreUnavailable(server.url, f"the server is Redis {version}; it takes 6.2 or newer")
    settings = await server.settings("appendonly", "appendfsync", "maxmemory", "maxmemory-policy", "save")
    appends = settings.get("appendonly") or (
        "yes" if told.get("aof_enabled") else "no" if "aof_enabled" in told else ""
    )
    evicts = settings.get("maxmemory", "0") != "0" and settings.get("maxmemory-policy", "noeviction") != "noeviction"
    if told.get("maxmemory") and told.get("maxmemory_policy", "noeviction") != "noeviction":
        evicts = True
    if not appends:
        said = "the server does not tell its settings: ask whoever runs it for appendonly yes, appendfsync always"
    elif appends == "no":
        lost = "every run" if settings.get("save", "?") == "" else "everything written since its last snapshot"
        said = f"appendonly is off: a crash of the server loses {lost}; set appendonly yes, appendfsync always"
    elif settings.get("appendfsync") == "always":
        said = "appendonly is on and every write is on the server's disk before it is answered"
    elif settings.get("appendfsync") == "everysec":
        said = (
            "appendonly is on, appendfsync is everysec: a crash of its machine loses the writes of the last second or "
            "two; set appendfsync always"
        )
    else:
        said = (
            f"appendonly is on, appendfsync is {settings.get('appendfsync', 'not told')}: a crash of its machine may "
            "lose the latest writes; set appendfsync always"
        )
    if evicts:
        said += "; the server drops keys when its memory is full, runs too: set maxmemory-policy noeviction"
    return said
