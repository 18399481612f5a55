"""On a terminal a person is asked: choices have numbers, a wrong answer is asked again, a secret is not shown."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from trellis.cli.terminal import chosen, prompt
from trellis.cli.words import Words

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

from tests.cli.console import Console, trellis
from tests.cli.window import Window

EVERY_KIND = """\
trellis: 1
name: kinds
start: who
fields:
  name: {type: string}
  env: {type: string, enum: [staging, prod]}
  n: {type: integer}
  rate: {type: number}
  go: {type: boolean}
  token: {type: string, secret: true}
nodes:
  who: {say: Who are you?, ask: {text: name, default: friend}, to: where}
  where: {ask: {choice: env}, to: much}
  much: {ask: {int: n, default: 1}, to: rate}
  rate: {ask: {number: rate}, to: sure}
  sure: {ask: {confirm: go}, to: secret}
  secret: {ask: {secret: token}, to: bye}
  bye: {say: "{{ name }} {{ env }} {{ n }} {{ rate }} {{ go }}", to: $end}
"""


@pytest.fixture
def kinds(project: Path) -> Path:
    (project / "kinds.yaml").write_text(EVERY_KIND)
    return project


def test_a_person_is_asked_everything(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", cwd=kinds, NO_COLOR="1")
    assert person.expect("name [friend]: ") == "Who are you?\nname [friend]: "
    person.type("\n")
    assert person.expect("env: ") == "\n  1) staging\n  2) prod\nenv: "
    person.type("3\n")
    assert person.expect("env: ") == "3\n✗ choose one of: staging, prod\n  1) staging\n  2) prod\nenv: "
    person.type("2\n")
    person.expect("n [1]: ")
    person.type("many\n")
    assert person.expect("n [1]: ") == "many\n✗ not a whole number: 'many'\nn [1]: "
    person.type("7\n")
    person.expect("rate: ")
    person.type("1.5\n")
    person.expect("go [y/n]: ")
    person.type("Y\n")
    person.expect("token (not shown): ")
    person.type("sesame\n")
    assert person.end() == (0, "\nfriend prod 7 1.5 true\ncompleted\n")
    assert "sesame" not in person.screen


def test_ctrl_d_is_the_end_of_the_input(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds)
    person.expect("name [friend]: ")
    person.type("\x04")
    assert person.end() == (
        7,
        (
            "\ninput needed: who asks for name (default friend); the input has ended\n"
            "run r stays open; continue with: trellis resume r\n"
        ),
    )
    assert "name [friend]: \ninput" in person.screen
    again = Console("resume", "r", cwd=kinds)
    assert again.expect("name [friend]: ") == "Who are you?\nname [friend]: "
    again.type("\x04")
    assert again.end()[0] == 7


@pytest.mark.covers("TR07")
def test_ctrl_c_stops_and_the_run_can_be_gone_on_with(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds)
    person.expect("name [friend]: ")
    person.type("Ana\n")
    person.expect("env: ")
    person.type("\x03")
    assert person.end() == (130, "\ninterrupted\nrun r stays open; continue with: trellis resume r\n")
    assert trellis("resume", "r", cwd=kinds, typed="prod\n1\n2\ny\nx\n").out.endswith("Ana prod 1 2 true\ncompleted\n")


def test_a_secret_is_hidden_no_more_after_ctrl_c(kinds: Path) -> None:
    (kinds / "typed.yaml").write_text("- a\n- prod\n- 1\n- 2\n- y\n")
    trellis("run", "kinds.yaml", "--id", "r", "--answers", "typed.yaml", cwd=kinds)
    person = Console("resume", "r", cwd=kinds)
    person.expect("token (not shown): ")
    assert not person.echoes()
    person.type("\x03")
    person.expect("continue with")
    assert person.echoes()
    assert person.end()[0] == 130


SECRET = """\
trellis: 1
name: secret
start: first
fields: {tok: {type: string, secret: true}, key: {type: string, secret: true}, n: {type: integer, default: 0}}
tools: {measure: {python: 'secret:measure'}}
nodes:
  first: {ask: {secret: tok}, to: second}
  second: {ask: {secret: key}, to: count}
  count: {ask: {int: n}, to: use}
  use: {do: measure, with: {tok: '{{ tok }}', key: '{{ key }}'}, save: n, to: done}
  done: {end: {status: ok, result: n}}
