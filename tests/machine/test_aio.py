"""What is an AsyncMachine's own: the future of each call, handlers in time, functions and threads beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import get_ident
from typing import Any

import pytest

from tests.machine.aio import PATIENCE, STATES, Answer, gated, idle, run, told_to_the_loop
from trellis import AsyncMachine, Machine, Result
from trellis.errors import ExceptionFailed, HandlerTimeout, UnknownState
from trellis.machine import ThreadSafe
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED

# Handlers that mutate


def test_what_a_handler_mutates_is_answered_as_queued_before_and_after_it_waited() -> None:
    async def main() -> tuple[list[object], str]:
        machine, told = AsyncMachine(STATES), list[object]()

        def enter(event: Any) -> None:
            told.append(machine.add("B").result())

        async def state(event: Any) -> None:
            told.append(await machine.add("C"))
            await asyncio.sleep(0)
            told.append(await event.machine.add("D"))

        machine.bind({"AEnter": enter, "AState": state})
        told.append(await machine.add("A"))
        await idle(machine)
        return told, str(machine)

    queued = [Result("queued", tick) for tick in (3, 4, 5)]
    assert run(main()) == ([*queued, EXECUTED], "(A:1 B:1 C:1 D:1)")


def test_a_task_that_a_handler_awaits_is_answered_as_queued() -> None:
    async def main() -> tuple[list[object], str]:
        machine, told = AsyncMachine(STATES), list[object]()

        async def child() -> None:
            told.append(await machine.add("B"))

        async def state(_event: Any) -> None:
            await asyncio.gather(child())

        machine.bind({"AState": state})
        told.append(await machine.add("A"))
        await idle(machine)
        return told, str(machine)

    assert run(main()) == ([Result("queued", 3), EXECUTED], "(A:1 B:1)")


@pytest.mark.covers("AM23")
def test_a_mutation_has_a_source_only_where_a_handler_made_it() -> None:
    async def main() -> list[tuple[tuple[str, ...], bool | None]]:
        machine, seen, gate = AsyncMachine(STATES), list[Any](), asyncio.Event()

        class Onlooker:
            def transition_end(self, tx: Any) -> None:
                seen.append(tx)

        async def state(_event: Any) -> None:
            await gate.wait()
            await machine.add("D")

        machine.bind({"AState": state})
        machine.trace(Onlooker())
        first, other = machine.add("A"), machine.add("B")
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(first, other)
        await idle(machine)
        return [(tx.called, tx.source and tx.source.transition == seen[0].id) for tx in seen]

    assert run(main()) == [(("A",), None), (("B",), None), (("D",), True)]


# Time


def test_a_handler_that_awaits_for_ever_is_cancelled_after_the_timeout() -> None:
    async def main() -> tuple[Result, str, BaseException | None, list[str]]:
        machine, told = AsyncMachine(STATES, handler_timeout=0.01), list[str]()

        async def state(_event: Any) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told.append("cancelled")
                raise

        machine.bind({"AState": state})
        result = await machine.add("A")
        await idle(machine)
        return result, str(machine), machine.err, told

    result, states, error, told = run(main())
    assert (result, states, told) == (CANCELED, "(Exception:1)", ["cancelled"])
    assert isinstance(error, HandlerTimeout)
    assert str(error) == "handler 'AState' ran for 0.01 s, longer than 0.01 s"


def test_a_negotiation_that_awaits_for_ever_is_refused_after_the_timeout() -> None:
    async def main() -> tuple[Result, Result, str]:
        machine = AsyncMachine(STATES, handler_timeout=0.01)

        async def enter(_event: Any) -> None:
            await asyncio.Event().wait()

        machine.bind({"AEnter": enter})
        return await machine.add("A"), await machine.add("B"), str(machine)

    assert run(main()) == (CANCELED, EXECUTED, "(B:1 Exception:1)")


def test_a_timeout_of_the_handler_itself_is_an_error_like_any_other() -> None:
    error = TimeoutError("its own")

    async def main() -> tuple[Result, BaseException | None]:
        machine = AsyncMachine(STATES, handler_timeout=PATIENCE)

        async def state(_event: Any) -> None:
            await asyncio.sleep(0)
            raise error

        machine.bind({"AState": state})
        result = await machine.add("A")
        await idle(machine)
        return result, machine.err

    assert run(main()) == (CANCELED, error)


# Errors that end a call


def test_an_endless_loop_is_told_to_its_caller_once_and_whoever_waits_is_canceled() -> None:
    async def main() -> tuple[list[str], list[BaseException], list[Result], int]:
        machine = AsyncMachine({"A": {"multi": True}, "B": {}, "C": {}}, id="m", transition_limit=20)
        unheard, gate, calls = told_to_the_loop(), asyncio.Event(), 0

        async def state(_event: Any) -> None:
            nonlocal calls
            calls += 1
            await gate.wait()
            machine.prepend_add("A")

        binding = machine.bind({"AState": state})
        first = machine.add("A")
        await asyncio.sleep(0)
        waiting = [machine.add("B"), machine.add("C")]
        gate.set()
        raised = [
            str(error) for error in await asyncio.gather(first, return_exceptions=True) if not hasattr(error, "tick")
        ]
        results = await asyncio.gather(*waiting)
        await idle(machine)
        machine.detach(binding)
        results.append(await machine.add("B"))
        return raised, unheard, results, calls

    text = (
        "machine 'm' made 20 transitions in one call, at last [add A]; "
        "a handler calls for itself without end, or transition_limit is too small"
    )
    assert run(main()) == ([text], [], [CANCELED, CANCELED, EXECUTED], 20)


@pytest.mark.parametrize("awaited", [False, True])
def test_an_error_within_exception_is_told_to_its_caller_once(awaited: bool) -> None:
    async def main() -> tuple[list[str], list[BaseException], Result, str]:
        machine, unheard = AsyncMachine(STATES, id="m"), told_to_the_loop()

        def fail(_event: Any, **_args: Any) -> None:
            raise ValueError("again")

        async def fail_later(_event: Any, **_args: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError("again")

        machine.bind({"ExceptionState": fail_later if awaited else fail})
        raised: list[str] = []
        try:
            await machine.add_err(OSError("first"))
        except ExceptionFailed as error:
            raised.append(str(error))
        await idle(machine)
        return raised, unheard, await machine.add("B"), str(machine)

    text = "handler 'ExceptionState' of machine 'm' raised while taking in an error: ValueError('again')"
    assert run(main()) == ([text], [], EXECUTED, "(B:1)")


def test_an_error_within_exception_is_told_once_where_several_wait() -> None:
    async def main() -> tuple[list[str], str]:
        machine, unheard = AsyncMachine(STATES), told_to_the_loop()
        gate = gated(machine)

        async def fail(_event: Any, **_args: Any) -> None:
            await asyncio.sleep(0)
            raise ValueError("again")

        machine.bind({"ExceptionState": fail})
        asked = [machine.add("A"), machine.add_err(OSError("first")), machine.add("B")]
        gate.set()
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await idle(machine)
        return [type(each).__name__ for each in (*answers, *unheard) if isinstance(each, Exception)], str(machine)

    assert run(main()) == (["ExceptionFailed"], "(A:1 B:1)")


# Functions on the queue


def test_a_function_is_called_at_once_where_nothing_runs() -> None:
    async def main() -> tuple[list[object], str]:
        machine, told = AsyncMachine(STATES), list[object]()

        def call() -> None:
            told.append((machine.running, machine.add("A").result()))

        future = machine.eval(call)
        told.append(future.done())
        told.append(await future)
        return told, str(machine)

    assert run(main()) == ([(True, Result("queued", 2)), True, EXECUTED], "(A:1)")


def test_a_function_from_another_task_is_called_before_what_waits_and_was_executed_then() -> None:
    async def main() -> tuple[bool, list[Result], list[tuple[str, ...]]]:
        machine, told = AsyncMachine(STATES), list[tuple[str, ...]]()
        gate = gated(machine)
        first, second = machine.add("A"), machine.add("B")
        evaluated = machine.eval(lambda: told.append(machine.active))
        await asyncio.sleep(0)
        early = evaluated.done()
        gate.set()
        return early, [*await asyncio.gather(first, second, evaluated)], told

    assert run(main()) == (False, [EXECUTED] * 3, [("A",)])


def test_a_function_given_by_a_handler_is_answered_as_queued() -> None:
    async def main() -> tuple[list[object], Result]:
        machine, told = AsyncMachine(STATES), list[object]()

        async def state(_event: Any) -> None:
            await asyncio.sleep(0)
            told.append(await machine.eval(lambda: told.append("called")))
            told.append("handled")

        machine.bind({"AState": state})
        result = await machine.add("A")
        await idle(machine)
        return told, result

    assert run(main()) == ([PREPENDED, "handled", "called"], EXECUTED)


def test_what_a_function_queued_before_it_raised_is_dropped() -> None:
    async def main() -> tuple[str, int, Result, str]:
        machine, raised, waiting = AsyncMachine(STATES), "", list[Answer]()

        def call() -> None:
            waiting.append(machine.add("B"))
            raise ValueError("evaluated")

        try:
            await machine.eval(call)
        except ValueError as error:
            raised = str(error)
        return raised, machine.queue_length, await machine.add("C"), str(machine)

    assert run(main()) == ("evaluated", 0, EXECUTED, "(C:1)")


def test_a_disposed_machine_cancels_everything_at_once() -> None:
    async def main() -> list[Result]:
        machine, told = AsyncMachine(STATES), list[str]()
        machine.dispose()
        asked = machine.add("A"), machine.add_err(OSError()), machine.eval(lambda: told.append("called"))
        assert all(future.done() for future in asked)
        return [*await asyncio.gather(*asked), *map(Result, told)]  # type: ignore[arg-type]

    assert run(main()) == [CANCELED] * 3


# Other threads


@pytest.mark.covers("AM05")
@pytest.mark.parametrize("kind", [Machine, AsyncMachine])
def test_another_thread_mutates_in_the_thread_of_the_loop(kind: Callable[..., Any]) -> None:
    async def main() -> tuple[list[Result], str, bool]:
        machine, threads = kind(STATES), list[int]()
        machine.bind({"AnyState": lambda _event, **_args: threads.append(get_ident())})
        safe = ThreadSafe(machine, asyncio.get_running_loop())

        def elsewhere() -> list[Result]:
            futures = [safe.add("A"), safe.add("B"), safe.remove("A"), safe.set("C"), safe.toggle("D")]
            return [future.result(PATIENCE) for future in (*futures, safe.add_err(OSError("gone")))]

        results = await asyncio.to_thread(elsewhere)
        return results, str(machine), {*threads} == {get_ident()}

    assert run(main()) == ([EXECUTED] * 6, "(C:1 D:1 Exception:1)", True)


def test_another_thread_waits_for_awaited_handlers_and_gets_their_arguments_through() -> None:
    async def main() -> tuple[Result, list[object]]:
        machine, told = AsyncMachine(STATES), list[object]()

        async def state(_event: Any, **args: Any) -> None:
            await asyncio.sleep(0)
            told.append(args)

        machine.bind({"AState": state})
        safe = ThreadSafe(machine, asyncio.get_running_loop())
        return await asyncio.to_thread(lambda: safe.add("A", x=1).result(PATIENCE)), told

    assert run(main()) == (EXECUTED, [{"x": 1}])


def test_threads_lose_no_mutation_and_get_its_errors() -> None:
    async def main() -> tuple[str, set[Result], int]:
        machine = AsyncMachine({"M": {"multi": True}})
        safe = ThreadSafe(machine, asyncio.get_running_loop())

        def elsewhere() -> set[Result]:
            return {future.result(PATIENCE) for future in [safe.add("M") for _ in range(25)]}

        results = await asyncio.gather(*(asyncio.to_thread(elsewhere) for _ in range(4)))
        with pytest.raises(UnknownState, match="^no state named 'N'$"):
            await asyncio.to_thread(lambda: safe.add("N").result(PATIENCE))
        return str(machine), set().union(*results), machine.queue_tick

    assert run(main()) == ("(M:199)", {EXECUTED}, 101)
