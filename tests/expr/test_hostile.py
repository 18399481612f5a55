"""Whatever the text and the data, an expression ends soon: with a value, an ExpressionSyntax or an ExpressionError."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.errors import ExpressionError
from trellis.expr.check import check_expression, check_template
from trellis.expr.expression import ExpressionSyntax, compile_expression
from trellis.expr.functions import FUNCTIONS
from trellis.expr.template import compile_template
from trellis.model.values import reject

SCOPE: dict[str, Any] = {
    "a": 1,
    "s": "text",
    "xs": list(range(1000)),
    "m": {"k": {"k": [1]}},
    "none": None,
    "big": "x" * 100_000,
}

BOMBS = [
    # ways out of the language
    "().__class__.__bases__[0].__subclasses__()",
    "''.__class__.__mro__",
    "xs.__len__()",
    "m.__class__",
    "s.format",
    "(lambda: 1)()",
    "__import__('os').system('true')",
    "[c for c in ().__class__.__base__.__subclasses__()]",
    "(x := 1)",
    "f'{a!r}'",
    "'{0.__class__}'.format(a)",
    "'%1000000000d' % 1",
    "eval('1')",
    "globals()",
    "len.__self__",
    "[].__class__",
    "{}.__class__",
    "await a",
    "(yield)",
    "print('x')",
    "open('/etc/passwd')",
    # numbers
    "9**9**9**9",
    "2**99999999999",
    "10**-99999999999",
    "9223372036854775807**9223372036854775807",
    "9" * 9000,
    "0x" + "f" * 9000,
    "1e" + "9" * 5000,
    "1." + "0" * 9000,
    "round(a, -999999999999)",
    "1 << 99999999999",
    # sizes
    "'a' * 10**9",
    "10**9 * 'a'",
    "[0] * 10**9",
    "'a' * 1000000 * 1000000",
    "[[[[[1]*999]*999]*999]*999]*999",
    "[[[[[[1]*16]*16]*16]*16]*16]*16",
    "str([[[[[1]*999]*999]*999]*999]*999)",
    "[[[[1]*999]*999]*999] == [[[[1]*999]*999]*999]",
    "[[[1]*999]*999] in [[[[1]*999]*999]]*999",
    "contains([[[[1]*999]*999]]*999, [[[1]*999]*999])",
    "join(['a'] * 99999, big)",
    "join([[[1] * 999] * 999] * 999, '')",
    "replace(big, '', big)",
    "replace(replace(big, 'x', 'xxxxxxxxxx'), 'x', 'xxxxxxxxxx')",
    "range(10**18)",
    "range(-10**18, 10**18)",
    "flatten([range(100000)] * 1000)",
    "sorted([range(100000)] * 1000)",
    "upper(big * 10) + upper(big * 10)",
    "[" + ", ".join(["'a' * 1000000"] * 500) + "]",
    "[" + ", ".join(["range(100000)"] * 500) + "]",
    "+".join(["big"] * 40),
    "zip(" + ", ".join(["range(100000)"] * 100) + ")",
    # steps
    "[x for a in xs for b in xs for c in xs for x in xs]",
    "[[[[0 for x in xs] for x in xs] for x in xs] for x in xs]",
    "[sum(xs) for x in xs for y in xs]",
    "any(false for x in range(100000) for y in range(100000))",
    "{str(x): range(100000) for x in range(100000)}",
    "[big + big for x in xs]",
    "[x for x in xs if xs == xs and xs in [xs, xs]]",
    "[" + " + ".join(["x"] * 48) + " for x in range(100000)]",
    "[[" + ", ".join(["x"] * 3000) + "] for x in range(100000)]",
    "max(" + ", ".join(["a"] * 101) + ")",
    # depth
    "(" * 5000 + ")" * 5000,
    "[" * 5000 + "]" * 5000,
    "{'a':" * 1500 + "1" + "}" * 1500,
    "not " * 2400 + "a",
    "-" * 9990 + "a",
    "a" + ".a" * 4900,
    "a" + "[0]" * 3300,
    "a if a else " * 800 + "a",
    "a" + "**a" * 3000,
    "a" + "+a" * 4900,
    "a and (" * 1200 + "a" + ")" * 1200,
    "len(" * 2000 + "a" + ")" * 2000,
    "[x for x in " * 800 + "a" + "]" * 800,
    "a" + " < a" * 2000,
    # text
    "a\0b",
    "'\0'",
    "\ud800",
    "'\ud800'",
    "'\\ud800'",
    "a" * 100_000,
    "\u202e a",
    "\ufeffa",
    "ａ",
    "a\u00a0+ a",
    "\\",
    "'\\",
    "'",
    "\x1a",
    "\n" * 9000,
    "a;b",
    "import os",
    "# a",
    "a\n#",
    "{{{{{{{{",
    "[*xs, **m]",
    "len(*xs)",
    "len(x=1)",
    "m[...]",
    "m[1:2, 3]",
    "xs[::0]",
    "xs[10**18:10**18:10**18]",
    "xs[-10**18]",
    "[(x, y) for x in xs for y in xs]",
    "[x for (x, (y, z)) in xs]",
    "[x for [x] in xs]",
    "[x for *x, y in xs]",
]


def outcome(text: str) -> Any:
    """The value, or the error where it is one of the two that may come."""
    try:
        expression = compile_expression(text)
        check_expression(expression, {})
        return expression.evaluate(SCOPE)
    except (ExpressionSyntax, ExpressionError) as error:
        return error


def run(text: str) -> None:
    result = outcome(text)
    if isinstance(result, ExpressionSyntax):
        assert result.reason
        assert 0 <= result.offset <= len(text)
    elif isinstance(result, ExpressionError):
        assert result.reason
        assert result.text == text
    else:
        assert reject(result) is None


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_hostile_expression_ends_soon_and_well(text: str) -> None:
    run(text)


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_hostile_template_ends_soon_and_well(text: str) -> None:
    try:
        template = compile_template("a {{ " + text + " }} b")
        check_template(template, {})
        template.evaluate(SCOPE)
    except (ExpressionSyntax, ExpressionError):
        return


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[0 for x in xs for y in xs]", "takes more than 100,000 steps: the lists are too long for this expression"),
        ("[[1] * 99999 for x in xs]", "takes more than 100,000 steps: the lists are too long for this expression"),
        (
            "[[[1] * 999] * 999] * 99",
            "its result is no value to keep: at [2][98]: too large: a value weighs at most 16 MiB",
        ),
    ],
)
def test_a_limit_that_was_reached_is_told(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_expression(text).evaluate(SCOPE)
    assert refused.value.reason == reason


def test_the_budget_is_one_for_the_whole_expression_and_new_for_each_evaluation() -> None:
    scope = {"xs": list(range(60_000))}
    once = compile_expression("len([0 for x in xs])")
    assert [once.evaluate(scope) for _ in range(3)] == [60_000] * 3
    with pytest.raises(ExpressionError, match="takes more than 100,000 steps"):
        compile_expression("len([0 for x in xs]) + len([0 for x in xs])").evaluate(scope)


@pytest.mark.parametrize("text", ["[1 for x in range(500) if p == q]", "[1 for x in range(50) if p in many]"])
def test_comparing_lists_of_lists_in_a_loop_costs_their_parts(text: str) -> None:
    p, q = ([[0] * 100 for _ in range(100)] for _ in range(2))
    with pytest.raises(ExpressionError, match="takes more than 100,000 steps"):
        compile_expression(text).evaluate({"p": p, "q": q, "many": [[1] * 100] * 50})
    assert len(compile_expression("[1 for x in range(50) if p == q]").evaluate({"p": p, "q": q})) == 50


def test_a_name_cannot_reach_the_budget() -> None:
    assert compile_expression("[x for x in xs if x]").evaluate({"xs": [1], "#": "mine"}) == [1]


pieces = st.sampled_from(
    [
        *FUNCTIONS, "a", "s", "xs", "m", "none", "big", "x", "zzz", "true", "null", "1", "-1", "0", "2.5", "9223372036854775807", "'t'",
        '"u"', "''", "(", ")", "[", "]", "{", "}", ",", ":", ".", ".k", "[0]", "['k']", "+", "-", "*", "/", "//", "%", "**", "==", "!=",
        "<", ">=", " in ", " not in ", " and ", " or ", " not ", " if ", " else ", " for x in ", "'", "\\", "#", "\n", " ", "é", ":=", "=",
        "lambda ", "__class__", "f'", "@", "!", "~", "&", "|", "...", "\0", "\ud800",
    ]
)  # fmt: skip


@given(st.lists(pieces, max_size=25).map("".join))
def test_any_text_gives_a_value_or_a_known_error(text: str) -> None:
    run(text)


@given(st.text(max_size=40))
def test_any_characters_give_a_value_or_a_known_error(text: str) -> None:
    run(text)


arguments = st.sampled_from(
    [
        "a",
        "-a",
        "0",
        "1.5",
        "1e300",
        "s",
        "''",
        "big",
        "xs",
        "[]",
        "[xs, xs]",
        "m",
        "{}",
        "none",
        "true",
        "['b', null]",
        "m.k.k",
        "[[1], [2]]",
    ]
)


@given(st.sampled_from(sorted(FUNCTIONS)), st.lists(arguments, max_size=3))
def test_any_call_gives_a_value_or_a_known_error(name: str, given_: list[str]) -> None:
    run(f"{name}({', '.join(given_)})")


@given(
    st.sampled_from(["+", "-", "*", "/", "//", "%", "**", "==", "<", ">=", "in", "not in", "and", "or"]),
    arguments,
    arguments,
)
def test_any_operation_gives_a_value_or_a_known_error(operator: str, left: str, right: str) -> None:
    run(f"({left}) {operator} ({right})")
    run(f"[({left}) {operator} ({right}) for z in [1, 2]]")
