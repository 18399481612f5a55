"""The promise of a locker: one holder of a key at a time, and a token that tells a later holder from an earlier one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Lease(Protocol):
    """What a holder has. It is renewed while its block runs."""

    token: int
    """Greater than that of every lease of the key before: whoever writes under a lease sends it along, and who takes
    the write refuses a smaller one than it has seen."""

    @property
    def lost(self) -> bool:
        """Whether the lease ran out before it was renewed; another may hold the key since. Once lost is always lost."""


class Locker(Protocol):
    """Locks by key, for everyone who opens a locker on the same place."""

    url: str

    def lock(
        self, key: str, ttl: float, *, slots: int = 1, wait: float | None = None
    ) -> AbstractAsyncContextManager[Lease]:
        """Hold `key` while the block runs: `async with locker.lock("deploy", 10) as lease:`.

        Waits until it is free, at most `wait` seconds (None: for ever); then raises TimeoutError. Of one key up to
        `slots` leases live at once, counted from the leases themselves, so that the death of a holder leaks none: its
        lease ends `ttl` seconds after it was last renewed, at once where the place can tell that it is dead. The end of
        the block frees the key; where the lease was lost meanwhile it raises LeaseLost, unless the block raised
        already. A cancelled wait holds nothing. Raises StoreUnavailable where the place cannot be reached.
        """

    async def close(self) -> None:
        """Free what is held here. It is not used afterwards; closing again does nothing."""
