"""graphs/helpdesk: a graph that is a folder, with a file for each node; what it says is Markdown."""

from __future__ import annotations

from pathlib import Path

from tests.graphs.golden import ROOT, matches, run, trace, trellis
from trellis.hosts.short import run as run_here
from trellis.project import load, validate

FOLDER = ROOT / "graphs/helpdesk"


def test_a_box_gets_power_and_a_slow_line_a_ticket(tmp_path: Path) -> None:
    answers = ("--answers", str(ROOT / "graphs/answers/helpdesk.yaml"), "--allow", "process")
    lines = run("helpdesk", *answers, cwd=tmp_path)
    assert (lines[-1]["result"], lines[-1]["fields"]["speed"]) == ("T-1339", 3.5)
    said = [line["text"] for line in lines if line["type"] == "say"]
    assert said[1] == "Look at the box that the cable from the wall leads to.\n\nAre there any lights on it?"
    matches("helpdesk.trace", trace(lines))


def test_the_diagram_is_the_golden_one(tmp_path: Path) -> None:
    matches("helpdesk.mmd", trellis("graph", str(FOLDER), cwd=tmp_path))


def test_what_is_something_else_goes_to_a_person_with_its_story() -> None:
    outcome = run_here(str(FOLDER), answers=["something else", "The box hums."], allow=["process"])
    assert (outcome.status, outcome.fields["story"], outcome.visited) == (
        "completed",
        "The box hums.",
        ("start", "story", "ticket", "sent", "bye"),
    )


def test_nothing_is_wrong_with_it_and_its_files_are_its_nodes() -> None:
    assert validate([FOLDER]) == []
    files = {path.stem for path in FOLDER.iterdir() if path.suffix in (".md", ".yaml")}
    assert {*load(FOLDER).definition.nodes} == files - {"graph", "README"}
