"""Redaction hides what it says and no more, in a time that grows with the text alone; what it cannot promise it refuses."""

from __future__ import annotations

import base64
import json
import re
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.model.redaction import MOST_PATTERNS, STRUCTURE, BadRedaction, Redactor, veil

EMAIL = r"[\w.+-]{1,64}@[\w.-]+"
CARD = r"\b\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}\b"


@pytest.mark.parametrize(
    ("pattern", "text", "shown"),
    [
        (EMAIL, "to zoe.k+x@mail.example.org, and a@b", "to ***, and ***"),
        (CARD, "4111 1111 1111 1111 and 4111111111111111", "*** and ***"),
        (r"(?i)\b(?:bearer|token)\s?[:=]?\s?\S+", "Authorization: Bearer abc; TOKEN=x y", "Authorization: *** *** y"),
        (r"sk_(?:live|test)_[A-Za-z0-9]{4,64}", "sk_live_abcd1 sk_test_ab", "*** sk_test_ab"),
        (r"[^\]\-a-c]{2}\]", "xy] ab]", "*** ab]"),
        (r"^a|b$", "aab", "***a***"),
        (r"\{x\}", "{x}", "***"),
        (r"a{0}b", "ab", "a***"),
        (r"é", "é", "***"),
        ("x", "", ""),
    ],
)
def test_a_pattern_hides_all_that_it_matches(pattern: str, text: str, shown: str) -> None:
    assert Redactor([pattern]).text(text) == shown


def test_matches_that_overlap_or_touch_are_hidden_together() -> None:
    text = "one abcdef two"
    assert Redactor(["abcd", "cdef"]).text(text) == "one *** two"
    assert Redactor(["cdef", "abcd", "c"]).text(text) == "one *** two"
    assert Redactor(["abc", "def"]).text(text) == "one *** two"
    assert Redactor(["abcdef", "bc", "d"]).text(text) == "one *** two"
    assert Redactor(["e", "two"]).text(text) == "on*** abcd***f ***"


def test_the_mask_of_one_pattern_is_no_prey_of_another() -> None:
    assert Redactor(["secret", r"\*"]).text("a secret") == "a ***"


REFUSED = [
    (r"(a+)+b", "a repeated group repeats without end inside"),
    (r"(?:a+)?", "a repeated group repeats without end inside"),
    (r"(?:a|b)*c", "a group repeats at most {m,n} times"),
    (r"(?:a|b)+", "a group repeats at most {m,n} times"),
    (r"a*b", "`*`, `+` and `{m,}` come last, for what follows could be sought again and again"),
    (r"a{2,}b", "`*`, `+` and `{m,}` come last, for what follows could be sought again and again"),
    (r"(?:a+|b)\b", "`*`, `+` and `{m,}` come last, for what follows could be sought again and again"),
    (r"a+?", "one quantifier follows another; there are no lazy or possessive ones"),
    (r"a++", "one quantifier follows another; there are no lazy or possessive ones"),
    (r"a{2}{3}", "one quantifier follows another; there are no lazy or possessive ones"),
    (r"(a)\1", r"\1 is not known here"),
    (r"\Ax", r"\A is not known here"),
    ("x\\", "\\ is not known here"),
    (r"(?=a)b", "of the groups with `?` only `(?:…)` is known, and `(?i)` at the start"),
    (r"(?<!a)b", "of the groups with `?` only `(?:…)` is known, and `(?i)` at the start"),
    (r"a(?i)b", "of the groups with `?` only `(?:…)` is known, and `(?i)` at the start"),
    (r"(?P<x>a)", "of the groups with `?` only `(?:…)` is known, and `(?i)` at the start"),
    (r"(?:a|aa){1,40}b", "it can be tried in more than 1000 ways at one place; narrow its ranges, or end it in `+`"),
    (r"a{1,40}a{1,40}b", "it can be tried in more than 1000 ways at one place; narrow its ranges, or end it in `+`"),
    (r"(?:ab){900}", "it looks at more than 1000 characters from one place"),
    (r"(?:a|b{900}){2}", "it looks at more than 1000 characters from one place"),
    (r"a{9999}", "it looks at more than 1000 characters from one place"),
    (r"a{2,1}", "{2,1} is no range"),
    (r"a{x}", "`{` begins no {n}, {m,n} or {m,}; as itself it is written \\{"),
    (r"a{", "`{` begins no {n}, {m,n} or {m,}; as itself it is written \\{"),
    (r"*a", "`*` follows nothing that it could repeat; as itself it is written \\*"),
    (r"\b{2}a", "what has no characters cannot be repeated"),
    (r"(a", "a `(` is not closed"),
    (r"a)", "a `)` closes nothing"),
    (r"[a", "a `[` is not closed"),
    (r"[]", "a `[` is not closed"),
    (r"[[a]", "in a class, `[` as itself is written \\["),
    (r"[a--b]", "in a class, `-` as itself is written \\-"),
    (r"[z-a]", "bad character range z-a"),
    ("", "it matches where there is nothing"),
    (r"(?i)", "it matches where there is nothing"),
    (r"a?", "it matches where there is nothing"),
    (r"a|b*", "it matches where there is nothing"),
    (r"\b", "it matches where there is nothing"),
    ("x" * 501, "it has more than 500 characters"),
]


