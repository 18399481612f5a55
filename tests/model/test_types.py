"""Field types: what fits, how it is stored, what a person may type."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.types import SCALARS, Type, describe, fit, fitter, parse_type, read_text
from trellis.model.values import reject

pytestmark = pytest.mark.covers("CH03")

ENV = parse_type("string", ["staging", "prod"])
SERVER = parse_type({"id": "string", "port": "integer", "note": {"type": "string", "optional": True}})


def reason(call: Any, *arguments: Any) -> str:
    with pytest.raises(ValueError) as refused:  # noqa: PT011
        call(*arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("data", "parsed"),
    [
        ("string", Type("string")),
        (["integer"], Type("list", item=Type("integer"))),
        ({"id": "string", "tags": ["string"]},
         Type("map", keys={"id": Type("string"), "tags": Type("list", item=Type("string"))})),
        ({"n": {"type": "integer", "optional": True}}, Type("map", keys={"n": Type("integer", optional=True)})),
        ({"n": {"type": "string", "enum": ["a", "b"]}}, Type("map", keys={"n": Type("string", enum=("a", "b"))})),
        ({"n": {"type": "string"}}, Type("map", keys={"n": Type("map", keys={"type": Type("string")})})),
        ([{"type": "integer", "optional": True}], Type("list", item=Type("integer", optional=True))),
    ],
)  # fmt: skip
def test_types_are_read_as_written(data: Any, parsed: Type) -> None:
    assert parse_type(data) == parsed


@pytest.mark.parametrize(
    ("data", "enum", "text"),
    [
        ("strng", None, "unknown type 'strng': did you mean 'string'?"),
        ("int", None, "unknown type 'int': write `integer`"),
        ("list", None, "unknown type 'list': write `[type]`"),
        ("wibble", None, f"unknown type 'wibble': types are {', '.join(SCALARS)}, [T] and {{key: T}}"),
        ([], None, "a list type is written [T] with one type in it, found 0"),
        (["string", "integer"], None, "a list type is written [T] with one type in it, found 2"),
        ({}, None, "a map type names its keys, as in {id: string}; `any` takes every map"),
        ({"a": {"b": "strng"}}, None, "a: b: unknown type 'strng': did you mean 'string'?"),
        (7, None, "expected a type such as string, [string] or {id: string}, found integer 7"),
        ("boolean", [True], "enum goes with string, integer or number, not with boolean"),
        ("integer", [1, "2"], "enum: expected integer, found string '2'"),
        ("string", ["a", "a"], "enum: string 'a' is there twice"),
    ],
)  # fmt: skip
def test_what_is_no_type_is_refused_with_what_to_write(data: Any, enum: Any, text: str) -> None:
    assert reason(parse_type, data, enum) == text


def test_a_type_is_data_that_survives_json() -> None:
    declared = parse_type(
        {"id": "string", "ports": ["integer"], "env": {"type": "string", "enum": ["a", "b"]}}, optional=True
    )
    assert msgspec.json.decode(msgspec.json.encode(declared), type=Type) == declared


@pytest.mark.parametrize(
    ("declared", "text"),
    [
        (ENV, "string (staging, prod)"),
        (SERVER, "{id: string, port: integer, note?: string}"),
        (parse_type([["integer"]]), "[[integer]]"),
        (parse_type("approval"), "approval"),
    ],
)
def test_types_are_described_as_written(declared: Type, text: str) -> None:
    assert describe(declared) == text


@pytest.mark.parametrize(
    ("data", "value", "stored"),
    [
        ("string", "x", "x"),
        ("integer", 3.0, 3),
        ("integer", -(2**63), -(2**63)),
        ("number", 3, 3),
        ("number", 2.5, 2.5),
        ("boolean", False, False),
        ("time", "2030-01-31T09:30:00+02:00", "2030-01-31T09:30:00+02:00"),
        ("time", "2030-01-31T09:30:00Z", "2030-01-31T09:30:00Z"),
        ("duration", "1h30m", "1h30m"),
        ("any", [1, {"a": None}], [1, {"a": None}]),
        (["integer"], [1, 2.0], [1, 2]),
        ({"id": "string"}, {"id": "a", "more": [1]}, {"id": "a", "more": [1]}),
        ({"id": "string", "n": {"type": "integer", "optional": True}}, {"id": "a"}, {"id": "a", "n": None}),
        ("approval", {"ok": True, "choice": "approve", "by": "Ana"},
         {"ok": True, "choice": "approve", "by": "Ana", "reason": None, "at": None}),
    ],
)  # fmt: skip
def test_what_fits_is_stored_so(data: Any, value: Any, stored: Any) -> None:
    kept = fit(parse_type(data), value)
    assert kept == stored
    assert type(kept) is type(stored)


@pytest.mark.parametrize(
    ("data", "value", "text"),
    [
        ("integer", "x", "expected integer, found string 'x'"),
        ("integer", True, "expected integer, found boolean true"),
        ("integer", 2.5, "expected integer, found number 2.5"),
        ("integer", 1e300, "expected integer, found number 1e+300"),
        ("integer", 2**63, "integer beyond 64 bits"),
        ("number", True, "expected number, found boolean true"),
        ("number", float("nan"), "nan is no JSON number"),
        ("string", None, "expected string, found null"),
        ("string", "a\0", "text holds U+0000, which not every store keeps"),
        ("string", "x" * 50 + "\ud800", "text holds a lone surrogate, which UTF-8 cannot say"),
        ("boolean", 1, "expected boolean, found integer 1"),
        ("time", "2030-01-31T09:30", "expected a time with a zone, found string '2030-01-31T09:30': end it with Z or +02:00"),
        ("time", "tomorrow", "expected a time such as 2030-01-31T09:30:00Z, found string 'tomorrow'"),
        ("time", 5, "expected time (ISO 8601 text with a zone), found integer 5"),
        ("duration", 30, "expected a duration, found 30: write 30s or 30ms"),
        ("duration", "30", "'30' lacks a unit: write 30s or 30ms"),
        ("any", {"a": (1,)}, "at a: tuple is no JSON value (use a list)"),
        (["integer"], [1, "x"], "at [1]: expected integer, found string 'x'"),
        (["integer"], (1,), "expected [integer], found tuple"),
        ({"a": [{"b": "integer"}]}, {"a": [{"b": 1}, {"b": "x"}]}, "at a[1].b: expected integer, found string 'x'"),
        ({"port": "integer"}, {"prot": 1}, "missing key 'port' (integer); is 'prot' meant for it?"),
        ({"port": "integer"}, {}, "missing key 'port' (integer)"),
        ({"id": "string"}, {"id": "a", "more": {1}}, "at more: set is no JSON value (use a list)"),
        ({"id": "string"}, "x" * 60, f"expected {{id: string}}, found string '{'x' * 39}…'"),
        ("approval", {"ok": True, "choice": "reject"},
         "`ok` is true where `choice` is approve, and only there; found reject"),
        ("approval", {"ok": True, "choice": "aprove"},
         "at choice: expected one of approve, reject, back, found string 'aprove' (did you mean 'approve'?)"),
        ("approval", "yes", "expected approval, found string 'yes'"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_was_found(data: Any, value: Any, text: str) -> None:
    assert reason(fit, parse_type(data), value) == text


def test_only_the_values_of_an_enum_fit() -> None:
    assert fit(ENV, "prod") == "prod"
    assert reason(fit, ENV, "prd") == "expected one of staging, prod, found string 'prd' (did you mean 'prod'?)"
    yes = True
    assert reason(fit, parse_type("integer", [1, 2]), yes) == "expected integer, found boolean true"
    assert fit(parse_type("integer", [1, 2.0]), 2.0) == 2


def test_null_fits_an_optional_type_alone() -> None:
    assert fit(parse_type("integer", optional=True), None) is None
    assert reason(fit, parse_type("integer"), None) == "expected integer, found null"


def test_a_fitting_value_is_not_copied_and_a_changed_one_not_changed_in_place() -> None:
    value = {"id": "a", "port": 1, "note": None}
    assert fit(SERVER, value) is value
    whole = {"id": "a", "port": 1.0}
    assert fit(SERVER, whole) == {"id": "a", "port": 1, "note": None}
    assert whole == {"id": "a", "port": 1.0}
    numbers = [1, 2.0]
    assert fit(parse_type(["integer"]), numbers) == [1, 2]
    assert list(map(type, numbers)) == [int, float]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "n", "x"]), inner, max_size=3),
)
types = st.recursive(
    st.sampled_from(["string", "integer", "number", "boolean", "time", "duration", "any", "approval"]),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=1)
        | st.dictionaries(st.sampled_from(["id", "n", "x"]), inner, min_size=1, max_size=3)
    ),
)


@given(types, json_values)
def test_what_was_stored_fits_again_and_is_json(data: Any, value: Any) -> None:
    take = fitter(parse_type(data))
    try:
        stored = take(value)
    except ValueError:
        return
    assert reject(stored) is None
    assert take(stored) == stored


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        (parse_type("integer"), " 7 ", 7),
        (parse_type("integer"), "-7", -7),
        (parse_type("integer"), "7.0", 7),
        (parse_type("integer"), "1e3", 1000),
        (parse_type("number"), "2.5", 2.5),
        (parse_type("number"), "7", 7),
        (parse_type("string"), " as typed ", " as typed "),
        (parse_type("boolean"), " Yes", True),
        (parse_type("boolean"), "n", False),
        (parse_type("boolean"), "TRUE", True),
        (ENV, "  PROD ", "prod"),
        (parse_type("string", ["Prod", "prod"]), "prod", "prod"),
        (parse_type("integer", [1, 2]), " 2", 2),
        (parse_type("duration"), " 5m ", "5m"),
        (parse_type("time"), "2030-01-31T09:30:00Z\n", "2030-01-31T09:30:00Z"),
        (parse_type(["integer"]), "[1, 2]", [1, 2]),
        (parse_type({"id": "string"}), '{"id": "a"}', {"id": "a"}),
        (parse_type("any"), "[1]", [1]),
        (parse_type("any"), "plain words", "plain words"),
        (parse_type("integer", optional=True), "  ", None),
        (parse_type("string", optional=True), "", ""),
        (parse_type("approval"), " Approve",
         {"ok": True, "choice": "approve", "reason": None, "by": None, "at": None}),
        (parse_type("approval"), "reject: too late",
         {"ok": False, "choice": "reject", "reason": "too late", "by": None, "at": None}),
        (parse_type("approval"), "no", {"ok": False, "choice": "reject", "reason": None, "by": None, "at": None}),
    ],
)  # fmt: skip
def test_what_a_person_typed_is_stored_so(declared: Type, text: str, value: Any) -> None:
    read = read_text(declared, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("declared", "text", "again"),
    [
        (parse_type("integer"), "abc", "not a whole number: 'abc'"),
        (parse_type("integer"), "7.5", "not a whole number: '7.5'"),
        (parse_type("integer"), "١", "not a whole number: '١'"),
        (parse_type("integer"), "1_000", "not a whole number: '1_000'"),
        (parse_type("integer"), "", "not a whole number: ''"),
        (parse_type("integer"), "99999999999999999999", "integer beyond 64 bits"),
        (parse_type("integer"), "9223372036854775808", "integer beyond 64 bits"),
        (parse_type("number"), "nan", "not a number: 'nan'"),
        (parse_type("number"), "1e999", "not a number: '1e999'"),
        (parse_type("boolean"), "maybe", "answer yes or no: 'maybe'"),
        (ENV, "prd", "choose one of: staging, prod"),
        (parse_type("duration"), "5", "'5' lacks a unit: write 5s or 5ms"),
        (parse_type(["integer"]), "1, 2", "not the JSON of a list: '1, 2'"),
        (parse_type(["integer"]), '["a"]', "at [0]: expected integer, found string 'a'"),
        (parse_type(["integer"]), "[" * 100_000, f"not the JSON of a list: '{'[' * 39}…'"),
        (parse_type("approval"), "sure", "choose one of: approve, reject, back"),
    ],
)
def test_what_cannot_be_read_says_what_to_type(declared: Type, text: str, again: str) -> None:
    assert reason(read_text, declared, text) == again


@given(types, st.text())
def test_any_typing_is_read_or_asked_again(data: Any, text: str) -> None:
    declared = parse_type(data)
    try:
        value = read_text(declared, text)
    except ValueError:
        return
    assert fit(declared, value) == value
