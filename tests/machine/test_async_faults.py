"""Whatever a caller or a handler of an AsyncMachine comes to, the machine goes on whole."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from trellis import AsyncMachine, Machine, Result
from trellis.errors import AsyncHandler, BadArguments, HandlerCancelled, MachineError, WrongThread
from trellis.machine.result import CANCELED, EXECUTED

SCHEMA: dict[str, Any] = {"A": {}, "B": {}, "C": {}, "Z": {"auto": True, "require": ["A"]}}


class Gate:
    """A handler that waits until it is opened, and tells that it does."""

    def __init__(self) -> None:
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    async def __call__(self, _event: object) -> None:
        self.reached.set()
        await self.opened.wait()


def gated(gate: Gate) -> AsyncMachine:
    machine = AsyncMachine(SCHEMA, id="m")

    async def state(event: object) -> None:
        await gate(event)

    machine.bind({"AState": state})
    return machine


@pytest.mark.parametrize("which", ["first", "queued"])
def test_a_caller_who_is_cancelled_changes_nothing_for_the_others(which: str) -> None:
    async def run() -> tuple[Result, str]:
        gate = Gate()
        machine = gated(gate)

        async def add(name: str) -> Result:
            return await machine.add(name)

        first = asyncio.create_task(add("A"))
        await gate.reached.wait()
        second, third = asyncio.create_task(add("B")), asyncio.create_task(add("C"))
        await asyncio.sleep(0)
        (first if which == "first" else second).cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        return await third, str(machine)

    assert asyncio.run(run()) == (EXECUTED, "(A:1 B:1 C:1 Z:1)")


def test_disposal_ends_every_caller_also_beside_one_who_is_gone() -> None:
    async def run() -> tuple[bool, Result]:
        gate = Gate()
        machine = gated(gate)
        machine.add("A")
        await gate.reached.wait()
        second, third = machine.add("B"), machine.add("C")
        second.cancel()
        machine.dispose()
        result = await third
        gate.opened.set()
        await machine.when_disposed()
        return second.cancelled(), result

    assert asyncio.run(run()) == (True, CANCELED)


def test_a_handler_that_ends_cancelled_has_failed_like_any_other() -> None:
    async def run() -> tuple[list[Result], str, BaseException | None]:
        machine = AsyncMachine(SCHEMA, id="m")

        async def state(_event: object) -> None:
            inner = asyncio.create_task(asyncio.Event().wait())
            inner.cancel()
            await inner

        machine.bind({"AState": state})
        results = list(await asyncio.gather(machine.add("A"), machine.add("B")))
        return results, str(machine), machine.err

    results, states, err = asyncio.run(run())
    assert (results, states) == ([CANCELED, EXECUTED], "(B:1 Exception:1)")
    assert isinstance(err, HandlerCancelled)
    assert isinstance(err.__cause__, asyncio.CancelledError)


def test_another_thread_is_refused_while_a_transition_runs_and_while_none_does() -> None:
    async def run() -> list[str]:
        gate, told = Gate(), []
        machine = gated(gate)

        def elsewhere() -> None:
            for call in (lambda: machine.add("B"), machine.drop_queue, machine.dispose):
                try:
                    call()
                except WrongThread:
                    told.append("refused")

        for _ in range(2):
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
            machine.add("A")
            await gate.reached.wait()
        gate.opened.set()
        await machine.when("A")
        return told

    assert asyncio.run(run()) == ["refused"] * 6


def test_a_machine_of_a_closed_loop_is_refused() -> None:
    async def make() -> AsyncMachine:
        return AsyncMachine(SCHEMA, id="m")

    machine = asyncio.run(make())
    with pytest.raises(MachineError, match="^the event loop of machine 'm' is closed; make a machine for each loop$"):
        machine.add("A")


def test_a_coroutine_function_is_not_evaluated() -> None:
    async def later() -> None: ...

    async def run() -> None:
        with pytest.raises(AsyncHandler, match="^handler 'later' must be awaited; bind it to an AsyncMachine$"):
            AsyncMachine(SCHEMA).eval(later)

    asyncio.run(run())
    with pytest.raises(AsyncHandler):
        Machine(SCHEMA).eval(later)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_interrupt_in_a_final_handler_takes_its_state_back_and_ends_the_queue(kind: type[BaseException]) -> None:
    machine = Machine({**SCHEMA, "A": {"add": ["B"]}, "D": {}}, id="m")  # B comes before A, and has been told

    def interrupted(event: Any) -> None:
        event.add("D")
        raise kind

    machine.bind({"AState": interrupted})
    with pytest.raises(kind):
        machine.add("A")
    assert (str(machine), machine.queue_length, machine.running) == ("(B:1)", 0, False)
    assert [str(record) for record in machine.last_transitions] == ["add A: canceled"]
    assert machine.add("C") == EXECUTED


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_machine_is_not_copied(copied: Callable[[object], object]) -> None:
    with pytest.raises(TypeError, match=r"^a machine cannot be copied or pickled; use export\(\) and import_\(\)$"):
        copied(Machine(SCHEMA))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ({"queue_limit": "x"}, "queue_limit is a whole number of at least 1, found 'x'"),
        ({"transition_limit": 0}, "transition_limit is a whole number of at least 1, found 0"),
        ({"handler_timeout": -1}, "handler_timeout is seconds, more than 0, or None for no limit; found -1"),
    ],
)
def test_a_limit_that_is_none_is_refused(option: dict[str, Any], text: str) -> None:
    with pytest.raises(MachineError) as caught:
        Machine(SCHEMA, **option)
    assert str(caught.value) == text


def test_an_argument_named_event_is_refused_and_nothing_changes() -> None:
    machine = Machine(SCHEMA)
    machine.bind({"AState": lambda _event: None})
    with pytest.raises(BadArguments, match="^arguments of state 'A': `event` is what handlers get first"):
        machine.add("A", event=1)
    assert (str(machine), machine.queue_tick) == ("()", 1)
