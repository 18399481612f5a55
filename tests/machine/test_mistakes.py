"""A mistake is told where it is made, in words that mend it; the machine is as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from trellis import AsyncMachine, Machine
from trellis.errors import BadHandlers, BadSchema, LoopLimit, MachineError, UnknownHandler, UnknownState
from trellis.machine.log import Log


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
        lambda m: m.toggle(["A", "B"]),
        lambda m: m.is_(["A", "B"]),
        lambda m: m.not_(["A", "B"]),
        lambda m: m.any1(["A", "B"]),
        lambda m: m.has(["A", "B"]),
        lambda m: m.tick(["A", "B"]),
        lambda m: m.inspect(["A", "B"]),
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


def test_an_unknown_state_is_never_active_and_only_not_refuses_it() -> None:
    made = Machine({"Open": {}})
    asked = (made.is_("Opne"), made.any(["Opne"]), made.any1("Opne"), made.switch(["Opne"]), made.has("Opne"))
    assert asked == (False, False, False, None, False)
    for call in (made.not_, made.inspect):
        with pytest.raises(UnknownState, match=r"^no state named 'Opne' \(did you mean 'Open'\?\)$"):
            call("Open", "Opne")
    assert (made.not_("Open"), made.not_(), made.add("Open").value, made.not_("Open")) == (
        True,
        True,
        "executed",
        False,
    )


TICKS = "when_time takes a list of ticks, then the names: when_time([5], 'A')"
QUERY = (
    "when_query takes a plain function that is given the clock and says yes or no: "
    "when_query(lambda clock: clock['A'] >= 5)"
)


async def ask(clock: object) -> bool:
    return clock is not None


def steps(event: object) -> Any:
    yield event


async def async_steps(event: object) -> Any:
    yield event


class Called:
    """An object whose call is a generator."""

    def __call__(self, event: object) -> Any:
        yield event


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda m: m.any("AB"), "any takes groups of names: any(['AB'])"),
        (lambda m: m.any(["A"], "AB"), "any takes groups of names: any(['AB'])"),
        (lambda m: m.switch("AB"), "switch takes groups of names: switch(['AB'])"),
        (lambda m: m.parse_states("AB"), "parse_states takes a list of names: parse_states(['AB'])"),
        (lambda m: m.when_time({"A": 5}), f"{TICKS}, found {{'A': 5}}"),
        (lambda m: m.when_time("A"), f"{TICKS}, found 'A'"),
        (lambda m: m.when_time(5, "A"), f"{TICKS}, found 5"),
        (lambda m: m.when_time(["5"], "A"), "ticks are whole numbers, found '5'"),
        (lambda m: m.when_ticks("A", None), "ticks are whole numbers, found None"),
        (lambda m: m.when_queue(None), "when_queue takes the Result of a mutation, found None"),
        (
            lambda m: m.when_queue(m.when("A")),
            "when_queue takes the Result of a mutation, found a Wait: await it first",
        ),
        (lambda m: m.when_query(None), f"{QUERY}, found None"),
        (lambda m: m.when_query(ask), f"{QUERY}, found an async or generator function"),
        (lambda m: m.when_query(Called()), f"{QUERY}, found an async or generator function"),
        (
            lambda _: Log(cast("Any", None)),
            "a log gives its lines to a function or a logging.Logger, Log(print), found None",
        ),
        (lambda _: Log(print, 9), "the level of a log is 0 to 5, as in Level, found 9"),
        (lambda _: Log(print, args="id"), "args of a log is a list of names, write ['id']"),
    ],
)
def test_what_is_of_the_wrong_kind_is_refused_with_what_to_give(call: Callable[[Any], object], text: str) -> None:
    made = machine()
    with pytest.raises(MachineError) as caught:
        call(made)
    assert (str(caught.value), str(made), made.queue_tick) == (text, "()", 1)


@pytest.mark.parametrize("handler", [steps, async_steps, partial(steps), Called()])
def test_a_generator_is_no_handler(handler: Any) -> None:
    made = machine()
    with pytest.raises(BadHandlers) as caught:
        made.bind({"AState": handler})
    text = "cannot bind: the handler 'AState' is a generator, which would never run: take `yield` out of it"
    assert (str(caught.value), made.handlers) == (text, None)


def test_a_value_is_no_handler() -> None:
    with pytest.raises(BadHandlers, match=r"^cannot bind: the handler 'AState' is a function, found 5$"):
        machine().bind({"AState": 5})


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
        "state 'C': `auto` is True or False, found 3",
    )


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"auto": "yes"}, "`auto` is True or False, found 'yes'"),
        ({"multi": None}, "`multi` is True or False, found None"),
        ({"require": None}, "`require` holds a list of names, found None; leave it out, or write []"),
        ({"add": 5}, "`add` holds a list of names, found 5"),
        ({"remove": ["B", 1]}, "`remove` holds names, which are texts, found 1"),
        ({"after": [None]}, "`after` holds names, which are texts, found None"),
        ({"tags": {"x": 1}}, "`tags` holds a list of names, found {'x': 1}"),
    ],
)
def test_a_value_of_the_wrong_kind_in_a_schema_is_told_in_our_words(written: object, text: str) -> None:
    with pytest.raises(BadSchema) as caught:
        Machine({"A": written, "B": {}})
    assert str(caught.value) == f"state 'A': {text}"


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
