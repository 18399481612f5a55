"""People read one short line for each event that matters to them."""

from __future__ import annotations

from typing import Any

import pytest

from trellis.cli.output import harmless
from trellis.cli.words import FINE, LONGEST, PLAIN, Words, between, glyphs_for, one_line, wanted


def line(kind: str, /, **facts: Any) -> dict[str, Any]:
    return {"v": 1, "seq": 1, "at": "2030-01-31T09:30:00.000Z", "run": "r", "type": kind, **facts}


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (line("say", node="greet", text="Hello\n  Ana"), "Hello\n  Ana"),
        (
            line("tool.called", node="build", tool="ops.create", attempt=2, key="r/build/1"),
            "→ build  ops.create  attempt 2",
        ),
        (line("tool.returned", node="build", tool="ops.create", attempt=1, key="k", value={"id": 7}), "✓ build"),
        (
            line(
                "tool.returned",
                node="build",
                tool="t",
                attempt=1,
                key="k",
                error={"code": "failed", "message": "no\nroom"},
            ),
            "✗ build failed: no room",
        ),
        (
            line(
                "tool.returned", node="build", tool="t", attempt=1, key="k", error={"code": "uncertain", "message": ""}
            ),
            "✗ build uncertain",
        ),
        (line("timer.fired", node="build", purpose="timeout"), "✗ build timed out"),
        (line("timer.fired", node="build", purpose="deadline"), "✗ build is past its deadline"),
        (line("timer.fired", node="build", purpose="retry"), None),
        (line("signal", name="interrupt", data={}, node="build"), "! interrupt"),
        (
            line("signal", name="fault", data={"error": "x"}, buffered=True),
            '! fault  {"error":"x"}  kept until something takes it',
        ),
        (line("run.started", graph="0" * 64, name="hello", fields={}), None),
        (line("node.entered", node="greet"), None),
        (line("node.left", node="greet"), None),
        (line("fields.changed", fields={"a": 1}), None),
        (line("timer.set", node="a", purpose="timeout", due="2030-01-31T10:30:00.000Z"), None),
        (line("timer.set", node="a", purpose="retry", due="2030-01-31T10:30:00.000Z"), "… a again in 1h"),
        (line("a kind that a later version knows"), None),
    ],
)
def test_a_line_says(event: dict[str, Any], text: str | None) -> None:
    assert Words().say(event) == text


def finished(status: str, **facts: Any) -> dict[str, Any]:
    return line("run.finished", status=status, result=None, fields={}, states=[], visited=[]) | facts


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (finished("completed"), "completed"),
        (finished("completed", result={"wheel": "a.whl"}), 'completed: {"wheel":"a.whl"}'),
        (finished("completed", result=False), "completed: false"),
        (
            finished("failed", error={"code": "no_edge", "message": "nothing holds", "node": "a", "attempt": 1}),
            "failed at a: no_edge: nothing holds",
        ),
        (finished("timed_out", error={"code": "timeout", "message": "", "node": "a", "attempt": 1}), "timed out at a"),
        (finished("cancelled"), "cancelled"),
        (
            finished("cancelled", error={"code": "cancelled", "message": "why", "node": "", "attempt": 1}),
            "cancelled: why",
        ),
        (finished("rolled_back"), "rolled back"),
    ],
)
def test_the_last_line_says_how_it_ended(event: dict[str, Any], text: str) -> None:
    assert Words().say(event) == text


def test_the_last_line_names_what_was_undone_and_what_could_not_be() -> None:
    words = Words()
    failure = {"code": "failed", "message": "still in use"}
    told = [
        words.say(event)
        for event in (
            line("undo.started", node="push", tool="ops.unpush"),
            line("tool.called", node="push", tool="ops.unpush", attempt=1, key="k"),
            line("tool.returned", node="push", tool="ops.unpush", attempt=1, key="k", value=None),
            line("undo.done", node="push"),
            line("undo.started", node="build", tool="ops.delete"),
            line("tool.called", node="build", tool="ops.delete", attempt=1, key="k"),
            line("tool.returned", node="build", tool="ops.delete", attempt=1, key="k", error=failure),
            line("tool.called", node="build", tool="ops.delete", attempt=2, key="k"),
            line("tool.returned", node="build", tool="ops.delete", attempt=2, key="k", error=failure),
            line("undo.done", node="build", error=failure),
            finished("rollback_failed", undo_failed=[{"node": "build", **failure}], error={**failure, "node": "check"}),
        )
    ]
    assert told == [
        "↶ push  ops.unpush",
        None,
        None,
        "✓ undid push",
        "↶ build  ops.delete",
        None,
        "✗ build failed: still in use",
        "→ build  ops.delete  attempt 2",
        "✗ build failed: still in use",
        "✗ undo of build failed: still in use",
        "rollback failed: could not undo build; undid push",
    ]


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ({"field": "env", "kind": "choice", "options": ["a", 2]}, "env (a, 2)"),
        ({"field": "env", "kind": "choice", "options": ["a", "b"], "default": "a"}, "env (a, b; default a)"),
        ({"field": "name", "kind": "text"}, "name"),
        ({"field": "name", "kind": "text", "default": "x"}, "name (default x)"),
        ({"field": "go", "kind": "confirm", "default": False}, "go (yes or no; default false)"),
        ({"field": "n", "kind": "int"}, "n (a whole number)"),
        ({"field": "n", "kind": "number"}, "n (a number)"),
        ({"field": "token", "kind": "secret"}, "token (not shown)"),
        ({"field": "xs", "kind": "multi", "options": ["a", "b"], "default": ["b"]}, "xs (any of a, b; default b)"),
        ({"field": "day", "kind": "date"}, "day (a date, as 2030-01-31)"),
        ({"field": "v", "kind": "approve", "options": ["approve"], "by": ["ana"]}, "v (approve; by ana)"),
        (
            {"kind": "form", "form": [{"field": "n", "kind": "int"}, {"field": "s", "kind": "text"}]},
            "n (a whole number); s",
        ),
    ],
)
def test_a_question_says_what_may_be_answered(question: dict[str, Any], text: str) -> None:
    assert wanted(question) == text


