"""A lock goes with the process that took it: a forked child does not keep it, though it inherits the descriptor.

The system frees such a lock when the last copy of its descriptor is closed. In the child the copy is put on the null
device: its number stays taken, so nothing that the child still does with it meets a file of somebody else.
"""

from __future__ import annotations

import os

_LOCKED: set[int] = set()


def locked(descriptor: int) -> int:
    """The descriptor, which carries a lock from now on, until `close`."""
    _LOCKED.add(descriptor)
    return descriptor


def close(descriptor: int) -> None:
    """Close it, whether or not it carries a lock."""
    _LOCKED.discard(descriptor)
    os.close(descriptor)


def _let_go() -> None:
    if _LOCKED:
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in _LOCKED:
            os.dup2(null, descriptor, inheritable=False)
        os.close(null)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
