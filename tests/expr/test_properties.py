"""On what the language shares with Python, both give the same; what the checker passes, the types cannot break."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.searching import searched
from trellis.errors import ExpressionError
from trellis.expr.check import check_expression
from trellis.expr.expression import compile_expression
from trellis.model.types import Type, fit, parse_type

SCOPE: dict[str, Any] = {
    "a": 3, "b": -7, "c": 0, "f": 2.5, "s": "prod", "t": "", "ok": True, "xs": [3, 1, 2], "ys": [], "ws": ["b", "a"], "m": {"k": 5, "j": 0},
}  # fmt: skip
BUILTINS = {
    "len": len,
    "any": any,
    "all": all,
    "sum": sum,
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "sorted": sorted,
    "range": range,
}
SHARED_FAULTS = (ZeroDivisionError, IndexError, OverflowError, ValueError)


def binary(symbols: str, left: st.SearchStrategy[str], right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(left, st.sampled_from(symbols.split()), right).map(lambda parts: "({} {} {})".format(*parts))


def call(names: str, *arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(names.split()), st.tuples(*arguments).map(", ".join)).map(
        lambda parts: "{}({})".format(*parts)
    )


def choice(kind: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(kind, booleans, kind).map(lambda parts: "({} if {} else {})".format(*parts))


def loop(body: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(body, lists, booleans).map(lambda parts: "[{} for a in {} if {}]".format(*parts))


numbers: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["a", "b", "c", "f", "m['k']", "1.5"])
        | st.integers(0, 9).map(str)
        | binary("+ - * / // %", numbers, numbers)
        | binary("**", numbers, st.sampled_from(["2", "3", "0", "-1"]))
        | numbers.map(lambda text: f"(-{text})")
        | call("abs", numbers)
        | call("min max", numbers, numbers)
        | call("sum min max", lists)
        | call("len", lists | strings)
        | choice(numbers)
        | st.tuples(lists, st.sampled_from(["0", "-1", "1"])).map(lambda parts: "{}[{}]".format(*parts))
    )
)
strings: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["s", "t", "'x'", '"é"', "ws[0]", "(s * 2)", "(3 * 'ab')"])
        | binary("+", strings, strings)
        | st.tuples(strings, st.sampled_from(["[0]", "[-1]", "[1:]", "[::-1]", "[:2]"])).map("".join)
        | choice(strings)
    )
)
lists: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["xs", "ys", "[a, b]", "[]"])
        | st.lists(numbers, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")
        | binary("+", lists, lists)
        | call("sorted", lists)
        | st.tuples(lists, st.sampled_from(["[1:]", "[::-1]", "[:-1]", "[5:]"])).map("".join)
        | loop(numbers)
        | choice(lists)
    )
)
booleans: st.SearchStrategy[str] = st.deferred(
    lambda: (
        st.sampled_from(["ok", "True", "False"])
        | binary("< <= > >= == !=", numbers, numbers)
        | binary("< >= == != in", strings, strings)
        | binary("== !=", lists, lists)
        | st.tuples(numbers, numbers, numbers).map(lambda parts: "({} < {} <= {})".format(*parts))
        | st.tuples(numbers, st.sampled_from(["in", "not in"]), lists).map(lambda parts: "({} {} {})".format(*parts))
        | st.tuples(booleans, st.sampled_from(["and", "or"]), booleans).map(lambda parts: "({} {} {})".format(*parts))
        | booleans.map(lambda text: f"(not {text})")
        | call("any all", lists)
        | st.tuples(booleans, lists).map(lambda parts: "any({} for a in {})".format(*parts))
        | choice(booleans)
    )
)
expressions = st.one_of(numbers, strings, lists, booleans)


def python(text: str) -> Any:
    try:
        return eval(text, {"__builtins__": BUILTINS, **SCOPE})  # noqa: S307
    except SHARED_FAULTS as error:
        return error


def ours(text: str) -> Any:
    try:
        return compile_expression(text).evaluate(SCOPE)
    except ExpressionError as error:
        return error


BEYOND = ("larger than 64 bits", "too large", "no real number", "steps", "no value to keep", "gets longer")
"""What only we refuse."""


@settings(max_examples=100, deadline=None)
@given(expressions)
@example("(1 < 2 <= 3)")
@example("[a for a in [a for a in xs if (a > 1)] if ok]")
def test_a_shared_expression_gives_what_python_gives(text: str) -> None:
    if len(text) > 5000:
        return
    expected, result = python(text), ours(text)
    if isinstance(result, ExpressionError):
        assert isinstance(expected, Exception) or any(word in result.reason for word in BEYOND), (
            text,
            expected,
            result,
        )
    else:
        assert result == expected, text
        assert type(result) is type(expected), text


TYPES = {name: parse_type(data) for name, data in {
    "a": "integer", "b": "integer", "c": "integer", "f": "number", "s": "string", "t": "string", "ok": "boolean", "xs": ["integer"],
    "ys": ["integer"], "ws": ["string"], "m": {"k": "integer", "j": "integer"},
}.items()}  # fmt: skip
TYPE_FAULTS = ("cannot ", "takes a", "takes numbers", "only ", "is a ", "is an ", "nothing is in")


@searched(few=40, many=4_000, text=expressions)
def test_a_well_typed_expression_has_no_finding_and_its_value_has_the_type_that_was_told(text: str) -> None:
    expression = compile_expression(text)
    told, findings = check_expression(expression, TYPES)
    # what compares constants, such as `(1 if ok else 2) == 3`, is rightly told to be pointless
    assert [finding for finding in findings if " is never " not in finding.reason] == [], text
    result = ours(text)
    if not isinstance(result, ExpressionError):
        assert fit(told, result) == result, (text, told)


@st.composite
def misfits(draw: st.DrawFn) -> str:
    """An expression where a part may be of the wrong kind."""
    symbol = draw(st.sampled_from(["+", "-", "*", "/", "<", "in", "%", "**"]))
    inner = f"({draw(expressions)}) {symbol} ({draw(expressions)})"
    outer = draw(
        st.sampled_from(["{}", "upper({})", "[{} for a in xs]", "len({})", "-({})", "[{}][0]", "({}) + 1", "sum([{}])"])
    )
    return outer.format(inner)


@searched(few=40, many=4_000, text=misfits())
def test_what_the_checker_passes_never_fails_for_its_types(text: str) -> None:
    if len(text) > 5000:
        return
    _, findings = check_expression(compile_expression(text), TYPES)
    if findings:
        return
    result = ours(text)
    if isinstance(result, ExpressionError):
        assert not any(fault in result.reason for fault in TYPE_FAULTS), (text, result)


def test_a_literal_is_a_type_of_its_own() -> None:
    told, _ = check_expression(compile_expression("'x'"), {})
    assert told == Type("string", enum=("x",))
