"""Where a machine stops: how much may wait, how long it may run, what follows an error, a disposal, a pulse, an owner."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.machine.naive import HandlerRaised, NaiveMachine
from trellis import Machine, Result
from trellis.errors import ExceptionFailed, HandlerTimeout, LoopLimit, MachineError, UnknownState, WrongThread
from trellis.machine.mutation import Source
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED

STATES: dict[str, dict[str, Any]] = {name: {} for name in "ABCDE"}


def records(machine: Machine) -> list[str]:
    return [str(record) for record in machine.last_transitions]


def during(machine: Machine, call: Callable[[], object], state: str = "A") -> Result:
    """Add a state, and call this in its final handler."""

    def handler(_event: object) -> None:
        call()

    binding = machine.bind({f"{state}State": handler})
    result = machine.add(state)
    machine.detach(binding)
    return result


# How much may wait


@pytest.mark.covers("AM05")
def test_a_full_queue_cancels_what_is_appended_and_takes_what_is_prepended() -> None:
    machine, told = Machine(STATES, queue_limit=2), list[Result]()

    def fill() -> None:
        told.extend(
            [machine.add("B"), machine.remove("A"), machine.add("C"), machine.set("D"), machine.remove("A", "E")]
        )
        told.extend([machine.prepend_add("E"), machine.can_add("C")])
        told.append(machine.eval(lambda: told.append(EXECUTED)))

    during(machine, fill)
    queued = [Result("queued", 3), Result("queued", 4)]
    assert told == [*queued, CANCELED, CANCELED, CANCELED, PREPENDED, PREPENDED, PREPENDED, EXECUTED]
    assert records(machine) == ["add A: +A", "check add C: accepted", "add E: +E", "add B: +B", "remove A: -A"]


@pytest.mark.covers("AM05", "AM08")
def test_a_full_queue_takes_an_error_in_but_neither_a_set_nor_a_removal_of_exception() -> None:
    machine, told = Machine({**STATES, "ErrX": {}}, queue_limit=1), list[Result]()

    def fill() -> None:
        told.append(machine.add("B"))
        told.append(machine.set("Exception"))
        told.append(machine.set("B", "Exception"))
        told.append(machine.remove("Exception"))
        told.append(machine.add("C"))
        told.append(machine.add_err(OSError("x"), "ErrX"))

    during(machine, fill)
    assert told == [Result("queued", 3), CANCELED, CANCELED, CANCELED, CANCELED, Result("queued", 4)]
    assert records(machine) == ["add A: +A", "add B: +B", "add ErrX Exception: +ErrX +Exception"]


def test_a_full_queue_of_a_machine_in_exception_takes_no_further_error() -> None:
    machine, told = Machine(STATES, queue_limit=1), list[Result]()
    machine.add_err(OSError("first"))

    def fill() -> None:
        told.append(machine.add("B"))
        told.append(machine.add_err(OSError("second")))
        told.append(machine.set("Exception"))

    during(machine, fill)
    assert told == [Result("queued", 5), CANCELED, CANCELED]
    assert str(machine) == "(A:1 B:1 Exception:3)"


def test_a_queue_that_was_full_takes_more_when_it_has_gone_on() -> None:
    machine, told = Machine(STATES, queue_limit=1), list[Result]()
    machine.bind({"BState": lambda event: told.append(event.machine.add("C"))})
    during(machine, lambda: told.extend([machine.add("B"), machine.add("D")]))
    assert told == [Result("queued", 3), CANCELED, Result("queued", 4)]
    assert str(machine) == "(A:1 B:1 C:1)"


def test_a_function_that_waits_is_no_mutation_that_waits_already() -> None:
    machine, told = Machine({"A": {}}), list[Result]()

    def fill() -> None:
        told.append(machine.eval(lambda: None))
        told.append(machine.add())

    during(machine, fill)
    assert told == [PREPENDED, Result("queued", 3)]
    assert records(machine) == ["add A: +A", "add: accepted"]


def test_what_waits_already_is_told_by_kind_states_and_arguments() -> None:
    machine, told = Machine({**STATES, "M": {"multi": True}}), list[Result]()

    def fill() -> None:
        told.append(machine.add("B", "C"))
        told.append(machine.add("C", "B"))
        told.append(machine.add("B", "C", x=1))
        told.append(machine.set("B", "C"))
        told.append(machine.add("B"))
        told.extend([machine.add("M"), machine.add("M")])

    during(machine, fill)
    assert [result.tick for result in told] == [3, 0, 4, 5, 6, 7, 8]


# How long it may run


@pytest.mark.covers("AM05")
def test_a_machine_that_reached_its_limit_dropped_what_waited_and_goes_on_as_new() -> None:
    machine = Machine({"M": {"multi": True}, "A": {}, "B": {}}, id="m", transition_limit=10)
    binding = machine.bind({"MState": lambda event: (event.machine.add("B"), event.machine.prepend_add("M"))})
    with pytest.raises(LoopLimit) as caught:
        machine.add("M")
    assert str(caught.value) == (
        "machine 'm' made 10 transitions in one call, at last [add M]; "
        "a handler calls for itself without end, or transition_limit is too small"
    )
    assert (str(machine), machine.queue_length, machine.running, machine.queue_tick) == ("(M:19)", 0, False, 2)
    machine.detach(binding)
    told: list[Result] = []
    assert machine.add("A") == EXECUTED
    assert records(machine) == ["add A: +A"]
    during(machine, lambda: told.append(machine.remove("A")), "B")
    assert (told, str(machine), machine.queue_tick) == ([Result("queued", 5)], "(M:19 B:1)", 5)


@pytest.mark.parametrize("looked_on", [False, True])
def test_an_exact_number_of_transitions_is_no_loop(looked_on: bool) -> None:
    machine = Machine({"M": {"multi": True}}, transition_limit=3)
    left = 2

    def again(event: Any) -> None:
        nonlocal left
        if left:
            left -= 1
            event.machine.add("M")

    machine.bind({"MState": again})
    if looked_on:
        machine.trace(Onlooker())
    assert (machine.add("M"), str(machine)) == (EXECUTED, "(M:5)")
    left = 3
    with pytest.raises(LoopLimit):
        machine.add("M")
    assert str(machine) == "(M:11)"


class Onlooker:
    """A tracer that does nothing but note what the transitions were."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def transition_end(self, tx: Any) -> None:
        self.seen.append(tx)


