"""`trellis init`: what it makes is valid, runs, and passes its own test; what was there stays as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.console import ROOT, trellis
from trellis.cli.init import TEMPLATES, command
from trellis.project import validate

OWN = {
    "chat": ["graph.yaml", "states.yaml", "test_graph.py", "tools.py"],
    "saga": ["graph.yaml", "states.yaml", "test_graph.py", "tools.py"],
    "machine": ["door.py", "graph.yaml", "states.yaml", "test_graph.py", "tools.py"],
    "agent": ["graph.yaml", "states.yaml", "test_graph.py", "tools.py"],
    "embed": ["actions.py", "app.py", "graph.yaml", "states.yaml", "test_graph.py"],
}
AROUND = [".vscode/settings.json", "trellis.toml"]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_is_valid_and_passes_its_test(template: str, tmp_path: Path) -> None:
    done = trellis("init", "hi", "--template", template, cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.out.split() == [f"hi/{name}" for name in [*OWN[template], *AROUND]]
    assert validate([tmp_path / "hi/graph.yaml", tmp_path / "hi/states.yaml"]) == []
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "hi",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize(
    ("template", "options", "typed", "code", "said"),
    [
        ("chat", [], "Ana\nWhere are my invoices?\nyes\n", 0, "Invoices: they are under 'account'"),
        ("saga", [], "", 0, 'completed: "paid 400 for Lisbon"'),
        ("saga", ["--set", "amount=9000"], "", 8, "rolled back: undid book."),
        ("machine", [], "no\nyes\n", 0, "The door is locked and the alarm is on."),
        ("agent", [], "no\n", 0, 'completed: "42"'),
    ],
)
def test_a_template_runs_as_its_first_lines_say(
    template: str, options: list[str], typed: str, code: int, said: str, tmp_path: Path
) -> None:
    trellis("init", ".", "--template", template, cwd=tmp_path)
    done = trellis("run", "graph.yaml", *options, cwd=tmp_path, typed=typed)
    assert done.code == code, done.err
    assert said in done.out


@pytest.mark.parametrize(("template", "program"), [("machine", "door.py"), ("embed", "app.py")])
def test_the_program_of_a_template_ends_well(template: str, program: str, tmp_path: Path) -> None:
    trellis("init", ".", "--template", template, cwd=tmp_path)
    done = subprocess.run(
        [sys.executable, program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in {"come in", "completed tea-for-ana"}


def test_where_one_of_its_files_is_there_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("mine")
    (tmp_path / "states.yaml").symlink_to("nowhere")
    done = trellis("init", cwd=tmp_path)
    assert done == (
        2,
        "",
        "error: states.yaml, tools.py are there already; nothing was written: name another folder\n",
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["states.yaml", "tools.py"]


def test_a_folder_without_a_name_is_refused(tmp_path: Path) -> None:
    assert trellis("init", "", cwd=tmp_path) == (2, "", "error: '' is no name for a folder; here is .\n")


def test_inside_a_project_its_root_and_its_schema_are_used(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    done = trellis("init", "flows/first one", "--template", "saga", cwd=tmp_path)
    assert done.err == (
        "\ntry:\n  cd 'flows/first one'\n  trellis validate graph.yaml\n  trellis run graph.yaml\n  python -m pytest\n"
    )
    made = tmp_path / "flows/first one"
    assert sorted(path.name for path in made.iterdir()) == OWN["saga"]
    offered = json.loads((tmp_path / ".trellis/schema.json").read_text())
    assert "flight.cancel" in json.dumps(offered)  # the tools of the project are completed
    text = (made / "graph.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=../../.trellis/schema.json\n")
    assert "\nname: saga\n" in text  # the folder's is none


def test_a_graph_is_named_as_its_folder_where_that_is_a_name(tmp_path: Path) -> None:
    trellis("init", "my-trip", "--template", "saga", cwd=tmp_path)
    assert "\nname: my-trip\n" in (tmp_path / "my-trip/graph.yaml").read_text()


def test_a_folder_that_yaml_takes_for_a_value_gives_no_name(tmp_path: Path) -> None:
    for folder in ("null", "True"):
        trellis("init", folder, "--template", "saga", cwd=tmp_path)
        assert "\nname: saga\n" in (tmp_path / folder / "graph.yaml").read_text()


def test_what_cannot_be_written_whole_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = Path.open

    def full(path: Path, *arguments: object, **options: object) -> object:
        if path.name == "tools.py":
            raise OSError(28, "No space left on device", str(path))
        return written(path, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        command.callback("new/hi", "chat")  # type: ignore[misc]
    assert list(tmp_path.iterdir()) == []


def test_the_help_has_each_template_with_what_it_shows() -> None:
    for template, what in TEMPLATES.items():
        assert f"{template:<9}{what[0].lower()}{what[1:-1]}" in (command.help or "")


def test_the_picture_of_the_readme_is_that_of_the_template(tmp_path: Path) -> None:
    trellis("init", "saga", "--template", "saga", cwd=tmp_path)
    drawn = trellis("graph", "saga/graph.yaml", "-f", "svg", cwd=tmp_path).out
    file = ROOT / "docs/pictures/saga.svg"
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        file.write_text(drawn, "utf-8")
    assert file.read_text("utf-8") == drawn
