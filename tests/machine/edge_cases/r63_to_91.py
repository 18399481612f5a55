"""Rows 63 to 91: what recordings of the reference have shown."""

from __future__ import annotations

from typing import Any

import pytest

from tests.machine.edge_cases.rows import AUTO, MULTI, doing, fail, machine, no, row, values, watched
from trellis.errors import BadSchema


@row(63, "an active state that removes the called one keeps it out")
def _() -> None:
    m = machine("B", A={"remove": ["B"]})
    m.add("A")
    assert m.add("B").value == "canceled"
    assert list(m.active) == ["A"]


@row(64, "two called that remove each other cancel in either order")
def _() -> None:
    m = machine(A={"remove": ["B"]}, B={"remove": ["A"]})
    assert [m.add("A", "B").value, m.add("B", "A").value] == ["canceled", "canceled"]
    assert list(m.active) == []


@row(65, "a chain of add is followed two levels deep")
def _() -> None:
    m = machine("E", A={"add": ["B"]}, B={"add": ["C"]}, C={"add": ["D"]}, D={"add": ["E"]})
    m.add("A")
    assert list(m.active) == ["C", "A", "B"]


@row(66, "a state that adds what it requires lives and dies with it")
def _() -> None:
    m = machine("B", A={"add": ["B"], "require": ["B"]})
    m.add("A")
    assert list(m.active) == ["B", "A"]
    m.remove("B")
    assert list(m.active) == []
    m.add("A")
    m.remove("A")
    assert list(m.active) == ["B"]


@row(67, "two states that require each other come and go together")
def _() -> None:
    m = machine(A={"require": ["B"]}, B={"require": ["A"]})
    assert m.add("A").value == "canceled"
    assert m.add("A", "B").value == "executed"
    assert set(m.active) == {"A", "B"}
    m.remove("B")
    assert list(m.active) == []


@row(68, "states without requirements go before the others, what is required before what requires it")
def _() -> None:
    m = machine("B", "C", "D", A={"require": ["B"]})
    m.add("A", "B", "C", "D")
    assert list(m.active) == ["C", "D", "B", "A"]


@row(69, "a chain of requirements falls from where it is cut")
def _() -> None:
    relations = {"A": {"require": ["B"]}, "B": {"require": ["C"]}, "C": {"require": ["D"]}}
    m = machine("D", **relations)
    m.add("A", "B", "C", "D")
    m.remove("D")
    assert list(m.active) == []
    m.add("A", "B", "C", "D")
    m.remove("C")
    assert list(m.active) == ["D"]


@row(70, "an auto state may drive out what was just added")
def _() -> None:
    m = machine("A", B={"auto": True, "remove": ["A"]})
    assert m.add("A").value == "executed"
    assert list(m.active) == ["B"]
    assert m.add("A").value == "canceled"
    m.remove("B")
    assert list(m.active) == ["B"]


@row(71, "an auto state that is removed comes right back")
def _() -> None:
    m = machine("A", B={"auto": True, "require": ["A"]})
    m.add("A")
    for tick in (3, 5, 7):
        assert m.remove("B").value == "executed"
        assert (m.is_("B"), m.tick("B")) == (True, tick)


@row(72, "an auto state that an active one removes is not tried")
def _() -> None:
    m = machine("X", A={"remove": ["B"]}, B=AUTO)
    m.add("A")
    m.add("X")
    assert [each.auto for each in m.last_transitions] == [False]
    m.remove("A")
    assert m.is_("B")


@row(73, "adding what is active changes nothing and still asks everybody")
def _() -> None:
    m = machine("A", "B", X={"auto": True, "require": ["Exception"]})
    m.add("A", "B")
    called = watched(m)
    assert m.add("A").value == "executed"
    assert called == ["AA", "BB", "AB", "BA", "AnyEnter", "AnyState"]
    assert (m.clock, [each.auto for each in m.last_transitions]) == ({"A": 1, "B": 1, "X": 0, "Exception": 0}, [False])


@row(74, "self handlers have no say in a removal")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    m.bind({"AA": no})
    assert m.remove("B").value == "executed"


@row(75, "AB may cancel a removal that concerns neither")
def _() -> None:
    m = machine("A", "B", "C")
    m.add("A", "B")
    m.bind({"AB": no})
    assert m.remove("C").value == "canceled"


@row(76, "AB may cancel even where A leaves")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    called = watched(m, AB=no)
    assert m.set("B").value == "canceled"
    assert (called, m.active) == (["AExit", "BEnter", "AB"], ("A",))


@row(77, "what a refusing handler queued still runs")
def _() -> None:
    m = machine("A", "B")

    def refuse(event: Any, **args: Any) -> bool:
        m.add("B")
        return False

    m.bind({"AEnter": refuse})
    assert m.add("A").value == "canceled"
    assert list(m.active) == ["B"]


@row(78, "the auto pass runs before what a handler queued")
def _() -> None:
    m = machine("A", "B", X={"auto": True, "require": ["A"]})
    called = watched(m, AState=doing(lambda: m.add("B")))
    m.add("A")
    assert [name for name in called if name in ("XState", "BState")] == ["XState", "BState"]


