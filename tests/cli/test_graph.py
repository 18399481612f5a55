"""`trellis graph` in every format: of a file, of a run, of what changed, of a part; and what a wrong line is told."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from trellis.cli import main
from trellis.cli.graph import FORMATS

TEXT = """trellis: 1
name: deploy
start: ask
fields: {env: {type: string, enum: [staging, prod], default: staging}}
nodes:
  ask: {say: Which one?, ask: {choice: env}, to: checks}
  checks:
    all:
      http: {say: one}
      db: {say: two}
    to: [{if: env == "prod", to: ask}, {to: done}]
  done: {end: ok}
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "trellis.toml").write_text("")
    (tmp_path / "deploy.yaml").write_text(TEXT)
    monkeypatch.chdir(tmp_path)


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["graph", *arguments]) == 0
    return capsys.readouterr().out


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["graph", *arguments]) == 2
    return capsys.readouterr().err.splitlines()[0]


@pytest.mark.covers("TR08")
@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_written_whole_in_each_format(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    printed = drawn(capsys, "deploy.yaml", "-f", form)
    assert drawn(capsys, "deploy.yaml", "-f", form, "-o", "picture") == ""
    assert Path("picture").read_text("utf-8") == printed
    assert all(name in printed for name in ("ask", "checks", "http", "db", "done"))


def test_a_run_has_its_times_and_ways_in_the_picture(capsys: pytest.CaptureFixture[str]) -> None:
    Path("answers.json").write_text('["prod", "staging"]')
    assert main(["run", "deploy.yaml", "--id", "r", "--answers", "answers.json"]) == 0
    capsys.readouterr()
    picture = json.loads(drawn(capsys, "--run", "r", "-f", "json"))
    nodes = {node["key"]: node for node in picture["nodes"]}
    assert {key: node.get("mark") for key, node in nodes.items() if node.get("node")} == dict.fromkeys(
        ("ask", "checks", "checks.http", "checks.db", "done"), "visited"
    )
    assert re.fullmatch(r"2× · .+", nodes["ask"]["told"])
    assert {edge["key"]: edge.get("taken", 0) for edge in picture["edges"]} == {
        "|start to ask": 1,
        "ask to checks": 2,
        "checks body checks.http": 2,
        "checks body checks.db": 2,
        'checks|join to ask env == "prod"': 1,
        "checks|join to done": 1,
        "checks.http to checks|join": 2,
        "checks.db to checks|join": 2,
    }


def test_a_run_that_waits_is_shown_where_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    Path("answers.json").write_text("[]")
    assert main(["run", "deploy.yaml", "--id", "r", "--answers", "answers.json"]) == 7
    capsys.readouterr()
    nodes = json.loads(drawn(capsys, "--run", "r", "-f", "json"))["nodes"]
    assert [(node["key"], node["told"]) for node in nodes if node.get("mark") == "current"] == [("ask", "is here")]


def changes(picture: str) -> dict[str, str]:
    found = json.loads(picture)
    return {item["key"]: item["change"] for item in (*found["nodes"], *found["edges"]) if "change" in item}


def test_what_changed_from_another_file_is_marked_and_what_is_gone_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.yaml").write_text(
        TEXT.replace("say: one", "say: other").replace("{to: done}", "{to: bye}").replace("  done:", "  bye:")
    )
    assert changes(drawn(capsys, "new.yaml", "--diff", "deploy.yaml", "-f", "json")) == {
        "checks.http": "changed",
        "bye": "added",
        "done": "removed",
        "checks|join to bye": "added",
        "checks|join to done": "removed",
    }


def test_a_revision_of_git_is_compared_with_too(capsys: pytest.CaptureFixture[str]) -> None:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], check=True)
    Path("deploy.yaml").write_text(TEXT.replace("say: two", "say: three"))
    assert changes(drawn(capsys, "deploy.yaml", "--diff", "HEAD", "-f", "json")) == {"checks.db": "changed"}
    line = told(capsys, "deploy.yaml", "--diff", "HEAD~7")
    assert line == "error: --diff takes a file or a revision of git: 'HEAD~7' is neither here"


def test_a_part_of_the_graph_is_a_picture_with_its_cuts(capsys: pytest.CaptureFixture[str]) -> None:
    near = drawn(capsys, "deploy.yaml", "-f", "ascii", "--focus", "done", "--depth", "1")
    assert "checks" in near and "… 1 more" in near and "http" not in near
    whole = drawn(capsys, "deploy.yaml", "-f", "ascii", "--collapse", "all")
    assert "all · 2 nodes" in whole and "http" not in whole


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["deploy.yaml", "--depth", "1"], "error: --depth says how near to a node: name it with --focus"),
        (["deploy.yaml", "--focus", "don"], "error: no node 'don' in the picture (did you mean 'done'?)"),
        (["deploy.yaml", "--collapse", "check"], "error: no node 'check' with bodies (did you mean 'checks'?)"),
        (
            ["deploy.yaml", "--run", "r", "--diff", "x"],
            "error: --run shows what a run did, --diff what changed: name one of them",
        ),
        (["deploy.yaml", "--states"], "error: deploy.yaml declares no states"),
    ],
)
def test_a_line_that_makes_no_picture_is_told_why(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, *arguments) == line


def test_declared_states_are_drawn_in_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    Path("states.yaml").write_text("trellis: 1\nname: s\nstates:\n  A: {require: [B]}\n  B: {remove: [C]}\n  C: {}\n")
    for form in FORMATS:
        assert "require" in drawn(capsys, "states.yaml", "--states", "-f", form)
