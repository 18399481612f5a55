"""graphs/agents.yaml: agents chosen at run time work in parallel as processes, and one that fails loses nobody else's work."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.graphs.golden import ROOT, Line, matches, run, trace, trellis


def seconds(line: Line) -> float:
    return datetime.fromisoformat(line["at"]).timestamp()


@pytest.mark.covers("GT05")
def test_agents_work_side_by_side_and_the_results_of_the_others_are_kept(tmp_path: Path) -> None:
    lines = run("agents.yaml", "--allow", "process", cwd=tmp_path)
    called = {line["node"]: seconds(line) for line in lines if line["type"] == "tool.called" and "[" in line["node"]}
    ended = {line["node"]: seconds(line) for line in lines if line["type"] == "tool.returned" and "[" in line["node"]}
    assert lines[-1]["result"] == {
        "answers": ["search is done", "compute is done"],
        "failed": ["failed"],
        "asked": ["search", "compute", "translate"],
    }
    one_by_one = sum(ended[node] - called[node] for node in called)
    assert max(ended.values()) - min(called.values()) < one_by_one
    assert set(called) == set(ended) == {"execute[0]", "execute[1]", "execute[2]"}


def test_the_run_goes_as_the_golden_trace_says(tmp_path: Path) -> None:
    # Agents that end at the same moment may be told in either order; one at a time, the order is one.
    lines = run("agents.yaml", "--allow", "process", "--set", "query=compute", cwd=tmp_path)
    matches("agents.trace", trace(lines))


def test_the_query_chooses_the_agents(tmp_path: Path) -> None:
    lines = run("agents.yaml", "--allow", "process", "--set", "query=Summarise and SEARCH and search", cwd=tmp_path)
    assert lines[-1]["result"]["asked"] == ["summarise", "search"]


def test_a_query_that_calls_for_nobody_fails_and_says_so(tmp_path: Path) -> None:
    lines = run("agents.yaml", "--allow", "process", "--set", "query=sing", cwd=tmp_path, code=1)
    assert [line["text"] for line in lines if line["type"] == "say"] == ["No agent knows what to do with this query."]
    assert lines[-1]["visited"] == ["analyse", "nobody", "nothing"]


def test_processes_need_permission_and_nothing_starts_without(tmp_path: Path) -> None:
    assert run("agents.yaml", cwd=tmp_path, code=2) == []


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("agents.mmd", trellis("graph", str(ROOT / "graphs" / "agents.yaml"), cwd=tmp_path))
