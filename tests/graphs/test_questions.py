"""graphs/questions.yaml: every kind of question, and an approval that it takes two people to give."""

from __future__ import annotations

import json
from pathlib import Path

from tests.graphs.golden import ROOT, matches, run, trace, trellis

ANSWERS = ("--answers", str(ROOT / "graphs/answers/questions.yaml"), "--id", "q-1")


def test_two_people_approve_what_one_has_answered(tmp_path: Path) -> None:
    lines = run("questions.yaml", *ANSWERS, "--as", "ana", cwd=tmp_path, code=7)
    store = ("--store", f"sqlite:///{tmp_path}/runs.db")
    trellis("answer", "q-1", "live", "approve", "--as", "eve", *store, cwd=tmp_path, code=7)
    trellis("answer", "q-1", "live", "yes: the calendar is free", "--as", "cyn", *store, cwd=tmp_path)
    out = trellis("resume", "q-1", "--output", "json", *store, cwd=tmp_path)
    lines += [json.loads(line) for line in out.splitlines()]
    assert lines[-1]["result"] == {"parts": ["api", "docs"], "day": "2030-02-01", "by": "ana, cyn"}
    verdict = lines[-1]["fields"]["verdict"]
    assert (verdict["ok"], verdict["reason"]) == (True, "it was tried on staging; the calendar is free")
    assert lines[-1]["fields"]["copies"] == 1
    matches("questions.trace", trace(lines))


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("questions.mmd", trellis("graph", str(ROOT / "graphs/questions.yaml"), cwd=tmp_path))
