"""Bytes become characters, or a problem with a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trellis.loaders.text import decode


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a: 1\n", "a: 1\n"),
        (b"a: 1", "a: 1\n"),
        (b"\xef\xbb\xbfa: 1\n", "a: 1\n"),
        (b"a: 1\r\nb: 2\r\n", "a: 1\nb: 2\n"),
        (b"a: 1\rb: 2\r\r\n", "a: 1\nb: 2\n\n"),
        ("a: é😀\u00a0\n".encode(), "a: é😀\u00a0\n"),
        (b"", "\n"),
    ],
)
def test_line_endings_and_a_mark_at_the_start_make_no_difference(data: bytes, text: str) -> None:
    assert decode("f", data) == (text, ())


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"a: 1\nb: \xff", "f:2:4: E111 byte 0xff is no UTF-8 (save the file as UTF-8)"),
        (b"\xef\xbb\xbfa: \r\nb\xc3", "f:2:2: E111 byte 0xc3 is no UTF-8 (save the file as UTF-8)"),
        (b"a: \xed\xa0\x80", "f:1:4: E111 byte 0xed is no UTF-8 (save the file as UTF-8)"),
        ("a: 1".encode("utf-16"), "f:1:1: E111 the file is UTF-16, expected UTF-8 (save it as UTF-8)"),
        ("a: 1".encode("utf-32"), "f:1:1: E111 the file is UTF-32, expected UTF-8 (save it as UTF-8)"),
        (
            b"a" * (16 * 2**20 + 1),
            "f:1:1: E109 the file has 17 MiB, a document has at most 16 MiB (split it, or keep data out of it)",
        ),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, problem: str) -> None:
    text, problems = decode("f", data)
    assert (text, [str(each) for each in problems]) == ("", [problem])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ("a: 1\nb: \0", "f:2:4: E112 U+0000 (NUL) may not stand in a document (remove it)"),
        (
            "\x07",
            'f:1:1: E112 U+0007 (a control character) may not stand in a document (write "\\u0007" between double quotes)',
        ),
        ("a\x7f", 'f:1:2: E112 U+007F (DEL) may not stand in a document (write "\\u007f" between double quotes)'),
        (
            "é\x85",
            'f:1:2: E112 U+0085 (NEL, a line separator) may not stand in a document (write "\\u0085" between double quotes)',
        ),
        (
            "\u2028",
            'f:1:1: E112 U+2028 (a line separator) may not stand in a document (write "\\u2028" between double quotes)',
        ),
        ("a: \ufeff", "f:1:4: E112 U+FEFF (a byte order mark) may not stand in a document (remove it)"),
    ],
)
def test_a_control_character_is_refused_where_it_stands(data: str, problem: str) -> None:
    assert [str(each) for each in decode("f", data.encode())[1]] == [problem]


def test_each_kind_of_control_character_is_told_once() -> None:
    problems = decode("f", b"\0a\0\x01\0\x01")[1]
    assert [(each.column, each.code) for each in problems] == [(1, "E112"), (4, "E112")]


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_any_bytes_give_text_or_a_problem(data: bytes) -> None:
    text, problems = decode("f", data)
    assert text or problems
    assert not text or text.endswith("\n")
