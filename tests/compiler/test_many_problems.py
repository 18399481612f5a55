"""However many problems a graph has, all are told, and one more costs what the first did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from trellis.cli import main
from trellis.compiler.guesses import Guesses
from trellis.loaders.judge import Verdict, judge
from trellis.project import validate

HEAD = "trellis: 1\nname: g\nstart: n0\ntools: {work: {python: 'm:f'}}\nnodes:\n"


def broken(nodes: int) -> str:
    """A graph in which each node calls a tool that there is not."""
    lines = [
        f"  n{i}:\n    do: wrk\n    # {'-' * 60}\n    to: {f'n{i + 1}' if i + 1 < nodes else '$end'}\n"
        for i in range(nodes)
    ]
    return HEAD + "".join(lines)


def test_a_thousand_problems_are_a_thousand_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(broken(1000))
    assert main(["validate", str(file)]) == 3
    text = capsys.readouterr().out.splitlines()
    told = [f"{file}:{4 * i + 7}:9: E205 no tool named 'wrk' (did you mean 'work'?)" for i in range(1000)]
    assert [line for line in text if " E205 " in line] == told
    assert main(["validate", str(file), "--format", "json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert [problem["line"] for problem in data if problem["code"] == "E205"] == [4 * i + 7 for i in range(1000)]


def test_the_text_is_judged_once_however_many_problems_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = 0

    def count(path: str, text: str) -> Verdict:
        nonlocal judged
        judged += len(text)
        return judge(path, text)

    monkeypatch.setattr("trellis.loaders.places.judge", count)
    monkeypatch.setattr("trellis.loaders.places.SMALL", 1000)
    (tmp_path / "g.yaml").write_text(broken(60))
    found = [problem for problem in validate([tmp_path / "g.yaml"]) if problem.code == "E205"]
    assert [problem.line for problem in found] == [4 * i + 7 for i in range(60)]
    assert judged <= len(broken(60))


def test_the_known_names_are_gone_through_once_for_all_that_mean_none() -> None:
    asked = 0

    def known() -> Iterator[str]:
        nonlocal asked
        asked += 1
        yield from ("build", "check")

    guesses = Guesses()
    assert [guesses.near("node", name, known()) for name in ("biuld", "chek", "biuld", "zork")] == [
        "build",
        "check",
        "build",
        None,
    ]
    assert asked == 1