def test_a_question_that_a_file_answers_is_one_line_with_its_answer() -> None:
    question = line("ask", node="choose", field="env", kind="choice", options=["staging", "prod"])
    assert Words().answered(question, "prod") == "? choose  env (staging, prod): prod"
    again = {**question, "reason": "choose one of: staging, prod"}
    assert Words().answered(again, "prod") == "? choose  choose one of: staging, prod; env (staging, prod): prod"


def test_the_answer_to_a_secret_is_not_shown() -> None:
    question = line("ask", node="login", field="token", kind="secret")
    assert Words().answered(question, "sesame") == "? login  token (not shown): ***"


def test_marks_are_ascii_where_the_output_cannot_show_others() -> None:
    assert [glyphs_for(name) for name in ("utf-8", "cp1252", "ascii", None, "no such encoding")] == [
        FINE,
        PLAIN,
        PLAIN,
        PLAIN,
        PLAIN,
    ]
    assert Words(PLAIN).say(line("tool.returned", node="build", tool="t", attempt=1, key="k", value=1)) == "ok build"
    "".join(PLAIN).encode("ascii")


def test_data_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\r\x9b\x7fc\n\td\u200de") == "a\ufffd[2Jb\ufffd\ufffd\ufffdc\n\td\u200de"
    event = line("tool.returned", node="a", tool="t", attempt=1, key="k", error={"code": "x", "message": "\x1b[31mred"})
    assert Words().say(event) == "✗ a x: \ufffd[31mred"
    assert Words().say(line("say", node="a", text="\x07ring")) == "\x07ring"


def test_colors_are_ours_and_go_round_the_marks() -> None:
    words = Words(paint=lambda text, color: f"<{color}>{text}</{color}>")
    assert words.say(finished("completed", result="x")) == '<green>completed</green>: "x"'
    assert words.say(finished("rolled_back")) == "<yellow>rolled back</yellow>"
    assert words.say(line("tool.returned", node="a", tool="t", attempt=1, key="k", value=1)) == "<green>✓</green> a"


def test_a_long_message_is_cut() -> None:
    assert one_line("x" * LONGEST) == "x" * LONGEST
    assert one_line("x" * (LONGEST + 1)) == "x" * (LONGEST - 1) + "…"


def test_a_wait_for_another_attempt_says_which() -> None:
    words = Words(PLAIN)
    words.say(line("tool.returned", node="b", tool="t", attempt=1, key="k", error={"code": "failed", "message": ""}))
    told = words.say(line("timer.set", node="b", purpose="retry", due="2030-01-31T09:31:30.000Z"))
    assert told == "... b again in 1m30s (attempt 2)"


@pytest.mark.parametrize(
    ("end", "text"),
    [
        ("09:30:00.250", "250ms"),
        ("09:30:02.500", "2.5s"),
        ("09:31:00.000", "1m"),
        ("09:30:59.999", "60s"),
        ("11:30:00.400", "2h"),
        ("09:29:00.000", "0ms"),
    ],
)
def test_a_span_is_written_as_graphs_write_it(end: str, text: str) -> None:
    assert between("2030-01-31T09:30:00.000Z", f"2030-01-31T{end}Z") == text


def test_an_answer_that_is_no_text_is_shown_as_json() -> None:
    question = line("ask", node="a", field="f", kind="text")
    assert Words().answered(question, {"a": [1, None]}) == '? a  f: {"a":[1,null]}'
