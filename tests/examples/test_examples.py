"""Each example tells the story that its golden file holds, ends as it says, and is drawn as its picture shows.

`TRELLIS_GOLDEN=write` writes stories and pictures anew; look at the difference before you commit it.
"""

from __future__ import annotations

import ast
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from examples import (
    dag_dependencies,
    dry_water_wet,
    expense,
    fan_out_in,
    file_processing,
    file_workflow,
    fsm,
    nfa,
    path_watcher,
)
from trellis import Machine, load
from trellis.render.mermaid import mermaid
from trellis.render.relations import relation_diagram

EXAMPLES = Path(__file__).parents[2] / "examples"
STORIES = Path(__file__).with_name("golden")
SCHEMAS: dict[str, Any] = {
    "dag_dependencies": dag_dependencies.BUILT,
    "dry_water_wet": dry_water_wet.SCHEMA,
    "fan_out_in": fan_out_in.SCHEMA,
    "file_processing": file_processing.Files,
    "fsm": fsm.Turnstile,
    "nfa": nfa.SCHEMA,
    "path_watcher": path_watcher.Folders,
    "path_watcher_folder": path_watcher.Folder,
}
WORKFLOWS = ("expense", "file_workflow")
PROGRAMS = sorted(path.stem for path in EXAMPLES.glob("*.py"))

pytestmark = pytest.mark.covers("AM22")


def matches(file: Path, text: str) -> None:
    """Hold `text` against a golden file."""
    if os.environ.get("TRELLIS_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_tells_its_whole_story(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    import_module(f"examples.{name}").main()
    matches(STORIES / f"{name}.txt", capsys.readouterr().out)


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_picture_shows_the_states_and_relations_of_the_example(name: str) -> None:
    matches(EXAMPLES / f"{name}.mmd", relation_diagram(Machine(SCHEMAS[name]).schema))


@pytest.mark.parametrize("name", WORKFLOWS)
def test_the_pictures_show_the_graph_of_the_workflow_and_its_states(name: str) -> None:
    graph = load(str(EXAMPLES / f"{name}.yaml"))
    matches(EXAMPLES / f"{name}.mmd", mermaid(graph))
    matches(EXAMPLES / f"{name}_states.mmd", relation_diagram(graph.definition.states))


def test_every_example_has_a_story_a_picture_and_a_docstring() -> None:
    drawn = {*SCHEMAS, *WORKFLOWS, *(f"{name}_states" for name in WORKFLOWS)}
    assert drawn == {path.stem for path in EXAMPLES.glob("*.mmd")}
    assert set(PROGRAMS) == {path.stem for path in STORIES.glob("*.txt")} <= {*SCHEMAS, *WORKFLOWS}
    for name in PROGRAMS:
        assert ast.get_docstring(ast.parse((EXAMPLES / f"{name}.py").read_text("utf-8"))), name


def test_what_is_dry_again_holds_no_water_and_what_has_no_water_is_not_wet() -> None:
    assert dry_water_wet.main().clock == {"Wet": 2, "Dry": 3, "Water": 2, "Exception": 0}


def test_a_turnstile_is_locked_or_unlocked_and_keeps_no_input() -> None:
    gate = fsm.main()
    assert gate.active == ("Locked",)
    assert gate.clock == {"Coin": 4, "Push": 2, "Locked": 3, "Unlocked": 2, "Exception": 0}


@pytest.mark.parametrize(
    "text",
    ["101010", "1010", "100010", "1000", "0111", "", "1", "111", "11111000", "10000", *map("{:b}".format, range(64))],
)
def test_the_automaton_agrees_with_looking_at_the_fourth_digit_from_the_end(text: str) -> None:
    assert nfa.read(text).is_("Match") == (text[-4:-3] == "1")


def test_all_fetches_are_done_and_never_more_than_three_run(capsys: pytest.CaptureFixture[str]) -> None:
    machine = fan_out_in.main()
    assert set(machine.active) == {"Start", "Ready", *fan_out_in.DONES}
    assert [machine.tick(name) for name in fan_out_in.FETCHES] == [2] * len(fan_out_in.FETCHES)
    starts = [line for line in capsys.readouterr().out.splitlines() if " starts; " in line]
    assert len(starts) == len(fan_out_in.FETCHES)
    assert max(line.count("Fetch") - 1 for line in starts) == fan_out_in.AT_ONCE


def test_a_part_is_built_after_all_that_it_needs(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(dag_dependencies.main()) == {"Start", *dag_dependencies.NEEDS}
    for told in capsys.readouterr().out.split("side by side:"):
        there = [line.split()[0] for line in told.splitlines() if line.endswith("is there")]
        assert set(there) == set(dag_dependencies.NEEDS)
        assert all(
            there.index(need) < there.index(part) for part, needs in dag_dependencies.NEEDS.items() for need in needs
        )


def test_a_file_that_nobody_waits_for_is_left_and_an_error_ends_the_work_on_its_file() -> None:
    machine = file_processing.main()
    assert machine.active == ("Stopped",)
    assert machine.clock == {
        "Processing": 6,
        "Processed": 2,
        "Stopped": 1,
        "ErrFile": 2,
        "InProgress": 6,
        "Exception": 2,
    }
    assert repr(machine.err) == "FileNotFoundError('no file lost.txt')"


def test_a_watcher_ends_with_every_folder_up_to_date() -> None:
    watcher = path_watcher.main()
    assert {folder.name: programs for folder, programs in watcher.programs.items()} == {
        "bin": ["cut", "paste"],
        "tools": ["lathe"],
    }
    assert {folder.name: str(state) for folder, state in watcher.folders.items()} == {
        "bin": "(Refreshed:3 Known:1)",
        "tools": "(Refreshed:1 Known:1)",
    }


def test_an_expense_is_paid_once_approved_and_else_withdrawn() -> None:
    approved, rejected, forgotten = expense.main()
    assert (approved.status, approved.result) == ("completed", "R-E-123")
    assert [outcome.status for outcome in (rejected, forgotten)] == ["rolled_back", "rolled_back"]
    assert approved.visited == ("create", "approve", "other", "wrong", "approve", "pay", "paid", "done")


def test_a_file_goes_through_a_busy_store_and_one_that_is_refused_leaves_no_copy() -> None:
    through, refused, missing = file_workflow.main()
    assert (through.status, through.result) == ("completed", "store/one.txt#10")
    assert (refused.status, refused.error and refused.error["code"]) == ("rolled_back", "refused")
    assert (missing.status, missing.error and missing.error["code"]) == ("rolled_back", "missing")
