"""What crosses the wire is JSON that a person can read in Temporal's UI, and what cannot be read is refused with a reason."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("temporalio")

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from trellis.hosts.temporal.messages import Begin, Call, Done, Fault
from trellis.hosts.temporal.payloads import JsonPayloads, PayloadUnreadable, data_converter, detail
from trellis.model.events import RunStarted
from trellis.model.graph import Tool

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(VALUES)
def test_every_value_comes_back_as_it_was_of_the_same_type(value: object) -> None:
    converter = data_converter().payload_converter
    [payload] = converter.to_payloads([value])
    [back] = converter.from_payloads([payload])
    assert (back, repr(back)) == (value, repr(value))


@pytest.mark.parametrize(
    "message",
    [
        Begin(
            graph="abc", source="graphs/a.yaml", started=RunStarted(at=1.5, run="r1", graph="abc", fields={"a": [1]})
        ),
        Call(node="a", key="k", tool=Tool(kind="python", python="m:f"), silence=2.5, secrets={"token": "v1.k.a.b"}),
        Done({"a": [1, 2.0, None]}, 3),
        Fault(2, retryable=False),
    ],
)
def test_a_message_comes_back_as_its_struct_and_is_json_on_the_wire(message: msgspec.Struct) -> None:
    converter = data_converter().payload_converter
    payload = converter.to_payload(message)
    assert dict(payload.metadata) == {"encoding": b"json/plain"}
    assert msgspec.json.decode(payload.data) == msgspec.to_builtins(message)
    assert converter.from_payload(payload, type(message)) == message


def test_a_definition_crosses_as_the_very_bytes_that_it_is() -> None:
    data = b'{"name":"g",  "nodes":{}}'
    converter = data_converter().payload_converter
    payload = converter.to_payload(msgspec.Raw(data))
    assert (dict(payload.metadata), payload.data) == ({"encoding": b"json/plain"}, data)
    assert bytes(converter.from_payload(payload, msgspec.Raw)) == data
    assert converter.from_payload(payload) == {"name": "g", "nodes": {}}


def test_a_raw_value_is_neither_packed_nor_unpacked() -> None:
    payload = Payload(metadata={"encoding": b"strange/one"}, data=b"\0\1")
    converter = JsonPayloads()
    assert converter.to_payloads([RawValue(payload)]) == [payload]
    assert converter.from_payloads([payload], [RawValue])[0].payload == payload


def test_nothing_is_null_and_bytes_stay_bytes_as_in_other_sdks() -> None:
    converter = JsonPayloads()
    payloads = converter.to_payloads([None, b"\0\1"])
    assert [(dict(payload.metadata), payload.data) for payload in payloads] == [
        ({"encoding": b"binary/null"}, b""),
        ({"encoding": b"binary/plain"}, b"\0\1"),
    ]
    assert converter.from_payloads(payloads) == [None, b"\0\1"]


@pytest.mark.parametrize(
    ("payload", "hint", "text"),
    [
        (
            Payload(metadata={"encoding": b"json/plain"}, data=b'{"graph": 5}'),
            Begin,
            "a payload cannot be read: Expected `str`, got `int` - at `$.graph`; expected Begin",
        ),
        (
            Payload(metadata={"encoding": b"json/plain"}, data=b'{"graph": '),
            None,
            "a payload cannot be read: Input data was truncated",
        ),
        (
            Payload(metadata={"encoding": b"binary/null"}),
            Begin,
            "a payload cannot be read: Expected `object`, got `null`; expected Begin",
        ),
        (
            Payload(metadata={"encoding": b"binary/encrypted"}, data=b"x"),
            Any,
            (
                "a payload cannot be read: its encoding is 'binary/encrypted': it was encrypted or packed by somebody "
                "whose codec is not set up here"
            ),
        ),
        (Payload(data=b"x"), None, "a payload cannot be read: it has no encoding"),
        (
            Payload(metadata={"encoding": b"json/plain"}, data=b"[" * 100_000),
            None,
            "a payload cannot be read: it is nested too deep",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_found(payload: Payload, hint: Any, text: str) -> None:
    with pytest.raises(PayloadUnreadable) as caught:
        JsonPayloads().from_payloads([payload], [hint])
    assert str(caught.value) == text


def test_the_detail_of_a_failure_comes_back_as_its_struct() -> None:
    async def sent_and_read() -> BaseException:
        converter, failure = data_converter(), Failure()
        await converter.encode_failure(ApplicationError("no", Fault(3, retryable=False), type="denied"), failure)
        return await converter.decode_failure(failure)

    error = asyncio.run(sent_and_read())
    assert isinstance(error, ApplicationError)
    assert (error.message, error.type, detail(error, Fault)) == ("no", "denied", Fault(3, retryable=False))


def test_a_failure_without_our_detail_has_none() -> None:
    assert detail(ApplicationError("no"), Fault) is None
    assert detail(ApplicationError("no", {"attempt": "three"}), Fault) is None
    assert detail(ApplicationError("no", "text"), Fault) is None
