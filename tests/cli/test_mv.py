"""`trellis mv`: the files it writes, all of them or none, and what it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Here
from tests.cli.console import Done

CHILD = """\
trellis: 1
name: child
start: work
fields: {n: {type: integer, default: 0}}   # how many
nodes:
  work: {say: "{{ n }}", to: rest}
  rest: {say: done, to: $end}
"""
CALLER = """\
trellis: 1
name: caller
start: go
nodes:
  go: {use: ../child.yaml, with: {n: 2}, to: $end}
"""


@pytest.fixture
def two(project: Path) -> Path:
    (project / "pyproject.toml").write_text("")
    (project / "more").mkdir()
    (project / "child.yaml").write_text(CHILD)
    (project / "more/caller.yaml").write_text(CALLER)
    return project


def test_a_field_is_renamed_in_all_files_of_the_project(here: Here, two: Path) -> None:
    assert here("mv", "field:n", "count", "child.yaml") == Done(
        0,
        "child.yaml\nmore/caller.yaml\n",
        "field n is count now, in 3 places\n"
        "runs that are open know the old name; for them to adopt this version, add to child.yaml:\n"
        "  migrate: {fields: {n: count}}\n",
    )
    assert (two / "child.yaml").read_text() == CHILD.replace("{n:", "{count:").replace("{{ n }}", "{{ count }}")
    assert (two / "more/caller.yaml").read_text() == CALLER.replace("{n:", "{count:")
    assert here("validate", "child.yaml", "more/caller.yaml").code == 0


def test_dry_run_shows_what_would_change_and_writes_nothing(here: Here, two: Path) -> None:
    done = here("mv", "--dry-run", "rest", "last")
    assert done == Done(
        0,
        """\
--- child.yaml
+++ child.yaml
@@ -3,5 +3,5 @@
 start: work
 fields: {n: {type: integer, default: 0}}   # how many
 nodes:
-  work: {say: "{{ n }}", to: rest}
-  rest: {say: done, to: $end}
+  work: {say: "{{ n }}", to: last}
+  last: {say: done, to: $end}
""",
        "",
    )
    assert (two / "child.yaml").read_text() == CHILD


def test_from_a_folder_below_paths_are_those_that_one_would_type(
    here: Here, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(two / "more")
    assert here("mv", "field:n", "count").out == "../child.yaml\ncaller.yaml\n"


def test_what_is_refused_changes_nothing(here: Here, two: Path) -> None:
    assert here("mv", "rest", "work") == Done(2, "", "error: there is a node 'work' already\n")
    assert here("mv", "rest", "last", "none.yaml").err.startswith("error: none.yaml is no document of the project at ")
    assert (two / "child.yaml").read_text() == CHILD


def test_all_files_are_written_or_none(here: Here, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if target.name == "caller.yaml":
            raise OSError(28, "No space left on device", str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    assert here("mv", "field:n", "count").code == 1
    assert ((two / "child.yaml").read_text(), (two / "more/caller.yaml").read_text()) == (CHILD, CALLER)
    assert [path.name for path in two.rglob(".*") if path.is_file()] == []


def test_a_file_that_cannot_get_another_name_leaves_all_as_it_was(
    here: Here, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (two / "tour").mkdir()
    for name, to in (("start", "bye"), ("bye", "$end")):
        (two / f"tour/{name}.yaml").write_text(f"say: hi\nto: {to}\n")

    def fail(source: str, target: str) -> None:
        raise OSError(13, "Permission denied", source, None, target)

    monkeypatch.setattr(os, "rename", fail)
    assert here("mv", "bye", "last", "tour").err.endswith("Permission denied\n")
    assert (two / "tour/start.yaml").read_text() == "say: hi\nto: bye\n"


def test_the_file_of_a_node_in_a_folder_gets_its_name(here: Here, two: Path) -> None:
    tour = two / "tour"
    tour.mkdir()
    (tour / "start.md").write_text("---\nto: bye\n---\nHello\n")
    (tour / "bye.md").write_text("---\nto: $end\n---\nBye\n")
    assert here("mv", "--dry-run", "bye", "last", "tour").out.endswith("rename tour/bye.md to tour/last.md\n")
    assert here("mv", "bye", "last", "tour").code == 0
    assert sorted(path.name for path in tour.iterdir()) == ["last.md", "start.md"]
    assert here("run", "tour", "--store", "memory://").out == "Hello\nBye\ncompleted\n"


def test_what_open_runs_need_is_added_to_the_head_of_a_folder(here: Here, two: Path) -> None:
    (two / "graph.yaml").write_text(CHILD)  # a head that has all its nodes
    assert "add to graph.yaml:\n" in here("mv", "rest", "last", "graph.yaml").err
    (two / "tour").mkdir()
    (two / "tour/start.md").write_text("---\nto: bye\n---\nHello\n")
    (two / "tour/bye.md").write_text("---\nto: $end\n---\nBye\n")
    assert "add to tour:\n" in here("mv", "bye", "last", "tour").err
    (two / "tour/graph.yml").write_text("trellis: 1\n")
    assert "add to tour/graph.yml:\n" in here("mv", "last", "bye", "tour").err
