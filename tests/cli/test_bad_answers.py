"""Bad answers, as docs/terminal.md has them: each is asked again with its reason, and the run is none the worse."""

from __future__ import annotations

import json
import re
from ast import literal_eval

import pytest

from tests.cli.conftest import Here
from tests.cli.console import ROOT

KINDS = {
    "a text": ("text: x", "string", "ok"),
    "several lines": ("text: x, lines: true", "string", "ok\n."),
    "a whole number": ("int: x", "integer", "1"),
    "a number": ("number: x", "number", "1.5"),
    "yes or no": ("confirm: x", "boolean", "y"),
    "a choice": ("choice: x", "string, enum: [soup, cake]", "cake"),
    "several choices": ("multi: x", "[{type: string, enum: [soup, cake]}]", "cake"),
    "a date": ("date: x", "string", "2030-01-31"),
    "a time": ("date: x", "time", "2030-01-31T10:00:00Z"),
    "a length of time": ("text: x", "duration", "2s"),
    "an approval": ("approve: x", "approval", "yes: fine"),
    "a secret": ("secret: x", "string, secret: true", "sesame"),
}
"""What is asked for -> the question, the type of its field, an answer that fits."""


def rows() -> list[tuple[str, str, str]]:
    page = (ROOT / "docs/terminal.md").read_text("utf-8")
    table = page.partition("| asked for | typed | what is said |\n|---|---|---|\n")[2].partition("\n\n")[0]
    found = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in table.splitlines()]
    assert {row[0] for row in found} == set(KINDS)
    return [(asked, typed.strip("`"), said) for asked, typed, said in found]


def data(typed: str) -> bytes:
    """The bytes of a cell: `\\xNN` and `\\0` are those, `"x" * 3` is a long one."""
    if long := re.fullmatch(r'"(.)" \* (\d+)', typed):
        return long[1].encode() * int(long[2])
    value: bytes = literal_eval("b'" + typed.replace("'", "\\'") + "'")
    return value


@pytest.mark.parametrize(("asked", "typed", "said"), rows())
def test_an_answer_that_does_not_fit_is_asked_again_with_the_reason(
    here: Here, asked: str, typed: str, said: str
) -> None:
    question, kind, fitting = KINDS[asked]
    start = "default: []" if kind.startswith("[") else "optional: true"
    (here.folder / "ask.yaml").write_text(
        f"trellis: 1\nname: ask\nstart: q\nfields: {{x: {{type: {kind}, {start}}}}}\n"
        f"nodes: {{q: {{ask: {{{question}}}, to: $end}}}}\n"
    )
    here.typed = data(typed) + b"\n" + fitting.encode() + b"\n"
    done = here("run", "ask.yaml", "--output", "json")
    lines = [json.loads(line) for line in done.out.splitlines()]
    reasons = [line.get("reason") for line in lines if line["type"] == "ask"]
    changed = [line["fields"] for line in lines if line["type"] == "fields.changed"]
    assert (done.code, reasons, len(changed), done.err) == (0, [None, said], 1, "")


def test_a_control_character_is_kept_as_it_is(here: Here) -> None:
    (here.folder / "ask.yaml").write_text(
        "trellis: 1\nname: ask\nstart: q\nfields: {x: {type: string}}\nnodes: {q: {ask: {text: x}, to: $end}}\n"
    )
    done = here("run", "ask.yaml", "--output", "json", typed="a\x1b[2J\x07\u009bb\n")
    assert json.loads(done.out.splitlines()[-1])["fields"] == {"x": "a\x1b[2J\x07\u009bb"}
    assert here("run", "ask.yaml", typed="a\x1b[2J\x07\u009bb\n").out == "? q  x: a�[2J��b\ncompleted\n"


def test_a_second_answer_and_one_after_the_end_change_nothing(here: Here) -> None:
    assert here("run", "hello.yaml", "--id", "r").code == 7
    assert here("answer", "r", "choose", "prod").code == 0
    again = here("answer", "r", "choose", "staging")
    assert (again.code, again.err) == (
        2,
        "error: node 'choose' does not ask; asking now: count\n",
    )
    assert here("answer", "r", "count", "1").code == 0
    shown = here("runs", "show", "r", "--json").out
    late = here("answer", "r", "count", "2")
    assert (late.code, late.err) == (2, "error: run 'r' has ended: completed\n")
    assert json.loads(here("runs", "show", "r", "--json").out)["fields"] == json.loads(shown)["fields"]


@pytest.mark.slow  # it answers ten thousand times
def test_ten_thousand_answers_of_a_pipe_are_all_used_and_its_end_leaves_the_run_open(here: Here) -> None:
    (here.folder / "loop.yaml").write_text(
        "trellis: 1\nname: loop\nstart: q\nlimits: {visits: 100000}\n"
        "fields: {n: {type: integer, default: 0}}\nnodes: {q: {ask: {int: n}, to: q}}\n"
    )
    done = here("run", "loop.yaml", "--store", "memory://", typed="".join(f"{i}\n" for i in range(10_000)))
    asked = [f"? q  n (a whole number): {i}" for i in range(10_000)]
    assert (done.code, done.out.splitlines()) == (7, [*asked, "? q  n (a whole number)"])


def test_nodes_that_only_speak_are_one_commit(here: Here) -> None:
    nodes = "".join(f"  n{i}: {{say: '{i}', to: {f'n{i + 1}' if i < 999 else '$end'}}}\n" for i in range(1000))
    (here.folder / "texts.yaml").write_text(f"trellis: 1\nname: texts\nstart: n0\nnodes:\n{nodes}")
    assert here("run", "texts.yaml", "--id", "r").out.splitlines() == [*map(str, range(1000)), "completed"]
    assert json.loads(here("runs", "show", "r", "--json").out)["events"] == 1
