"""What the agent does, with its model in its place or with one that says what the test wants."""

from __future__ import annotations

from pathlib import Path

import trellis
from trellis import Dispatcher

GRAPH = str(Path(__file__).with_name("graph.yaml"))


def noting(notes: list[str]) -> Dispatcher:
    """Tools that note nothing on the disk."""
    tools = Dispatcher()

    @tools.action("note")
    def note(input: str) -> str:
        notes.append(input)
        return "noted"

    return tools


def test_it_calculates_asks_and_notes() -> None:
    notes: list[str] = []
    outcome = trellis.run(GRAPH, answers={"approve": "yes"}, dispatcher=noting(notes))
    assert outcome.status == "completed"
    assert outcome.result == "42"
    assert notes == ["42"]


def test_without_approval_nothing_is_noted_and_it_answers_all_the_same() -> None:
    notes: list[str] = []
    outcome = trellis.run(GRAPH, answers={"approve": "no"}, dispatcher=noting(notes))
    assert outcome.result == "42"
    assert notes == []


def test_a_model_that_chooses_a_tool_it_may_not_use_is_told_so() -> None:
    tools = Dispatcher()
    steps = iter([{"tool": "think", "input": "", "answer": ""}, {"tool": "", "input": "", "answer": "sorry"}])
    tools.action("think")(lambda task, seen: next(steps))
    outcome = trellis.run(GRAPH, dispatcher=tools)
    assert outcome.result == "sorry"
    assert outcome.fields["seen"][0].startswith("think failed: ")
