"""`--ask-tools`: a call of a tool is a question like any other, and only yes is a yes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Here
from tests.cli.console import LIMIT_S, ROOT, environment

SHIP = """\
trellis: 1
name: ship
start: pack
fields: {to: {type: string, default: Ana}, note: {type: string, optional: true}}
tools:
  pack: {process: [sh, -c, 'echo packed >> log'], confirm: "Pack a parcel for {{ args.to }}?"}
  unpack: {process: [sh, -c, 'echo unpacked >> log']}
  send: {process: [sh, -c, 'echo sent >> log'], effect: at_most_once}
nodes:
  pack: {do: pack, with: {to: "{{ to }}"}, undo: {do: unpack}, to: note}
  note: {ask: {text: note}, to: send}
  send: {do: send, with: {to: "{{ to }}", note: "{{ note }}"}, catch: {denied: $rollback}, to: $end}
"""
RUN = ("run", "ship.yaml", "--allow", "process", "--ask-tools")


@pytest.fixture
def ship(here: Here) -> Here:
    (here.folder / "ship.yaml").write_text(SHIP)
    return here


def log(here: Here) -> list[str]:
    path = here.folder / "log"
    return path.read_text().split() if path.exists() else []


def test_lines_of_a_pipe_answer_calls_and_questions_in_their_order(ship: Here) -> None:
    done = ship(*RUN, typed="y\nfragile\nyes\n")
    assert done.out == (
        "→ pack  pack  attempt 1\n"
        "? pack  Pack a parcel for Ana? (yes or no): y\n"
        "✓ pack\n"
        "? note  note: fragile\n"
        "→ send  send  attempt 1\n"
        '? send  call send with {"to":"Ana","note":"fragile"} (yes or no): yes\n'
        "✓ send\n"
        "completed\n"
    )
    assert (done.code, log(ship)) == (0, ["packed", "sent"])


def test_a_no_that_nothing_catches_ends_the_run_as_denied(ship: Here) -> None:
    done = ship(*RUN, typed="n\n")
    assert (done.code, log(ship)) == (4, [])
    assert done.out.splitlines()[-1] == "denied at pack: not allowed"


def test_a_rollback_asks_too_and_what_is_kept_is_told(ship: Here) -> None:
    done = ship(*RUN, typed="y\nfragile\nno: too dear\ny\n")
    assert (done.code, log(ship)) == (8, ["packed", "unpacked"])
    done = ship(*RUN, typed="y\nfragile\nno: too dear\nlater\n")
    assert done.out.splitlines()[-5:] == [
        "↶ pack  unpack",
        "? pack  undo: call unpack (yes or no): later",
        "✗ pack denied: not allowed: 'later' is not yes",
        "✗ undo of pack denied: not allowed: 'later' is not yes",
        "rollback failed: could not undo pack",
    ]
    assert (done.code, log(ship)) == (9, ["packed", "unpacked", "packed"])


@pytest.mark.parametrize("answers", [["y", "fragile", True], {"pack": "yes", "note": "fragile", "send": ["y"]}])
def test_a_file_of_answers_answers_calls(ship: Here, answers: Any) -> None:
    (ship.folder / "answers.json").write_text(json.dumps(answers))
    assert ship(*RUN, "--answers", "answers.json").code == 0
    assert log(ship) == ["packed", "sent"]


def test_nobody_who_answers_is_no_yes_and_the_run_stays_open(ship: Here) -> None:
    done = ship(*RUN, "--id", "s", "--as", "ana")
    resume = "trellis resume s --ask-tools --as ana --allow process"
    assert done.err == (
        "input needed: pack asks for Pack a parcel for Ana? (yes or no); the input has ended\n"
        f"run s stays open; continue with: {resume}\n"
    )
    assert (done.code, log(ship)) == (7, [])
    assert ship(*resume.split()[1:], typed="y\n").code == 7
    assert log(ship) == ["packed"]
    done = ship(*resume.split()[1:], typed="fragile\nn\ny\n")
    assert (done.code, log(ship)) == (8, ["packed", "unpacked"])
    error = json.loads(ship("resume", "s", "--output", "json").out)["error"]
    assert error == {"code": "denied", "message": "not allowed", "node": "send", "attempt": 1}


def test_the_question_is_a_line_of_the_contract(ship: Here) -> None:
    done = ship(*RUN, "--id", "s", "--output", "json", typed="y\nfragile\nn\ny\n")
    lines = [json.loads(line) for line in done.out.splitlines()]
    schema = json.loads((ROOT / "trellis/cli/schemas/events.schema.json").read_text("utf-8"))
    for line in lines:
        jsonschema.validate(line, schema)
    assert [line["seq"] for line in lines] == [*range(1, len(lines) + 1)]
    asked = [line for line in lines if line["type"] == "ask" and line["kind"] == "tool"]
    assert [{key: line[key] for key in line if key not in ("v", "seq", "at", "run", "type", "kind")} for line in asked] == [
        {
            "node": "pack", "tool": "pack", "args": {"to": "Ana"}, "text": "Pack a parcel for Ana?",
            "attempt": 1, "key": "s/pack/1",
        },
        {
            "node": "send", "tool": "send", "args": {"to": "Ana", "note": "fragile"},
            "text": 'call send with {"to":"Ana","note":"fragile"}', "attempt": 1, "key": "s/send/3",
        },
        {
            "node": "pack", "tool": "unpack", "args": {}, "text": "undo: call unpack", "attempt": 1,
            "key": "s/pack/1/undo", "undo": True,
        },
    ]  # fmt: skip


def test_much_is_cut_where_people_decide_and_how_much_is_said(ship: Here) -> None:
    done = ship(*RUN, "--set", f"to={'x' * 10_000}\x1b[2J", typed="n\n")
    (line,) = [line for line in done.out.splitlines() if line.startswith("?")]
    assert line.endswith(f"{'x' * 100}… (6,023 more characters) (yes or no): n")
    assert "\x1b" not in done.out


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals here")
def test_a_person_at_a_terminal_is_asked_and_enter_is_a_no(ship: Here) -> None:
    from tests.cli.console import Console

    person = Console(*RUN, "--output", "text", cwd=Path(ship.folder), NO_COLOR="1")
    assert person.expect("[y/N]: ") == "→ pack  pack  attempt 1\nPack a parcel for Ana?\nallow it? [y/N]: "
    person.type("\n")
    assert person.end() == (4, "\n✗ pack denied: not allowed\ndenied at pack: not allowed\n")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL here")
def test_whoever_resumes_after_a_kill_is_asked_again(ship: Here) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", *RUN, "--id", "s", "--output", "json"], cwd=ship.folder, env=environment(),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    with process, process.stdin, process.stdout:
        for text in process.stdout:
            line = json.loads(text)
            if line["type"] == "ask" and line["node"] == "pack":
                process.stdin.write("y\nfragile\n")
                process.stdin.flush()
            elif line["type"] == "ask" and line["node"] == "send":
                os.kill(process.pid, signal.SIGKILL)
        process.wait(LIMIT_S)
    done = ship("resume", "s", "--ask-tools", "--allow", "process", typed="y\n")
    assert done.out == '? send  call send with {"to":"Ana","note":"fragile"} (yes or no): y\n✓ send\ncompleted\n'
    assert log(ship) == ["packed", "sent"]
