"""A command about runs that are kept: their store is opened, and closed afterwards; none is ever made for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from trellis.cli.places import not_kept, open_kept, root_here, shown, there
from trellis.errors import UnknownRun, UsageError
from trellis.model.problems import suggestion
from trellis.stores.base import Store

LOOKED_AT = 1000
"""Runs among which an id that is not known is looked for."""
Given = TypeVar("Given")


def with_store(store: str | None, work: Callable[[Store], Awaitable[Given]]) -> Given:
    """What the work on the store gives. Raises UsageError where there is no such store, TrellisError."""
    import asyncio

    return asyncio.run(_with_store(store, work))


async def _with_store(store: str | None, work: Callable[[Store], Awaitable[Given]]) -> Given:
    root = root_here()
    if not there(store, root):
        raise UsageError(f"no runs are kept here yet\nstore: {shown(store, root)}")
    kept = open_kept(store, root)
    try:
        return await work(kept)
    except UnknownRun as error:
        rows = await kept.rows(limit=LOOKED_AT)
        raise not_kept(error, store, root, suggestion(error.run, [row.run for row in rows])) from None
    finally:
        await kept.close()


def anything_kept(store: str | None) -> bool:
    """Whether there is a store to look into."""
    return there(store, root_here())
