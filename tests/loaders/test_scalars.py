"""What a plain scalar means: the core schema of YAML 1.2, in both parsers."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.scalars import NoJson, plain

MEANINGS: list[tuple[str, Any]] = [
    ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nUll", "nUll"),
    ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRue", "tRue"),
    ("yes", "yes"), ("no", "no"), ("on", "on"), ("off", "off"), ("y", "y"), ("N", "N"),
    ("0", 0), ("7", 7), ("-7", -7), ("+7", 7), ("010", 10), ("-0", 0), ("08", 8),
    ("0o17", 15), ("0x1F", 31), ("0xff", 255), ("0O17", "0O17"), ("0X1F", "0X1F"), ("+0x1F", "+0x1F"), ("-0o7", "-0o7"),
    ("0b11", "0b11"), ("0o8", "0o8"), ("0x", "0x"), ("1_000", "1_000"), ("_1", "_1"), ("1,000", "1,000"),
    ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)),
    ("1.5", 1.5), ("1.", 1.0), (".5", 0.5), ("-.5", -0.5), ("+.5", 0.5), ("1e3", 1000.0), ("1E-3", 0.001), ("1.5e+3", 1500.0),
    ("1e", "1e"), ("e3", "e3"), (".e3", ".e3"), (".", "."), ("1.2.3", "1.2.3"), ("-", "-"), ("+", "+"),
    ("12:30:00", "12:30:00"), ("12:30", "12:30"), ("190:20:30", "190:20:30"), ("2001-01-01", "2001-01-01"),
    ("2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z"), ("=", "="), ("<<", "<<"), ("٣", "٣"),
]  # fmt: skip


def exactly(value: Any) -> Any:
    """The value with its type, so that 1, 1.0 and True differ, and -0.0 and 0.0."""
    return type(value), repr(value)


@pytest.mark.parametrize(("text", "value"), MEANINGS)
def test_a_plain_scalar_means_what_yaml_1_2_says(text: str, value: Any) -> None:
    assert exactly(plain(text)) == exactly(value)


@pytest.mark.parametrize(("text", "value"), [pair for pair in MEANINGS if pair[0] not in ("-", "")])
def test_both_parsers_agree_on_it(text: str, value: Any) -> None:
    document = f"a: {text}\n"
    verdict = judge("f", document)
    assert verdict.problems == []
    assert exactly(verdict.value["a"]) == exactly(value)
    fast = parse_fast(document)
    assert fast is BROKEN or exactly(fast["a"]) == exactly(value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (".nan", ".nan is no JSON number"),
        (".NaN", ".NaN is no JSON number"),
        ("-.INF", "-.INF is no JSON number"),
        ("1e999", "1e999 is beyond the range of a number"),
        ("9223372036854775808", "9223372036854775808 is an integer beyond 64 bits"),
        ("0xffffffffffffffff", "0xffffffffffffffff is an integer beyond 64 bits"),
        ("1" * 100_000, "11111111111111111111111… is an integer beyond 64 bits"),
    ],
)
def test_what_json_cannot_say_is_no_value(text: str, reason: str) -> None:
    with pytest.raises(NoJson) as caught:
        plain(text)
    assert str(caught.value) == reason
