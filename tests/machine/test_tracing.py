"""Tracers: what they are told and when, who may be one, and that they decide nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.errors import BadTracer, TracerFailed
from trellis.machine import AsyncMachine, Machine
from trellis.machine.tracing import HOOKS, Tracer

SCHEMA = {"A": {"add": ["B"]}, "B": {}, "C": {"require": ["D"]}, "D": {}, "X": {"auto": True, "require": ["B"]}}
ORDER = list(SCHEMA)


class Everything:
    """Notes every hook, with the little that identifies what it was told."""

    def __init__(self, name: str = "") -> None:
        self.name, self.told = name, list[str]()

    def __getattr__(self, hook: str) -> Any:
        if hook not in HOOKS:
            raise AttributeError(hook)
        return lambda *facts: self.told.append(" ".join((self.name + hook, *map(self.text, facts))))

    def text(self, fact: object) -> str:
        match fact:
            case Machine():
                return fact.id
            case dict():
                return f"{len(fact)} states"
        called = " ".join(getattr(fact, "called", ())) if hasattr(fact, "completed") else ""
        return called or str(getattr(fact, "name", "") or fact)


def watched(**options: Any) -> tuple[Machine, Everything]:
    machine, tracer = Machine(SCHEMA, ORDER, id="m", **options), Everything()
    machine.trace(tracer)
    return machine, tracer


@pytest.mark.covers("AM13")
def test_every_hook_of_a_transition_is_called_in_order() -> None:
    machine, tracer = watched()
    machine.bind({"AEnter": lambda event: event.add("D"), "AState": lambda _event: None})
    machine.add("A")
    assert tracer.told == [
        "machine_init m",
        "mutation_queued m add A",
        "transition_init A",
        "transition_start A",
        "handler_start A AEnter",
        "mutation_queued m add D",
        "handler_end A AEnter",
        "transition_finals A",
        "handler_start A AState",
        "handler_end A AState",
        "transition_end A",
        "transition_init X",
        "transition_start X",
        "transition_finals X",
        "transition_end X",
        "transition_init D",
        "transition_start D",
        "transition_finals D",
        "transition_end D",
        "queue_end m",
    ]


@pytest.mark.covers("AM13")
def test_a_machine_without_handlers_tells_the_same() -> None:
    machine, tracer = watched()
    machine.add("A")
    machine.add("C")
    machine.can_add("D")
    assert tracer.told == [
        "machine_init m",
        "mutation_queued m add A",
        "transition_init A",
        "transition_start A",
        "transition_finals A",
        "transition_end A",
        "transition_init X",
        "transition_start X",
        "transition_finals X",
        "transition_end X",
        "queue_end m",
        "mutation_queued m add C",
        "transition_init C",
        "transition_start C",
        "transition_end C",
        "queue_end m",
        "mutation_queued m add D",
        "transition_init D",
        "transition_start D",
        "transition_end D",
        "queue_end m",
    ]


@pytest.mark.covers("AM13", "AM17")
def test_the_life_of_a_machine_is_told() -> None:
    machine, tracer = watched()
    Machine({"Z": {}}, id="child", parent=machine)
    machine.set_schema({**SCHEMA, "E": {}}, [*ORDER, "Exception", "E"])
    machine.verify_states(["E", *ORDER, "Exception"])
    machine.dispose()
    assert tracer.told == [
        "machine_init m",
        "new_submachine m child",
        "schema_change m 6 states",
        "verify_states m",
        "machine_dispose m",
    ]


def test_a_submachine_inherits_the_tracers_that_say_so() -> None:
    machine = Machine(SCHEMA, ORDER, id="m")
    seen: list[str] = []

    class Inherited(Tracer):
        inherit = True

        def transition_end(self, tx: Any) -> None:
            seen.append(tx.id)

    machine.trace(Inherited())
    machine.trace(own := Everything())
    Machine({"Z": {}}, id="child", parent=machine).add("Z")
    assert seen == ["child/1"]
    assert own.told == ["machine_init m", "new_submachine m child"]


def test_tracers_are_called_in_the_order_in_which_they_were_bound() -> None:
    machine = Machine(SCHEMA, ORDER, id="m")
    first, second = Everything("1 "), Everything("2 ")
    second.told = first.told
    machine.trace(first)
    machine.trace(second)
    machine.add("D")
    assert first.told[2:6] == [
        "1 mutation_queued m add D",
        "2 mutation_queued m add D",
        "1 transition_init D",
        "2 transition_init D",
    ]
    assert machine.untrace(first)
    assert not machine.untrace(first)
    first.told.clear()
    machine.remove("D")
    assert {line[0] for line in first.told} == {"2"}
    assert machine.untrace(second)
    assert machine.hooks is None


def test_hooks_that_are_not_overridden_are_not_called() -> None:
    class Ends(Tracer):
        def transition_end(self, tx: Any) -> None: ...

    machine = Machine(SCHEMA, ORDER)
    machine.trace(Ends())
    assert machine.hooks is not None
    assert (machine.hooks.transition_init, machine.hooks.queue_end) == (None, None)
    assert machine.hooks.transition_end is not None


def test_what_a_tracer_mutates_in_a_hook_is_queued() -> None:
    class Follows:
        def mutation_queued(self, machine: Machine, mutation: Any) -> None:
            if mutation.names == ("A",):
                machine.add("D")

        def transition_init(self, tx: Any) -> None:
            if tx.called == ("D",):
                tx.add("C")

    machine = Machine(SCHEMA, ORDER)
    machine.trace(Follows())
    assert machine.add("A").value == "executed"
    assert [tx.called for tx in machine.last_transitions] == [("A",), ("X",), ("D",), ("C",)]
    assert machine.is_("A", "B", "X", "D", "C")


def test_what_a_tracer_mutates_runs_where_nothing_else_follows() -> None:
    class Follows:
        def transition_end(self, tx: Any) -> None:
            if tx.called == ("A",):
                tx.add("B")

    machine = Machine({"A": {}, "B": {}}, ["A", "B"])
    machine.trace(Follows())
    machine.add("A")
    assert machine.active == ("B", "A")


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
def test_a_transition_says_whether_it_is_accepted_and_complete(bound: bool) -> None:
    said: list[tuple[str, bool, bool]] = []

    class Says:
        def transition_init(self, tx: Any) -> None:
            said.append(("init", tx.accepted, tx.completed))

        def transition_end(self, tx: Any) -> None:
            said.append(("end", tx.accepted, tx.completed))

    machine = Machine({"C": {"require": ["D"]}, "D": {}}, ["C", "D"])
    if bound:
        machine.bind({"AnyEnter": lambda event: "D" not in event.called})
    machine.trace(Says())
    machine.add("C")
    machine.add("D")
    assert said == [("init", False, False), ("end", False, True), ("init", True, False), ("end", not bound, True)]


def test_the_first_tracer_that_raised_is_the_one_that_is_heard() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.trace(Failing("transition_end"))
    machine.trace(Failing("transition_init", KeyError("first")))
    with pytest.raises(TracerFailed, match=r"raised: KeyError\('first'\)"):
        machine.add("A")


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
@pytest.mark.parametrize("others", [0, 1])
def test_a_tracer_that_takes_itself_away_and_raises_is_heard_once(bound: bool, others: int) -> None:
    class Once:
        def transition_init(self, tx: Any) -> None:
            assert tx.machine.untrace(self)
            raise ValueError("once")

    machine = Machine(SCHEMA, ORDER)
    if bound:
        machine.bind({"AnyState": lambda _event: None})
    for _ in range(others):
        machine.trace(Everything())
    machine.trace(Once())
    with pytest.raises(TracerFailed, match="once"):
        machine.add("A")
    assert machine.is_("A", "B", "X")
    assert (machine.hooks is not None) == bool(others)
    assert machine.add("D")


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
@pytest.mark.parametrize("alone", [False, True])
def test_an_error_from_before_a_tracer_went_is_heard_once(bound: bool, alone: bool) -> None:
    class Raises:
        def transition_init(self, _tx: Any) -> None:
            if machine.not_("A", "D"):
                raise ValueError("once")

        def transition_end(self, tx: Any) -> None:
            tx.machine.untrace(self if alone else other)

    machine, other = Machine({"A": {}, "D": {}}), Everything()
    if bound:
        machine.bind({"AnyState": lambda _event: None})
    if not alone:
        machine.trace(other)
    machine.trace(Raises())
    with pytest.raises(TracerFailed, match="once"):
        machine.add("D")
    assert (machine.hooks is None) == alone
    assert machine.add("A")


def test_a_tracer_that_takes_itself_away_at_the_end_is_heard() -> None:
    class Last:
        def machine_dispose(self, machine: Any) -> None:
            machine.untrace(self)
            raise ValueError("last")

    machine = Machine(SCHEMA, ORDER)
    machine.trace(Last())
    with pytest.raises(TracerFailed, match="last"):
        machine.dispose()
    assert (machine.hooks, machine.disposed) == (None, True)


class Failing:
    def __init__(self, hook: str, error: BaseException | None = None) -> None:
        self.error = error or ValueError("no")
        setattr(self, hook, self.fail)

    def fail(self, *_facts: object) -> None:
        raise self.error


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
@pytest.mark.parametrize(
    "hook",
    ["mutation_queued", "transition_init", "transition_start", "transition_finals", "transition_end", "queue_end"],
)
def test_a_tracer_that_raises_changes_nothing_and_is_heard_when_the_queue_has_ended(hook: str, bound: bool) -> None:
    machine = Machine(SCHEMA, ORDER, id="m")
    if bound:
        machine.bind({"AEnter": lambda event: event.add("D")})
    else:
        machine.add("D")
    machine.trace(Failing(hook))
    machine.trace(after := Everything())
    with pytest.raises(TracerFailed) as caught:
        machine.add("A")
    assert str(caught.value) == (
        "tracer hook 'Failing.fail' of machine 'm' raised: ValueError('no'); "
        "the machine did all it would have done without the tracer"
    )
    assert isinstance(caught.value.__cause__, ValueError)
    assert machine.is_("A", "B", "D", "X")
    assert (machine.err, machine.running, machine.queue_length) == (None, False, 0)
    assert after.told[-1] == "queue_end m"
    assert machine.untrace(machine.hooks.tracers[0] if machine.hooks else None)
    assert machine.remove("A").value == "executed"


def test_a_handler_error_goes_before_that_of_a_tracer() -> None:
    machine = Machine(SCHEMA, ORDER)
    machine.bind({"AEnter": lambda _event: 1 / 0})
    machine.trace(Failing("handler_start"))
    with pytest.raises(TracerFailed):
        machine.add("A")
    assert isinstance(machine.err, ZeroDivisionError)
    assert machine.active == ("Exception",)


def test_on_an_asyncio_machine_the_error_of_a_tracer_goes_to_who_awaits_the_mutation() -> None:
    async def live() -> AsyncMachine:
        machine = AsyncMachine(SCHEMA, ORDER, id="m")
        machine.trace(Failing("transition_start"))
        machine.trace(Failing("queue_end"))
        with pytest.raises(TracerFailed) as caught:
            await machine.add("A")
        assert str(caught.value) == (
            "tracer hook 'Failing.fail' of machine 'm' raised: ValueError('no'); "
            "the machine did all it would have done without the tracer"
        )
        return machine

    machine = asyncio.run(live())
    assert (machine.running, machine.is_("A", "B", "X")) == (False, True)


@pytest.mark.parametrize("hook", ["machine_init", "new_submachine", "machine_dispose"])
def test_a_tracer_that_raises_while_nothing_runs_is_heard_at_once(hook: str) -> None:
    machine = Machine(SCHEMA, ORDER)

    def live() -> None:
        machine.trace(Failing(hook))
        Machine({"Z": {}}, parent=machine)
        machine.dispose()

    with pytest.raises(TracerFailed, match="raised: ValueError"):
        live()


@pytest.mark.parametrize("bound", [False, True], ids=["alone", "with handlers"])
@pytest.mark.parametrize("hook", ["mutation_queued", "transition_start"])
def test_an_interrupt_in_a_tracer_leaves_the_machine_ready(hook: str, bound: bool) -> None:
    machine, tracer = Machine(SCHEMA, ORDER), Failing(hook, KeyboardInterrupt())
    if bound:
        machine.bind({"AnyEnter": lambda _event: None})
    machine.trace(tracer)
    with pytest.raises(KeyboardInterrupt):
        machine.add("A")
    assert (machine.running, machine.active) == (False, ())
    machine.untrace(tracer)
    assert machine.add("A").value == "executed"


def test_what_cannot_be_a_tracer_is_told_why() -> None:
    class Odd:
        transition_end = 1

        def transition_finish(self, tx: object) -> None: ...
        def on_x(self, tx: object) -> None: ...
        def helper(self) -> None: ...

    hooks = ", ".join(HOOKS)
    machine = Machine(SCHEMA, ORDER, id="m")
    said = {
        Tracer: ("a tracer is an object, found the class Tracer: bind Tracer()",),
        5: (f"int has no hook; a tracer has some of: {hooks}",),
        Odd(): (
            f"Odd has no hook; a tracer has some of: {hooks}",
            "Odd.transition_end is a hook, but cannot be called",
            f"Odd.on_x looks like a hook, but there is none of that name (hooks are: {hooks})",
            "Odd.transition_finish looks like a hook, but there is none of that name (did you mean 'transition_finals'?)",
        ),
    }
    for tracer, faults in said.items():
        with pytest.raises(BadTracer) as caught:
            machine.trace(tracer)
        assert caught.value.faults == faults
        assert str(caught.value) == "; ".join(faults)
    assert machine.hooks is None
    machine.trace(known := Everything())
    with pytest.raises(BadTracer, match="^this Everything watches machine 'm' already$"):
        machine.trace(known)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "remove", "set", "toggle", "can_add"]), st.lists(st.sampled_from(ORDER), max_size=3)
        ),
        max_size=12,
    )
)
def test_a_watched_machine_does_what_an_unwatched_one_does(calls: list[tuple[str, list[str]]]) -> None:
    plain, (seen, _), handled = Machine(SCHEMA, ORDER), watched(), Machine(SCHEMA, ORDER)
    handled.bind({"AnyState": lambda _event: None})
    for kind, names in calls:
        results = {getattr(machine, kind)(*names) for machine in (plain, seen, handled)}
        assert len(results) == 1
        assert plain.last_transitions == seen.last_transitions == handled.last_transitions or kind == "can_add"
    for machine in (seen, handled):
        assert (machine.active, machine.clock, machine.queue_tick) == (plain.active, plain.clock, plain.queue_tick)
