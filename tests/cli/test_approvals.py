"""An approval on the command line: who may give it is asked, by prompt, line or `trellis answer`; nobody else is."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Here
from trellis.cli.terminal import VERDICT

LIVE = """\
trellis: 1
name: live
start: live
fields: {verdict: {type: approval, optional: true}}
nodes:
  live:
    say: Go live?
    ask: {approve: verdict, by: [ana, ben]}
    to: [{if: verdict.ok, to: $end}, {to: $fail}]
"""
NEEDED = "input needed: live asks for verdict (approve, reject, back; by ana, ben); "


@pytest.fixture
def live(here: Here) -> Here:
    (here.folder / "live.yaml").write_text(LIVE)
    (here.folder / "two.yaml").write_text(LIVE.replace("name: live", "name: two").replace("ben]", "ben], quorum: 2"))
    (here.folder / "late.yaml").write_text(
        LIVE.replace("name: live", "name: late").replace("  to:", "  timeout: 1ms\n    to:")
    )
    return here


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_who_is_not_named_uses_up_no_answer_and_is_told(live: Here) -> None:
    asked = "Go live?\n? live  verdict (approve, reject, back; by ana, ben)\n"
    done = live("run", "live.yaml", "--id", "r", typed="approve\n")
    assert done == (
        7, asked, NEEDED + "say who answers with --as\nrun r stays open; continue with: trellis resume r\n",
    )  # fmt: skip
    done = live("resume", "r", "--as", "eve", typed="approve\n")
    assert done == (
        7, asked, NEEDED + "'eve' is no approver\nrun r stays open; continue with: trellis resume r --as eve\n",
    )  # fmt: skip
    done = live("resume", "r", "--as", "ben", typed="maybe\nreject: not today\n")
    assert (done.code, done.out.splitlines()[1:]) == (
        1,
        [
            "? live  verdict (approve, reject, back; by ana, ben): maybe",
            "? live  choose one of: approve, reject, back; verdict (approve, reject, back; by ana, ben): reject: not today",
            "failed at live: node 'live' went to $fail",
        ],
    )


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (
            ["approve"],
            7,
            "✗ asked again: nobody says who answers; approvers: ana, ben; say who answers with --as; verdict (approve, reject, back; by ana, ben)\n",
        ),
        (
            ["approve", "--as", "an"],
            7,
            (
                "✗ asked again: 'an' is no approver; approvers: ana, ben; did you mean 'ana'?; "
                "verdict (approve, reject, back; by ana, ben)\n"
            ),
        ),
        (
            ["perhaps", "--as", "ana"],
            7,
            "✗ asked again: choose one of: approve, reject, back; verdict (approve, reject, back; by ana, ben)\n",
        ),
    ],
)
def test_an_answer_of_somebody_else_leaves_the_run_as_it_is(live: Here, words: list[str], code: int, told: str) -> None:
    live("run", "live.yaml", "--id", "r")
    before = json.loads(live("runs", "show", "r", "--json").out)
    for _ in range(2):
        done = live("answer", "r", "live", *words)
        assert (done.code, done.out + done.err) == (code, told)
    after = json.loads(live("runs", "show", "r", "--json").out)
    assert (after["last"], after["fields"]) == (before["last"], before["fields"])


def test_the_journal_says_who_answered_when_and_why(live: Here) -> None:
    live("run", "live.yaml", "--id", "r")
    assert "trellis answer r live VALUE --as WHO" in live("runs", "show", "r").out
    assert (
        live("answer", "r", "live", "approve: all is green", "--as", "ana").out
        == "✓ taken; the run has ended: completed\n"
    )
    shown = json.loads(live("runs", "show", "r", "--json").out)
    event = shown["last"][-1]
    verdict = {"ok": True, "choice": "approve", "reason": "all is green", "by": "ana", "at": event["at"]}
    assert event == {
        "seq": 2, "at": event["at"], "type": "answer_given", "node": "live", "value": "approve: all is green", "by": "ana",
    }  # fmt: skip
    assert shown["fields"] == {"verdict": verdict}
    assert live("answer", "r", "live", "reject", "--as", "ben").code == 2


def test_json_lines_carry_kind_options_and_who_may(live: Here) -> None:
    done = live("run", "two.yaml", "--id", "r", "--output", "json", "--as", "ana", typed="yes: fine\nyes\n")
    asked = [
        {key: line[key] for key in line if key not in ("v", "seq", "at", "run", "type", "node", "field")}
        for line in lines(done.out)
        if line["type"] == "ask"
    ]
    question = {"kind": "approve", "options": ["approve", "reject", "back"], "by": ["ana", "ben"], "quorum": 2}
    assert asked == [question | {"given": []}, question | {"given": ["ana"]}]
    assert done.err == (
        "input needed: live asks for verdict (approve, reject, back; by ana, ben; 1 of 2, from ana); 'ana' has approved\n"
        "run r stays open; continue with: trellis resume r --as ana\n"
    )
    assert live("answer", "r", "live", "approve", "--as", "ana") == (
        7,
        (
            "✗ asked again: 'ana' has approved; 1 of 2 so far; "
            "verdict (approve, reject, back; by ana, ben; 1 of 2, from ana)\n"
        ),
        "",
    )
    done = live("resume", "r", "--as", "ben", "--output", "json", typed="y\n")
    fields = lines(done.out)[-1]["fields"]["verdict"]
    assert (fields["by"], fields["reason"], fields["ok"]) == ("ana, ben", "fine", True)


def test_unanswered_means_rejected(live: Here) -> None:
    done = live("run", "late.yaml", "--output", "json")
    told = lines(done.out)
    assert done.code == 1
    verdict = told[-1]["fields"]["verdict"]
    assert {**verdict, "at": ""} == {"ok": False, "choice": "reject", "reason": "unanswered", "by": None, "at": ""}
    assert [line["type"] for line in told][-5:] == [
        "ask", "timer.fired", "fields.changed", "node.left", "run.finished",
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_person_says_y_n_or_back_and_why(live: Here) -> None:
    from tests.cli.console import Console

    person = Console("run", "two.yaml", "--id", "r", "--as", "ben", cwd=Path(live.folder), NO_COLOR="1")
    assert person.expect("]: ") == f"Go live?\n{VERDICT}\nverdict [y/n/back; 0 of 2]: "
    person.type("1\n")
    assert person.expect("]: ") == f"1\n✗ choose one of: approve, reject, back\n{VERDICT}\nverdict [y/n/back; 0 of 2]: "
    person.type("Y: looks fine\n")
    assert person.end()[0] == 7
    again = Console("resume", "r", "--as", "ana", cwd=Path(live.folder), NO_COLOR="1")
    assert again.expect("]: ") == f"Go live?\n{VERDICT}\nverdict [y/n/back; 1 of 2, from ben]: "
    again.type("back: paint it\n")
    assert again.end()[0] == 1
    shown = json.loads(live("runs", "show", "r", "--json").out)["fields"]["verdict"]
    assert (shown["choice"], shown["reason"], shown["by"]) == ("back", "paint it", "ana")


BACK = """\
trellis: 1
name: paint
start: build
fields: {verdict: {type: approval, optional: true}, coats: {type: integer, default: 0}}
tools:
  build: {python: "paints:build"}
  strip: {python: "paints:strip"}
