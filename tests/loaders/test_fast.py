"""The fast parser says what the judge says, or that it cannot tell."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.loaders.documents import PROVISION, told, values, written, yaml_texts
from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.text import decode


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal in type, order of keys and sign of zero too."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(part, other[key]) for key, part in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


def agree(text: str) -> bool:
    """Whether the fast parser took `text`, having seen that the judge says the same of it."""
    text, problems = decode("f", text.encode())
    assert problems == ()
    value = parse_fast(text)
    verdict = judge("f", text)
    if value is BROKEN:
        return False
    assert verdict.problems == []
    assert same(value, verdict.value), (value, verdict.value)
    return True


@settings(max_examples=200, deadline=None)
@given(yaml_texts)
def test_the_two_parsers_agree_on_what_people_write(text: str) -> None:
    agree(text)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_both_parsers_read_a_value_back_however_it_is_written(data: st.DataObject) -> None:
    value = data.draw(told)
    text = data.draw(written(value))
    verdict = judge("f", decode("f", text.encode())[0])
    assert verdict.problems == []
    assert same(verdict.value, value)
    agree(text)


@settings(max_examples=100, deadline=None)
@given(values)
def test_the_two_parsers_agree_on_json(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    agree(text)
    assert same(judge("f", text + "\n").value, value)


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a", "b:", " ", "\n", "- ", "{", "}", "[", "]", ",", "'", '"', "|", ">", "#", "?", "1", "_", ": "]
        )
    )
)
def test_the_two_parsers_agree_on_crumbs(parts: list[str]) -> None:
    agree("".join(parts))


SHAPES = (
    # lists and maps inside each other, with and without depth
    "- - one\n  - two\n- - - three\n", "- a: 1\n  b:\n  - c\n  -\n   d: e\n", "a:\n- b\n- c:\n  - d\n", "-\n a: 1\n-\n  b: 2\n",
    "a: b: c\n", "a:\n  b:\n c:\n", "- a\n b\n", "a:\n   b: 1\n  c: 2\n", "- a\n- b\nc: d\n", "a\nb: c\n",
    # brackets and braces
    "[a, [b, c], {d: e}, ]\n", "{a: [b], c: {}, d}\n", "[a: b, c: d]\n", "{a: , b: }\n", "[\n  a,\n\n  b # c\n  , d ]\n", "{ a : b }\n",
    '{"a":1,"b":[2]}\n', "[a b, c\n d]\n", "[,]\n", "[a,, b]\n", "{a: b\n", "[a]]\n", "{a: b}: c\n", "[-a, :b, ?c]\n", "[a]b\n", "a: [b] c\n",
    # texts in quotes
    "'a\n b\n\n c'\n", '"a\\\n  b\\n\n c "\n', "'a '' b'\n", '"\\t\\u263a\\/\\e"\n', '"\\q"\n', "'a\n", "a: 'b'c\n", "'a' : b\n", "a: '\n'\n",
    # texts in blocks
    "a: |\n b\n\n  c\n\n\nd: e\n", "a: >\n b\n c\n\n d\n  e\n f\n", "a: |+\n b\n\nc: |-\n d\n\n", "a: >-\n\n b\n\n\n c\n", "- |\n a\n- >\n b\n",
    "a: |2\n   b\n  c\n", "a: |\n b\nc\n", "a: | # b\n c\n", "a: |x\n b\n", "a: >1-\n  b\n", "|\n a\n", "a: |\n  # no comment\n # one\n",
    # texts without marks, over lines
    "a\n b\n\n c\n", "a: b\n  c\n  d: e\n", "a: b\n # c\n d\n", "a: -b ?c :d\n", "a: b #c\n", "a: b: c\n", "a: b:\n", "-a\n", "- -\n", "a:b\n", ": a\n",
    # comments and empty places
    "# a\n\n# b\n", "a: # b\n  c # d\n", "a:\n\n  # b\n\n  c: d\n", "a:\nb:\n", "-\n-\n- a\n", "", "\n\n", " a: b\n", "  - a\n  - b\n",
    # marks that other documents use
    "---\na: 1\n---\n", "--- |\n a\n", "a: 1\n...\n", "...\na\n", "a\n--- b\n", "%A\na\n", "a: %b\n", "a: @b\n", "&a\nb: *a\n", "!!str a\n",
    "? a\n? b\n", "? |\n a\n: - b\n", "a: 1\n...\n%TAG ! b:c\n---\nd: 2\n", "a: 1\n...\n%YAML 1.1\n--- b\n",
)  # fmt: skip
"""Short documents of every shape that YAML has, sound and not."""


@pytest.mark.parametrize("text", SHAPES)
def test_the_two_parsers_agree_on_every_shape(text: str) -> None:
    agree(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[?a, b?]\n", ["?a", "b?"]),
        ("{?a: 1, b: ?c}\n", {"?a": 1, "b": "?c"}),
        ("[? a]\n", [{"a": None}]),
        ("?a: 1\n", {"?a": 1}),
    ],
)
def test_a_question_mark_is_a_mark_only_where_it_stands_apart(text: str, value: Any) -> None:
    verdict = judge("f", text)
    assert (verdict.problems, verdict.value) == ([], value)


@pytest.mark.parametrize(
    "text",
    [
        PROVISION,
        "---\na: 1\n",
        "a: |\n  x\n  y",
        "a: >\n  x\n   y\n\n  z\n",
        "a: {b: [1, {c: d}], e: 'f'}\n",
        "a: x_1\nn2_b: 3\nb: a - 1\nc: n1_000\n",
        "a: b * c\nd: e != f\ng: h & i\n",
        "a: {say: Which?, to: b}\n",
        "# comment\na: 1 # comment\n",
        "a: [b,\n  c]\nd: {e: 1,\n  f: 2}\n",
        "a: 12:30:00\nb: 2001-01-01\n2001-01-01: c\n",
        "say: |\n  * item\n  ** bold **\n  1. one\n",
    ],
)
def test_the_common_document_takes_the_fast_way(text: str) -> None:
    assert agree(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1\n", "a: &x 1\nb: *x\n", "a: *x\n", "a: !t b\n", "a: ! b\n", "a: !\n", "&x a: 1\n", "- !t\n", "[*x]\n", "{a: *x}\n",
        "a: 1\n---\nb: 2\n", "--- a\n", "a: 1\n...\n", "%YAML 1.2\n---\na: 1\n",
        "? a\n: b\n", "- ? a\n", "{? a : b}\n", "<<: 1\n", "1: a\n", "null: a\n", "[a]: b\n", "{{ a }}: b\n",
        "a: 1_000\n", "a: _1_0\n", "a: _.5\n", "a: 1._\n", "a: 0b11\n", "a: 0O17\n", "a: 0X1F\n", "a: +0x1F\n", "a: -0o7\n",
        "a: .nan\n", "a: -.inf\n", "a: 1e999\n", "a: 99999999999999999999\n", "a: " + "1" * 500 + "\n",
        "a:\tb\n", "a: b\tc\n", "a: b\t# c\n", "\t# c\na: 1\n", "a: 1\n\tb: 2\n", "{a: " * 101 + "}" * 101,
        "a: |\n", "a: >2\n", "a: |\n   \n  x\n", "{a:, b}\n", "{a: |x}\n", "{a: ?b}\n",
        'a: "\\ud800"\n', 'a: "\\0"\n', "a: 1\na: 2\n", "a: [1\n", "- " * 101 + "a\n", "[" * 101 + "]" * 101 + "\n",
        "".join(" " * depth + "a:\n" for depth in range(101)),
    ],
)  # fmt: skip
def test_what_the_fast_parser_reads_otherwise_is_left_to_the_judge(text: str) -> None:
    assert parse_fast(text) is BROKEN


def test_depth_is_no_matter_of_the_stack() -> None:
    for opening in ("- ", "? ", "[", "{a: ", "-\t", "- ? "):
        assert parse_fast(opening * 100_000 + "a\n") is BROKEN
