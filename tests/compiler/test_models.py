"""Expressions that differ in one number are read and checked once: what is said of each is what it would be alone."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trellis.compiler.language import Language, Scope
from trellis.expr.check import check_source
from trellis.expr.faults import ExpressionSyntax
from trellis.expr.syntax import Source
from trellis.model.types import parse_type

SCOPE: Scope = {
    "n": parse_type("integer"),
    "n2": parse_type("string"),
    "few": parse_type("integer", [1, 2, 3]),
    "rows": parse_type([{"size": "integer", "level": {"type": "integer", "enum": [1, 2]}}]),
    "words": parse_type({"a": "string", "b": {"type": "string", "enum": ["x", "y"]}}),
    "any": parse_type("any"),
}
_NAMES = st.sampled_from([*SCOPE, "lost", "true"])
_NUMBERS = st.sampled_from(["0", "1", "2", "7", "10", "007", "1_0", "2.0", ".5", "1e3", "9" * 15, "9" * 19, "'1'"])


def _larger(part: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(["+", "*", "/", "==", "!=", ">", "in", "and", "%", "**"])
    return st.one_of(
        st.tuples(part, binary, part).map(" ".join),
        st.tuples(part, part).map(lambda two: f"{two[0]}[{two[1]}]"),
        st.tuples(part, part).map(lambda two: f"[r for r in {two[0]} if r.size > {two[1]}]"),
        st.tuples(part, part, part).map(lambda three: "({} if {} else {})".format(*three)),
        part.map(lambda one: f"-{one}"),
        part.map(lambda one: f"[{one}]"),
        part.map(lambda one: f"round({one})"),
        part.map(lambda one: f"rows[0].{one}"),
    )


_TEXTS = st.recursive(st.one_of(_NAMES, _NUMBERS), _larger, max_leaves=4)


def _alone(text: str) -> object:
    try:
        source = Source(text)
    except ExpressionSyntax as error:
        return error.reason, error.offset
    types = {**dict.fromkeys(source.names | source.soft_names, parse_type("any")), **SCOPE}
    return source.names, source.soft_names, check_source(source, types)


def _among(language: Language, text: str) -> object:
    parsed = language.parse("expression", text)
    if not parsed.parts:
        return parsed.reason, parsed.offset
    ((_, snippet),) = (part for part in parsed.parts if isinstance(part, tuple))
    return parsed.names, parsed.soft_names, language.within(SCOPE).check(snippet)


@settings(max_examples=300, deadline=None)
@given(st.lists(_TEXTS, min_size=1, max_size=4), st.sampled_from(["1", "2", "5", "44"]))
@example(["few == 1", "few == 7"], "1")
@example(["rows[0].level == 2", "rows[0].level == 3"], "1")
@example(["2.0 == (2 if any else 3.5)"], "1")
@example(["n2 > 1", "n > 1"], "44")
@example(["1", "[1]", "-1"], "5")
@example(["4 == (1 if any else 3)"], "1")
@example(["n > 9999999999999999999"], "1")
@example(["'1'"], "5")
@example(["n2 == '1'", "n2[1]"], "44")
def test_what_is_said_of_an_expression_does_not_hang_on_those_before_it(texts: list[str], other: str) -> None:
    language = Language()
    for text in texts:
        for changed in (text, text.replace("1", other), text.replace("7", other)):
            assert _among(language, changed) == _alone(changed)


def test_expressions_that_differ_in_a_number_are_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def noted(text: str) -> Source:
        read.append(text)
        return Source(text)

    monkeypatch.setattr("trellis.compiler.language.Source", noted)
    language = Language()
    for number in range(100):
        _among(language, f"n + 2 > {number}")
        _among(language, f"n > {number}")
        _among(language, f"few == {number % 2 + 1}")
    assert len(read) == 100 + 1 + 3
