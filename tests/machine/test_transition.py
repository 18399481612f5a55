"""What a handler is told of its transition: times, what came and went, what waits, and who caused it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trellis.errors import UnknownState
from trellis.machine import Machine
from trellis.machine.mutation import Mutation, Source
from trellis.machine.transition import Transition

SCHEMA = {
    "A": {"add": ["B"]},
    "B": {},
    "C": {"remove": ["A"]},
    "M": {"multi": True},
}
ORDER = ["A", "B", "C", "M"]


def seen_by(handler: str, look: Callable[[Transition], Any], machine: Machine, *names: str) -> Any:
    """What a handler of the next `add` saw."""
    seen: list[Any] = []
    binding = machine.bind({handler: lambda event, **_args: seen.append(look(event))})
    machine.add(*names)
    machine.detach(binding)
    (found,) = seen
    return found


def facts(tx: Transition) -> dict[str, Any]:
    return {name: getattr(tx, name) for name in ("called", "before", "after", "added", "removed", "diff", "touched")}


@pytest.mark.covers("AM12")
def test_a_handler_that_may_refuse_sees_what_would_be() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.add("A")
    assert seen_by("CEnter", facts, machine, "C") == {
        "called": ("C",),
        "before": ("A", "B"),
        "after": ("C", "B"),
        "added": ("C",),
        "removed": ("A",),
        "diff": {"C": 1, "A": 1},
        "touched": ("A", "C"),
    }


@pytest.mark.covers("AM12")
def test_times_before_and_after_are_ticks_in_index_order() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.add("A")
    assert seen_by("CEnter", lambda tx: (tx.time_before, tx.time_after), machine, "C") == (
        (1, 1, 0, 0, 0),
        (2, 1, 1, 0, 0),
    )
    assert machine.time() == (2, 1, 1, 0, 0)
    assert machine.diff_since((1, 1, 0, 0, 0)) == {"A": 1, "C": 1}


@pytest.mark.covers("AM12")
def test_a_multi_state_that_is_entered_again_counts_as_added() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.add("M")
    assert seen_by("MState", facts, machine, "M") == {
        "called": ("M",),
        "before": ("M",),
        "after": ("M",),
        "added": ("M",),
        "removed": (),
        "diff": {"M": 2},
        "touched": ("M",),
    }


def test_a_refused_transition_and_a_check_move_nothing() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.bind({"AEnter": lambda event: event.check})
    machine.add("A")
    (refused,) = machine.seen
    machine.can_add("A")
    (asked,) = machine.seen
    for tx in (refused, asked):
        assert (tx.added, tx.removed, tx.diff) == ((), (), {})
        assert tx.time_after == tx.time_before == (0, 0, 0, 0, 0)
    assert (refused.accepted, asked.accepted) == (False, True)


def test_what_a_failed_final_handler_took_back_is_in_the_time_after() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.bind({"BState": lambda _event: 1 / 0})
    machine.add("A", "M")
    failed, exception = machine.seen
    assert failed.time_after == exception.time_before
    assert failed.diff == {"A": 1, "M": 5, "B": 2}  # a multi state that stays counts as entered again, twice
    assert (failed.added, failed.removed) == (("A", "M"), ())
    assert exception.time_after == machine.time() == (1, 2, 0, 5, 1)


def test_a_kept_transition_does_not_change_when_the_machine_goes_on() -> None:
    machine = Machine(SCHEMA, ORDER)
    kept: list[Transition] = []
    machine.bind({"AState": kept.append})
    machine.add("A")
    machine.add("C")
    (tx,) = kept
    assert (tx.time_after, tx.added, tx.after) == ((1, 1, 0, 0, 0), ("A", "B"), ("A", "B"))
    assert (tx.completed, tx.is_valid) == (True, False)


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
def test_a_kept_transition_does_not_change_when_the_machine_gets_other_states(bound: bool) -> None:
    machine = Machine({"A": {"add": ["B"]}, "B": {}, "C": {}})
    kept: list[Transition] = []

    class Keeps:
        def transition_end(self, tx: Transition) -> None:
            kept.append(tx)

    machine.trace(Keeps())
    if bound:
        machine.bind({"BState": lambda _event: None})
    machine.add("A")
    (tx,) = kept

    def facts() -> object:
        return tx.record(), tx.called, tx.after, tx.diff, tx.added, tx.touched, tx.state, tx.time_after

    before = facts()
    machine.verify_states(["Exception", "C", "B", "A"])
    assert facts() == before
    machine.set_schema({"D": {}, "C": {}, "B": {}, "A": {}}, ["D", "C", "B", "A", "Exception"])
    assert facts() == before


def test_a_transition_toggles_as_the_cause() -> None:
    machine = Machine({"A": {}, "B": {}, "C": {}})
    sources: list[object] = []
    machine.bind(
        {
            "AState": lambda event: event.toggle("B"),
            "AEnd": lambda event: event.toggle("B"),
            "BState": lambda event: sources.append(event.source),
            "BEnd": lambda event: sources.append(event.source),
        }
    )
    machine.add("A")
    assert str(machine) == "(A:1 B:1)"
    machine.remove("A")
    assert str(machine) == "()"
    assert sources == [(machine.id, f"{machine.id}/1", 0), (machine.id, f"{machine.id}/3", 2)]


@pytest.mark.covers("AM12")
def test_a_handler_sees_what_waits() -> None:
    def look(event: Transition) -> dict[str, object]:
        machine: Any = event.machine
        event.add("B", "C")
        event.remove("A")
        event.add("C", x=1)
        machine.prepend_add("M")
        machine.can_add("C")
        return {
            "length": machine.queue_length,
            "will be C": machine.will_be("C"),
            "will be B C": machine.will_be("B", "C"),
            "will be A": machine.will_be("A"),
            "will be M last": machine.will_be("M", position="last"),
            "will be C last": machine.will_be("C", position="last"),
            "A will go": machine.will_be_removed("A"),
            "C will go": machine.will_be_removed("C"),
            "exactly C": machine.is_queued("add", "C", exact=True),
            "exactly C, plain": machine.is_queued("add", "C", exact=True, plain=True),
            "how often C": len(machine.queued("add", "C")),
            "C later": [entry.tick for entry in machine.queued("add", "C", tick=4)],
            "asks for C": machine.is_queued("add", "C", check=True),
            "asks for C first": machine.is_queued("add", "C", check=True, position="first"),
        }

    assert seen_by("AState", look, Machine(SCHEMA, ORDER), "A") == {
        "length": 5,
        "will be C": True,
        "will be B C": True,
        "will be A": False,
        "will be M last": False,
        "will be C last": True,
        "A will go": True,
        "C will go": False,
        "exactly C": True,
        "exactly C, plain": False,
        "how often C": 2,
        "C later": [5],
        "asks for C": True,
        "asks for C first": True,
    }


def test_asking_for_an_unknown_state_teaches() -> None:
    with pytest.raises(UnknownState, match=r"^no state named 'AA'"):
        Machine(SCHEMA, ORDER).will_be("AA")


@pytest.mark.covers("AM23")
def test_a_mutation_made_in_a_handler_names_its_source() -> None:
    machine = Machine(SCHEMA, ORDER, id="m")
    queued: list[Mutation] = []

    class Seen:
        def mutation_queued(self, _machine: object, mutation: Mutation) -> None:
            queued.append(mutation)

    def state(event: Transition) -> None:
        event.add("C")
        event.machine.add("M")  # type: ignore[attr-defined]
        event.set("B")
        event.remove("B")

    machine.trace(Seen())
    machine.add("B")
    machine.bind({"AState": state})
    machine.add("A")
    source = Source("m", "m/2", 1)
    assert [(str(entry), entry.source) for entry in queued] == [
        ("add B", None),
        ("add A", None),
        ("add C", source),
        ("add M", source),
        ("set B", source),
        ("remove B", source),
    ]
    assert [tx.source for tx in machine.seen] == [None, source, source, source, source]
