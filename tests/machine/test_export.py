"""A machine can be written down as JSON and go on elsewhere; what does not fit is refused before anything changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis import Machine
from trellis.errors import BadImport, TracerFailed

SCHEMA: dict[str, dict[str, Any]] = {"A": {}, "B": {"multi": True}, "C": {"remove": ["A"]}}


def machine(id: str = "m", **options: Any) -> Machine:
    return Machine(SCHEMA, id=id, **options)


@pytest.mark.covers("AM14")
def test_an_export_holds_ticks_in_index_order_and_the_counters() -> None:
    made = machine()
    made.add("A", "B")
    made.add("B")
    made.add("C")
    assert made.export() == {
        "id": "m",
        "state_names": ["A", "B", "C", "Exception"],
        "time": [2, 3, 1, 0],
        "queue_tick": 4,
        "machine_tick": 0,
    }


@pytest.mark.covers("AM14")
@given(st.lists(st.tuples(st.sampled_from(["add", "remove", "set", "toggle"]), st.sampled_from("ABC")), max_size=12))
def test_what_is_imported_goes_on_as_what_was_exported(calls: list[tuple[str, str]]) -> None:
    made = machine()
    for call, name in calls:
        getattr(made, call)(name)
    other = machine()
    other.import_(json.loads(json.dumps(made.export())))
    assert (str(other), other.clock, other.machine_tick, other.queue_tick) == (str(made), made.clock, 1, 1)
    assert other.active == tuple(name for name in made.names if made.is_(name))
    for call, name in calls:
        assert getattr(other, call)(name).value == getattr(made, call)(name).value


def test_an_import_takes_over_the_exported_order() -> None:
    made = machine()
    made.verify_states(["Exception", "C", "B", "A"])
    made.add("A", "B")
    other = machine()
    other.import_(made.export())
    assert other.names == ("Exception", "C", "B", "A")
    assert other.active == ("B", "A")


def test_a_restored_machine_says_so_where_it_can() -> None:
    schema: dict[str, dict] = {"A": {}, "MachineRestored": {}}
    made = Machine(schema, id="m")
    made.add("A")
    other = Machine(schema, id="m")
    called: list[str] = []
    other.bind({"MachineRestoredState": lambda event: called.append(event.name)})
    other.import_(made.export())
    assert (other.active, called) == (("MachineRestored", "A"), ["MachineRestoredState"])


def test_waits_and_contexts_see_an_import() -> None:
    made = machine()
    made.add("A")
    other = machine()
    wait, never, context = other.when("A"), other.when("B"), other.state_context("A")
    other.import_(made.export())
    assert (wait.done, never.done, context.done) == (True, False, True)


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"id": "n"}, "it was exported from 'n'"),
        ({"time": [1, 0, 0]}, "it has 4 states and 3 ticks"),
        (
            {"state_names": ["A", "B", "Exceptoin", "C"]},
            "it has the unknown state 'Exceptoin' (did you mean 'Exception'?); it lacks the state 'Exception'",
        ),
        (
            {"state_names": ["A", "A", "C", "Exception"]},
            "it names a state twice; it lacks the state 'B'",
        ),
        ({"time": [1, 0, -1, 0]}, "Expected `int` >= 0 - at `$.time[2]`"),
        ({"state_names": None}, "Expected `array`, got `null` - at `$.state_names`"),
        ({"more": 1}, "Object contains unknown field `more`"),
    ],
)
def test_what_does_not_fit_changes_nothing(changed: dict[str, Any], fault: str) -> None:
    made = machine()
    made.add("B")
    before = made.export()
    with pytest.raises(BadImport) as caught:
        made.import_({**machine().export(), **changed})
    assert str(caught.value) == f"machine 'm' cannot go on from this export: {fault}"
    assert made.export() == before


def test_nothing_is_imported_while_a_transition_runs() -> None:
    made = machine()
    made.bind({"AState": lambda event: event.machine.import_(event.machine.export())})
    assert not made.add("A")
    assert str(made.err) == "machine 'm' cannot go on from this export: a transition runs"


@pytest.mark.covers("AM13")
def test_tracers_are_told_of_schema_and_order() -> None:
    class Watcher:
        def __init__(self) -> None:
            self.told: list[object] = []

        def schema_change(self, machine: Machine, before: dict[str, Any]) -> None:
            self.told.append(("schema", list(before), machine.names))

        def verify_states(self, machine: Machine) -> None:
            self.told.append(("verified", machine.names))

    made, watcher = machine(), Watcher()
    made.trace(watcher)
    made.verify_states(["Exception", "A", "B", "C"])
    made.set_schema({**SCHEMA, "D": {}})
    assert watcher.told == [
        ("verified", ("Exception", "A", "B", "C")),
        ("schema", ["Exception", "A", "B", "C"], ("Exception", "A", "B", "C", "D")),
    ]


def test_a_tracer_that_raises_does_not_stop_the_new_schema() -> None:
    class Broken:
        def schema_change(self, machine: Machine, before: object) -> None:
            raise RuntimeError("no")

    made = machine()
    made.trace(Broken())
    with pytest.raises(TracerFailed):
        made.set_schema({**SCHEMA, "D": {}})
    assert made.has("D")
