"""What is too large for a history is kept in a store under its content, once; in the history stands a claim to it.

Each is a closed run of that store, named by content and month, so that `trellis runs rm --older` may drop what no
history has asked for since: what is used again is kept again, under the month of its use.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

import msgspec

from trellis.errors import TrellisError
from trellis.hosts.vault import Vault
from trellis.model.values import digest
from trellis.stores import open_store
from trellis.stores.base import RunRow, Store
from trellis.stores.urls import masked

NAME = "trellis.claim"
"""What stands as the graph's name in the store."""
THRESHOLD = 32 * 1024
"""Bytes from which on a payload is kept in the store: a hundred below it fit in one message to the server."""
REMEMBERED = 32 * 1024 * 1024
"""Bytes of what was fetched or kept that stay in memory."""
_EVENT = b'{"type":"claimed"}'


class Claim(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands in a history for a payload."""

    claim: str
    """The sum of its content, as 64 hexadecimal digits."""
    size: int
    """Its bytes."""
    key: str = ""
    """The id of the key that it is encrypted under."""


class ClaimLost(TrellisError):
    """The store has not what a claim stands for, or not as it was."""

    def __init__(self, url: str, claim: str, reason: str) -> None:
        self.url, self.claim, self.reason = url, claim, reason
        super().__init__(f"payload {claim[:12]}… cannot be read from {url}: {reason}")


class Claims:
    """Payloads by content, in the store at a URL, which is opened at the first need. Used from one event loop."""

    def __init__(self, url: str, *, vault: Vault | None = None, root: str = ".", threshold: int = THRESHOLD) -> None:
        self.url, self.threshold = masked(url), threshold
        self._url, self._root, self._vault = url, root, vault
        self._store: Store | None = None
        self._known: OrderedDict[str, bytes] = OrderedDict()
        self._weight = 0
        self._kept: OrderedDict[str, None] = OrderedDict()  # names under which it is in the store for certain
        self._under_way: dict[str, asyncio.Future[bytes]] = {}

    async def keep(self, data: bytes) -> Claim:
        """The claim to these bytes, which the store has when it is returned. Raises StoreError."""
        vault = self._vault
        salt = vault.sum(data) if vault is not None else b""
        claim = Claim(salt.hex() or digest(data), len(data), vault.key if vault is not None else "")
        now = time.time()
        name = f"{claim.claim}.{time.strftime('%Y-%m', time.gmtime(now))}"
        if name not in self._kept:
            packed = data if vault is None else vault.pack(data, salt)
            row = RunRow(
                run=name, graph=claim.claim, name=NAME, source="", status="ok", revision=1, position=(), fields={},
                wake=None, created=now, updated=now,
            )  # fmt: skip
            await self._opened().create(row, [_EVENT], {claim.claim: packed}, last=True)
            self._kept[name] = None
            if len(self._kept) > 10_000:
                self._kept.popitem(last=False)
        self._remember(claim.claim, data)
        return claim

    async def fetch(self, claim: Claim) -> bytes:
        """What was kept. Those who ask for the same at once wait for one answer. Raises ClaimLost, StoreError."""
        if (known := self._known.get(claim.claim)) is not None:
            self._known.move_to_end(claim.claim)
            return known
        if (under_way := self._under_way.get(claim.claim)) is not None:
            return await asyncio.shield(under_way)
        task = asyncio.ensure_future(self._fetched(claim))
        self._under_way[claim.claim] = task
        task.add_done_callback(lambda _: self._under_way.pop(claim.claim, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up the store; the next need opens it again."""
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    async def _fetched(self, claim: Claim) -> bytes:
        data = await self._opened().definition(claim.claim)
        if data is None:
            raise ClaimLost(
                self.url, claim.claim, "the store does not have it; was it deleted, or is it another store?"
            )
        if claim.key:
            data = self._unpacked(claim, data)
        elif digest(data) != claim.claim:
            raise ClaimLost(self.url, claim.claim, "it is not as it was written; restore the store")
        self._remember(claim.claim, data)
        return data

    def _unpacked(self, claim: Claim, data: bytes) -> bytes:
        if self._vault is None or claim.key not in self._vault.keys:
            raise PayloadLocked(claim.key, () if self._vault is None else self._vault.keys)
        opened = self._vault.unpack(claim.key, data)
        if opened is None or data[:32].hex() != claim.claim:
            raise ClaimLost(self.url, claim.claim, "it is not as it was written; restore the store")
        return opened

    def _opened(self) -> Store:
        if self._store is None:
            self._store = open_store(self._url, root=self._root)
        return self._store

    def _remember(self, name: str, data: bytes) -> None:
        if name in self._known or len(data) > REMEMBERED // 4:
            return
        self._known[name] = data
        self._weight += len(data)
        while self._weight > REMEMBERED:
            _, gone = self._known.popitem(last=False)
            self._weight -= len(gone)


class PayloadLocked(TrellisError):
    """A payload is encrypted under a key that is not given. The ids of those that are: `known`."""

    def __init__(self, key: str, known: tuple[str, ...]) -> None:
        self.key, self.known = key, known
        there = ", ".join(f"'{name}'" for name in known)
        advice = (
            f"only {there} is given; add {key}=… behind it to TRELLIS_SECRET_KEYS"
            if there
            else f"no key is given; set TRELLIS_SECRET_KEYS to {key}=…"
        )
        super().__init__(f"a payload is encrypted under the key '{key}', and {advice}")
