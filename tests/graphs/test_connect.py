"""graphs/connect.yaml: two branches that speak through states: one holds a line, the other waits until it can talk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.graphs.golden import ROOT, matches, run, trace, trellis


def test_a_line_that_is_busy_and_then_cut_is_called_again_until_all_is_said(tmp_path: Path) -> None:
    lines = run("connect.yaml", cwd=tmp_path)
    assert (lines[-1]["status"], lines[-1]["result"]) == ("completed", "hello, call 4")
    assert [line["text"] for line in lines if line["type"] == "say"] == [
        "Call 1 failed: db.example is busy.",
        "Call 2 failed: db.example is busy.",
        "The line of call 3 is lost.",
        "db.example says: hello, call 4.",
        "The line is down.",
    ]
    matches("connect.trace", trace(lines))


def test_exactly_one_state_of_the_connection_is_active_from_the_first_change_to_the_last(tmp_path: Path) -> None:
    connection = {"Connecting", "Connected", "Disconnecting", "Disconnected"}
    # Between a change and the auto state that follows it, there may be none.
    lines = run("connect.yaml", cwd=tmp_path)
    counts = [len(connection.intersection(line["states"])) for line in lines if line["type"] == "states.changed"]
    assert max(counts) == 1
    assert counts[-1] == 1
    assert not any(first == second == 0 for first, second in pairwise(counts))


def test_who_never_gets_a_line_gives_up(tmp_path: Path) -> None:
    lines = run("connect.yaml", "--set", "busy=9", cwd=tmp_path, code=1)
    assert lines[-1]["status"] == "failed"
    assert lines[-1]["error"]["node"] == "session.calling.enough"
    assert lines[-1]["states"] == ["GivenUp", "Disconnected", "Exception", "ErrConnecting"]
    matches("connect_busy.trace", trace(lines))


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("connect.mmd", trellis("graph", str(ROOT / "graphs" / "connect.yaml"), cwd=tmp_path))