"""


def test_a_secret_that_no_store_keeps_is_asked_for_again_unseen(project: Path) -> None:
    (project / "secret.yaml").write_text(SECRET)
    (project / "secret.py").write_text("def measure(tok, key):\n    return len(tok) * 100 + len(key)\n")
    trellis("run", "secret.yaml", "--id", "r", cwd=project, typed="abc\nabcde\n")
    person = Console("resume", "r", cwd=project, NO_COLOR="1")
    assert person.expect("(no store keeps it): ") == "secret 'key' again (no store keeps it): "
    assert not person.echoes()
    person.type("\n")
    assert person.expect("(no store keeps it): ") == (
        "\n✗ a secret is a text that is not empty\nsecret 'key' again (no store keeps it): "
    )
    person.type("sesam\n")
    assert person.expect("(no store keeps it): ") == "\nsecret 'tok' again (no store keeps it): "
    person.type("abc\n")
    person.expect("n: ")
    person.type("1\n")
    assert person.end() == (0, "1\n✓ use  measure  n=305\ncompleted: 305\n")
    assert "sesam" not in person.screen


def test_ctrl_c_at_a_secret_that_is_asked_for_again_says_how_to_go_on(project: Path) -> None:
    (project / "secret.yaml").write_text(SECRET)
    (project / "secret.py").write_text("def measure(tok, key):\n    return 1\n")
    trellis("run", "secret.yaml", "--id", "r", cwd=project, typed="abc\n")
    person = Console("resume", "r", cwd=project)
    person.expect("(no store keeps it): ")
    person.type("\x03")
    assert person.end() == (130, "\ninterrupted\nrun r stays open; continue with: trellis resume r\n")
    assert not list((project / ".trellis").glob("*owner*"))


def test_a_line_can_be_edited_before_it_is_sent(kinds: Path) -> None:
    pytest.importorskip("readline")
    (kinds / "typed.yaml").write_text("- a\n")
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds, LC_ALL="C")
    person.expect("name [friend]: ")
    person.type("nX\x1b[D\x1b[DA\x1b[C\x1b[3~é\n")
    person.expect("env: ")
    person.type("\x03")
    assert person.end()[0] == 130
    assert trellis("resume", "r", cwd=kinds, typed="prod\n1\n2\ny\nx\n").out.endswith("Ané prod 1 2 true\ncompleted\n")


def test_the_terminal_is_as_it_was_after_a_line_that_was_not_sent(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", cwd=kinds)
    person.expect("name [friend]: ")
    person.type("An\x03")
    person.expect("continue with")
    assert person.echoes()
    assert person.end()[0] == 130


def test_a_secret_is_not_typed_into_a_line_that_shows_it(project: Path) -> None:
    """The line of a question that ended by itself is still being edited when the secret is asked for."""
    pytest.importorskip("readline")
    (project / "late.yaml").write_text(
        "trellis: 1\nname: late\nstart: ask\n"
        "fields: {go: {type: boolean, optional: true}, token: {type: string, secret: true}}\nnodes:\n"
        "  ask: {ask: {confirm: go}, timeout: 100ms, catch: {timeout: tell}, to: $end}\n"
        "  tell: {ask: {secret: token}, to: $end}\n"
    )
    person = Console("run", "late.yaml", cwd=project)
    person.expect("press Enter first: ")
    person.type("\n")
    person.expect("token (not shown): ")
    assert not person.echoes()
    person.type("sesame\n")
    assert person.end()[0] == 0
    assert "sesame" not in person.screen


INTERRUPTED = """\
trellis: 1
name: polite
start: ask
fields: {go: {type: boolean, optional: true}}
nodes:
  ask: {ask: {confirm: go}, upon: {interrupt: last}, to: $end}
  last: {say: Leave?, ask: {confirm: go}, to: bye}
  bye: {say: Bye., end: cancelled}
