"""What a folder stands for: the graph that its files are nodes of, or else each document in it and below."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from trellis.cli import main
from trellis.project.below import documents_below

GRAPH = "trellis: 1\nstart: a\nnodes: {a: {say: hi, to: $end}}\n"
FILES = {
    "pyproject.toml": "",
    "b.yaml": GRAPH,
    "a.yaml": "trellis: 1\nstart: a\nnodes: {a: {say: hi, to: nowhere}}\n",
    "deep/er/c.yaml": GRAPH,
    "deep/states.yaml": "trellis: 1\nname: s\nstates: {A: {}}\n",
    "deep/tools.yaml": "trellis: 1\ntools: {t: {python: 'm:t'}}\n",
    "deep/c.test.yaml": "trellis: 1\n",
    "notes/other.yml": "- just a list, with trellis in it\n",
    "notes/broken.yaml": "trellis: [1\n",
    "deep/page.md": "trellis: nothing\n",
    "tour/graph.yaml": "trellis: 1\nstart: one\n",
    "tour/one.yaml": "say: hi\nto: $end\n",
    ".hidden/d.yaml": GRAPH,
    "flow/start.yaml": "{say: hi, to: $end}\n",
    "flow/other.yaml": GRAPH,
    "headless/start.yaml": "say: hi\nto: $end\n",
    "first/hello.yaml": GRAPH,
    "first/answers.yaml": "- Ana\n",
    "single/hello.md": "---\nto: $end\n---\nhi\n",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "documents"),
    [
        (
            ".",
            [
                "a.yaml",
                "b.yaml",
                "deep/er/c.yaml",
                "deep/states.yaml",
                "first/hello.yaml",
                "flow/other.yaml",
                "notes/broken.yaml",
                "tour",
            ],
        ),
        ("deep/", ["deep/er/c.yaml", "deep/states.yaml"]),
        ("tour", ["tour"]),
        ("headless", ["headless"]),
        ("flow", ["flow"]),
        ("first", ["first/hello.yaml"]),
        ("single", ["single"]),
        ("a.yaml", ["a.yaml"]),
        ("none", ["none"]),
    ],
)
def test_a_folder_stands_for_its_graph_or_for_the_documents_below_it(
    project: Path, given: str, documents: list[str]
) -> None:
    assert documents_below(given) == documents


def test_a_folder_is_checked_as_its_documents_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "."]) == 3
    captured = capsys.readouterr()
    assert [line.split(" ")[:2] for line in captured.out.splitlines()] == [
        ["a.yaml:3:26:", "E204"],
        ["notes/broken.yaml:2:1:", "E101"],
    ]
    assert captured.err == "2 errors in 8 files\n"
    assert main(["validate", "deep", "tour", "headless"]) == 0


def test_a_link_that_leads_to_itself_hides_nothing_beside_it(project: Path) -> None:
    before = documents_below(".")
    (project / "round.yaml").symlink_to("round.yaml")
    (project / "deep" / "round").symlink_to("round")
    assert documents_below(".") == before


def test_a_file_of_blank_lines_is_looked_at_once(project: Path) -> None:
    (project / "start.yaml").write_text("\n" * 200_000 + "x: trellis\n")
    began = time.monotonic()
    assert documents_below(".") == ["."]
    assert time.monotonic() - began < 10


def test_a_folder_without_documents_is_told_of(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "empty").mkdir()
    assert main(["validate", "empty"]) == 3
    assert capsys.readouterr().out.startswith("empty:1:1: E203 this folder holds no node")
