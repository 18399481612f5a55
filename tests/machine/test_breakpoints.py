"""A breakpoint stops in the transitions that add and remove its states, with whoever mutates on the call stack."""

from __future__ import annotations

import sys

import pytest

from trellis import Machine
from trellis.errors import UnknownState
from trellis.machine.transition import Transition


def door() -> Machine:
    return Machine({"Open": {"remove": ["Closed"]}, "Closed": {"remove": ["Open"]}, "Lit": {"multi": True}})


@pytest.mark.covers("AM16")
def test_it_is_called_by_transitions_that_add_and_remove_all_of_its_states() -> None:
    stops: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = []

    def stop(name: str) -> object:
        return lambda tx: stops.append((name, tx.called, tx.machine.active))

    machine = door()
    machine.breakpoint(added="Open", call=stop("opens"))  # type: ignore[arg-type]
    machine.breakpoint(added=["Open"], removed=["Closed"], call=stop("swings"))  # type: ignore[arg-type]
    machine.breakpoint(removed="Open", call=stop("shuts"))  # type: ignore[arg-type]
    machine.add("Open")
    machine.add("Open")
    machine.add("Closed")
    machine.add("Lit")
    machine.can_add("Open")
    machine.add("Open")
    assert stops == [
        ("opens", ("Open",), ("Open",)),
        ("shuts", ("Closed",), ("Closed",)),
        ("opens", ("Open",), ("Open", "Lit")),
        ("swings", ("Open",), ("Open", "Lit")),
    ]


@pytest.mark.covers("AM16")
def test_a_multi_state_that_is_entered_again_is_added_again() -> None:
    stops: list[Transition] = []
    machine = door()
    machine.breakpoint(added="Lit", call=stops.append)
    machine.add("Lit")
    machine.add("Lit")
    assert len(stops) == 2


def test_a_canceled_transition_does_not_stop() -> None:
    stops: list[Transition] = []
    machine = door()
    machine.bind({"OpenEnter": lambda event: False})  # noqa: ARG005
    machine.breakpoint(added="Open", call=stops.append)
    assert not machine.add("Open")
    assert stops == []


@pytest.mark.covers("AM16")
def test_by_default_it_is_the_breakpoint_of_python_below_the_one_who_mutates(monkeypatch: pytest.MonkeyPatch) -> None:
    callers: list[str] = []

    def hook() -> None:
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            callers.append(frame.f_code.co_name)

    def mutating(machine: Machine) -> None:
        machine.add("Open")

    monkeypatch.setattr(sys, "breakpointhook", hook)
    machine = door()
    machine.breakpoint(added="Open")
    mutating(machine)
    assert "mutating" in callers


def test_a_removed_breakpoint_never_stops_and_leaves_the_machine_as_it_was() -> None:
    stops: list[Transition] = []
    machine = door()
    stop = machine.breakpoint(added="Open", call=stops.append)
    stop.remove()
    machine.add("Open")
    assert (stops, machine.hooks) == ([], None)


def test_a_breakpoint_on_nothing_or_on_no_state_is_refused() -> None:
    with pytest.raises(ValueError, match="^a breakpoint needs states that are added or removed$"):
        door().breakpoint()
    with pytest.raises(UnknownState, match="did you mean 'Open'"):
        door().breakpoint(added="Opn")
