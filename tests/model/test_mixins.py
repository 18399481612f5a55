"""The mixins are sound, each as it is extended, and their states exclude each other as their names say."""

from __future__ import annotations

import pytest

from trellis.engine.relations import Relations
from trellis.model.mixins import MIXINS
from trellis.model.states import StateDef


def relations(*names: str) -> Relations:
    states: dict[str, StateDef] = {}
    for name in names:
        states |= MIXINS[name]
    return Relations(states)


def after(machine: Relations, *steps: tuple[str, ...]) -> set[str]:
    """What is active when these were added, one step after the other, each with the auto states that follow."""
    config = machine.empty
    for names in steps:
        change = machine.mutate("add", config, names)
        assert change.accepted, names
        config = change.last
    return set(machine.named(config.order))


@pytest.mark.covers("AM21")
@pytest.mark.parametrize("name", MIXINS)
def test_each_mixin_names_only_states_of_its_own_and_of_basic(name: str) -> None:
    known = {*MIXINS["basic"], *MIXINS[name]}
    spoken = {
        other for state in MIXINS[name].values() for other in (*state.require, *state.add, *state.remove, *state.after)
    }
    assert spoken <= known
    assert relations("basic", name).problems == ()


@pytest.mark.covers("AM21")
def test_an_error_of_basic_brings_exception_and_goes_with_it() -> None:
    machine = relations("basic")
    assert after(machine, ("Start",), ("Ready",), ("ErrNetwork",)) == {"Start", "Ready", "ErrNetwork", "Exception"}
    change = machine.mutate("add", machine.empty, ("ErrHandlerTimeout",))
    assert machine.named(machine.mutate("remove", change.last, ("Exception",)).last.order) == ()


@pytest.mark.covers("AM21")
@pytest.mark.parametrize("state", ["Connecting", "Connected", "Disconnecting"])
def test_a_connection_is_in_one_state_and_disconnected_by_itself(state: str) -> None:
    machine = relations("basic", "connected")
    assert after(machine, ("Start",), (state,)) == {"Start", state}
    assert after(machine, ("Start",)) == {"Start", "Disconnected"}
    assert not machine.mutate("add", machine.empty, ("Connected",)).accepted


@pytest.mark.covers("AM21")
def test_a_pool_may_be_connected_while_it_connects() -> None:
    machine = relations("basic", "pool")
    assert after(machine, ("Start",), ("Connecting",), ("Connected",)) == {"Start", "Connecting", "Connected"}
    both = after(machine, ("Start",), ("Connected",), ("ConnectedFully",))
    assert both == {"Start", "Connected", "ConnectedFully"}
    assert after(machine, ("Start",), ("Connected", "Connecting"), ("Disconnecting",)) == {"Start", "Disconnecting"}


@pytest.mark.covers("AM21")
def test_who_is_disposed_is_not_started() -> None:
    machine = relations("basic", "disposed")
    assert after(machine, ("Start",), ("RegisterDisposal",), ("Disposing",)) == {"RegisterDisposal", "Disposing"}
    assert after(machine, ("Start",), ("Disposing",), ("Disposed",)) == {"Disposed"}