# What follows an error


@pytest.mark.covers("AM08")
def test_the_first_error_within_exception_is_raised_and_all_that_waits_is_made() -> None:
    machine = Machine(STATES, id="m")

    def state(event: Any, err: Exception, **_args: Any) -> None:
        raise ValueError(f"after {err}")

    machine.bind({"ExceptionState": state})

    def errors() -> None:
        machine.add_err(OSError("one"))
        machine.add("B")
        machine.add_err(OSError("two"))
        machine.add("C")

    with pytest.raises(ExceptionFailed) as caught:
        during(machine, errors)
    assert str(caught.value) == (
        "handler 'ExceptionState' of machine 'm' raised while taking in an error: ValueError('after one')"
    )
    assert isinstance(caught.value.__cause__, ValueError)
    assert (str(machine), machine.queue_length, machine.running) == ("(A:1 B:1 C:1)", 0, False)
    assert repr(machine.err) == "ValueError('after two')"
    assert machine.add("D") == EXECUTED


def test_an_error_within_exception_is_raised_though_its_call_was_for_something_else() -> None:
    machine = Machine(STATES, id="m")

    def fail(event: Any, **_args: Any) -> None:
        raise ValueError(event.name)

    machine.bind({"AEnter": fail, "ExceptionEnter": fail})
    with pytest.raises(ExceptionFailed, match="^handler 'ExceptionEnter' of machine 'm' raised"):
        machine.add("A")
    assert (machine.add("B"), str(machine)) == (EXECUTED, "(B:1)")


def test_what_a_function_queued_before_it_raised_is_dropped() -> None:
    machine = Machine(STATES)

    def call() -> None:
        machine.add("B")
        raise ValueError("evaluated")

    with pytest.raises(ValueError, match="^evaluated$"):
        machine.eval(call)
    assert (machine.queue_length, machine.add("C"), str(machine)) == (0, EXECUTED, "(C:1)")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_waits_is_dropped_by_an_interrupt(kind: type[BaseException]) -> None:
    machine = Machine(STATES)

    def enter(event: Any) -> None:
        event.machine.add("B")
        raise kind

    machine.bind({"AEnter": enter})
    with pytest.raises(kind):
        machine.add("A")
    assert (machine.queue_length, machine.running, str(machine)) == (0, False, "()")
    assert (machine.add("C"), str(machine), machine.queue_tick) == (EXECUTED, "(C:1)", 3)


