"""Rows 33 to 62: waits, contexts, errors, clocks, the schema, the end."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from tests.machine.edge_cases.rows import FREE, MULTI, fail, machine, row
from trellis import Machine
from trellis.errors import BadSchema, HandlerTimeout, TrellisError


@row(33, "a wait for two states ends with the second")
def _() -> None:
    m = machine("B", "C")
    wait = m.when("B", "C")
    m.add("B")
    assert not wait.done
    m.add("C")
    assert wait.done


@row(34, "two equal waits both end")
def _() -> None:
    m = machine("A", "B")
    first, second = m.when("A", "B"), m.when("A", "B")
    m.add("A", "B")
    assert first.done and second.done


@row(35, "a wait for what is active is over at once")
def _() -> None:
    m = machine("A")
    m.add("A")
    assert m.when("A").done


@row(36, "a wait for the absence of what is inactive is over at once")
def _() -> None:
    assert machine("A").when_not("A").done


@row(37, "waits that share a state end each for itself")
def _() -> None:
    m = machine("A", "B", "C")
    waits = [m.when("A"), m.when("A", "B"), m.when("A", "C")]
    m.set("A")
    assert [wait.done for wait in waits] == [True, False, False]


@row(38, "a negotiation handler that raises cancels, and Exception comes")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    m.bind({"BEnter": fail})
    assert m.add("B").value == "canceled"
    assert set(m.active) == {"A", "Exception"}
    assert isinstance(m.err, ValueError)


@row(39, "a final handler that raises takes back its state and those after it")
def _() -> None:
    m = machine("A", "B", "C")
    m.bind({"BState": fail})
    assert m.add("A", "B", "C").value == "canceled"
    assert list(m.active) == ["Exception", "A"]
    assert m.clock == {"A": 1, "B": 2, "C": 2, "Exception": 1}


@row(40, "the context of an active state ends when it leaves")
def _() -> None:
    m = machine("A")
    m.add("A")
    context = m.state_context("A")
    assert not context.ended
    m.remove("A")
    assert context.ended


@row(41, "the context of an inactive state ends when it comes")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    context = m.state_context("B")
    m.remove("A")
    assert not context.ended
    m.add("B")
    assert context.ended


@row(42, "a handler sees what it queued")
def _() -> None:
    m = machine("A", "B", "C", "D")
    seen: list[object] = []

    def queue(event: Any, **args: Any) -> None:
        for name in ("B", "C", "D"):
            m.add(name)
        seen.extend((m.queue_length, m.will_be("C"), m.will_be("A")))

    m.bind({"AState": queue})
    m.add("A")
    assert seen == [3, True, False]


@row(43, "an auto pass of which nothing can come is canceled without a trace in the result")
def _() -> None:
    m = machine("A", "B", C={"auto": True, "require": ["B"]}, D={"auto": True, "require": ["B"]})
    assert m.add("A").value == "executed"
    assert list(m.active) == ["A"]
    assert [(each.called, each.accepted, each.auto) for each in m.last_transitions] == [
        (("A",), True, False),
        (("C", "D"), False, True),
    ]


@row(44, "clocks over a life with a multi state")
def _() -> None:
    m = machine("A", "C", "D", B=MULTI)
    times = []
    for kind, names in (
        ("add", "AB"),
        ("add", "AB"),
        ("add", "ABC"),
        ("set", "D"),
        ("add", "DC"),
        ("remove", "BC"),
        ("add", "AB"),
    ):
        getattr(m, kind)(*names)
        times.append(m.time("A", "B", "C", "D"))
    assert times == [
        (1, 1, 0, 0),
        (1, 3, 0, 0),
        (1, 5, 1, 0),
        (2, 6, 2, 1),
        (2, 6, 3, 1),
        (2, 6, 4, 1),
        (3, 7, 4, 1),
    ]


@row(45, "waits that are cancelled are over and leave nothing behind")
def _() -> None:
    m = machine("A", "B", "X")
    m.add("A")
    asked: list[int] = []

    class Question:
        def __call__(self, clock: Any) -> bool:
            asked.append(1)
            return False

    question = Question()
    gone = weakref.ref(question)
    waits = [
        m.when("B"),
        m.when_not("A"),
        m.when_args("B", foo="bar"),
        m.when_time((5,), "A"),
        m.when_ticks("A", 4),
        m.when_next_active("A"),
        m.when_err(),
        m.when_disposed(),
        m.when_query(question),
    ]
    for wait in waits:
        wait.cancel()
    m.add("X")
    assert [wait.done for wait in waits] == [True] * len(waits)
    del waits, wait, question
    assert (asked, gone()) == ([], None)


@row(46, "a wait for ticks that do not fit the states is an error and over at once")
def _() -> None:
    m = machine("A", "B")
    wait = m.when_time((5,), "A", "B")
    assert wait.done
    assert m.is_("Exception")


@row(47, "a wait for arguments ends with those alone")
def _() -> None:
    m = machine("A", "B")
    wait = m.when_args("B", foo="bar")
    m.add("B", foo="foo")
    assert not wait.done
    m.remove("B")
    m.add("B", foo="bar", more=1)
    assert wait.done


@row(48, "a wait for ticks remembers which were reached")
def _() -> None:
    m = machine(A=MULTI, B=MULTI)
    m.add("A", "B")
    wait = m.when_time((5, 2), "A", "B")
    m.add("A", "B")
    assert (m.time("A", "B"), wait.done) == ((3, 3), False)
    m.add("A")
    assert (m.tick("A"), wait.done) == (5, True)


@row(49, "identical waits are one object")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    assert m.when("B") is m.when("B")
    assert m.when_not("A") is m.when_not("A")
    assert m.when_time((3,), "A") is m.when_time((3,), "A")
    assert m.when_args("B", foo="bar") is m.when_args("B", foo="bar")


@row(50, "a schema may grow and not shrink")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    m.set_schema({"A": FREE, "B": FREE, "C": {"add": ["B"]}}, ["A", "B", "C"])
    assert (m.names, m.active, m.clock) == (
        ("A", "B", "C", "Exception"),
        ("A",),
        {"A": 1, "B": 0, "C": 0, "Exception": 0},
    )
    m.add("C")
    assert set(m.active) == {"A", "B", "C"}
    with pytest.raises(BadSchema):
        m.set_schema({"A": FREE}, ["A"])
    assert set(m.active) == {"A", "B", "C"}


@row(51, "equal mutations wait once")
def _() -> None:
    m = machine("A", "B")
    m.add("B")
    lengths: list[int] = []

    def queue(event: Any, **args: Any) -> None:
        for mutate in (m.add, m.add, m.add, m.remove, m.remove):
            mutate("B")
            lengths.append(m.queue_length)

    m.bind({"AState": queue})
    m.add("A")
    assert lengths == [1, 1, 1, 2, 2]
    assert list(m.active) == ["A"]


@row(52, "an order that names an unknown state or lacks one is refused")
def _() -> None:
    m = machine("A", "B")
    m.verify_states(["B", "A", "Exception"])
    for names in (["A", "B", "Zed", "Exception"], ["A", "Exception"]):
        with pytest.raises(TrellisError):
            m.verify_states(names)
    assert m.names == ("B", "A", "Exception")


@row(53, "has counts no state twice")
def _() -> None:
    assert machine("A", "B").has("A", "A", "B")
    assert not machine("A").has("A", "Zed")


@row(54, "an export goes into a machine of the same id alone")
def _() -> None:
    states = {"A": MULTI, "B": FREE, "C": FREE}
    m = Machine(states, id="one")
    m.add("A", "B")
    m.add("A")
    data = m.export()
    with pytest.raises(TrellisError):
        Machine(states, id="two").import_(data)
    other = Machine(states, id="one")
    other.import_(data)
    assert (str(other), other.clock, other.names) == (str(m), m.clock, m.names)
    assert other.machine_tick == m.machine_tick + 1


@row(55, "a handler that takes longer than allowed cancels")
def _() -> None:
    now = [0.0]
    m = Machine({"A": FREE, "B": FREE}, handler_timeout=0.05, clock=lambda: now[0])

    def slow(event: Any, **args: Any) -> None:
        now[0] += 0.06

    m.bind({"AEnter": slow})
    assert m.add("A").value == "canceled"
    assert not m.is_("A")
    assert isinstance(m.err, HandlerTimeout)
    assert m.add("B").value == "executed"


@row(56, "what has no hook is no tracer, and a tracer can be taken away")
def _() -> None:
    m = machine("A", "B")
    ended: list[object] = []

    class Tracer:
        def transition_end(self, tx: Any) -> None:
            ended.append(tx.called)

    with pytest.raises((TypeError, TrellisError)):
        m.trace(object())
    tracer = Tracer()
    m.trace(tracer)
    m.add("A")
    m.untrace(tracer)
    m.add("B")
    assert ended == [("A",)]


@row(57, "an error state comes along with Exception, also where it does not require it")
def _() -> None:
    m = machine("B")
    error = ValueError("no luck")
    assert m.add_err(error, "B").value == "executed"
    assert list(m.active) == ["B", "Exception"]
    assert m.err is error


@row(58, "what was raised outside of a handler can become an error state")
def _() -> None:
    m = machine("B")
    try:
        fail(None)
    except ValueError as error:
        m.add_err(error, "B")
    assert list(m.active) == ["B", "Exception"]


@row(59, "a disposed machine cancels everything, is empty and keeps nobody waiting")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    waits = [m.when("B"), m.when_not("A"), m.when_time((9,), "A"), m.when_err(), m.when_disposed()]
    m.dispose()
    mutations = (m.add, m.remove, m.set, m.toggle, m.can_add, m.can_remove, m.prepend_add)
    assert [mutate("A").value for mutate in mutations] == ["canceled"] * len(mutations)
    assert m.add_err(ValueError()).value == "canceled"
    assert (m.active, m.time_sum, m.disposed) == ((), 0, True)
    assert [wait.done for wait in waits] == [True] * len(waits)
    assert m.when("B").done


@row(60, "a check changes nothing")
def _() -> None:
    m = machine("C", A={"auto": True, "require": ["C"]})
    assert m.can_add("A").value == "canceled"
    assert m.can_add("C").value == "executed"
    assert (m.active, m.time_sum, m.queue_tick) == ((), 0, 1)


@row(61, "a wait for a question ends when the clocks answer it")
def _() -> None:
    m = machine(A=MULTI, B=MULTI)
    m.add("A", "B")
    wait = m.when_query(lambda clock: clock["A"] > 4 * clock["B"])
    m.add("A")
    assert (m.time("A", "B"), wait.done) == ((3, 1), False)
    m.add("A")
    assert (m.time("A", "B"), wait.done) == ((5, 1), True)


@row(62, "toggle adds unless all are active")
def _() -> None:
    m = machine("A", "B")
    m.toggle("A")
    assert list(m.active) == ["A"]
    m.toggle("A")
    assert list(m.active) == []
    m.add("A")
    m.toggle("A", "B")
    assert set(m.active) == {"A", "B"}
