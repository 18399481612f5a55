"""Rows 1 to 32: which states come and go, and who is asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.vectors import handler_names
from tests.machine.edge_cases.rows import AUTO, doing, machine, no, row, values, watched, yes
from trellis.errors import UnknownState


@row(1, "set A, then add B, with no relations")
def _() -> None:
    m = machine("A", "B")
    m.set("A")
    m.add("B")
    assert list(m.active) == ["B", "A"]


@row(2, "setting B leaves A, whose clock shows it")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    assert m.set("B").value == "executed"
    assert (m.active, m.tick("A")) == (("B",), 2)


@row(3, "removing C leaves B")
def _() -> None:
    m = machine("B", "C")
    m.add("B", "C")
    m.remove("C")
    assert list(m.active) == ["B"]


@row(4, "an unknown state raises and nothing changes")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    for mutate in (m.set, m.add, m.remove, m.toggle, m.can_add, m.can_remove, m.prepend_add):
        with pytest.raises(UnknownState):
            mutate("B", "Zed")
    assert (m.active, m.clock, m.queue_tick) == (("A",), {"A": 1, "B": 0, "Exception": 0}, 2)


@row(5, "set C from A and B calls these handlers in this order")
def _() -> None:
    m = machine("A", "B", "C")
    m.add("A", "B")
    called = watched(m)
    m.set("C")
    assert called == ["AExit", "BExit", "CEnter", "AC", "BC", "AnyEnter", "AEnd", "BEnd", "CState", "AnyState"]


@row(6, "set B and C from A calls these handlers in this order")
def _() -> None:
    m = machine("A", "B", "C")
    m.add("A")
    called = watched(m)
    m.set("B", "C")
    assert called == ["AExit", "BEnter", "CEnter", "AB", "AC", "AnyEnter", "AEnd", "BState", "CState", "AnyState"]


@row(7, "a state that stays neither exits nor ticks")
def _() -> None:
    m = machine("A", "B")
    m.add("A", "B")
    called = watched(m)
    m.set("A")
    assert "AExit" not in called
    assert m.tick("A") == 1


@row(8, "after orders exits and enters")
def _() -> None:
    m = machine("B", "D", A={"after": ["B"]}, C={"after": ["D"]})
    m.add("A", "B")
    called = watched(m)
    m.set("C", "D")
    assert called[:4] == ["BExit", "AExit", "DEnter", "CEnter"]


@row(9, "what is required has its final handler first, among auto states too")
def _() -> None:
    m = machine(
        "Start",
        A={"auto": True, "require": ["B", "C"]},
        B={"auto": True, "require": ["D"]},
        C=AUTO,
        D=AUTO,
    )
    called = watched(m)
    m.add("Start")
    assert [name for name in called if name in ("AState", "BState", "DState")] == ["DState", "BState", "AState"]


@row(10, "a called state removes an active one")
def _() -> None:
    m = machine("D", C={"remove": ["D"]})
    m.add("D")
    m.add("C")
    assert list(m.active) == ["C"]


@row(11, "of two called, one of which removes the other, neither comes")
def _() -> None:
    m = machine("D", C={"remove": ["D"]})
    m.add("D")
    assert m.set("C", "D").value == "canceled"
    assert list(m.active) == ["D"]


@row(12, "of two that remove each other the called one wins, and back")
def _() -> None:
    for kind in ("set", "add"):
        m = machine(C={"remove": ["D"]}, D={"remove": ["C"]})
        m.add("D")
        assert getattr(m, kind)("C").value == "executed"
        assert list(m.active) == ["C"]
        assert getattr(m, kind)("D").value == "executed"
        assert list(m.active) == ["D"]


@row(13, "an implied state that a called one removes is left out")
def _() -> None:
    m = machine("D", A={"remove": ["D"]}, C={"add": ["D"]})
    m.set("C")
    assert set(m.active) == {"C", "D"}
    assert m.set("A", "C").value == "executed"
    assert set(m.active) == {"A", "C"}


@row(14, "a called state may meet the requirement of another, and goes before it")
def _() -> None:
    m = machine("D", C={"require": ["D"]})
    m.set("C", "D")
    assert list(m.active) == ["D", "C"]


@row(15, "a missing requirement cancels all that was called")
def _() -> None:
    m = machine("A", "D", C={"require": ["D"]})
    m.add("A")
    assert m.set("C", "A").value == "canceled"
    assert (m.active, m.clock) == (("A",), {"A": 1, "C": 0, "D": 0, "Exception": 0})


@row(16, "what an active multi state implies comes back with the next mutation")
def _() -> None:
    m = machine("C", "X", A={"multi": True, "add": ["B"], "require": ["C"]}, B={"require": ["C"]})
    m.set("A", "B", "C")
    m.remove("B")
    assert set(m.active) == {"A", "C"}
    m.add("X")
    assert set(m.active) == {"A", "B", "C", "X"}


@row(17, "a mutation made in a handler is queued, and tells its queue tick")
def _() -> None:
    m = machine("A", "B", "C")
    m.set("A")
    results: list[Any] = []
    m.bind({"BEnter": doing(lambda: m.add("C"), kept=results)})
    assert m.set("B").value == "executed"
    assert values(results) == [("queued", 4)]
    assert set(m.active) == {"B", "C"}


@row(18, "an enter handler that refuses cancels")
def _() -> None:
    for kind in ("set", "add"):
        m = machine("A", "D")
        m.add("A")
        m.bind({"DEnter": no})
        assert getattr(m, kind)("D").value == "canceled"
        assert (m.active, m.tick("A"), m.tick("D")) == (("A",), 1, 0)


@row(19, "an auto state comes with what it requires")
def _() -> None:
    m = machine("A", B={"auto": True, "require": ["A"]})
    assert m.add("A").value == "executed"
    assert list(m.active) == ["A", "B"]


@row(20, "of two auto states the one that can come does")
def _() -> None:
    m = machine("C", "D", A=AUTO, B={"auto": True, "require": ["C"]})
    m.add("D")
    assert set(m.active) == {"A", "D"}


@row(21, "a veto against one auto state leaves the other")
def _() -> None:
    m = machine("C", A=AUTO, B=AUTO)
    m.bind({"CB": no})
    m.add("C")
    assert set(m.active) == {"A", "C"}


@row(22, "an auto state that is refused takes along what it implied")
def _() -> None:
    m = machine("C", "D", A=AUTO, B={"auto": True, "add": ["D"]})
    m.bind({"BEnter": no})
    m.add("C")
    assert set(m.active) == {"A", "C"}


@row(23, "a veto of a state that is not auto cancels the auto pass")
def _() -> None:
    m = machine("C", A=AUTO, B=AUTO)
    m.bind({"CC": no})
    assert m.add("C").value == "executed"
    assert list(m.active) == ["C"]


@row(24, "an exit handler that refuses keeps its state")
def _() -> None:
    m = machine("A")
    m.add("A")
    m.bind({"AExit": no})
    assert m.remove("A").value == "canceled"
    assert list(m.active) == ["A"]


@row(25, "every handler of a transition gets the arguments")
def _() -> None:
    m = machine("A", "B")
    seen: list[tuple[str, dict[str, Any]]] = []

    def keep(event: Any, **args: Any) -> None:
        seen.append((event.name, args))

    m.bind(dict.fromkeys(handler_names(m.names), keep))
    m.add("A", x=1)
    m.set("B", x=2)
    m.remove("B", x=3)
    assert seen == [
        *[(name, {"x": 1}) for name in ["AEnter", "AnyEnter", "AState", "AnyState"]],
        *[(name, {"x": 2}) for name in ["AExit", "BEnter", "AB", "AnyEnter", "AEnd", "BState", "AnyState"]],
        *[(name, {"x": 3}) for name in ["BExit", "AnyEnter", "BEnd", "AnyState"]],
    ]


@row(26, "AB is asked when B comes, BA is not")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    called = watched(m, AB=yes)
    m.add("B")
    assert "AB" in called
    assert "BA" not in called


@row(27, "AB that refuses cancels")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    m.bind({"AB": no})
    assert m.add("B").value == "canceled"
    assert list(m.active) == ["A"]


@row(28, "AA that refuses is asked once and cancels")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    called = watched(m, AA=no)
    assert m.set("A", "B").value == "canceled"
    assert called.count("AA") == 1


@row(29, "set A and B with A active calls exactly these handlers")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    called = watched(m)
    m.set("A", "B")
    assert called == ["BEnter", "AA", "AB", "AnyEnter", "BState", "AnyState"]


@row(30, "self handlers of all that stay are called each time")
def _() -> None:
    m = machine("A", "B")
    m.add("A")
    called = watched(m)
    m.add("B")
    m.add("A")
    assert (called.count("AA"), called.count("BB")) == (2, 1)


@row(31, "an implied state may be one that another called for removes")
def _() -> None:
    m = machine(A={"remove": ["B"]}, B={"remove": ["A"]}, Z={"add": ["B"]})
    m.set("Z")
    assert list(m.active) == ["Z", "B"]


@row(32, "wet water dries what was dry")
def _() -> None:
    m = machine(Dry={"remove": ["Wet"]}, Water={"add": ["Wet"], "remove": ["Dry"]}, Wet={"require": ["Water"]})
    m.add("Dry")
    m.set("Water")
    assert list(m.active) == ["Water", "Wet"]
