"""Declared states on the command line: their lines, and a run that waits for what nobody here can bring."""

from __future__ import annotations

from pathlib import Path

from tests.cli.console import trellis
from tests.cli.test_run import lines_of, without

WAITING = """
trellis: 1
name: waiting
start: a
states: {Up: {}, Warm: {auto: true, require: [Up]}, Ready: {}}
nodes:
  a: {set: {add: [Up]}, to: b}
  b: {wait: {states: [Warm, Ready]}, WAYS, to: $end}
  c: {set: {add: [Ready]}, to: $end}
"""


def test_a_run_that_can_only_be_moved_by_a_signal_ends_the_command_and_stays_open(project: Path) -> None:
    (project / "w.yaml").write_text(WAITING.replace("WAYS", "upon: {interrupt: c}"))
    done = trellis("run", "w.yaml", "--id", "r", cwd=project)
    assert done.code == 7
    assert done.err.splitlines()[0] == "input needed: run 'r' waits at 'b' for Ready: only a signal can move it on"
    again = trellis("resume", "r", cwd=project)
    assert (again.code, again.err) == (7, done.err)


def test_a_run_that_nothing_can_move_on_says_so(project: Path) -> None:
    (project / "w.yaml").write_text(WAITING.replace("WAYS, ", "").replace("  c: {set: {add: [Ready]}, to: $end}\n", ""))
    done = trellis("run", "w.yaml", "--id", "r", cwd=project)
    assert done.code == 7
    told = "input needed: run 'r' waits at 'b' for Ready: nothing in the graph can bring that now"
    assert done.err.splitlines()[0] == told


def test_changes_of_states_are_lines_and_the_last_line_has_what_stays(project: Path) -> None:
    (project / "w.yaml").write_text(WAITING.replace("WAYS", "timeout: 1ms, catch: {timeout: c}"))
    done = trellis("run", "w.yaml", "--output", "json", cwd=project)
    lines = lines_of(done)
    assert [without(line) for line in lines if line["type"] == "states.changed"] == [
        {"type": "states.changed", "node": "a", "added": ["Up"], "removed": [], "states": ["Up"]},
        {"type": "states.changed", "added": ["Warm"], "removed": [], "states": ["Up", "Warm"]},
        {"type": "states.changed", "node": "c", "added": ["Ready"], "removed": [], "states": ["Ready", "Up", "Warm"]},
    ]
    assert (lines[-1]["status"], lines[-1]["states"], done.code) == ("completed", ["Ready", "Up", "Warm"], 0)