def test_a_state_that_lost_what_it_requires_to_a_failed_handler_leaves_with_the_next_mutation() -> None:
    schema: dict[str, dict[str, Any]] = {"A": {"multi": True}, "B": {"require": ["A"]}, "C": {}}
    machine, naive = Machine(schema, ["A", "B", "C"]), NaiveMachine(schema, ["A", "B", "C"])
    fails: list[bool] = []

    def state(_first: object) -> None:
        if fails:
            raise HandlerRaised

    machine.bind({"AState": state})
    naive.bind({"AState": state})
    wanted, found = [], []
    for kind, names in (("add", "A"), ("add", "B"), ("fail", ""), ("add", "A"), ("add", "C")):
        if kind == "fail":
            fails.append(True)
            continue
        outcome, result = naive.add(*names), machine.add(*names)
        wanted.append((outcome.value, list(naive.active), dict(naive.clock)))
        found.append((result.value, list(machine.active), machine.clock))
    assert found == wanted
    assert set(machine.active) == {"C", "Exception"}


# What follows a disposal


@pytest.mark.covers("AM17")
@pytest.mark.parametrize("name", ["AEnter", "AState", "AnyState"])
def test_a_machine_that_is_disposed_by_a_handler_makes_no_auto_pass_and_nothing_that_waits(name: str) -> None:
    machine, told, called = Machine({**STATES, "Z": {"auto": True}}), list[Result](), list[str]()

    def dispose(event: Any) -> None:
        told.append(machine.add("B"))
        machine.dispose()
        told.extend([machine.add("C"), machine.add_err(OSError()), machine.eval(lambda: called.append("eval"))])

    machine.bind({name: dispose})
    machine.bind({"ZEnter": lambda _event: called.append("ZEnter"), "BEnter": lambda _event: called.append("BEnter")})
    machine.on_dispose(lambda: called.append("disposed"))
    assert machine.add("A") == EXECUTED
    assert told == [Result("queued", 3), CANCELED, CANCELED, CANCELED]
    assert (records(machine), called) == (["add A: +A"], ["disposed"])
    assert (str(machine), machine.disposed, machine.running, machine.queue_length) == ("()", True, False, 0)


def test_a_machine_that_is_disposed_by_a_tracer_ends() -> None:
    machine, told = Machine(STATES), list[str]()

    class Disposing(Onlooker):
        def transition_end(self, tx: Any) -> None:
            super().transition_end(tx)
            machine.dispose()

    tracer = Disposing()
    machine.trace(tracer)
    machine.on_dispose(lambda: told.append("disposed"))
    assert machine.add("A") == EXECUTED
    assert (told, str(machine), machine.running, len(tracer.seen)) == (["disposed"], "()", False, 1)
    assert machine.add("B") == CANCELED


def test_a_disposed_machine_takes_in_no_error() -> None:
    machine = Machine(STATES)
    machine.dispose()
    assert (machine.add_err(OSError("late")), machine.err) == (CANCELED, None)
    assert machine.add_err(OSError("late"), "Unknown") == CANCELED


# Pulses


def with_auto_state() -> Machine:
    schema = {"Healthcheck": {"multi": True}, "Heartbeat": {"multi": True}, "A": {}, "B": {}}
    return Machine({**schema, "Z": {"auto": True, "require": ["A"]}})


@pytest.mark.covers("AM03")
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("pulse", ["Healthcheck", "Heartbeat"])
def test_a_pulse_causes_no_auto_pass(pulse: str, bound: bool) -> None:
    machine = with_auto_state()
    if bound:
        machine.bind({"AnyState": lambda _event: None})
    found = []
    for kind, names in (("add", (pulse,)), ("add", (pulse,)), ("remove", (pulse,)), ("add", (pulse, "B"))):
        getattr(machine, kind)(*names)
        found.append([(record.type, record.called) for record in machine.last_transitions])
    auto = ("add", ("Z",))
    assert found == [
        [("add", (pulse,))],
        [("add", (pulse,))],
        [("remove", (pulse,)), auto],
        [("add", (pulse, "B")), auto],
    ]


def test_an_auto_state_that_was_refused_does_not_come_with_a_pulse_but_with_the_next_mutation() -> None:
    machine, refused = with_auto_state(), [True]
    machine.bind({"ZEnter": lambda _event: not refused})
    machine.add("A")
    refused.clear()
    seen = []
    for name in ("Healthcheck", "Heartbeat", "B"):
        machine.add(name)
        seen.append(machine.is_("Z"))
    assert seen == [False, False, True]


# Time


