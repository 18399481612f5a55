"""Which transactions the code that runs now is a part of: it must not wait for what can be done only after them.

It is known by its context, which the tasks and threads that it starts inherit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from trellis.errors import StoreUnavailable
from trellis.stores.base import Store

_BLOCKS: ContextVar[tuple[list[Store], ...]] = ContextVar("trellis_transactions", default=())

_WAITS_FOR_ITSELF = (
    "an action asked for this inside its own transaction, which is the one that may write: it would wait for itself for "
    "ever; let the action return first, and leave this to a later node, or to an action that is not `transactional`"
)


@contextmanager
def within(store: Store) -> Iterator[None]:
    """While the block runs, its code is a part of a transaction of this store, which has no other at the same time."""
    block, before = [store], _BLOCKS.get()
    _BLOCKS.set((*before, block))
    try:
        yield
    finally:
        block.clear()  # what the code started may outlive the block
        _BLOCKS.set(before)


def is_within(store: Store) -> bool:
    """Whether this code is a part of a transaction of the store that is under way."""
    return any(store in block for block in _BLOCKS.get())


def must_not_wait(store: Store) -> None:
    """Raises StoreUnavailable where this code would wait for the end of its own transaction."""
    if is_within(store):
        raise StoreUnavailable(store.url, _WAITS_FOR_ITSELF)
