"""Texts with `{{ }}` and nested data with such texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.errors import ExpressionError
from trellis.expr.expression import ExpressionSyntax
from trellis.expr.template import compile_template, compile_value

SCOPE: dict[str, Any] = {
    "user": "Ana",
    "n": 3,
    "none": None,
    "m": {"b": 2.0, "a": ["é", None]},
    "t": "{{ n }}",
    "long": "x" * 700_000,
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("Hello {{ user }}!", "Hello Ana!"),
        ("{{user}}{{n}}", "Ana3"),
        ("{{ n / 2 }} {{ n / 3 * 2 }}", "1.5 2"),
        ("is {{ n > 2 }}", "is true"),
        ("m={{ m }}", 'm={"a":["é",null],"b":2}'),
        ("{{ default(none, 'you') }}, {{ default(zzz.a, 1) }}", "you, 1"),
        ("{{{{ user }}", "{{ user }}"),
        ("{{{{{{ user }}", "{{Ana"),
        ("{{{{ {{ user }}", "{{ Ana"),
        ("a } b }} c {{ user }} }}", "a } b }} c Ana }}"),
        ("{{ '}}' }}.", "}}."),
        ("{{ 'it\\'s }}' }}.", "it's }}."),
        ("{{ {'a': {'b': n}}.a.b }}.", "3."),
        ("{{{'a': n}}}.", '{"a":3}.'),
        ("{{ t }}.", "{{ n }}."),
        ("a\n{{ n +\n 1 }}\n", "a\n4\n"),
        # alone, the value itself
        ("{{ n }}", 3),
        ("{{ none }}", None),
        ("{{ m.a }}", ["é", None]),
        ("{{ n * 1.0 }}", 3.0),
        ("{{ t }}", "{{ n }}"),
        (" {{ n }}", " 3"),
    ],
)
def test_a_text_is_written(text: str, expected: Any) -> None:
    result = compile_template(text).evaluate(SCOPE)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("text", "expression", "reason"),
    [
        ("Hi {{ zzz }}", "zzz", "`zzz` is not set"),
        ("{{ zzz }}", "zzz", "`zzz` is not set"),
        ("Hi {{ none }}", "none", "it is null; default(…, …) says what to write then"),
        ("{{ n }}{{ m.c }}", "m.c", "`m` has no key 'c' (its keys: b, a)"),
        ("{{ long }}{{ long }}", "{{ long }}{{ long }}", "the text gets longer than 1,048,576 characters"),
        ("a {{ [long, long] }}", "[long, long]", "the text gets longer than 1,048,576 characters"),
    ],
)
def test_a_text_that_cannot_be_written_names_the_expression(text: str, expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        compile_template(text).evaluate(SCOPE)
    assert (refused.value.text.strip(), refused.value.reason) == (expression, reason)


@pytest.mark.parametrize(
    ("text", "reason", "offset"),
    [
        ("Hi {{ user", "this {{ is never closed: write }} after the expression, or {{{{ for {{ itself", 3),
        ("Hi {{ user }", "this {{ is never closed: write }} after the expression, or {{{{ for {{ itself", 3),
        ("{{ don't }}", "this {{ is never closed: a quote inside is open", 0),
        ("ab {{ }}", "an expression is missing", 5),
        ("ab {{ uper(n) }}", "unknown function 'uper': did you mean 'upper'?", 6),
        ("{{ n }} {{ 1 + }}", "the expression ends too early", 14),
        ("{{{{ {{ a = 1 }}", "write == to compare; nothing is assigned in an expression", 10),
    ],
)
def test_a_broken_text_is_refused_where_it_is_broken(text: str, reason: str, offset: int) -> None:
    with pytest.raises(ExpressionSyntax) as refused:
        compile_template(text)
    assert (refused.value.reason, refused.value.offset) == (reason, offset)


def test_a_text_knows_its_names_and_whether_it_is_constant() -> None:
    template = compile_template("{{ a }} {{ default(b, c) }}")
    assert (template.names, template.soft_names, template.constant) == (frozenset("ac"), frozenset("b"), None)
    assert template.text == "{{ a }} {{ default(b, c) }}"
    constant = compile_template("x {{{{ y")
    assert (constant.names, constant.soft_names, constant.constant) == (frozenset(), frozenset(), "x {{ y")


@given(st.text().filter(lambda text: "{{" not in text))
def test_a_text_without_braces_is_itself(text: str) -> None:
    assert compile_template(text).constant == text


@given(st.text(st.characters(exclude_characters="{")), st.text())
def test_values_are_written_once_and_never_read_as_templates(before: str, value: str) -> None:
    assert compile_template(before + "{{ x }}.").evaluate({"x": value}) == before + value + "."
    assert compile_template("{{ x }}").evaluate({"x": value}) is value


@given(st.text("{}' \"ax\\", max_size=20))
def test_any_text_is_a_template_or_a_syntax_error(text: str) -> None:
    try:
        template = compile_template(text)
        template.evaluate({"a": 1, "x": "y"})
    except (ExpressionSyntax, ExpressionError):
        pass


def test_nested_data_is_filled_and_its_constant_parts_are_shared() -> None:
    data = {"env": "{{ user }}", "list": ["n={{ n }}", {"m": "{{ m }}"}], "fixed": {"deep": [1, "x"]}, "{{ n }}": 1}
    compiled = compile_value(data)
    result = compiled.evaluate(SCOPE)
    assert result == {
        "env": "Ana", "list": ["n=3", {"m": SCOPE["m"]}], "fixed": {"deep": [1, "x"]}, "{{ n }}": 1,
    }  # fmt: skip
    assert list(result) == list(data)
    assert result["fixed"] is data["fixed"]
    assert data["env"] == "{{ user }}"
    assert compiled.names == {"user", "n", "m"}
    assert compiled.evaluate(SCOPE) is not result


def test_data_without_templates_is_its_own_value() -> None:
    data = {"a": [1, "x", None], "b": {}}
    compiled = compile_value(data)
    assert compiled.evaluate({}) is data
    assert (compiled.names, compiled.soft_names) == (frozenset(), frozenset())


def test_an_escape_alone_in_nested_data_is_written() -> None:
    assert compile_value(["{{{{ x"]).evaluate({}) == ["{{ x"]


def test_data_too_deep_to_fill_is_refused() -> None:
    data: Any = "{{ x }}"
    for _ in range(101):
        data = [data]
    with pytest.raises(ExpressionSyntax, match="nested too deep"):
        compile_value(data)
