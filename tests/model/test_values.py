"""What a value may be, and the one text it has."""

from __future__ import annotations

import datetime as dt
import decimal
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.values import SIZE, canonical, digest, reject

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5)
)


class Plain:
    pass


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ((1,), "tuple is no JSON value (use a list)"),
        ({1}, "set is no JSON value (use a list)"),
        (b"x", "bytes is no JSON value (use text)"),
        (dt.date(2030, 1, 31), "date is no JSON value (use its ISO 8601 text)"),
        (decimal.Decimal(1), "Decimal is no JSON value (use a float or its text)"),
        (Plain(), "Plain is no JSON value (use null, a boolean, number, string, list or map)"),
        (Word("x"), "Word is no JSON value (use null, a boolean, number, string, list or map)"),
        (float("nan"), "nan is no JSON number"),
        (float("-inf"), "-inf is no JSON number"),
        (2**63, "integer beyond 64 bits"),
        (-(2**63) - 1, "integer beyond 64 bits"),
        ("a\0", "text holds U+0000, which not every store keeps"),
        ("\ud800", "text holds a lone surrogate, which UTF-8 cannot say"),
        ({1: 2}, "key 1 is of type int; keys are strings"),
        ({"a\0": 2}, "a key: text holds U+0000, which not every store keeps"),
        ({"items": [0, {"when": (1,)}]}, "at items[1].when: tuple is no JSON value (use a list)"),
        ([[float("inf")]], "at [0][0]: inf is no JSON number"),
        ("x" * (SIZE + 1), "too large: a value weighs at most 16 MiB"),
        ([["x" * 1024] * 1024] * 32, "at [15][895]: too large: a value weighs at most 16 MiB"),
    ],
)
def test_what_is_no_value_is_rejected_with_its_place(value: Any, reason: str) -> None:
    assert reject(value) == reason


@pytest.mark.parametrize(
    "value", [None, True, 0, 2**63 - 1, -(2**63), 0.5, "", "é", "\n", [], {}, {"a": [None, {"é": 1.5}]}]
)
def test_json_values_are_taken(value: Any) -> None:
    assert reject(value) is None


def test_a_value_may_be_a_hundred_deep_and_no_deeper() -> None:
    value: Any = 1
    for _ in range(100):
        value = [value]
    assert reject(value) is None
    assert reject([value]) == f"at {'[0]' * 100}: nested too deep"
    assert reject([1], depth=0) == "nested too deep"


def test_a_value_that_holds_itself_is_rejected() -> None:
    value: list[Any] = []
    value.append(value)
    assert reject(value) == f"at {'[0]' * 100}: nested too deep"


@given(values)
def test_canonical_text_is_sorted_and_bare_and_reads_back(value: Any) -> None:
    data = canonical(value)
    assert reject(value) is None
    assert json.loads(data) == value

    def in_order(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert [key for key, _ in pairs] == sorted(key for key, _ in pairs)
        return dict(pairs)

    json.loads(data, object_pairs_hook=in_order)
    assert canonical(json.loads(data)) == data


@pytest.mark.parametrize(
    ("value", "data"),
    [
        ({"b": 1, "a": [True, None, "é\n"]}, '{"a":[true,null,"é\\n"],"b":1}'),
        ({"\U0001f600": 1, "\uffff": 2, "z": 3}, '{"z":3,"\uffff":2,"\U0001f600":1}'),
        ([1.0, 1e16, 1e-7, 0.1], "[1.0,1e16,1e-7,0.1]"),
    ],
)
def test_canonical_text_is_written_so(value: Any, data: str) -> None:
    assert canonical(value) == data.encode()


@pytest.mark.parametrize(
    "value", [float("nan"), [None, float("inf")], {"a": [float("-inf")]}, "\ud800", {"\ud800": 1}, {1: 2}]
)
def test_canonical_refuses_what_json_cannot_say(value: Any) -> None:
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical(value)


def test_canonical_refuses_endless_depth() -> None:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deep"):
        canonical(value)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (b"a" * 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
    ],
)
def test_digest_is_sha_256(data: bytes, expected: str) -> None:
    assert digest(data) == expected
