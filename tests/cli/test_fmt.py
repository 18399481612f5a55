"""`trellis fmt`: what it writes, what it only shows, and what it leaves alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.console import Done

LOOSE = "nodes:\n    a: { say: Which?,to: b }   # asks\n"
DIFF = """\
--- one.yaml
+++ one.yaml
@@ -1,2 +1,2 @@
 nodes:
-    a: { say: Which?,to: b }   # asks
+  a: {say: "Which?", to: b}  # asks
"""
NEAT = 'nodes:\n  a: {say: "Which?", to: b}  # asks\n'


@pytest.fixture
def one(project: Path) -> Path:
    path = project / "one.yaml"
    path.write_text(LOOSE)
    return path


def test_a_document_is_laid_out_in_its_file(here: Here, one: Path) -> None:
    assert here("fmt", "one.yaml") == Done(0, "one.yaml\n", "1 file formatted\n")
    assert one.read_text() == NEAT
    assert here("fmt", "one.yaml") == Done(0, "", "0 files formatted\n")


def test_check_names_what_would_change_and_writes_nothing(here: Here, one: Path) -> None:
    (one.parent / "two.yaml").write_text("a: 1\n")
    assert here("fmt", "--check", "two.yaml", "one.yaml") == Done(1, "one.yaml\n", "")
    assert here("fmt", "--check", "two.yaml") == Done(0, "", "")
    assert one.read_text() == LOOSE


def test_diff_shows_what_would_change_and_writes_nothing(here: Here, one: Path) -> None:
    assert here("fmt", "--diff", "one.yaml") == Done(0, DIFF, "")
    assert here("fmt", "--diff", "--check", "one.yaml") == Done(1, DIFF, "")
    assert one.read_text() == LOOSE


def test_a_last_line_without_its_end_is_shown_as_such(here: Here, one: Path) -> None:
    one.write_bytes(b"a: 1")
    assert here("fmt", "--diff", "one.yaml").out.endswith("-a: 1\n\\ No newline at end of file\n+a: 1\n")


def test_stdin_is_written_to_stdout(here: Here) -> None:
    assert here("fmt", "-", typed=LOOSE) == Done(0, NEAT, "")
    assert here("fmt", "-", "--check", typed=LOOSE) == Done(1, "stdin.yaml\n", "")
    assert here("fmt", "-", typed="a: [") == Done(
        3,
        "",
        "stdin.yaml:2:1: E101 the file ends inside an open bracket (close it)\nerror: 1 file cannot be formatted\n",
    )


def test_what_is_no_yaml_is_told_of_and_left_as_it_is_while_the_rest_is_laid_out(here: Here, one: Path) -> None:
    broken = one.parent / "broken.yaml"
    broken.write_bytes(b"a: {b: 1\n")
    done = here("fmt", "broken.yaml", "none.yaml", "one.yaml")
    assert (done.code, done.out) == (3, "one.yaml\n")
    assert done.err.splitlines()[0].startswith("broken.yaml:2:1: E101 ")
    assert done.err.splitlines()[1].startswith("none.yaml:1:1: E100 ")
    assert done.err.splitlines()[2:] == ["1 file formatted", "error: 2 files cannot be formatted"]
    assert broken.read_bytes() == b"a: {b: 1\n"
    assert one.read_text() == NEAT


def test_a_folder_stands_for_the_documents_in_it(here: Here, project: Path) -> None:
    folder = project / "flow"
    (folder / "below").mkdir(parents=True)
    for name in ("a.yaml", "b.yml", "c.md", ".d.yaml", "e.txt", "below/f.yaml"):
        (folder / name).write_text("---\nto:   x\n---\n" if name.endswith("md") else "to:   x\n")
    assert here("fmt", "flow").out.splitlines() == ["flow/a.yaml", "flow/b.yml", "flow/c.md"]
    assert (folder / "c.md").read_text() == "---\nto: x\n---\n"


def test_a_link_stays_a_link_and_a_mode_a_mode(here: Here, one: Path) -> None:
    os.chmod(one, 0o640)
    link = one.parent / "link.yaml"
    link.symlink_to("one.yaml")
    assert here("fmt", "link.yaml").code == 0
    assert link.is_symlink() and one.read_text() == NEAT
    assert stat.S_IMODE(one.stat().st_mode) == 0o640


def test_a_file_that_cannot_be_written_stays_whole(here: Here, one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert here("fmt", "one.yaml") == Done(1, "", "error: one.yaml: No space left on device\n")
    assert one.read_text() == LOOSE
    assert [path.name for path in one.parent.iterdir() if path.name.startswith(".one")] == []
