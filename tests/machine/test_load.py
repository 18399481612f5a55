"""A machine can have the states of a YAML state schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from trellis import AsyncMachine, Machine
from trellis.errors import BadSchema, InvalidGraph

CONNECTION = Path(__file__).parents[2] / "schemas/connection.yaml"


def test_a_machine_has_the_states_and_groups_of_the_file_and_its_name() -> None:
    machine = Machine.load(CONNECTION)
    machine.add("Start")
    assert (machine.id, machine.active) == ("connection", ("Disconnected", "Start"))
    machine.add("Connected")
    assert machine.active == ("Start", "Connected", "Ready")
    machine.add_err(OSError("gone"), "ErrNetwork")
    assert str(machine) == "(Exception:1 ErrNetwork:1 Start:1 Disconnected:3)"
    assert machine.groups["Errors"] == ("Exception", "ErrConnecting", "ErrNetwork", "GivenUp")


def test_options_are_those_of_the_class() -> None:
    machine = Machine.load(str(CONNECTION), id="c1", queue_limit=3)
    assert (machine.id, machine.queue_limit) == ("c1", 3)


async def _loaded() -> tuple[str, ...]:
    machine = AsyncMachine.load(CONNECTION)
    await machine.add("Start")
    return machine.active


def test_an_async_machine_is_loaded_in_the_same_way() -> None:
    import asyncio

    assert asyncio.run(_loaded()) == ("Disconnected", "Start")


def test_what_only_a_workflow_can_do_is_refused_with_what_to_do_instead(tmp_path: Path) -> None:
    path = tmp_path / "door.yaml"
    path.write_text("trellis: 1\nname: door\nstates:\n  Open: {enter_if: 1 < 2, exited: {do: ring}}\n")
    with pytest.raises(BadSchema) as caught:
        Machine.load(path)
    assert str(caught.value) == (
        "state 'Open' has `enter_if`, which needs a workflow; bind a handler `OpenEnter` instead; "
        "state 'Open' has `exited`, which needs a workflow; bind a handler `OpenEnd` instead"
    )


def test_every_problem_of_the_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "door.yaml"
    path.write_text("trellis: 1\nname: door\nstates:\n  Open: {require: [Closd]}\n  Closed: {ad: [Open]}\n")
    with pytest.raises(InvalidGraph) as caught:
        Machine.load(path)
    assert len(caught.value.problems) == 2
