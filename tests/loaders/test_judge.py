"""Every fault of the text of a document has a place, a code and a hint."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.loaders import read
from trellis.loaders.judge import judge

SAMPLES: list[tuple[str, str]] = [
    ("a: 'x\nb: 1", "f:1:4: E101 this quote is never closed (close it)"),
    ("a: [1,", "f:2:1: E101 the file ends inside an open bracket (close it)"),
    ("a: b: c", "f:1:5: E101 a second ': ' in one value (quote the text that holds it)"),
    (
        "a:\n b: 1\n  c: 2",
        "f:3:4: E101 this key is indented deeper than those above it (give the keys of one map the same indentation)",
    ),
    (
        "a:\n  - b\n c: d",
        "f:3:2: E101 a key does not fit here: it is indented by 1, and what is before it by 2, from line 2 on (give the keys of one map, or the items of one list, the same indentation)",
    ),
    ("a: 1\nb\nc: 2", "f:3:1: E101 a key lacks its ':' before here; it begins in line 2 (write `key: value`, and check the indentation)"),
    ("a:\n    if: x > 1\n  b: {if: y}", "f:3:3: E101 a key does not fit here: it is indented by 2, and what is before it by 4, from line 2 on (give the keys of one map, or the items of one list, the same indentation)"),
    ("a: [1,\nb: 2", "f:3:1: E101 the file ends inside an open bracket; the list around it begins in line 1 (close it)"),
    ("a: [x,\n  \"b]\nc: \"d\"", "f:3:5: E101 text goes on after a quote that begins in line 2 (close it in its line)"),
    ("a: @x", "f:1:4: E101 '@' cannot begin a text (quote the text)"),
    ("a: \"\\q\"", "f:1:6: E101 '\\q' is no escape in double quotes (write \\\\ for a backslash, or use single quotes)"),
    ("a: \"\\U00110000\"", "f:1:7: E101 no character has this number (write \\u and four hexadecimal digits)"),
    ("a: \"\\x4\"", "f:1:7: E101 an escape lacks some of its hexadecimal digits (write \\\\ for a backslash, or use single quotes)"),
    ("a: - b", "f:1:4: E101 a list cannot begin here (put '- ' on a line of its own)"),
    ("a: |x\n  y", "f:1:5: E101 text stands behind '|' or '>' (begin it on the next line, or quote it)"),
    ("a: 'b' c", "f:1:8: E101 text goes on after what closed it (quote all of it, or none)"),
    ("a: {b: 1]", "f:1:9: E101 expected ',' or '}', found ']' (quote the text, or close the bracket)"),
    ("a: ]", "f:1:4: E101 ']' cannot stand here (quote it if it is text)"),
    ("[1]]", "f:1:4: E101 ']' stands after the end of the document (check the indentation and the brackets before it)"),
    ("a: 1\n...  x", "f:2:6: E101 text stands behind '...' (remove it)"),
    ("a: \"x\n---\ny\"", "f:2:1: E101 '---' or '...' stands inside quotes (close the quote before it)"),
    ("a: *", "f:1:5: E101 an anchor or alias lacks its name (quote the text)"),
    ("a: ? b", "f:1:4: E101 '?' cannot begin a text here (quote the text)"),
    ("a: 1\nb: 2\na: 3", "f:3:1: E102 key 'a' is here twice, first at 1:1 (remove one of them)"),
    ("b: {a: 1, 'a': 2}", "f:1:11: E102 key 'a' is here twice, first at 1:5 (remove one of them)"),
    ("a: !!str 1", "f:1:4: E103 tag '!!str': values have no tags here (remove it, or quote it if it is text)"),
    (
        "a: !!python/object:os.system x",
        "f:1:4: E103 tag '!!python/object:os.system': values have no tags here (remove it, or quote it if it is text)",
    ),
    ("- [x, !<t> y]", "f:1:7: E103 tag '!<t>': values have no tags here (remove it, or quote it if it is text)"),
    ("a: !env {b: 1}", "f:1:4: E103 tag '!env': values have no tags here (remove it, or quote it if it is text)"),
    ("a: *b", "f:1:4: E104 no anchor '&b' stands before '*b' (quote it if it is text)"),
    ("a: &x [1, *x]", "f:1:11: E104 '*x' stands inside what it names, which would never end"),
    ("<<: {a: 1}", "f:1:1: E105 '<<' merges maps in YAML 1.1 only (repeat the keys, or alias each value)"),
    ("a: 1\n---\nb: 2", "f:2:1: E106 a second document begins here (a file holds one: make two files)"),
    (
        "[" * 101 + "]" * 101,
        "f:1:101: E107 more than 100 lists and maps inside each other (flatten it, or keep data out of it)",
    ),
    ("", "f:1:1: E108 the file holds no document (begin with `trellis: 1`)"),
    ("# nothing\n\n---\n", "f:1:1: E108 the file holds no document (begin with `trellis: 1`)"),
    ("null", "f:1:1: E108 the file holds no document (begin with `trellis: 1`)"),
    ("a: 1\n1: b", "f:2:1: E110 keys are texts, found integer 1 (quote it)"),
    ("true: b", "f:1:1: E110 keys are texts, found boolean true (quote it)"),
    ("~: b", "f:1:1: E110 keys are texts, found null (quote it)"),
    ("[a]: b", "f:1:1: E110 a list cannot be a key (quote it if it is text)"),
    ("a: {{ b }}", "f:1:5: E110 a map cannot be a key (quote the template: \"{{ … }}\")"),
    ("a: \"b\\0\"", "f:1:4: E112 the text holds the character NUL, which not every store keeps (remove \\0)"),
    ("a:\n\tb: 1", "f:2:1: E113 a tab stands where YAML takes blanks only (indent and separate with blanks)"),
    ("a: .nan", "f:1:4: E114 .nan is no JSON number (quote it if it is meant as text)"),
    (
        "a: 9223372036854775808",
        "f:1:4: E114 9223372036854775808 is an integer beyond 64 bits (quote it if it is meant as text)",
    ),
    ("a: \"\\ud800\"", "f:1:4: E115 half of a surrogate pair, which is no character (write the character itself, or both halves)"),
    ("# c\n%YAML 1.1\n---\na: 1", "f:2:1: E116 '%YAML 1.1' is a directive; documents are plain YAML 1.2 (remove the line)"),
    ("%TAG ! x\n---\n", "f:1:1: E116 '%TAG ! x' is a directive; documents are plain YAML 1.2 (quote the text, or remove the line)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "problem"), SAMPLES)
def test_a_fault_of_the_text_is_told_where_it_is(text: str, problem: str) -> None:
    told = [str(each) for each in read("f", text.encode()).problems if each.code < "E2"]
    assert told == [problem]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('to:\n  - {if: env == "a": b, to: c}', 2, 20),
        ('to:\n  - if: "a" == env\n    to: c', 2, 13),
        ("to: [{if: x[0] > 1, to: c}]", 1, 16),
        ("to: [{if: @x, to: c}]", 1, 11),
        ("x: {check: 'a' in value}", 1, 16),
        ("each:\n  in: [a] + b\n", 2, 11),
        ('end: {status: ok, result: "a" + b}', 1, 31),
        ('set:\n  fields:\n    # why\n    x: "a" + b\n', 4, 12),
        ('set: {fields: {x: "a" + b}}', 1, 23),
    ],
)
def test_broken_yaml_where_an_expression_stands_says_to_quote_it(text: str, line: int, column: int) -> None:
    (problem,) = read("f", text.encode()).problems
    assert (problem.line, problem.column, problem.code, problem.hint) == (line, column, "E101", "quote the expression")


def test_broken_yaml_beside_an_expression_does_not() -> None:
    (problem,) = read("f", b"to:\n - if: a\n   b: c: d\n   if: 'e' + 'f'").problems
    assert str(problem) == "f:3:8: E101 a second ': ' in one value (quote the text that holds it)"


@pytest.mark.parametrize("text", ["a: {if: *x, to: b}", "a:\n  if: !x\n", "a: {if: {{ x }}, to: b}"])
def test_an_expression_that_yaml_reads_as_something_else_says_how_to_write_it(text: str) -> None:
    hints = [each.hint for each in read("f", text.encode()).problems if each.code < "E2"]
    assert hints in (["quote the expression"], ['quote the template: "{{ … }}"'])


def test_a_template_without_quotes_is_told_as_one() -> None:
    assert [str(each) for each in read("f", b"say: {{ user }}, hello").problems] == [
        'f:1:7: E110 a map cannot be a key (quote the template: "{{ … }}")',
        "f:1:16: E101 ',' does not fit here (quote the text that holds \"{{ … }}\")",
    ]


def test_all_faults_of_a_text_are_told_at_once() -> None:
    text = "a: !t 1\na: 2\n3: *x\nb: .inf\n<<: 1\nc: &y [*y]\n"
    assert [(each.line, each.code) for each in judge("f", text).problems] == [
        (1, "E103"), (2, "E102"), (3, "E110"), (3, "E104"), (4, "E114"), (5, "E105"), (6, "E104"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: &x {b: [1]}\nc: *x\nd: [*x]", {"a": {"b": [1]}, "c": {"b": [1]}, "d": [{"b": [1]}]}),
        ("&k a: 1\nb: *k", {"a": 1, "b": "a"}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: &x\nb: *x", {"a": None, "b": None}),
        ('a: "\\ud83d\\ude00\\/"', {"a": "😀/"}),
        ("%YAML 1.2\n---\na: 1", {"a": 1}),
        ("? a\n: b\n? c", {"a": "b", "c": None}),
        ("a: 'x\n\n  y'\nb: \"p\\\n  q\"", {"a": "x\ny", "b": "pq"}),
        ("{a\n b: c,\n 'd'\n : e}", {"a b": "c", "d": "e"}),
    ],
)
def test_what_is_sound_is_read(text: str, value: Any) -> None:
    assert judge("f", text + "\n").value == value


def test_too_many_aliases_are_told_once() -> None:
    text = "a: &x 1\nb: [" + "*x, " * 1_010 + "]\n"
    assert [str(each) for each in judge("f", text).problems] == [
        "f:2:4005: E104 more than 1000 aliases (write values once, or split the file)"
    ]


def test_aliases_that_would_add_too_many_values_are_told_once() -> None:
    text = "a: &x [" + "1, " * 1_000 + "]\nb: [" + "*x, " * 200 + "]\n"
    assert [str(each) for each in judge("f", text).problems] == [
        "f:2:401: E104 aliases would add more than 100000 values (write values once, or split the file)"
    ]


def test_a_copy_of_an_alias_is_a_value_of_its_own() -> None:
    value = judge("f", "a: &x [1]\nb: *x\n").value
    assert value["a"] is not value["b"]


def test_the_place_of_what_an_alias_repeats_is_where_it_is_written() -> None:
    reading = read("f", b"trellis: 1\nstart: a\nnodes:\n  a: &x {to: b, tmeout: 5s}\n  b: *x\n  c: 5\n")
    assert [str(each) for each in reading.problems] == [
        "f:4:17: E201 unknown key 'tmeout' of a node (did you mean 'timeout'?)",
        "f:6:6: E202 'c': expected map, found integer 5",
    ]
    assert reading.document is not None
    assert (reading.document.place(("nodes", "b")).line, reading.document.place(("nodes", "b", "to")).line) == (5, 4)