@row(79, "auto pass, then what was prepended last, and then what was added")
def _() -> None:
    m = machine("A", "B", "C", "D", X={"auto": True, "require": ["A"]})
    m.bind({"AState": doing(lambda: m.add("B"), lambda: m.prepend_add("C"), lambda: m.prepend_add("D"))})
    m.add("A")
    assert [each.called for each in m.last_transitions] == [("A",), ("X",), ("D",), ("C",), ("B",)]


@row(80, "a removal of what is inactive is done at once where nothing waits")
def _() -> None:
    m = machine("A", "B")
    results: list[Any] = []
    m.bind({"AState": doing(lambda: m.remove("B"), lambda: m.add("B"), lambda: m.remove("B"), kept=results)})
    m.add("A")
    assert values(results) == [("executed", 0), ("queued", 3), ("queued", 4)]


@row(81, "an end handler that raises takes back nothing, and no final handler follows")
def _() -> None:
    m = machine("A", "B", "C")
    m.add("A", "B")
    called = watched(m, AEnd=fail)
    assert m.set("C").value == "canceled"
    assert set(m.active) == {"C", "Exception"}
    assert not {"BEnd", "CState"} & {*called}


@row(82, "a schema that requires what it removes starts in Exception")
def _() -> None:
    m = machine("B", A={"require": ["B"], "remove": ["B"]})
    assert (m.active, m.tick("Exception")) == (("Exception",), 1)
    assert isinstance(m.err, BadSchema)
    watched(m)
    assert m.tick("Exception") == 3


@row(83, "an error state that requires Exception comes and goes with it")
def _() -> None:
    m = machine("A", ErrX={"require": ["Exception"]})
    assert m.add("ErrX").value == "canceled"
    assert m.add_err(ValueError(), "ErrX").value == "executed"
    assert set(m.active) == {"ErrX", "Exception"}
    m.remove("Exception")
    assert list(m.active) == []


@row(84, "a check that calls a multi state passes though another is kept out")
def _() -> None:
    m = machine("Y", A={"remove": ["Y"]}, X=MULTI)
    m.add("A")
    assert m.can_add("X", "Y").value == "executed"
    assert m.can_add("Y").value == "canceled"
    assert m.add("X", "Y").value == "canceled"


@row(85, "a state called twice is called once")
def _() -> None:
    m = machine(A=MULTI)
    m.add("A", "A")
    m.add("A", "A")
    assert m.tick("A") == 3
    assert m.last_transitions[0].called == ("A",)


@row(86, "an auto pass whose only state is refused is accepted without a change")
def _() -> None:
    m = machine("C", B=AUTO)
    called = watched(m, BEnter=no)
    m.add("C")
    assert [(each.accepted, each.enters, each.auto) for each in m.last_transitions] == [
        (True, ("C",), False),
        (True, (), True),
    ]
    assert called.count("AnyState") == 2


@row(87, "undefined names: add drops them, require can never be met, both add and remove is refused")
def _() -> None:
    m = machine(A={"add": ["Nope"]}, B={"require": ["Nope"]})
    assert m.add("A").value == "executed"
    assert m.add("B").value == "canceled"
    assert list(m.active) == ["A"]
    with pytest.raises(BadSchema):
        machine(A={"add": ["Nope"], "remove": ["Nope"]})


@row(88, "what an auto pass makes possible waits for the next change")
def _() -> None:
    m = machine("T", "Y", A={"auto": True, "require": ["T"], "remove": ["X"]}, X={"remove": ["B"]}, B=AUTO)
    m.add("X")
    m.add("T")
    assert set(m.active) == {"A", "T"}
    m.add("Y")
    assert set(m.active) == {"A", "B", "T", "Y"}


@row(89, "Exception comes before what the failing handler queued")
def _() -> None:
    m = machine("A", "B")

    def queue_and_fail(event: Any, **args: Any) -> None:
        m.add("B")
        fail(event)

    m.bind({"AState": queue_and_fail})
    m.add("A")
    assert [each.called for each in m.last_transitions] == [("A",), ("Exception",), ("B",)]


@row(90, "waiting twice is decided by kind and set of states, and never for multi states")
def _() -> None:
    m = machine("A", "B", "C", M=MULTI)
    results: list[Any] = []

    def queue(event: Any, **args: Any) -> None:
        results.extend((m.add("B", "C"), m.add("C", "B"), m.add("B"), m.add("M"), m.add("M"), m.set("A"), m.set("A")))

    m.bind({"AState": queue})
    m.add("A")
    assert [each.tick for each in results] == [3, 0, 4, 5, 6, 7, 0]


@row(91, "checks made in a handler are queued, each of them")
def _() -> None:
    m = machine("A", "B")
    results: list[Any] = []
    m.bind({"AState": doing(lambda: m.can_add("B"), lambda: m.add("B"), lambda: m.can_add("B"), kept=results)})
    m.add("A")
    assert values(results) == [("queued", 2), ("queued", 3), ("queued", 2)]
    assert [(each.called, each.check) for each in m.last_transitions] == [
        (("A",), False),
        (("B",), True),
        (("B",), True),
        (("B",), False),
    ]
