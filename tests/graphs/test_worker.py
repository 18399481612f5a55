"""graphs/worker.yaml: a state that looks at the fields ends the work, wherever it is, and says so beside it."""

from __future__ import annotations

from pathlib import Path

from tests.graphs.golden import ROOT, matches, run, trace, trellis

ILL = 'jobs=["sum 1 2", "sum x", "sum y", "sum 5 6"]'


def test_a_worker_does_its_jobs_and_drains(tmp_path: Path) -> None:
    lines = run("worker.yaml", cwd=tmp_path)
    assert (lines[-1]["status"], lines[-1]["result"]) == ("completed", {"results": [3, 11], "left": []})
    assert lines[-1]["states"] == ["Disposed"]
    matches("worker.trace", trace(lines))


def test_a_worker_with_two_failures_takes_no_more_jobs(tmp_path: Path) -> None:
    lines = run("worker.yaml", "--set", ILL, cwd=tmp_path)
    assert (lines[-1]["status"], lines[-1]["result"]) == ("completed", {"results": [3], "left": ["sum 5 6"]})
    assert [line["text"] for line in lines if line.get("node") == "Ailing.entered" and line["type"] == "say"] == [
        "2 jobs failed: no more of them."
    ]
    matches("worker_ailing.trace", trace(lines))


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("worker.mmd", trellis("graph", str(ROOT / "graphs" / "worker.yaml"), cwd=tmp_path))
