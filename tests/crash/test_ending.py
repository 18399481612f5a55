"""kill -9 when a child run has ended and the run above does not know: it learns, and nothing is done twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

ABOVE = """
trellis: 1
name: above
start: use
fields: {got: {type: integer, optional: true}}
nodes: {use: {use: ./below.yaml, save: got, to: $end}}
"""
BELOW = """
trellis: 1
name: below
start: note
nodes:
  note: {do: note, to: done}
  done: {end: {status: ok, result: 7}}
"""


def host(folder: Path, *more: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.ending", str(folder), *more],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_end_of_a_child_reaches_the_run_above_whoever_dies_in_between(tmp_path: Path) -> None:
    (tmp_path / "above.yaml").write_text(ABOVE)
    (tmp_path / "below.yaml").write_text(BELOW)
    assert host(tmp_path, "die") == (-signal.SIGKILL, "")
    assert host(tmp_path, "die") == (-signal.SIGKILL, "")
    assert host(tmp_path) == (0, "completed {'got': 7}\n")
    assert (tmp_path / "ledger").read_text() == "r/use/1/note/1\n"
