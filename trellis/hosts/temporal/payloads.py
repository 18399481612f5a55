"""What crosses the wire to Temporal is JSON that its UI can show, read back as the type that is expected or refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import FailureError

from trellis.errors import TrellisError
from trellis.hosts.temporal.claims import Claims
from trellis.hosts.temporal.codec import AWAY, UNOPENED, WHY, Codec
from trellis.hosts.vault import Vault

_JSON, _NULL, _BINARY = b"json/plain", b"binary/null", b"binary/plain"
_encode = msgspec.json.encode
_Kind = TypeVar("_Kind")


class PayloadUnreadable(TrellisError):
    """A payload that is none of ours, or not what is expected at its place."""

    def __init__(self, found: str, expected: str = "") -> None:
        self.found, self.expected = found, expected
        wanted = f"; expected {expected}" if expected else ""
        super().__init__(f"a payload cannot be read: {found}{wanted}")


class PayloadUnopened(TrellisError):
    """A payload that cannot be opened here: a key or a store lacks, or what it says of itself is not so."""


class NotOpenedHere(RuntimeError):
    """The same inside a workflow. It is no TrellisError, so that it fails the task and not the run: the task is tried again,
    with the reason shown, by a worker that can open it once there is one."""


class JsonPayloads(PayloadConverter):
    """Values, structs and `msgspec.Raw` (JSON that is already text) as `json/plain`, None as `binary/null`.

    bytes are `binary/plain`. A type hint decodes to that type, `msgspec.Raw` to the text as it is; without one, to plain values.
    """

    def to_payloads(self, values: Sequence[Any]) -> list[Payload]:
        """A payload for each value. Raises TypeError for what is no JSON."""
        return [_payload(value) for value in values]

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """The value of each payload. Raises PayloadUnreadable; PayloadUnopened, in a workflow NotOpenedHere."""
        hints: Sequence[Any] = type_hints or ()
        return [_value(payload, hints[at] if at < len(hints) else None) for at, payload in enumerate(payloads)]


def detail(error: FailureError, kind: type[_Kind]) -> _Kind | None:
    """The first detail of a failure as a struct; None where it has none, or another's.

    Temporal decodes details before anybody can say what they are, hence plain values come in.
    """
    details = getattr(error, "details", ())
    if not details:
        return None
    try:
        return msgspec.convert(details[0], kind)
    except msgspec.ValidationError:
        return None


class _ConcealedFailures(DefaultFailureConverter):
    """Messages and stack traces are payloads too, which the codec encrypts."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)


def data_converter(vault: Vault | None = None, claims: Claims | None = None) -> DataConverter:
    """How clients and workers read and write payloads: encrypted with a vault, large ones in a store with claims.

    Whoever gave the claims closes them.
    """
    return DataConverter(
        payload_converter_class=JsonPayloads,
        payload_codec=Codec(vault, claims),
        failure_converter_class=DefaultFailureConverter if vault is None else _ConcealedFailures,
    )


def _payload(value: Any) -> Payload:
    if value is None:
        return Payload(metadata={"encoding": _NULL})
    if type(value) is RawValue:
        return value.payload
    if type(value) is bytes:
        return Payload(metadata={"encoding": _BINARY}, data=value)
    return Payload(metadata={"encoding": _JSON}, data=_encode(value))


def _value(payload: Payload, hint: Any) -> Any:
    if hint is RawValue:
        return RawValue(payload)
    encoding = payload.metadata.get("encoding", b"")
    try:
        if encoding == _JSON:
            if hint is msgspec.Raw:
                return msgspec.Raw(payload.data)
            return _decoder(Any if hint is None or hint is object else hint).decode(payload.data)
        value = None if encoding == _NULL else payload.data
        if encoding in (_NULL, _BINARY):
            return value if hint is None or hint is object else msgspec.convert(value, hint)
    except msgspec.MsgspecError as error:
        raise PayloadUnreadable(str(error), _named(hint)) from error
    except RecursionError as error:
        raise PayloadUnreadable("it is nested too deep", _named(hint)) from error
    if encoding in (UNOPENED, AWAY):
        why = payload.metadata[WHY].decode()
        raise (NotOpenedHere if workflow.in_workflow() else PayloadUnopened)(why)
    raise PayloadUnreadable(_other(encoding), _named(hint))


def _other(encoding: bytes) -> str:
    shown = encoding.decode("ascii", "replace")[:64]
    if encoding.startswith(b"binary/"):
        return f"its encoding is '{shown}': it was encrypted or packed by somebody whose codec is not set up here"
    return f"its encoding is '{shown}'" if shown else "it has no encoding"


def _named(hint: Any) -> str:
    return "" if hint is None or hint is Any or hint is object else str(getattr(hint, "__name__", hint))


@lru_cache(maxsize=256)
def _decoder(hint: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(hint)
