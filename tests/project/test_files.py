"""Where a project ends, and what of it is read."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from trellis.cli import main
from trellis.errors import Unreadable
from trellis.project import find_root
from trellis.project.files import read_file


def refusal(path: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        read_file(path)
    return str(caught.value).removeprefix(f"cannot read '{path}'")


@pytest.mark.parametrize("marker", ["pyproject.toml", "trellis.toml", ".git"])
def test_the_root_is_the_nearest_folder_with_a_marker(tmp_path: Path, marker: str) -> None:
    inner = tmp_path / "outer" / "inner"
    (inner / "graphs").mkdir(parents=True)
    (tmp_path / "outer" / "pyproject.toml").touch()
    (inner / marker).touch()
    assert find_root(inner / "graphs" / "g.yaml") == inner
    assert find_root(tmp_path / "outer" / "g.yaml") == tmp_path / "outer"


def test_without_a_marker_the_root_is_the_folder_of_the_file(tmp_path: Path) -> None:
    assert find_root(tmp_path / "a" / "g.yaml") == tmp_path / "a"


def test_a_relative_path_is_looked_up_from_where_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    assert find_root("g.yaml") == tmp_path


def test_an_absent_file_is_a_problem_at_its_first_line(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.yaml") == (": no such file or directory (check the path)")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ": it is a folder (name a file in it)"


def test_a_pipe_is_no_file_and_nobody_waits_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == (": it is no plain file (write the graph to a file first)")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "g.yaml"
    path.touch()
    path.chmod(stat.S_IWUSR)
    assert refusal(path) == ": permission denied"


def test_a_path_that_no_file_can_have_is_a_problem() -> None:
    with pytest.raises(Unreadable, match=r"^cannot read 'g\0\.yaml': embedded null byte \(check the path\)$"):
        read_file("g\0.yaml")


def test_a_path_that_is_no_utf8_is_a_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names are kept, shown and sent, and no store and no JSON takes them."""
    odd = tmp_path / os.fsdecode(b"caf\xe9.yaml")
    (tmp_path / "start.yaml").write_text("say: hi\nto: $end\n")
    odd.write_text("say: hi\nto: $end\n")
    assert main(["run", str(odd)]) == 3
    assert f"{tmp_path / 'caf'}\\udce9.yaml:1:1: E100 cannot read this file" in capsys.readouterr().err
    assert main(["validate", "--format", "json", str(odd), str(tmp_path)]) == 3
    assert [(found["path"], found["message"]) for found in json.loads(capsys.readouterr().out)] == [
        (str(tmp_path), "cannot read this folder: the name 'caf\\udce9.yaml' in it is no UTF-8"),
        (f"{tmp_path}/caf\\udce9.yaml", "cannot read this file: its path is no UTF-8"),
    ]


def test_links_that_lead_round_in_a_circle_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert refusal(tmp_path / "a.yaml").startswith(": ")


def test_no_link_leads_out_of_the_project(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()
    (project / "trellis.toml").touch()
    (outside / "g.yaml").write_text("trellis: 1")
    (project / "g.yaml").symlink_to(outside / "g.yaml")
    (project / "sub").symlink_to(outside)
    told = f": it leads outside the project's root {project} (no path leaves the project)"
    assert refusal(project / "g.yaml") == told
    assert refusal(project / "sub" / "g.yaml") == told


def test_links_inside_the_project_and_to_the_project_are_followed(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "trellis.toml").touch()
    (project / "real.yaml").write_text("trellis: 1")
    (project / "g.yaml").symlink_to(project / "real.yaml")
    (tmp_path / "link").symlink_to(project)
    assert read_file(project / "g.yaml") == read_file(tmp_path / "link" / "g.yaml") == b"trellis: 1"


def test_a_file_that_is_not_there_may_be_one_beside_it(tmp_path: Path) -> None:
    for name in ("trellis.toml", "review.yaml", "notes.txt", "tour.md", "in/other.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    hints = {}
    for name in (
        "rewiev.yaml",
        "tuor.yaml",
        "nothing.yaml",
        "note.yaml",
        "in/othr.yaml",
        "no/review.yaml",
        "review.yml",
    ):
        with pytest.raises(Unreadable) as caught:
            read_file(tmp_path / name)
        hints[name] = caught.value.hint
    assert hints == {
        "rewiev.yaml": "did you mean 'review.yaml'?",
        "tuor.yaml": "did you mean 'tour.md'?",
        "nothing.yaml": "check the path",
        "note.yaml": "check the path",
        "in/othr.yaml": "did you mean 'other.yaml'?",
        "no/review.yaml": "check the path",
        "review.yml": "did you mean 'review.yaml'?",
    }


def test_nothing_outside_the_project_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/review.yaml").touch()
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link").symlink_to(tmp_path / "outside")
    with pytest.raises(Unreadable) as caught:
        read_file(tmp_path / "in/link/rewiev.yaml", tmp_path / "in")
    assert "review" not in caught.value.hint
