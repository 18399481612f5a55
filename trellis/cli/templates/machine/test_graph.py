"""What the door allows, as a machine in a program and as states of a run."""

from __future__ import annotations

from pathlib import Path

from door import Door

import trellis
from trellis.testing import assert_active, assert_inactive

GRAPH = str(Path(__file__).with_name("graph.yaml"))


def test_a_closed_door_can_be_locked_which_sets_the_alarm() -> None:
    door = Door(key="0000")
    assert door.machine.add("Locked")
    assert_active(door.machine, "Closed", "Locked", "Alarmed")
    assert door.told == ["the alarm is on"]


def test_who_lacks_the_key_leaves_everything_as_it_is() -> None:
    door = Door(key="0000")
    door.machine.add("Locked")
    assert not door.machine.add("Open", key="1234")
    assert_active(door.machine, "Closed", "Locked", "Alarmed")


def test_the_key_opens_and_takes_lock_and_alarm_away() -> None:
    door = Door(key="0000")
    door.machine.add("Locked")
    assert door.machine.add("Open", key="0000")
    assert_active(door.machine, "Open")
    assert_inactive(door.machine, "Closed", "Locked", "Alarmed")


def test_an_open_door_is_not_locked_and_the_run_asks_again() -> None:
    outcome = trellis.run(GRAPH, answers={"ask": ["no", "yes"]})
    assert outcome.status == "completed"
    assert outcome.fields == {"inside": True}
