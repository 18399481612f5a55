"""A mistake is told where it is made, in words that mend it; the machine is as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trellis import AsyncMachine, Machine
from trellis.errors import BadHandlers, BadSchema, LoopLimit, MachineError, UnknownHandler, UnknownState


def machine() -> Machine:
    return Machine({"A": {}, "B": {"require": ["A"]}}, id="m")


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.add(["A", "B"]),
        lambda m: m.remove(["A", "B"]),
        lambda m: m.set(["A", "B"]),
        lambda m: m.can_add(["A", "B"]),
        lambda m: m.when(["A", "B"]),
        lambda m: m.add(["A", "B"], x=1),
    ],
)
def test_a_list_of_names_is_refused_with_what_to_write(call: Callable[[Any], object]) -> None:
    made = machine()
    with pytest.raises(UnknownState) as caught:
        call(made)
    assert str(caught.value) == "no state named ['A', 'B'] (give the names one by one, not as a list)"
    assert (str(made), made.queue_tick) == ("()", 1)


def test_an_unknown_state_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UnknownState, match=r"^no state named 'Opne' \(did you mean 'Open'\?\)$"):
        Machine({"Open": {}}).add("Opne")


class Doors:
    """Handlers, and what is none."""

    def AState(self, event: object) -> None: ...  # noqa: N802

    def close(self) -> None: ...


def test_a_class_instead_of_an_object_is_refused() -> None:
    with pytest.raises(BadHandlers, match=r"^cannot bind: Doors is a class; bind an object of it: Doors\(\)$"):
        machine().bind(Doors)


def test_an_object_without_a_handler_is_refused() -> None:
    with pytest.raises(BadHandlers) as caught:
        machine().bind(object())
    assert str(caught.value) == "cannot bind: object has no method that a state would call, such as `AState`"


def test_a_misspelt_method_is_refused_and_other_methods_are_not() -> None:
    class Misspelt(Doors):
        def BEntr(self) -> None: ...  # noqa: N802

        def CState(self) -> None: ...  # noqa: N802

    with pytest.raises(UnknownHandler, match=r"^no state calls a handler named 'CState' \(did you mean 'BState'\?\)$"):
        machine().bind(Misspelt())
    assert list(machine().bind(Doors()).handlers) == ["AState"]


def test_every_fault_of_a_schema_is_told() -> None:
    with pytest.raises(BadSchema) as caught:
        Machine({"A": {"require": "B"}, "B": {"requires": ["A"]}, "C": {"auto": 3}})
    assert caught.value.faults == (
        "state 'A': `require` holds a list of names, write ['B']",
        "state 'B': unknown key 'requires' (did you mean 'require'?)",
        "state 'C': Expected `bool`, got `int` - at `$.auto`",
    )


def test_an_async_machine_outside_of_a_loop_is_refused() -> None:
    with pytest.raises(MachineError, match="^an AsyncMachine belongs to an event loop: make it in a coroutine$"):
        AsyncMachine({"A": {}})


def test_an_endless_loop_names_the_error_that_drives_it() -> None:
    made = Machine({"A": {"auto": True}, "B": {}}, id="m", transition_limit=20)

    def fail(_event: object) -> None:
        raise ValueError("no")

    made.bind({"AState": fail})
    with pytest.raises(LoopLimit) as caught:
        made.add("B")
    assert str(caught.value) == (
        "machine 'm' made 20 transitions in one call, at last [add Exception]; its latest error is ValueError('no')"
    )
    assert (made.queue_length, made.running, made.is_("B")) == (0, False, True)


def test_a_machine_and_its_transitions_say_what_they_are() -> None:
    made = Machine({"A": {}, "B": {"remove": ["A"]}, "C": {"auto": True, "require": ["B"]}}, id="m")
    made.add("A")
    made.add("B")
    assert repr(made) == "Machine('m', (B:1 C:1))"
    assert [str(record) for record in made.last_transitions] == ["add B: +B -A", "auto add C: +C"]
    made.can_remove("B")
    assert [str(record) for record in made.last_transitions] == ["check remove B: accepted"]
    made.add("A", "B")
    assert [str(record) for record in made.last_transitions] == ["add A B: canceled"]


def test_a_handler_knows_the_state_that_it_is_called_for() -> None:
    made, seen = machine(), []
    for name in ("AEnter", "AState", "AB", "AnyEnter", "AExit"):
        made.bind({name: lambda event: seen.append((event.name, event.state))})
    made.add("A")
    made.add("B")
    made.remove("A")
    assert seen == [
        ("AEnter", "A"),
        ("AnyEnter", None),
        ("AState", "A"),
        ("AB", "B"),
        ("AnyEnter", None),
        ("AExit", "A"),
        ("AnyEnter", None),
    ]