"""


def test_ctrl_c_is_a_signal_where_the_graph_takes_it(project: Path) -> None:
    (project / "polite.yaml").write_text(INTERRUPTED)
    person = Console("run", "polite.yaml", cwd=project, NO_COLOR="1")
    person.expect("go [y/n]: ")
    person.type("\x03")
    assert person.expect("Leave?\ngo [y/n]: ").endswith("! interrupt\nLeave?\ngo [y/n]: ")
    person.type("y\n")
    assert person.end() == (6, "y\nBye.\ncancelled\n")


def test_a_second_ctrl_c_stops_in_any_case(project: Path) -> None:
    (project / "polite.yaml").write_text(INTERRUPTED.replace("last: {", "last: {upon: {interrupt: last}, "))
    person = Console("run", "polite.yaml", "--id", "r", cwd=project)
    person.expect("go [y/n]: ")
    person.type("\x03")
    person.expect("Leave?\ngo [y/n]: ")
    person.type("\x03")
    assert person.end() == (130, "\ninterrupted\nrun r stays open; continue with: trellis resume r\n")


def test_a_process_that_was_stopped_and_goes_on_shows_its_prompt_again(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds)
    person.expect("name [friend]: ")
    person.send(signal.SIGSTOP)
    threading.Event().wait(0.3)
    person.send(signal.SIGCONT)
    person.expect("name [friend]: ")
    person.type("\x04")
    code, rest = person.end()
    assert (code, rest.split(";")[0]) == (7, "\ninput needed: who asks for name (default friend)")


def test_a_secret_is_not_shown_either_where_a_shell_had_the_terminal_meanwhile(kinds: Path) -> None:
    (kinds / "secret.yaml").write_text(
        "trellis: 1\nname: s\nstart: a\nfields: {key: {type: string, secret: true, optional: true}}\n"
        "nodes: {a: {ask: {secret: key}, to: $end}}\n"
    )
    person = Console("run", "secret.yaml", "--id", "r", cwd=kinds)
    person.expect("key (not shown): ")
    person.send(signal.SIGSTOP)
    person.show_what_is_typed()
    assert person.echoes()
    person.send(signal.SIGCONT)
    person.expect("key (not shown): ")
    assert not person.echoes()
    person.type("hunter2\n")
    assert person.end()[0] == 0
    assert "hunter2" not in person.screen


def test_questions_for_one_field_say_who_asks(kinds: Path) -> None:
    (kinds / "twins.yaml").write_text(
        "trellis: 1\nname: t\nstart: fan\nfields: {go: {type: boolean, optional: true, merge: last}}\n"
        "nodes: {fan: {all: {one: {ask: {confirm: go}}, two: {ask: {confirm: go}}}, to: $end}}\n"
    )
    person = Console("run", "twins.yaml", "--id", "r", cwd=kinds)
    person.expect("fan.one  go [y/n]: ")
    person.type("y\n")
    assert "fan.two  go" not in person.expect("go [y/n]: ")
    person.type("n\n")
    assert person.end()[0] == 0


def test_being_terminated_is_stopping(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds)
    person.expect("name [friend]: ")
    person.send(signal.SIGTERM)
    assert person.end() == (130, "\ninterrupted\nrun r stays open; continue with: trellis resume r\n")


def test_closing_the_terminal_is_stopping(kinds: Path) -> None:
    person = Console("run", "kinds.yaml", "--id", "r", cwd=kinds)
    person.expect("name [friend]: ")
    assert person.close() == 130
    assert [path.name for path in (kinds / ".trellis").glob("*owner*")] == []
    assert trellis("resume", "r", cwd=kinds).code == 7


def test_a_question_that_ends_by_itself_takes_its_prompt_away(project: Path) -> None:
    (project / "brief.yaml").write_text(
        "trellis: 1\nname: brief\nstart: ask\nfields: {go: {type: boolean, optional: true}}\nnodes:\n"
        "  ask: {ask: {confirm: go}, timeout: 300ms, catch: {timeout: again}, to: $end}\n"
        "  again: {say: Once more., ask: {confirm: go}, to: $end}\n"
    )
    person = Console("run", "brief.yaml", cwd=project, NO_COLOR="1")
    person.expect("go [y/n]: ")
    assert person.expect("Once more.\ngo [y/n]: ").splitlines()[0] == ""
    person.type("y\n")
    assert person.end() == (0, "y\ncompleted\n")
    assert person.screen.count("ask timed out") == 1


def test_words_of_a_branch_go_above_the_prompt_of_another(project: Path) -> None:
    (project / "beside.yaml").write_text(
        "trellis: 1\nname: beside\nstart: both\nfields: {go: {type: boolean, optional: true}}\n"
        "tools: {slow: {python: 'beside:slow'}}\nnodes:\n"
        "  both: {all: {person: {ask: {confirm: go}}, work: {do: slow}}, to: $end}\n"
    )
    (project / "beside.py").write_text("import threading\ndef slow():\n    threading.Event().wait(0.6)\n    return 1\n")
    person = Console("run", "beside.yaml", cwd=project, NO_COLOR="1")
    person.expect("✓ both.work\n")
    assert person.expect("go [y/n]: ") == "go [y/n]: "
    person.type("y\n")
    code, rest = person.end()
    assert (code, [line.split("  ")[0] for line in rest.splitlines()]) == (
        0,
        ["y", "✓ both", "├ ✓ person", "└ ✓ work", "completed"],
    )


def test_what_a_tool_prints_at_a_prompt_goes_above_it(project: Path) -> None:
    (project / "beside.yaml").write_text(
        "trellis: 1\nname: beside\nstart: both\nfields: {go: {type: boolean, optional: true}}\n"
        "tools: {loud: {python: 'slow:loud'}}\nnodes:\n"
        "  both: {all: {person: {ask: {confirm: go}}, work: {do: loud}}, to: $end}\n"
    )
    (project / "slow.py").write_text(TOOLS)
    person = Console("run", "beside.yaml", cwd=project, NO_COLOR="1")
    person.expect("go [y/n]: ")
    (project / "said").touch()
    assert person.expect("✓ both.work\ngo [y/n]: ").startswith("\nprinted\n")
    person.type("y\n")
    assert person.end()[0] == 0


def test_prompts_of_a_json_run_do_not_stand_among_its_lines(kinds: Path) -> None:
    read, write = os.pipe()
    person = Console("run", "kinds.yaml", "--output", "json", cwd=kinds, stdout=write)
    os.close(write)
    for prompted, typed in (("name [friend]: ", "Ana"), ("env: ", "1"), ("n [1]: ", ""), ("rate: ", "2")):
        person.expect(prompted)
        person.type(f"{typed}\n")
    person.expect("go [y/n]: ")
    person.type("y\n")
    person.expect("token (not shown): ")
    person.type("sesame\n")
    assert person.end()[0] == 0
    with os.fdopen(read) as lines:
        last = [json.loads(line) for line in lines][-1]
    assert (last["type"], last["fields"]["name"], last["fields"]["token"]) == ("run.finished", "Ana", "***")


def test_colors_are_left_out_where_nobody_wants_them(kinds: Path) -> None:
    colored, plain = Console("run", "saga.yaml", cwd=kinds), Console("run", "saga.yaml", cwd=kinds, NO_COLOR="1")
    assert "\x1b[32mcompleted\x1b[0m" in colored.end()[1]
    assert "\x1b" not in plain.end()[1]
    assert "\x1b" not in trellis("run", "saga.yaml", cwd=kinds).out
    assert "\x1b[32mcompleted\x1b[0m" in trellis("run", "saga.yaml", cwd=kinds, FORCE_COLOR="1").out
    assert "\x1b" not in trellis("run", "saga.yaml", cwd=kinds, FORCE_COLOR="1", NO_COLOR="1").out


@pytest.mark.parametrize(("output", "term"), [("auto", "dumb"), ("text", "xterm")])
def test_a_terminal_that_cannot_move_its_cursor_gets_a_line_for_everything(kinds: Path, output: str, term: str) -> None:
    assert Console("run", "saga.yaml", "--output", output, cwd=kinds, NO_COLOR="1", TERM=term).end() == (
        0,
        "→ build  make  attempt 1\n✓ build\n→ push  make  attempt 1\n✓ push\n→ check  check  attempt 1\n✓ check\ncompleted\n",
    )


def test_an_output_without_these_marks_gets_others(project: Path) -> None:
    done = trellis("run", "saga.yaml", cwd=project, PYTHONIOENCODING="ascii")
    assert done.out.startswith("-> build  make  attempt 1\nok build\n")
    (project / "hello.yaml").write_text((project / "hello.yaml").read_text().replace("Hello", "Olá"))
    done = trellis("run", "hello.yaml", cwd=project, typed="prod\n\n", PYTHONIOENCODING="ascii")
    assert (done.code, done.out.splitlines()[0]) == (0, "Ol? friend!")


def question(**facts: Any) -> dict[str, Any]:
    return {"type": "ask", "node": "a", "field": "f", "kind": "choice", "options": ["x", 3, "2"], **facts}


@pytest.mark.parametrize(
    ("typed", "answer"),
    [("1", "x"), (" 1 ", "x"), ("3", "3"), ("2", "2"), ("4", "4"), ("0", "0"), ("X", "X"), ("", ""), ("٣", "٣")],
)
def test_a_number_is_an_option_unless_it_is_one_as_it_stands(typed: str, answer: str) -> None:
    assert chosen(question(), typed) == answer


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (question(kind="secret", options=(), again=True, reason=""), ("", "secret 'f' again (no store keeps it): ")),
        (question(), ("  1) x\n  2) 3\n  3) 2\n", "f: ")),
        (question(default="x", reason="no"), ("✗ no\n  1) x\n  2) 3\n  3) 2\n", "f [x]: ")),
        (question(kind="confirm", options=(), default=True), ("", "f [Y/n]: ")),
        (question(kind="confirm", options=(), default=False), ("", "f [y/N]: ")),
        (question(kind="secret", options=()), ("", "f (not shown): ")),
        (
            question(kind="tool", options=(), text="Pay Ana?\nallow it? [y/N]: y"),
            ("Pay Ana?\n  allow it? [y/N]: y\n", "allow it? [y/N]: "),
        ),
        (question(kind="text", options=(), default="\x1b[2J"), ("", "f [\ufffd[2J]: ")),
    ],
)
def test_a_prompt_shows_what_may_be_typed(asked: dict[str, Any], shown: tuple[str, str]) -> None:
    assert prompt(asked, Words()) == shown


SLOW = """\
trellis: 1
name: slow
start: both
fields: {out: {type: any, optional: true}, go: {type: boolean, optional: true}}
tools: {work: {python: 'slow:work'}, loud: {python: 'slow:loud'}}
nodes:
  both: {say: Off we go., all: {deep: {do: work}, "quiet": {do: loud}}, save: out, to: sure}
  sure: {ask: {confirm: go}, to: $end}