class Clock:
    """Seconds that pass only when they are spent; halves, so that sums are exact."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def spend(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.covers("AM08")
@pytest.mark.parametrize("name", ["AEnter", "AState"])
def test_a_handler_may_take_exactly_as_long_as_the_limit(name: str) -> None:
    clock = Clock()
    machine = Machine(STATES, handler_timeout=0.5, clock=clock)
    binding = machine.bind({name: lambda _event: clock.spend(0.5)})
    assert (machine.add("A"), machine.err, str(machine)) == (EXECUTED, None, "(A:1)")
    machine.detach(binding)
    machine.remove("A")
    machine.bind({name: lambda _event: clock.spend(0.75)})
    assert machine.add("A") == CANCELED
    assert isinstance(machine.err, HandlerTimeout)
    assert str(machine.err) == f"handler '{name}' ran for 0.75 s, longer than 0.5 s"
    assert machine.active == ("Exception",)


def test_each_handler_has_the_whole_limit_to_itself() -> None:
    clock = Clock()
    machine = Machine(STATES, handler_timeout=0.5, clock=clock)
    machine.bind({name: lambda _event: clock.spend(0.5) for name in ("AEnter", "AnyEnter", "AState", "AnyState")})
    assert (machine.add("A"), machine.err, clock.now) == (EXECUTED, None, 102.0)


# Owners


def test_a_machine_that_runs_is_not_taken_over() -> None:
    machine, told = Machine(STATES), list[str]()

    def take() -> None:
        try:
            machine.own()
        except MachineError as error:
            told.append(type(error).__name__)
        try:
            machine.add("B")
        except WrongThread:
            told.append("refused")

    def elsewhere() -> None:
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        take_here()

    def take_here() -> None:
        with pytest.raises(MachineError):
            machine.own()

    assert during(machine, elsewhere) == EXECUTED
    assert (len(told), told[1], str(machine)) == (2, "refused", "(A:1)")
    assert machine.add("C") == EXECUTED


def test_a_machine_that_rests_is_taken_over_and_given_back() -> None:
    machine, told = Machine(STATES), list[Result]()

    def take() -> None:
        machine.own()
        told.append(machine.add("A"))

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    with pytest.raises(WrongThread):
        machine.add("B")
    machine.own()
    assert (told, machine.add("B"), str(machine)) == ([EXECUTED], EXECUTED, "(A:1 B:1)")


# Sources


@pytest.mark.covers("AM23")
def test_a_mutation_has_a_source_only_where_a_handler_made_it() -> None:
    machine, tracer = Machine({**STATES, "Z": {"auto": True, "require": ["B"]}}, id="m"), Onlooker()
    machine.bind({"AState": lambda event: event.machine.add("B")})
    machine.trace(tracer)
    machine.add("C")
    machine.add("A")
    found = [(tx.called, tx.source) for tx in tracer.seen]
    cause = next(tx.id for tx in tracer.seen if tx.called == ("A",))
    nothing = (("Z",), None)
    assert found == [
        (("C",), None),
        nothing,
        (("A",), None),
        nothing,
        (("B",), Source("m", cause, 1)),
        nothing,
    ]


def test_a_source_that_is_given_is_kept_whoever_looks_on() -> None:
    source, seen = Source("elsewhere", "elsewhere/1", 7), []
    for bound in (False, True):
        machine, tracer = Machine(STATES, id="m"), Onlooker()
        if bound:
            machine.bind({"AnyState": lambda _event: None})
        machine.trace(tracer)
        machine.mutate("add", ("A",), source=source)
        machine.add("B")
        seen += [tx.source for tx in tracer.seen]
    assert seen == [source, None, source, None]


@pytest.mark.covers("AM10")
def test_who_waits_is_not_asked_after_a_transition_that_was_canceled() -> None:
    machine, asked = Machine({**STATES, "N": {"require": ["E"]}}), list[dict[str, int]]()
    wait = machine.when_query(lambda clock: asked.append(dict(clock)))
    machine.bind({"BEnter": lambda _event: False})
    assert [machine.add("B"), machine.add("N"), machine.can_add("A"), machine.add("A")] == [
        CANCELED,
        CANCELED,
        EXECUTED,
        EXECUTED,
    ]
    assert (asked, wait.done) == ([machine.clock], False)


def test_an_unknown_state_is_refused_before_anything_waits() -> None:
    machine = Machine(STATES)

    def fill() -> None:
        with pytest.raises(UnknownState):
            machine.add("B", "Unknown")
        with pytest.raises(UnknownState):
            machine.add_err(OSError("x"), "Unknown")
        assert machine.queue_length == 0

    assert (during(machine, fill), machine.err, str(machine)) == (EXECUTED, None, "(A:1)")