@pytest.mark.parametrize(("pattern", "why"), REFUSED, ids=[pattern[:20] for pattern, _ in REFUSED])
def test_a_pattern_that_could_take_for_ever_or_hide_nothing_is_refused(pattern: str, why: str) -> None:
    with pytest.raises(BadRedaction) as bad:
        Redactor([pattern])
    assert str(bad.value) == f"redaction: pattern 1: {why}"
    assert bad.value.exit_code == 2


def test_all_faults_are_told_by_their_places_and_no_pattern_is_shown() -> None:
    with pytest.raises(BadRedaction) as bad:
        Redactor(["hunter2+x", "fine", "(hunter2"], ["password", "", "a b"])
    assert bad.value.faults == (
        "pattern 1: `*`, `+` and `{m,}` come last, for what follows could be sought again and again",
        "pattern 3: a `(` is not closed",
        "name 2: a name is not empty and holds no blanks; a pattern is written /…/",
        "name 3: a name is not empty and holds no blanks; a pattern is written /…/",
    )
    with pytest.raises(BadRedaction, match="^redaction: there are more than 100 patterns$"):
        Redactor(["x"] * (MOST_PATTERNS + 1))


LETTERS = st.sampled_from(["a", "b", r"\w", "[ab]", "[^a]", r"\s", ".", r"\.", "(?:a|b)", "(?:ab|a)"])
TAILS = st.sampled_from(["", "", "", "+", "*", "{2,}"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Patterns of the subset, most of them cheap enough."""
    pieces = draw(st.lists(st.tuples(LETTERS, st.sampled_from(["", "?", "{2}", "{1,3}", "{0,4}"])), max_size=4))
    last = draw(st.sampled_from(["a", r"\w", "[ab]"])) + draw(TAILS)
    return "".join(f"{letter}{times}" for letter, times in pieces) + last


@given(patterns(), st.text("ab. \n", max_size=60))
def test_what_is_taken_hides_what_the_regular_expression_matches(pattern: str, text: str) -> None:
    try:
        redactor = Redactor([pattern])
    except BadRedaction:
        return
    hidden = [place for match in re.finditer(pattern, text) for place in range(*match.span())]
    assert all(match.group() for match in re.finditer(pattern, text))
    expected = "".join("#" if place in hidden else letter for place, letter in enumerate(text))
    assert redactor.text(text) == re.sub("#+", "***", expected)


@given(st.text(max_size=30))
def test_a_text_that_is_no_pattern_is_refused_and_nothing_worse(text: str) -> None:
    try:
        Redactor([text])
    except BadRedaction:
        return
    re.compile(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (EMAIL, "a" * 200_000),
        (CARD, "4" * 200_000),
        (r"(?:a|aa){1,8}b", "a" * 50_000),
        (r"a{1,30}a{1,30}b", "a" * 100_000),
        (r"x\S+", "x" * 1_000_000),
    ],
)
def test_the_worst_text_is_searched_in_a_time_that_grows_with_its_length_alone(pattern: str, text: str) -> None:
    Redactor([pattern]).text(text)  # a quadratic search would take minutes


@given(st.text("ab_*", min_size=1, max_size=8), st.text("abAB_", max_size=12))
def test_a_star_in_a_name_stands_for_any_characters(name: str, field: str) -> None:
    assert Redactor(names=[name]).hides(field) is fnmatchcase(field.casefold(), name)


def test_what_stands_before_and_behind_a_star_does_not_overlap_and_case_counts_nowhere() -> None:
    redactor = Redactor(names=["aa*a", "PassWord", "*_*_Z"])
    hidden = [name for name in ("aa", "aaa", "AAxA", "password", "a_z", "__z", "A_b_Z") if redactor.hides(name)]
    assert hidden == ["aaa", "AAxA", "password", "__z", "A_b_Z"]


def test_a_name_hides_what_stands_under_it_however_deep_and_of_any_kind() -> None:
    redactor = Redactor(names=["password", "*_token"])
    value = {
        "password": "a", "Password": 7, "x": [{"ops_token": {"deep": ["b"]}, "token": "c", "_token": False}],
        "passwords": "d", "api_token": None,
    }  # fmt: skip
    assert redactor.value(value) == {
        "password": "***", "Password": "***", "x": [{"ops_token": "***", "token": "c", "_token": "***"}],
        "passwords": "d", "api_token": None,
    }  # fmt: skip
    assert redactor.text("password=a") == "password=a"


def test_patterns_search_texts_keys_and_numbers_of_a_value() -> None:
    redactor = Redactor([CARD, "ana", "(?i)true"])
    value = {"for ana": ["ana", 4111111111111111, 1.5, True, None, {"n": "banana"}]}
    assert redactor.value(value) == {"for ***": ["***", "***", 1.5, True, None, {"n": "b***na"}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abx", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abx", max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_redacting_changes_nothing_but_a_copy_and_twice_is_once(value: Any) -> None:
    before = repr(value)
    redactor = Redactor(["ab", "x+"], ["b*"])
    shown = redactor.value(value)
    assert (repr(value), redactor.value(shown)) == (before, shown)
    assert Redactor().value(value) == value


def test_a_line_keeps_its_course_and_loses_its_data() -> None:
    redactor = Redactor(["ana", "r-1", "run"], ["password", "code", "node"])
    common = {"v": 1, "seq": 3, "at": "2026-01-01T00:00:00.000Z", "run": "r-1"}
    failed = {"code": "no_ana", "message": "not ana", "node": "ana", "attempt": 1}
    line = {
        **common, "type": "run.finished", "status": "failed", "result": {"by": "ana", "password": 1},
        "fields": {"password": "p", "node": "n"}, "error": failed, "undo_failed": [failed], "visited": ["ana"],
    }  # fmt: skip
    hidden = {"code": "no_***", "message": "not ***", "node": "ana", "attempt": 1}
    assert redactor.line(line) == {
        **common, "type": "run.finished", "status": "failed", "result": {"by": "***", "password": "***"},
        "fields": {"password": "***", "node": "***"}, "error": hidden, "undo_failed": [hidden], "visited": ["ana"],
    }  # fmt: skip
    assert redactor.line({**common, "type": "later", "unheard": "of ana"}) == {
        **common, "type": "later", "unheard": "of ***",
    }  # fmt: skip


def test_a_question_can_be_answered_still_and_its_default_is_hidden_by_name() -> None:
    redactor = Redactor(["prod"], ["pin"])
    line = {"type": "ask", "node": "n", "field": "pin", "kind": "choice", "options": ["prod", "dev"], "default": "dev"}
    assert redactor.line(line) == {**line, "default": "***"}
    assert redactor.line({**line, "field": "env", "default": "prod"}) == {**line, "field": "env", "default": "***"}


def test_a_name_hides_what_a_tool_returns_for_its_field() -> None:
    redactor = Redactor(names=["pin"])
    line = {"type": "tool.returned", "node": "n", "tool": "t", "attempt": 1, "key": "k", "value": 7}
    assert redactor.line(line, saves="pin") == {**line, "value": "***"}
    assert redactor.line(line, saves="env") == redactor.line(line) == line
    failed = {"type": "tool.returned", "error": {"code": "x", "message": "y"}}
    assert redactor.line(failed, saves="pin") == failed


def test_entries_are_patterns_between_slashes_or_names_one_a_line() -> None:
    redactor = Redactor.from_text("\n# people\n  password\n/an{1,2}a/\r\n*_token\n")
    assert redactor.value({"password": 1, "a_token": 2, "x": "ana"}) == {
        "password": "***",
        "a_token": "***",
        "x": "***",
    }
    with pytest.raises(BadRedaction):
        Redactor.of(["/x y"])
    assert [bool(Redactor()), bool(Redactor.from_text("# none")), bool(redactor)] == [False, False, True]
    assert Redactor.of(["x", "/y/"]).text("x y") == "x ***"


def test_only_keys_of_lines_are_kept_whole() -> None:
    assert {"text", "value", "fields", "data", "result", "error", "reason", "default"}.isdisjoint(STRUCTURE)


WRITTEN: dict[str, Any] = {
    "itself": lambda secret: f"<{secret}>",
    "Python": repr,
    "bytes": lambda secret: repr(secret.encode()),
    "JSON": json.dumps,
    "JSON in UTF-8": lambda secret: json.dumps(secret, ensure_ascii=False),
    "URL": lambda secret: f"/{quote(secret)}",
    "URL part": lambda secret: f"?k={quote(secret, safe='')}&x",
    "form": lambda secret: urlencode({"k": secret, "x": 1}),
    "URL in small letters": lambda secret: re.sub("%..", lambda code: code[0].lower(), quote(secret, safe="")),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of URLs": lambda secret: base64.urlsafe_b64encode(f"u:{secret}".encode()).decode(),
    "basic authentication": lambda secret: base64.b64encode(f"user:{secret}:x".encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "HEX": lambda secret: secret.encode().hex().upper(),
}


@pytest.mark.parametrize("form", WRITTEN)
@given(secret=st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=12))
def test_a_secret_is_veiled_however_it_is_written(form: str, secret: str) -> None:
    text = f"refused {WRITTEN[form](secret)} at once"
    shown = veil(text, [secret])
    assert "***" in shown
    left = re.sub(r"\*\*\*", "", shown)
    # In base64 a character at each end holds bits of its neighbours too, and is left.
    hidden = len(secret.encode()) * 8 // 6 - 2 if form.startswith("bas") else len(secret)
    assert len(left) <= len(text) - hidden


def test_short_secrets_are_not_veiled_and_long_ones_first() -> None:
    assert veil("abc and abcd, abcdef", ["abc"]) == "abc and abcd, abcdef"
    assert veil("abcd, abcdef", ["abcd", "abcdef"]) == "***, ***"
    assert veil("abcd", []) == "abcd"
