"""Problems as SARIF: a rule for each code, a place for each problem, and paths that mean the same on another machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trellis import __version__
from trellis.cli import main
from trellis.cli.sarif import log
from trellis.model.problems import Problem

LEVELS = ("none", "note", "warning", "error")


def sarif(capsys: pytest.CaptureFixture[str], *paths: str, status: int) -> dict[str, Any]:
    assert main(["validate", *paths, "--format", "sarif"]) == status
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_each_problem_is_a_result_with_its_rule_and_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b#ü.yaml").write_text(
        "trellis: 1\nname: x\nstart: a\nnodes:\n  a: {say: hi, to: bb}\n  b: {do: nix, to: $end}\n"
    )
    found = sarif(capsys, "a b#ü.yaml", status=3)
    assert found.keys() == {"$schema", "version", "runs"} and found["version"] == "2.1.0"
    (run,) = found["runs"]
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("trellis", __version__)
    assert [rule["id"] for rule in driver["rules"]] == ["E204", "E205"]
    place = {"uri": "a%20b%23%C3%BC.yaml", "uriBaseId": "%SRCROOT%"}
    assert [result["locations"] for result in run["results"]] == [
        [{"physicalLocation": {"artifactLocation": place, "region": {"startLine": 5, "startColumn": 20}}}],
        [{"physicalLocation": {"artifactLocation": place, "region": {"startLine": 6, "startColumn": 11}}}],
    ]
    assert [(result["ruleId"], result["ruleIndex"], result["level"]) for result in run["results"]] == [
        ("E204", 0, "error"),
        ("E205", 1, "error"),
    ]
    assert run["results"][0]["message"] == {"text": "no node named 'bb' (did you mean 'b'?)"}


def test_the_help_of_a_rule_is_its_page() -> None:
    (rule,) = log([Problem("g.yaml", 1, 1, "E204", "error", "x")], "1")["runs"][0]["tool"]["driver"]["rules"]
    assert rule["shortDescription"]["text"].startswith("A target or `start`")
    assert rule["help"]["markdown"].startswith("# E204: ") and rule["help"]["text"].startswith("E204: ")
    assert rule["defaultConfiguration"] == {"level": "error"}


def test_without_a_problem_there_is_a_run_without_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text("trellis: 1\nname: x\nstart: a\nnodes: {a: {say: hi, to: $end}}\n")
    assert sarif(capsys, "g.yaml", status=0)["runs"][0]["results"] == []


def test_a_path_is_relative_where_it_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [str(tmp_path / "sub/g.yaml"), "sub/../h.yaml", "../up.yaml", "/elsewhere/i.yaml"]
    results = log([Problem(path, 1, 1, "E100", "error", "x") for path in paths], "1")["runs"][0]["results"]
    found = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results]
    assert found == [
        {"uri": "sub/g.yaml", "uriBaseId": "%SRCROOT%"},
        {"uri": "h.yaml", "uriBaseId": "%SRCROOT%"},
        {"uri": "../up.yaml", "uriBaseId": "%SRCROOT%"},
        {"uri": "file:///elsewhere/i.yaml"},
    ]


def test_every_level_and_index_is_one_that_readers_know() -> None:
    problems = [Problem("g.yaml", line, 1, code, "error" if code[0] == "E" else "warning", "x") for line, code in enumerate(("W303", "E204", "W303"), 1)]  # fmt: skip
    (run,) = log(problems, "1")["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert {result["level"] for result in run["results"]} < set(LEVELS)
