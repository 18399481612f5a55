"""graphs/mirrors.yaml: a race, whose losers are left at once, and whose places are all given back where it was in vain."""

from __future__ import annotations

from pathlib import Path

from tests.graphs.golden import ROOT, Line, matches, run, trace, trellis


def undone(lines: list[Line]) -> list[str]:
    return [line["node"] for line in lines if line["type"] == "undo.done"]


def test_the_first_mirror_that_sends_wins_and_nobody_waits_for_the_others(tmp_path: Path) -> None:
    lines = run("mirrors.yaml", cwd=tmp_path)
    assert (lines[-1]["status"], lines[-1]["result"]) == ("completed", {"near": "the file of near"})
    assert lines[-1]["fields"]["place"] == "next door"
    assert undone(lines) == []
    matches("mirrors.trace", trace(lines))


def test_what_losers_took_is_given_back_too_the_last_first(tmp_path: Path) -> None:
    lines = run("mirrors.yaml", "--set", "damaged=true", cwd=tmp_path, code=8)
    assert lines[-1]["error"] == {
        "code": "damaged", "message": "what near sent is damaged", "node": "check", "attempt": 1,
    }  # fmt: skip
    assert undone(lines) == ["fetch.far.take", "fetch.near.take"]
    matches("mirrors_damaged.trace", trace(lines))


def test_where_nobody_wins_the_race_fails_with_the_error_of_the_last(tmp_path: Path) -> None:
    lines = run("mirrors.yaml", "--set", "near=gone", "--set", "far=gone", cwd=tmp_path, code=8)
    assert lines[-1]["error"]["code"] == "gone"
    assert lines[-1]["error"]["node"] == "fetch.far.send"
    assert undone(lines) == ["fetch.far.take", "fetch.near.take"]


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("mirrors.mmd", trellis("graph", str(ROOT / "graphs" / "mirrors.yaml"), cwd=tmp_path))
