"""Every function of the language: what it gives, what it refuses."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.errors import ExpressionError
from trellis.expr.expression import compile_expression
from trellis.expr.functions import FUNCTIONS

SCOPE: dict[str, Any] = {
    "n": 3,
    "s": "Ab",
    "xs": [3, 1, 2],
    "ws": ["b", "a", "b"],
    "m": {"b": 1, "a": [2]},
    "nothing": None,
    "long": "x" * 1_000_000,
    "many": [0] * 60_000,
}

GIVES = [
    ("len(s)", 2), ("len(xs)", 3), ("len(m)", 2),
    ("any(xs)", True), ("any([])", False), ("all([])", True), ("all([1, 0])", False),
    ("sum(xs)", 6), ("sum([])", 0), ("sum([1, 0.5])", 1.5),
    ("min(xs)", 1), ("max(ws)", "b"), ("max(1, 2.5)", 2.5), ("min('b', 'a', 'c')", "a"),
    ("default(n, 1)", 3), ("default(zzz, 1)", 1),
    ("join(ws, ', ')", "b, a, b"), ("join([1, 2.0, true, [1]], '-')", "1-2-true-[1]"), ("join([], ',')", ""),
    ("upper(s)", "AB"), ("lower(s)", "ab"), ("strip('  a ')", "a"),
    ("split('a,b,', ',')", ["a", "b", ""]), ("split(' a  b ')", ["a", "b"]), ("replace('aXa', 'a', 'bb')", "bbXbb"),
    ("contains(ws, 'a')", True), ("contains(m, 'zz')", False), ("contains(s, 'A')", True),
    ("starts_with(s, 'A')", True), ("ends_with(s, 'A')", False),
    ("round(2.5)", 2), ("round(3.7)", 4), ("round(3.14159, 2)", 3.14), ("round(1234, -2)", 1200), ("abs(-2)", 2), ("abs(-2.5)", 2.5),
    ("int('7')", 7), ("int(' -7 ')", -7), ("int('+7')", 7), ("int(7.9)", 7), ("int(-7.9)", -7), ("int(true)", 1),
    ("float('1.5')", 1.5), ("float(2)", 2.0), ("float(' 1e3 ')", 1000.0), ("float(false)", 0.0),
    ("str(7)", "7"), ("str(2.0)", "2"), ("str(0.1)", "0.1"), ("str(1e16)", "1e16"), ("str(true)", "true"), ("str(null)", "null"),
    ("str(s)", "Ab"), ("str(m)", '{"a":[2],"b":1}'), ("str([1.0, {'é': 2.5}])", '[1,{"é":2.5}]'), ("str(-0.0)", "0"),
    ("bool('')", False), ("bool('no')", True), ("bool([0])", True), ("bool(nothing)", False),
    ("sorted(xs)", [1, 2, 3]), ("sorted(ws)", ["a", "b", "b"]), ("sorted([1.5, 1])", [1, 1.5]), ("reversed(xs)", [2, 1, 3]),
    ("keys(m)", ["b", "a"]), ("values(m)", [1, [2]]), ("items(m)", [["b", 1], ["a", [2]]]),
    ("range(3)", [0, 1, 2]), ("range(1, 3)", [1, 2]), ("range(5, 0, -2)", [5, 3, 1]), ("range(0)", []), ("range(3, 0)", []),
    ("len(range(100000))", 100_000), ("range(0, 9223372036854775807, 9223372036854775807)", [0]),
    ("first(xs)", 3), ("last(xs)", 2), ("first([])", None), ("last([])", None),
    ("unique(ws)", ["b", "a"]), ("unique([null, 'a', null])", [None, "a"]),
    ("zip(xs, ws)", [[3, "b"], [1, "a"], [2, "b"]]), ("zip(xs, [])", []), ("zip([1], [2], [3])", [[1, 2, 3]]),
    ("flatten([[1], [], [2, [3]]])", [1, 2, [3]]),
    ("seconds('1h30m')", 5400.0), ("seconds('2030-01-31T09:30:00Z')", 1896082200.0),
    ("seconds('2030-01-31T09:30:00Z') == seconds('2030-01-31T11:30:00+02:00')", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), GIVES)
def test_a_function_gives(text: str, expected: Any) -> None:
    result = compile_expression(text).evaluate(SCOPE)
    assert result == expected
    assert type(result) is type(expected)


def test_every_function_has_an_example_above() -> None:
    assert {text.split("(")[0] for text, _ in GIVES} >= set(FUNCTIONS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("len(n)", "len takes a string or a list or a map, found an integer"),
        ("upper(nothing)", "upper takes a string, found null; default(…, …) says what to take for null"),
        ("join(s, ',')", "join takes a list, found a string"),
        ("join(xs, n)", "join takes a string, found an integer"),
        ("join([null], ',')", "join found null in the list"),
        ("range(2.0)", "range takes an integer, found a number"),
        ("range(true)", "range takes an integer, found a boolean"),
        ("sum(ws)", "sum takes a list of numbers"),
        ("sum([true])", "sum takes a list of numbers"),
        ("sum([9223372036854775807, 1])", "the number gets larger than 64 bits"),
        ("sum([1e308, 1e308])", "the number gets too large"),
        ("min([])", "min of an empty list: default(first(…), …) may say what you mean"),
        ("max([1, 'a'])", "max takes numbers or strings, not a mixture or anything else"),
        ("max(n)", "max takes a list, or two and more values, found an integer"),
        ("sorted([[1], [2]])", "sorted takes numbers or strings, not a mixture or anything else"),
        ("unique([[1]])", "unique takes a list of strings, numbers or booleans"),
        ("flatten([1])", "flatten takes a list of lists"),
        ("split(s, '')", "split needs a separator that is not empty"),
        ("int('abc')", "int found a string that is no whole number"),
        ("int('1_000')", "int found a string that is no whole number"),
        ("int('7.5')", "int found a string that is no whole number"),
        ("int('9223372036854775808')", "the number gets larger than 64 bits"),
        ("int(1e300)", "the number gets larger than 64 bits"),
        ("float('nan')", "float found a string that is no number"),
        ("float('1e')", "float found a string that is no number"),
        ("float('1e999')", "the number gets too large"),
        ("round(1e300)", "the number gets larger than 64 bits"),
        ("round(5, -1000000000)", "round takes -20 to 20 digits"),
        ("abs(-9223372036854775807 - 1)", "the number gets larger than 64 bits"),
        ("range(0, 5, 0)", "the step of range cannot be 0"),
        ("range(100001)", "the list gets longer than 100,000"),
        ("range(9223372036854775807)", "the list gets longer than 100,000"),
        ("range(-9223372036854775807, 9223372036854775807)", "the list gets longer than 100,000"),
        ("range(9223372036854775807, -9223372036854775807, -1)", "the list gets longer than 100,000"),
        ("flatten([many, many])", "the list gets longer than 100,000"),
        ("many + many", "the list gets longer than 100,000"),
        ("long + long", "the text gets longer than 1,048,576 characters"),
        ("upper('ß' * 600000)", "the text gets longer than 1,048,576 characters"),
        ("replace(long, 'x', 'yy')", "the text gets longer than 1,048,576 characters"),
        ("replace(long, '', 'yy')", "the text gets longer than 1,048,576 characters"),
        ("join([long, long], '')", "the text gets longer than 1,048,576 characters"),
        ("join(['', '', ''], long)", "the text gets longer than 1,048,576 characters"),
        ("str([long, long])", "the text gets longer than 1,048,576 characters"),
        ("split(long, 'x')", "the list gets longer than 100,000"),
        ("contains(n, 1)", "contains takes a string or a list or a map, found an integer"),
        ("seconds('soon')", "seconds takes a duration such as 1h30m or a time such as 2030-01-31T09:30:00Z"),
        ("seconds('2030-01-31')", "seconds takes a duration such as 1h30m or a time such as 2030-01-31T09:30:00Z"),
    ],
)
def test_a_function_refuses(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text).evaluate(SCOPE)
    assert refused.value.reason == reason
