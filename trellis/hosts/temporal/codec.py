"""No payload leaves in clear where there are keys, none that is too large leaves at all, and none is taken for what it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import msgspec
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
)
from temporalio.exceptions import ApplicationError

from trellis.errors import StoreUnavailable, TrellisError, UsageError
from trellis.hosts.temporal.claims import Claim, ClaimLost, Claims, PayloadLocked
from trellis.hosts.vault import Vault

ENCRYPTED, CLAIM = b"binary/trellis-v1", b"json/trellis-claim-v1"
"""Encodings of ours; whoever does not know them refuses them."""
LARGEST = 2_000_000
"""Bytes that the payloads of one call, answer or result may have in a history. The server itself refuses 2 MiB."""
LARGEST_KEPT = 64 * 1024 * 1024
"""Bytes of a payload that a store takes."""
UNOPENED, WHY = b"trellis/unopened", "why"
"""What stands for a payload that cannot be opened here, until it is read: the encoding, and the reason."""
AWAY = b"trellis/away"
"""The same where the store of claims does not answer, for a call, which waits for it: what it stands for is inside."""
_KEY = "key"


class PayloadTooLarge(UsageError, ApplicationError):
    """Payloads of `size` bytes, where `most` may be. In an activity it is the failure `too_large`, which is not retried."""

    def __init__(self, size: int, most: int, advice: str) -> None:
        self.size, self.most = size, most
        ApplicationError.__init__(
            self,
            f"{size:,} bytes are too large for one call, answer or result: at most {most:,}; {advice}",
            type="too_large",
            non_retryable=True,
        )

    def __str__(self) -> str:
        return self.message


class PayloadDamaged(TrellisError):
    """A payload was changed since it was encrypted, or says of itself what it is not."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"a payload cannot be read: {reason}")


class Codec(PayloadCodec, WithSerializationContext):
    """Encrypts by a vault, and keeps in a store what is large; without both it refuses what is too large.

    What cannot be opened here is handed on with the reason, which whoever reads it gets: so it spoils what it belongs to,
    such as one update, and not all else that came with it.
    """

    def __init__(self, vault: Vault | None = None, claims: Claims | None = None, *, waits: bool = False) -> None:
        self._vault, self._claims, self._waits = vault, claims, waits

    @property
    def claims(self) -> bool:
        """Whether it keeps in a store what is large."""
        return self._claims is not None

    @property
    def waiting(self) -> Codec:
        """The same for whoever waits for the store: what it does not give now is handed on as AWAY."""
        return self if self._waits or self._claims is None else Codec(self._vault, self._claims, waits=True)

    def with_context(self, context: SerializationContext) -> Self:
        """For what a call is given it waits; nobody else here says what a payload belongs to."""
        return self.waiting if isinstance(context, ActivitySerializationContext) else self  # type: ignore[return-value]

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they may stand in a history. Raises PayloadTooLarge, StoreError."""
        coded = list(payloads)
        if self._claims is not None or self._vault is not None:
            coded = [await self._encoded(payload) for payload in coded]
        size = sum(len(payload.data) for payload in coded)
        if size > LARGEST:
            raise PayloadTooLarge(
                size, LARGEST, "keep such values in a store: claims=STORE in the URL, for every worker"
            )
        return coded

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As they were, or as UNOPENED or AWAY. Raises StoreError."""
        return [await self._decoded(payload) for payload in payloads]

    async def _encoded(self, payload: Payload) -> Payload:
        if self._claims is not None and len(payload.data) >= self._claims.threshold:
            if len(payload.data) > LARGEST_KEPT:
                raise PayloadTooLarge(len(payload.data), LARGEST_KEPT, "hand on where it is, and not the value")
            claim = await self._claims.keep(payload.SerializeToString(deterministic=True))
            return Payload(metadata={"encoding": CLAIM}, data=msgspec.json.encode(claim))
        if self._vault is None:
            return payload
        data = self._vault.pack(payload.SerializeToString())
        return Payload(metadata={"encoding": ENCRYPTED, _KEY: self._vault.key.encode()}, data=data)

    async def _decoded(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding")
        try:
            if encoding == ENCRYPTED:
                return _parsed(self._opened(payload))
            if encoding == CLAIM:
                return await self._fetched(payload)
        except (PayloadLocked, PayloadDamaged, ClaimsNeeded, ClaimLost) as error:
            return Payload(metadata={"encoding": UNOPENED, WHY: str(error).encode()})
        except StoreUnavailable as error:
            if not self._waits:
                raise
            return Payload(metadata={"encoding": AWAY, WHY: str(error).encode()}, data=payload.SerializeToString())
        return payload

    def _opened(self, payload: Payload) -> bytes:
        key = payload.metadata.get(_KEY, b"").decode("ascii", "replace")[:32]
        if self._vault is None or key not in self._vault.keys:
            raise PayloadLocked(key, () if self._vault is None else self._vault.keys)
        data = self._vault.unpack(key, payload.data)
        if data is None:
            raise PayloadDamaged(
                f"it was changed since it was encrypted, or the key '{key}' is another one than it was"
            )
        return data

    async def _fetched(self, payload: Payload) -> Payload:
        try:
            claim = msgspec.json.decode(payload.data, type=Claim)
        except msgspec.MsgspecError as error:
            raise PayloadDamaged(f"it is no claim: {error}") from error
        if self._claims is None:
            raise ClaimsNeeded(claim)
        return _parsed(await self._claims.fetch(claim))


class ClaimsNeeded(TrellisError):
    """A payload is in a store, and nobody said in which."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        super().__init__(
            f"payload {claim.claim[:12]}… of {claim.size:,} bytes is in a store of claims, and none is given: "
            "name it with claims=STORE in the URL, as where the run was started"
        )


def inside(payload: Payload) -> Payload:
    """What one stands for that is AWAY."""
    return Payload.FromString(payload.data)


def _parsed(data: bytes) -> Payload:
    try:
        return Payload.FromString(data)
    except DecodeError as error:
        raise PayloadDamaged("what it holds is no payload") from error
