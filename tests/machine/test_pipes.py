"""Pipes carry states to another machine with their cause and arguments, and end with either machine."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from trellis import Machine
from trellis.errors import BadSchema, LoopLimit, MachineError, UnknownState
from trellis.machine import AsyncMachine, ThreadSafe, pipes
from trellis.machine.pipes import Link, Pipe
from trellis.machine.states import Basic, Connected
from trellis.machine.transition import Transition


class Conn(Basic, Connected):
    pass


def machine(id: str, *names: str, **options: Any) -> Machine:
    return Machine({name: {} for name in names}, id=id, **options)


@pytest.mark.covers("AM19")
def test_add_and_remove_carry_one_way_each() -> None:
    a, b = machine("a", "Up", "Down"), machine("b", "Up", "Low")
    pipes.add(a, b, "Up")
    pipes.remove(a, b, "Down", "Low")
    b.add("Low")
    a.add("Up", "Down")
    assert list(b.active) == ["Up", "Low"]
    a.set()
    assert b.active == ("Up",)


@pytest.mark.covers("AM19")
def test_bind_carries_both_ways_under_one_or_two_names() -> None:
    a, b = machine("a", "A", "B", "C"), machine("b", "A", "Bee", "On", "Off")
    b.add("Off")
    pipes.bind(a, b, "A")
    pipes.bind(a, b, "B", "Bee")
    pipes.bind(a, b, "C", "On", "Off")
    a.add("A", "B", "C")
    assert set(b.active) == {"A", "Bee", "On", "Off"}
    a.set()
    assert b.active == ("On",)


@pytest.mark.covers("AM19")
def test_bind_many_pairs_states_by_their_place() -> None:
    a, b = machine("a", "A", "B"), machine("b", "X", "Y")
    pipe = pipes.bind_many(a, b, ["A", "B"], ["X", "Y"])
    a.add("B")
    assert b.active == ("Y",)
    a.set("A")
    assert b.active == ("X",)
    assert pipe.links == (
        Link("add", "A", "X"),
        Link("remove", "A", "X"),
        Link("add", "B", "Y"),
        Link("remove", "B", "Y"),
    )
    with pytest.raises(BadSchema, match="^a pipe leads 2 states to 1$"):
        pipes.bind_many(a, b, ["A", "B"], ["X"])


@pytest.mark.covers("AM19", "AM23")
def test_what_a_pipe_does_has_the_arguments_and_names_its_cause() -> None:
    a, b = machine("a", "A"), machine("b", "B")
    seen: list[tuple[Any, dict[str, Any]]] = []
    b.bind({"BState": lambda event, **args: seen.append((event.source, args))})
    cause: list[Any] = []
    a.bind({"AState": lambda event, **_: cause.append(event.as_source())})
    pipes.add(a, b, "A", "B")
    a.add("A", size=3)
    assert seen == [(cause[0], {"size": 3})]
    assert (seen[0][0].machine, seen[0][0].time) == ("a", 0)


@pytest.mark.covers("AM19")
def test_a_flat_pipe_has_no_arguments_and_leaves_out_what_is_so() -> None:
    a = Machine({"A": {"multi": True}}, id="a")
    b = Machine({"B": {"multi": True}}, id="b")
    seen: list[tuple[str, dict[str, Any]]] = []
    b.bind({name: lambda event, **args: seen.append((event.name, args)) for name in ("BState", "BEnd")})
    pipes.bind(a, b, "A", "B", flat=True)
    a.add("A", size=3)
    a.add("A", size=4)
    assert seen == [("BState", {})]
    a.remove("A")
    a.add("A")
    b.remove("B")
    seen.clear()
    before = b.queue_tick
    a.remove("A")
    assert (seen, b.queue_tick) == ([], before)


@pytest.mark.covers("AM19")
def test_a_pipe_without_flat_enters_a_multi_state_every_time() -> None:
    a, b = Machine({"A": {"multi": True}}, id="a"), Machine({"B": {"multi": True}}, id="b")
    pipes.bind(a, b, "A", "B")
    a.add("A")
    a.add("A")
    assert b.tick("B") == 3


@pytest.mark.covers("AM19")
@pytest.mark.parametrize(("make", "state"), [(pipes.bind_ready, "Ready"), (pipes.bind_start, "Start")])
def test_ready_and_start_have_pipes_of_their_own(make: Callable[..., Pipe], state: str) -> None:
    a, b = Machine(Conn, id="a"), machine("b", "Start", "Ready", "Theirs", "Gone")
    make(a, b)
    make(a, b, "Theirs", "Gone")
    b.add("Gone")
    a.add("Start", "Ready")
    assert set(b.active) == {state, "Theirs", "Gone"}
    a.remove("Start")
    assert set(b.active) == {"Theirs"}


@pytest.mark.covers("AM19")
def test_errors_go_on_as_exception_and_the_error_with_them() -> None:
    a, b, c = Machine(Conn, id="a"), machine("b", "A"), Machine(Conn, id="c")
    pipes.bind_err(a, b)
    pipes.bind_err(a, c, "ErrNetwork")
    error = OSError("gone")
    a.add_err(error)
    assert (b.active, b.err) == (("Exception",), error)
    assert (set(c.active), c.err) == ({"ErrNetwork", "Exception", "Disconnected"}, error)


@pytest.mark.covers("AM19")
def test_a_failing_handler_of_the_source_is_an_error_of_the_target() -> None:
    a, b = machine("a", "A"), machine("b")
    pipes.bind_err(a, b)

    def failing(event: Transition) -> None:
        raise ValueError(event.name)

    a.bind({"AState": failing})
    assert not a.add("A")
    assert (b.active, str(b.err)) == (("Exception",), "AState")


@pytest.mark.covers("AM19")
def test_the_states_of_a_connection_go_where_they_have_a_name() -> None:
    a, b = Machine(Conn, id="a"), machine("b", "Online", "Dialing", "Offline")
    pipe = pipes.bind_connected(a, b, disconnected="Offline", connecting="Dialing", connected="Online")
    assert [link.state for link in pipe.links[::2]] == ["Disconnected", "Connecting", "Connected"]
    a.add("Start")
    seen = [b.active]
    for state in ("Connecting", "Connected", "Disconnecting"):
        a.add(state)
        seen.append(b.active)
    assert seen == [("Offline",), ("Dialing",), ("Online",), ()]


@pytest.mark.covers("AM19")
def test_bind_any_makes_the_target_what_the_source_is() -> None:
    a, b = machine("a", "A", "B"), machine("b", "C", "B", "A")
    pipes.bind_any(a, b)
    b.add("C")
    a.add("A")
    assert b.active == ("A",)
    a.add("B")
    assert set(b.active) == {"A", "B"}
    before = b.queue_tick
    a.add("A")
    assert b.queue_tick == before
    a.remove("A")
    assert b.active == ("B",)
    with pytest.raises(UnknownState, match="no state named 'C'"):
        pipes.bind_any(b, a)


@pytest.mark.covers("AM19")
def test_sync_copies_once() -> None:
    a, b = machine("a", "A", "B"), machine("b", "X", "Y", "Z")
    a.add("A")
    b.add("Y", "Z")
    pipes.sync(a, b, ["A", "B"], ["X", "Y"])
    assert set(b.active) == {"X", "Z"}
    a.add("B")
    assert set(b.active) == {"X", "Z"}
    assert (a.pipes, b.pipes) == ((), ())
    a.remove("B")
    with pytest.raises(UnknownState):
        pipes.sync(a, b, ["A", "B"], ["Y", "W"])
    assert set(b.active) == {"X", "Z"}
    with pytest.raises(BadSchema, match="^a copy takes 1 states to 2$"):
        pipes.sync(a, b, ["A"], ["X", "Y"])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda a, b: pipes.bind(a, b, "Aa", "X"), "no state named 'Aa'"),
        (lambda a, b: pipes.bind(a, b, "A", "Xx"), "no state named 'Xx'"),
        (pipes.bind_ready, "no state named 'Ready'"),
        (lambda a, b: pipes.sync(a, b, ["A"], ["Xx"]), "no state named 'Xx'"),
    ],
)
def test_a_pipe_between_states_that_are_none_is_refused_and_nothing_is_bound(
    make: Callable[[Machine, Machine], object], text: str
) -> None:
    a, b = machine("a", "A"), machine("b", "X")
    with pytest.raises(UnknownState, match=f"^{re.escape(text)}"):
        make(a, b)
    assert (a.pipes, b.pipes, a.handlers) == ((), (), None)


@pytest.mark.covers("AM19", "AM30")
def test_both_machines_know_their_pipes_for_drawings() -> None:
    a, b = machine("a", "A"), machine("b", "B")
    pipe = pipes.bind(a, b, "A", "B")
    assert (a.pipes, b.pipes) == ((pipe,), (pipe,))
    assert (pipe.source.id, pipe.target.id) == ("a", "b")
    assert repr(pipe) == "<pipe a -> b: add A B, remove A B>"


@pytest.mark.covers("AM19", "AM17")
@pytest.mark.parametrize("ends", ["source", "target", "pipe"])
def test_when_either_side_ends_nothing_of_the_pipe_is_left(ends: str) -> None:
    a, b = machine("a", "A"), machine("b", "B")
    pipe = pipes.bind(a, b, "A", "B")
    {"source": a.dispose, "target": b.dispose, "pipe": pipe.detach}[ends]()
    assert (a.pipes, b.pipes, a.handlers, pipe.attached) == ((), (), None, False)
    assert a.add("A").value == ("canceled" if ends == "source" else "executed")
    assert b.active == ()


@pytest.mark.covers("AM19")
def test_a_target_that_ends_in_a_transition_of_the_source_takes_its_pipe_along() -> None:
    a, b = machine("a", "A"), machine("b", "B")
    a.bind({"AEnter": lambda event: b.dispose()})  # noqa: ARG005
    pipes.bind(a, b, "A", "B")
    assert a.add("A")
    assert (a.pipes, b.disposed, a.err) == ((), True, None)


@pytest.mark.covers("AM19")
def test_a_target_in_its_own_transition_queues_what_comes() -> None:
    a, b = machine("a", "A"), machine("b", "Begin", "Got")
    pipes.add(a, b, "A", "Got")
    active: list[tuple[str, ...]] = []

    def begin(event: Transition) -> None:
        a.add("A")
        active.append(event.machine.active)

    b.bind({"BeginState": begin})
    b.add("Begin")
    assert (active, b.active) == ([("Begin",)], ("Got", "Begin"))


@pytest.mark.covers("AM19")
def test_pipes_in_a_ring_come_to_rest_or_to_their_limit() -> None:
    a, b = machine("a", "A"), machine("b", "A")
    pipes.bind(a, b, "A")
    pipes.bind(b, a, "A")
    a.add("A")
    assert (a.active, b.active) == (("A",), ("A",))
    a.remove("A")
    assert (a.active, b.active) == ((), ())
    c = Machine({"A": {"multi": True}}, transition_limit=20)
    d = Machine({"A": {"multi": True}}, transition_limit=20)
    pipes.bind(c, d, "A")
    pipes.bind(d, c, "A")
    with pytest.raises(LoopLimit):
        c.add("A")


def test_a_pipe_may_lead_from_a_machine_to_itself() -> None:
    a = machine("a", "A", "B")
    pipe = pipes.bind(a, a, "A", "B")
    a.add("A")
    assert (set(a.active), a.pipes) == ({"A", "B"}, (pipe,))
    pipe.detach()
    assert a.pipes == ()


@pytest.mark.covers("AM19")
def test_asynchronous_machines_are_piped_as_others_are() -> None:
    async def main() -> tuple[tuple[str, ...], tuple[str, ...]]:
        a, b = AsyncMachine({"A": {}}, id="a"), AsyncMachine({"B": {}}, id="b")
        pipes.bind(a, b, "A", "B")
        reached = b.when("B")

        async def slowly(event: Transition) -> None:
            await asyncio.sleep(0)

        b.bind({"BEnter": slowly})
        await a.add("A")
        await reached
        before = b.active
        gone = b.when_not("B")
        await a.remove("A")
        await gone
        return before, b.active

    assert asyncio.run(main()) == (("B",), ())


@pytest.mark.covers("AM19")
def test_a_target_on_another_thread_is_reached_through_its_loop() -> None:
    async def main() -> tuple[tuple[str, ...], Any, int]:
        loop = asyncio.get_running_loop()
        b = machine("b", "B")
        sources: list[Any] = []
        b.bind({"BState": lambda event, **_: sources.append(event.source)})
        came = b.when("B")

        def elsewhere() -> int:
            a = machine("a", "A")
            pipes.add(a, ThreadSafe(b, loop), "A", "B")
            a.add("A", size=1)
            return threading.get_ident()

        thread = await asyncio.to_thread(elsewhere)
        await came
        return b.active, sources[0].machine, thread

    active, source, thread = asyncio.run(main())
    assert (active, source) == (("B",), "a")
    assert thread != threading.get_ident()


@pytest.mark.covers("AM19")
def test_a_source_on_another_thread_lets_go_of_a_pipe_whose_target_has_ended() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        b = machine("b", "B")
        made: list[Machine] = []
        bound, ended = threading.Event(), threading.Event()

        def elsewhere() -> tuple[bool, bool]:
            a = machine("a", "A")
            made.append(a)
            pipes.add(a, ThreadSafe(b, loop), "A", "B")
            bound.set()
            ended.wait(30)
            held = a.handlers is not None
            a.add("A")
            return held, a.handlers is None

        working = loop.run_in_executor(None, elsewhere)
        await asyncio.to_thread(bound.wait, 30)
        b.dispose()
        assert made[0].pipes == ()
        ended.set()
        assert await working == (True, True)

    asyncio.run(main())


def test_a_pipe_follows_what_was_settled_also_where_a_state_is_named_like_a_moment() -> None:
    a, b = machine("a", "A", "State", "End", "Any"), machine("b", "A", "B")
    pipes.bind(a, b, "A", "A", "B")
    a.add("A")
    b.set("B")
    assert a.can_add("State")
    a.add("State", "End")  # `AState` and `AEnd` are pairs of states here
    assert str(b) == "(B:1)"
    a.remove("A")
    assert str(b) == "()"


@pytest.mark.parametrize("ended", ["a", "b"])
def test_a_machine_that_has_ended_takes_no_pipe(ended: str) -> None:
    a, b = machine("a", "A"), machine("b", "A")
    {"a": a, "b": b}[ended].dispose()
    with pytest.raises(MachineError, match=f"^machine '{ended}' has ended, so nothing can be piped from it or to it$"):
        pipes.bind(a, b, "A")
    assert (a.pipes, b.pipes, a.handlers) == ((), (), None)
