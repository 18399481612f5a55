"""Nothing that somebody else wrote steers the terminal it is shown on, whichever command shows it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from trellis.cli.output import Terminal, harmless, on_terminal, painted, put_data

if sys.platform == "win32":
    pytest.skip("no pseudo-terminals here", allow_module_level=True)

from tests.cli.console import Console, trellis

BAD = "x\x1b[31my\x07\x9bz"
STEERS = ("\x1b", "\x07", "\x9b", "\r\r")
CHOICE = {
    "trellis": 1, "name": "steer", "start": "b",
    "fields": {"y": {"type": "string", "enum": ["o1", f"o{BAD}2"]}},
    "nodes": {"b": {"say": f"say {BAD}", "ask": {"choice": "y"}, "to": "$end"}},
}  # fmt: skip


@pytest.fixture
def steered(project: Path) -> Path:
    (project / "steer.yaml").write_text(json.dumps(CHOICE), "utf-8")
    assert trellis("run", "steer.yaml", "--id", "s-1", cwd=project).code == 7
    return project


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["runs", "show", BAD], "unknown run 'x\ufffd[31my\ufffd\ufffdz'"),
        (["answer", "s-1", BAD, "y"], "node 'x\ufffd[31my\ufffd\ufffdz' does not ask; asking now: b"),
        (["signal", "s-1", BAD], "no signal named 'x\ufffd[31my\ufffd\ufffdz'; known: interrupt"),
        (["runs", "ls", "--where", f"{BAD} =="], "\ufffd[31my"),
        (["runs", "ls", "--status", BAD], "no run has the status 'x\ufffd[31my\ufffd\ufffdz'"),
        (["runs", "ls", "--limit", BAD], r"'x\x1b[31my\x07\x9bz' is not a valid integer range"),
        (["runs", "ls", "--store", f"sqlite:///{BAD}"], "sqlite:///x\ufffd[31my"),
        (["runs", "ls", f"--{BAD}"], r"no such option '--x\x1b[31my"),
        (["run", f"{BAD}.yaml"], "x\ufffd[31my\ufffd\ufffdz.yaml:1:1: E100"),
        ([f"{BAD}.yaml"], "no command 'x\ufffd[31my\ufffd\ufffdz.yaml'"),
        (["runs", "replay", "s-1"], "? b  y (o1, ox\ufffd[31my\ufffd\ufffdz2)"),
        (["runs", "replay", "s-1"], "say x\ufffd[31my\ufffd\ufffdz\n"),
        (["runs", "replay", "s-1", "--json"], "o1"),
        (["runs", "show", "s-1"], "asks for y (o1, ox\ufffd[31my\ufffd\ufffdz2)"),
        (["answer", "s-1", "b", "q"], "y (o1, ox\ufffd[31my\ufffd\ufffdz2)"),
        (["graph", "steer.yaml"], "say x"),
        (["runs", "export", "s-1"], "trellis_export"),
        (["validate", f"{BAD}.yaml"], "x\ufffd[31my\ufffd\ufffdz.yaml:1:1: E100"),
    ],
)
def test_a_command_shows_control_characters_and_obeys_none(steered: Path, words: list[str], shown: str) -> None:
    person = Console(*words, cwd=steered, NO_COLOR="1")
    person.end()
    assert shown in person.screen
    assert [steers for steers in STEERS if steers in person.screen] == []


@pytest.mark.parametrize("output", ["text", "json"])
def test_what_a_run_says_and_asks_steers_nothing(steered: Path, output: str) -> None:
    person = Console("resume", "s-1", "--output", output, cwd=steered, NO_COLOR="1", TERM="dumb")
    person.expect("2) ox\ufffd[31my\ufffd\ufffdz2\n")
    person.type("2\n")
    assert person.end()[0] == 0
    assert [steers for steers in STEERS if steers in person.screen] == []


def test_a_traceback_steers_nothing(project: Path) -> None:
    (project / "sitecustomize.py").write_text(
        "import sys\nfrom trellis.cli import places\n"
        "def fail(store, root):\n    raise ZeroDivisionError('\\x1b[2J')\n"
        "places.there = fail\n"
    )
    person = Console("runs", "ls", cwd=project, PYTHONPATH=f"{project}:{Path(__file__).parents[2]}")
    assert person.end()[0] == 1
    assert "ZeroDivisionError: \ufffd[2J" in person.screen
    assert "\x1b" not in person.screen


def test_our_own_colors_are_shown_and_no_others() -> None:
    written = io.BytesIO()
    terminal = Terminal(written, "utf-8")
    assert terminal.write(f"{painted('ok', 'green')} \x1b[31mred\t\n") > 0
    terminal.flush()
    assert written.getvalue().decode() == "\x1b[32mok\x1b[0m \ufffd[31mred\t\n"


def test_bytes_for_programs_are_left_as_they_are(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert on_terminal(sys.stdout) is sys.stdout
    put_data(b"\x1b[2J\xff\n")
    assert capfdbinary.readouterr().out == b"\x1b[2J\xff\n"


def test_no_text_is_shown_in_another_order_than_it_is_written() -> None:
    assert harmless("rm \u202egpj.\u202c \u2066x\u2069 a\u2028b") == "rm \ufffdgpj.\ufffd \ufffdx\ufffd a\ufffdb"
    assert harmless("שלום") == "שלום"