nodes:
  build: {do: build, undo: {do: strip}, set: {fields: {coats: coats + 1}}, to: live}
  live:
    say: Go live?
    ask: {approve: verdict, by: [ana, ben]}
    to: [{if: verdict.choice == "back", to: build, undo: true}, {if: verdict.ok, to: $end}, {to: $rollback}]
"""
TOLD = (
    "undo.started strip; tool.called strip; tool.returned strip; undo.done; node.left; node.entered; tool.called build; "
    "tool.returned build; fields.changed; node.left; node.entered; say; ask"
)
"""What a verdict of `back` does, from the answer to the next question."""


@pytest.fixture
def paint(here: Here) -> Here:
    (here.folder / "paint.yaml").write_text(BACK)
    (here.folder / "paints.py").write_text(
        "def build():\n    return 'built'\n\n\ndef strip():\n    return 'stripped'\n"
    )
    return here


def test_who_pushes_back_has_it_done_again_and_is_asked_again(paint: Here) -> None:
    typed = "back: more coats\nb: still more\nno: enough\n".replace("b:", "back:")
    done = paint("run", "paint.yaml", "--id", "r", "--as", "ana", "--output", "json", typed=typed)
    told = lines(done.out)
    kinds = [" ".join([line["type"], *([line["tool"]] if "tool" in line else [])]) for line in told]
    backs = [place for place, line in enumerate(told) if (line.get("fields") or {}).get("verdict")][:2]
    assert ["; ".join(kinds[place + 1 : place + 1 + TOLD.count(";") + 1]) for place in backs] == [TOLD, TOLD]
    verdicts = [
        line["fields"]["verdict"] for line in told if line["type"] == "fields.changed" and "verdict" in line["fields"]
    ]
    assert [(given["choice"], given["reason"], given["by"]) for given in verdicts] == [
        ("back", "more coats", "ana"), ("back", "still more", "ana"), ("reject", "enough", "ana"),
    ]  # fmt: skip
    assert (done.code, told[-1]["status"], told[-1]["visited"]) == (
        8, "rolled_back", ["build", "live", "build", "live", "build", "live"],
    )  # fmt: skip


def test_an_answer_from_elsewhere_pushes_back_too_and_so_does_json(paint: Here) -> None:
    paint("run", "paint.yaml", "--id", "r")
    assert paint("answer", "r", "live", "back: paint it", "--as", "ana") == (
        0,
        "✓ taken; now at: live rests; build is undone by strip, attempt 1\n",
        "nobody drives it: a worker goes on with it, or: trellis resume r\n",
    )
    assert paint("resume", "r").code == 7
    shown = json.loads(paint("runs", "show", "r", "--json").out)
    assert (shown["fields"]["verdict"]["choice"], shown["fields"]["coats"]) == ("back", 2)
    assert paint("answer", "r", "live", '{"choice": "back", "reason": "again"}', "--as", "ben").code == 0
    assert paint("resume", "r").code == 7
    shown = json.loads(paint("runs", "show", "r", "--json").out)
    assert (shown["fields"]["verdict"]["reason"], shown["fields"]["coats"]) == ("again", 3)
    assert paint("answer", "r", "live", '{"choice": "reject", "reason": "never"}', "--as", "ben").code == 0
    assert (paint("resume", "r").code, paint("answer", "r", "live", "approve", "--as", "ana").code) == (8, 2)


def test_reminders_and_a_limit_of_the_run_are_no_answer(here: Here) -> None:
    text = LIVE.replace("start: live", "start: live\nlimits: {time: 1d}").replace(
        "    to:", "    remind: {every: 1h, say: Well?}\n    escalate: {after: 1h, by: [cyn]}\n    to:"
    )
    (here.folder / "live.yaml").write_text(text)
    assert here("run", "live.yaml", "--id", "r", "--as", "ana").code == 7
    assert "reminds in 59m" in here("runs", "show", "r").out
