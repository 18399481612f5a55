"""Where keys are given, nothing crosses in clear; what is too large is kept elsewhere or refused before anything hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("temporalio")

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.exceptions import ApplicationError

from tests.stores.redis_places import redis_place as redis_place
from trellis.errors import TrellisError
from trellis.hosts.temporal.claims import Claim, Claims
from trellis.hosts.temporal.codec import CLAIM, LARGEST, UNOPENED, Codec, PayloadTooLarge
from trellis.hosts.temporal.payloads import PayloadUnopened, data_converter
from trellis.hosts.vault import Vault

OLD, NEW = Vault.generate(), Vault.generate()
VAULT = Vault.from_text(OLD)
SECRET = "correct horse battery staple"


def encoded(vault: Vault | None, claims: Claims | None, *values: Any) -> list[Payload]:
    return asyncio.run(data_converter(vault, claims).encode(values))


def decoded(vault: Vault | None, claims: Claims | None, payloads: Sequence[Payload]) -> list[Any]:
    return asyncio.run(data_converter(vault, claims).decode(payloads))


def test_what_is_encrypted_shows_nothing_and_opens_with_the_key() -> None:
    [payload] = encoded(VAULT, None, {"token": SECRET})
    assert dict(payload.metadata) == {"encoding": b"binary/trellis-v1", "key": VAULT.key.encode()}
    assert SECRET.encode() not in payload.SerializeToString()
    assert b"json" not in payload.data
    assert decoded(VAULT, None, [payload]) == [{"token": SECRET}]


def test_the_same_value_never_looks_the_same_twice() -> None:
    first, second = encoded(VAULT, None, SECRET, SECRET)
    assert first.data != second.data


def test_encryption_adds_less_than_150_bytes() -> None:
    [plain], [packed] = encoded(None, None, {"a": 1}), encoded(VAULT, None, {"a": 1})
    assert packed.ByteSize() - plain.ByteSize() < 150


def test_the_message_and_the_trace_of_a_failure_are_encrypted_too() -> None:
    def failing() -> None:
        raise ApplicationError(SECRET, {"seen": SECRET}, type="denied")

    async def sent_and_read() -> tuple[bytes, BaseException]:
        converter, failure = data_converter(VAULT), Failure()
        with pytest.raises(ApplicationError) as caught:
            failing()
        await converter.encode_failure(caught.value, failure)
        return failure.SerializeToString(), await converter.decode_failure(failure)

    wire, error = asyncio.run(sent_and_read())
    assert SECRET.encode() not in wire
    assert b"test_codec" not in wire
    assert isinstance(error, ApplicationError)
    assert (error.message, error.type, error.details) == (SECRET, "denied", ({"seen": SECRET},))


def test_an_old_key_still_opens_behind_a_new_one() -> None:
    payloads = encoded(VAULT, None, SECRET)
    assert decoded(Vault.from_text(f"{NEW},{OLD}"), None, payloads) == [SECRET]


def test_what_was_sent_before_there_were_keys_can_still_be_read() -> None:
    assert decoded(VAULT, None, encoded(None, None, SECRET)) == [SECRET]


@pytest.mark.parametrize("vault", [None, Vault.from_text(NEW)])
def test_without_its_key_a_payload_says_which_one_is_needed(vault: Vault | None) -> None:
    with pytest.raises(PayloadUnopened) as caught:
        decoded(vault, None, encoded(VAULT, None, SECRET))
    advice = (
        f"no key is given; set TRELLIS_SECRET_KEYS to {VAULT.key}=…"
        if vault is None
        else f"only '{vault.key}' is given; add {VAULT.key}=… behind it to TRELLIS_SECRET_KEYS"
    )
    assert str(caught.value) == f"a payload is encrypted under the key '{VAULT.key}', and {advice}"


@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_a_payload_of_which_a_byte_was_changed_does_not_open(place: int) -> None:
    [payload] = encoded(VAULT, None, SECRET)
    data = bytearray(payload.data)
    data[place] ^= 1
    with pytest.raises(PayloadUnopened) as caught:
        decoded(VAULT, None, [Payload(metadata=payload.metadata, data=bytes(data))])
    assert str(caught.value) == (
        "a payload cannot be read: it was changed since it was encrypted, or the key "
        f"'{VAULT.key}' is another one than it was"
    )


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 47, b"x" * 48])
def test_a_payload_that_was_cut_short_does_not_open(data: bytes) -> None:
    payload = Payload(metadata={"encoding": b"binary/trellis-v1", "key": VAULT.key.encode()}, data=data)
    with pytest.raises(PayloadUnopened):
        decoded(VAULT, None, [payload])


def test_too_large_a_value_is_refused_before_it_is_sent() -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        encoded(None, None, "x" * LARGEST)
    assert (str(caught.value), caught.value.type, caught.value.non_retryable) == (
        (
            "2,000,002 bytes are too large for one call, answer or result: at most 2,000,000; keep such values in a store: "
            "claims=STORE in the URL, for every worker"
        ),
        "too_large",
        True,
    )
    assert isinstance(caught.value, TrellisError)


def test_values_that_are_too_large_together_are_refused_too() -> None:
    half = "x" * (LARGEST // 2)
    assert len(encoded(None, None, half)) == 1
    with pytest.raises(PayloadTooLarge):
        encoded(None, None, half, half)


def test_a_failure_with_too_large_a_detail_is_refused() -> None:
    with pytest.raises(PayloadTooLarge):
        asyncio.run(data_converter().encode_failure(ApplicationError("no", "x" * LARGEST), Failure()))


def test_a_claim_without_a_store_says_what_is_missing() -> None:
    claim = Claim("ab" * 32, 70_000)
    payload = Payload(metadata={"encoding": CLAIM}, data=b'{"claim":"%s","size":70000}' % claim.claim.encode())
    with pytest.raises(PayloadUnopened) as caught:
        decoded(None, None, [payload])
    assert str(caught.value) == (
        "payload abababababab… of 70,000 bytes is in a store of claims, and none is given: name it with claims=STORE "
        "in the URL, as where the run was started"
    )


def test_a_text_that_says_it_is_a_claim_and_is_none_is_refused() -> None:
    with pytest.raises(PayloadUnopened) as caught:
        decoded(None, None, [Payload(metadata={"encoding": CLAIM}, data=b'{"size":1}')])
    assert str(caught.value) == "a payload cannot be read: it is no claim: Object missing required field `claim`"


@pytest.fixture(params=["memory", "file", "sqlite", "postgresql", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    kind = request.param
    if kind in ("postgresql", "redis"):
        return str(request.getfixturevalue("postgres_place" if kind == "postgresql" else "redis_place"))
    return {"memory": "memory://", "file": f"file:{tmp_path}/claims", "sqlite": f"sqlite:////{tmp_path}/claims.db"}[
        kind
    ]


@pytest.mark.parametrize("vault", [None, VAULT], ids=["clear", "encrypted"])
def test_what_is_large_is_kept_once_and_comes_back_from_every_store(url: str, vault: Vault | None) -> None:
    large = {"text": SECRET * 5_000}

    async def kept_and_fetched() -> None:
        claims = Claims(url, vault=vault)
        converter = data_converter(vault, claims)
        small, *claimed = await converter.encode([{"a": 1}, large, large])
        assert (small.metadata["encoding"] == CLAIM, [payload.metadata["encoding"] for payload in claimed]) == (
            False,
            [CLAIM, CLAIM],
        )
        assert claimed[0] == claimed[1]
        assert claimed[0].ByteSize() < 200
        rows = await claims._opened().rows()
        assert [(row.name, row.status) for row in rows] == [("trellis.claim", "ok")]
        stored = await claims._opened().definition(rows[0].graph)
        assert stored is not None
        assert (SECRET.encode() in stored) is (vault is None)
        other = claims
        if url != "memory://":
            await claims.close()
            other = Claims(url, vault=vault)
        assert await data_converter(vault, other).decode([small, *claimed]) == [{"a": 1}, large, large]
        await other.close()

    asyncio.run(kept_and_fetched())


def test_what_is_written_again_in_a_later_month_stays_when_that_of_the_earlier_one_is_removed(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def kept(claims: Claims, at: float) -> Payload:
        clock = SimpleNamespace(time=lambda: at, strftime=time.strftime, gmtime=time.gmtime)
        monkeypatch.setattr("trellis.hosts.temporal.claims.time", clock)
        [payload] = await data_converter(None, claims).encode(["x" * 50_000])
        return payload

    async def removed() -> None:
        october, november = 1_792_000_000.0, 1_795_000_000.0
        claims = Claims(url)
        earlier = await kept(claims, october)
        assert await kept(claims, november) == earlier
        store = claims._opened()
        new, old = [row.run for row in sorted(await store.rows(), key=lambda row: row.updated, reverse=True)]
        assert (old.partition(".")[2], new.partition(".")[2]) == ("2026-10", "2026-11")
        for gone, there in ((old, True), (new, False)):
            await store.delete(gone)
            claims._known.clear()
            [payload] = await Codec(None, claims).decode([earlier])
            assert (payload.metadata["encoding"] != UNOPENED) is there
        await claims.close()

    asyncio.run(removed())


def test_who_asks_for_the_same_at_once_asks_the_store_once_and_a_deleted_one_says_so() -> None:
    async def asked() -> None:
        claims = Claims("memory://")
        [payload] = await data_converter(None, claims).encode(["x" * 50_000])
        claims._known.clear()
        store, calls = claims._opened(), list[str]()
        found = store.definition

        async def definition(digest: str) -> bytes | None:
            calls.append(digest)
            return await found(digest)

        store.definition = definition  # type: ignore[method-assign]
        await asyncio.gather(*(Codec(None, claims).decode([payload]) for _ in range(20)))
        assert len(calls) == 1
        claims._known.clear()
        [row] = await store.rows()
        await store.delete(row.run)
        with pytest.raises(PayloadUnopened) as caught:
            await data_converter(None, claims).decode([payload])
        assert str(caught.value) == (
            f"payload {row.graph[:12]}… cannot be read from memory://: the store does not have it; was it deleted, or is "
            "it another store?"
        )

    asyncio.run(asked())


@pytest.mark.parametrize("vault", [None, VAULT], ids=["clear", "encrypted"])
def test_what_was_changed_in_the_store_is_not_taken(vault: Vault | None) -> None:
    async def changed() -> None:
        claims = Claims("memory://", vault=vault)
        one, two = await data_converter(vault, claims).encode(["x" * 50_000, "y" * 50_000])
        claims._known.clear()
        kept = claims._opened()._definitions  # type: ignore[attr-defined]
        first, second = kept
        kept[first] = kept[second]
        with pytest.raises(PayloadUnopened, match="it is not as it was written; restore the store"):
            await data_converter(vault, claims).decode([one])
        assert await data_converter(vault, claims).decode([two]) == ["y" * 50_000]

    asyncio.run(changed())


def test_what_is_remembered_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.hosts.temporal.claims.REMEMBERED", 200_000)

    async def remembered() -> int:
        claims = Claims("memory://")
        await data_converter(None, claims).encode([chr(97 + at) * 40_000 for at in range(20)])
        assert sum(map(len, claims._known.values())) == claims._weight
        return claims._weight

    assert 100_000 < asyncio.run(remembered()) <= 200_000
