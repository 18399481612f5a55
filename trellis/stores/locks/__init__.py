"""Locks by key with fencing tokens, for those who share a place.

    base       the promise, `Locker` and `Lease`
    leases     the face: waiting, renewal, what is lost; and `Leases`, what it asks of a place
    memory     memory://        one process: each locker is a place of its own
    file       file:DIR         one machine: an OS lock, free at its holder's death
    postgres   postgresql://…   many machines, by the server's clock
    redis      redis://…        many machines, by the server's clock; see there what it cannot promise

A backend is imported when its first locker is opened.
"""

from __future__ import annotations

from trellis.stores import unloaded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trellis.stores.locks.base import Locker

_KNOWN = "memory://, file:DIR, postgresql://HOST/DATABASE, redis://HOST/NUMBER"


def open_locker(url: str, *, root: str = ".") -> Locker:
    """The locker at `url`; close it when done. Everyone who opens the same URL shares its keys, but for `memory://`.

    `file:locks` is a folder under the folder `root`, `file:/var/locks` an absolute one; it is made. Nothing is reached
    before the first lock. Raises StoreUnavailable where the URL names no place.
    """
    from trellis.stores.locks.leases import LeaseLocker

    scheme, colon, rest = url.partition(":")
    match scheme:
        case "memory" if rest == "//":
            from trellis.stores.locks.memory import MemoryLeases

            return LeaseLocker(url, MemoryLeases())
        case "file" if rest.strip("/"):
            from trellis.stores.locks.file import FileLeases

            return LeaseLocker(url, FileLeases(url, rest, root=root))
        case "postgresql" | "postgres" if rest.startswith("//"):
            try:
                from trellis.stores.locks.postgres import PostgresLeases
            except ImportError as error:
                raise unloaded(scheme, "postgres", error) from error
            tables = PostgresLeases(url)
            return LeaseLocker(tables.url, tables)
        case "redis" | "rediss" | "unix" if rest.startswith("//"):
            try:
                from trellis.stores.locks.redis import RedisLeases
            except ImportError as error:
                raise unloaded(scheme, "redis", error) from error
            keys = RedisLeases(url)
            return LeaseLocker(keys.url, keys)

    from trellis.errors import StoreUnavailable

    if scheme == "sqlite" and colon:
        raise StoreUnavailable(url, "SQLite files keep no locks; name a folder beside it: file:DIR")
    raise StoreUnavailable(url, f"unknown place for locks '{scheme}'; known: {_KNOWN}")
