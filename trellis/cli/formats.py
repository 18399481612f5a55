"""Which store a URL names, asked for its format: each kind of store answers for itself, one here asks it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trellis.cli.places import STORE, file_of, must_be_folder, open_kept, root_here, shown
from trellis.errors import StoreCorrupt, StoreFull, StoreTooNew, StoreTooOld, StoreUnavailable, UsageError

COUNTED = 10_000
"""Runs that are counted; that there are more is said without counting them."""
_POWER = "what was answered survives the loss of power"
_SERVER = "as its server's synchronous_commit has it, but never off"
_DURABILITY = {"sqlite": _POWER, "file": _POWER, "postgresql": _SERVER, "postgres": _SERVER}
Formats = tuple[int | None, int]
"""The format found, None where there is nothing yet, and the one that this version writes."""


async def inspect(store: str | None) -> Formats:
    """Look, and write nothing. Raises StoreError, UsageError."""
    url, scheme, path = _place(store)
    match scheme:
        case "sqlite":
            from trellis.stores.sqlite.schema import inspect as look

            with _naming(url):
                return look(path)
        case "file":
            from trellis.stores.file.folder import inspect as look_into

            return look_into(url, path)
        case "postgresql" | "postgres":
            from trellis.stores.postgres.schema import inspect as ask

            return await ask(url)
        case _:
            from trellis.stores.redis.formats import inspect as ask_server

            return await ask_server(url)


async def migrate(store: str | None) -> Formats:
    """Bring it up: the format before, None for nothing, and the one now. Raises StoreError, UsageError."""
    url, scheme, path = _place(store)
    match scheme:
        case "sqlite":
            from trellis.stores.sqlite.schema import migrate as bring

            with _naming(url):
                return bring(path)
        case "file":
            before, known = await inspect(store)  # there was never another format; opening makes it
            kept = open_kept(store, root_here())
            try:
                await kept.rows(limit=1)
            finally:
                await kept.close()
            return before, known
        case "postgresql" | "postgres":
            from trellis.stores.postgres.schema import migrate as bring_up

            return await bring_up(url)
        case _:
            from trellis.stores.redis.formats import migrate as bring_server

            return await bring_server(url)


async def status(store: str | None) -> dict[str, Any]:
    """What can be known of the store without writing to it. Raises StoreError, UsageError."""
    found, known = await inspect(store)
    told: dict[str, Any] = {"store": shown(store, root_here()), "format": found, "known": known}
    _, scheme, path = _place(store)
    if found is None:
        return told
    if scheme in ("sqlite", "file"):
        told["bytes"] = sum(part.stat().st_size for part in _parts(path))
    if found == known:
        kept = open_kept(store, root_here())
        try:
            rows = await kept.rows(limit=COUNTED + 1)
            told["runs"] = dict(sorted(Counter(row.status for row in rows[:COUNTED]).items()))
            told["more"] = len(rows) > COUNTED
            durability = getattr(kept, "durability", _DURABILITY.get(scheme))
            if durability is not None:
                told["durability"] = str(durability)
        finally:
            await kept.close()
    return told


def _place(store: str | None) -> tuple[str, str, Path]:
    """The URL, its scheme, and the path of a store that has one. Raises StoreError, UsageError for what is no store."""
    url, folder = (STORE, root_here()) if store is None else (store, ".")
    if url == "memory://":
        raise UsageError("memory:// is gone with its process and has no format; name another --store")
    path = file_of(url)
    must_be_folder(url, folder)
    if path is None:
        from trellis.stores import open_store

        open_store(url)  # which reaches no server yet; it says what is wrong with the URL, or what is not installed
    return url, url.partition(":")[0], Path(folder, path or "")


@contextmanager
def _naming(url: str) -> Iterator[None]:
    """What is raised of the file names the store as its user did."""
    try:
        yield
    except (StoreUnavailable, StoreCorrupt, StoreFull) as error:
        raise type(error)(url, error.reason) from error
    except (StoreTooNew, StoreTooOld) as error:
        raise type(error)(url, error.found, error.known) from error


def _parts(path: Path) -> list[Path]:
    """The files that a store in files is made of."""
    if path.is_dir():
        return [part for part in path.rglob("*") if part.is_file()]
    return [part for part in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))) if part.exists()]