"""
TOOLS = """\
from pathlib import Path
import threading

def until(name):
    while not Path(name).exists():
        threading.Event().wait(0.01)

def work():
    until("go on")
    return "\\x1b[2J日本"

def loud():
    until("said")
    print("printed")
    return 1
"""


def test_the_tree_stands_below_what_is_said_and_goes_on_until_its_node_is_done(project: Path) -> None:
    (project / "slow.yaml").write_text(SLOW)
    (project / "slow.py").write_text(TOOLS)
    person = Console("run", "slow.yaml", cwd=project, NO_COLOR="1")
    person.expect("deep  work  ")
    (project / "said").touch()
    person.expect("✓ quiet")
    person.expect("\x1b[?7h")
    shown = [re.sub(r"[\d.]+s$", "…s", row) for row in Window().write(person.screen).rows]
    assert shown == [
        "Off we go.",
        "printed",
        "→ both  1 of 2 done  …s",
        "├ → deep  work  …s",
        "└ ✓ quiet  loud",
        "",
    ]
    (project / "go on").touch()
    person.expect("go [y/n]: ")
    person.type("y\n")
    code, _ = person.end()
    rows = [re.sub(r"  [\d.]+s", "", row) for row in Window().write(person.screen).rows]
    assert (code, rows) == (
        0,
        [
            "Off we go.",
            "printed",
            '✓ both  2 of 2 done  out={"deep":"\\u001b[2J日本","quiet":1}',
            "├ ✓ deep  work",
            "└ ✓ quiet  loud",
            "go [y/n]: y",
            "completed",
            "",
        ],
    )
