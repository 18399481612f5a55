"""A machine made below another is told of, inherits tracers, and ends before its parent."""

from __future__ import annotations

import gc
import weakref
from functools import partial

import pytest

from trellis import Machine
from trellis.machine.transition import Transition


class Watcher:
    inherit = True

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []

    def new_submachine(self, parent: Machine, machine: Machine) -> None:
        self.told.append(("made", parent.id, machine.id))

    def transition_end(self, tx: Transition) -> None:
        self.told.append(("changed", tx.machine.id, *tx.called))

    def machine_dispose(self, machine: Machine) -> None:
        self.told.append(("ended", machine.id))


@pytest.mark.covers("AM17", "AM13")
def test_the_tracers_of_a_parent_learn_of_its_submachines_and_watch_them_where_they_inherit() -> None:
    watcher, top = Watcher(), Machine({"A": {}}, id="top")
    top.trace(watcher)
    child = Machine({"A": {}}, id="child", parent=top)
    grandchild = Machine({"A": {}}, id="grandchild", parent=child)
    grandchild.add("A")
    assert (child.parent, top.children, child.children) == (top, (child,), (grandchild,))
    assert watcher.told == [
        ("made", "top", "child"),
        ("made", "child", "grandchild"),
        ("changed", "grandchild", "A"),
    ]


@pytest.mark.covers("AM17")
def test_children_end_before_their_parent_and_the_last_made_first() -> None:
    order: list[str] = []
    top = Machine({"A": {}}, id="top")
    top.on_dispose(lambda: order.append("top, first told"))
    first = Machine({"A": {}}, id="first", parent=top)
    second = Machine({"A": {}}, id="second", parent=top)
    below = Machine({"A": {}}, id="below", parent=first)
    for machine in (below, first, second):
        machine.on_dispose(partial(order.append, machine.id))
    top.on_dispose(lambda: order.append("top, told last"))
    top.dispose()
    assert order == ["second", "below", "first", "top, first told", "top, told last"]
    assert all(machine.disposed for machine in (top, first, second, below))
    assert (top.children, first.children) == ((), ())


@pytest.mark.covers("AM17")
def test_a_child_that_ends_leaves_its_parent_as_it_is() -> None:
    top = Machine({"A": {}})
    child = Machine({"A": {}}, parent=top)
    other = Machine({"A": {}}, parent=top)
    child.dispose()
    assert (top.disposed, top.children) == (False, (other,))
    gone = weakref.ref(child)
    del child
    gc.collect()
    assert gone() is None


def test_a_child_of_a_machine_that_has_ended_has_ended() -> None:
    top = Machine({"A": {}})
    top.dispose()
    child = Machine({"A": {}}, parent=top)
    assert (child.disposed, top.children) == (True, ())
    assert not child.add("A")


def test_ending_a_parent_from_a_handler_of_its_child_ends_both_when_that_is_done() -> None:
    order: list[str] = []
    top = Machine({"A": {}}, id="top")
    child = Machine({"A": {}, "B": {}}, id="child", parent=top)
    top.on_dispose(lambda: order.append("top"))
    child.on_dispose(lambda: order.append("child"))
    child.bind(
        {
            "AEnter": lambda event: event.machine.parent.dispose(),
            "AState": lambda event: order.append(f"{event.name} while {event.machine.disposed}"),
        }
    )
    child.add("A")
    assert order == ["top", "AState while True", "child"]
    assert (top.disposed, child.disposed, child.active) == (True, True, ())


@pytest.mark.covers("AM17")
def test_an_end_is_whole_though_something_on_the_way_raises() -> None:
    order: list[str] = []

    def raising(text: str) -> None:
        order.append(text)
        raise ValueError(text)

    top = Machine({"A": {}}, id="top")
    child = Machine({"A": {}}, id="child", parent=top)
    child.on_dispose(lambda: raising("child"))
    top.on_dispose(lambda: raising("top"))
    top.on_dispose(lambda: order.append("last"))
    wait = top.when("A")
    with pytest.raises(ValueError, match="^child") as caught:
        top.dispose()
    assert caught.value.__notes__ == ["then, while machine 'top' ended: ValueError('top')"]
    assert (order, wait.done, top.disposed, child.disposed) == (["child", "top", "last"], True, True, True)
    assert not top.add("A")
