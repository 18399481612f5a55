"""Waits: who shares them, how they are awaited and cancelled, and that they leave nothing behind and cost next to nothing."""

from __future__ import annotations

import asyncio
import threading
import weakref

import pytest

from tests.machine.waits import LETTERS, done_after, every_wait, left_behind, letters
from trellis.errors import WrongThread
from trellis.machine import AsyncMachine, Machine

pytestmark = pytest.mark.covers("AM10")


# Who shares them


def test_equal_waits_are_one_object_while_they_are_pending() -> None:
    m = letters("D")
    pairs = [
        (m.when("A", "B"), m.when("B", "A")),
        (m.when_not("D"), m.when_not("D")),
        (m.when_time((5, 2), "A", "B"), m.when_time((2, 5), "B", "A")),
        (m.when_ticks("A", 5), m.when_time((5,), "A")),
        (m.when_args("A", x=1), m.when_args("A", x=1)),
        (m.when_args("A", x=[1]), m.when_args("A", x=[1])),
        (m.when_err(), m.when("Exception")),
        (m.when_disposed(), m.when_disposed()),
    ]
    assert [one is other for one, other in pairs] == [True] * len(pairs)
    m.add("A", "B")
    m.set()
    assert m.when("A", "B") is not pairs[0][0]


def test_waits_that_differ_are_not_shared() -> None:
    m = letters()
    query = bool
    waits = [m.when("A"), m.when("A", "B"), m.when_time((1,), "A"), m.when_time((3,), "A"), m.when_args("A")]
    waits += [m.when_args("A", x=1), m.when_args("A", x=[1]), m.when_args("A", x=[2]), m.when_args("B", x=1)]
    waits += [m.when_query(query), m.when_query(query)]
    assert len(set(waits)) == len(waits)


# Awaiting


def test_awaiting_ends_in_the_turn_after_the_mutation() -> None:
    async def main() -> list[str]:
        m, seen = letters(), []

        async def wait() -> None:
            await m.when("A")
            seen.append("came")

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        m.add("A")
        seen.append("added")
        await asyncio.sleep(0)
        seen.append("next turn")
        await task
        assert left_behind(m) == {}
        return seen

    assert asyncio.run(main()) == ["added", "came", "next turn"]


def test_a_wait_can_be_awaited_often_and_in_gather() -> None:
    async def main() -> None:
        m = letters()
        wait = m.when("A")
        asyncio.get_running_loop().call_soon(m.add, "A")
        await asyncio.gather(wait, wait, m.when("A"))
        await wait
        assert left_behind(m) == {}

    asyncio.run(main())


def test_cancelling_one_task_leaves_the_others() -> None:
    async def main() -> None:
        m = letters()

        async def wait() -> str:
            await m.when("A")
            return "came"

        one, other = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0)
        one.cancel()
        await asyncio.sleep(0)
        assert left_behind(m) == {"changing": 1, "held": 1, "_known": 1}
        m.add("A")
        assert await other == "came"
        assert one.cancelled()
        assert left_behind(m) == {}

    asyncio.run(main())


def test_the_last_task_that_is_cancelled_leaves_nothing_behind() -> None:
    async def main() -> None:
        m = letters()

        async def wait() -> None:
            await m.when("A")

        tasks = [asyncio.create_task(wait()) for _ in range(3)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert left_behind(m) == {}

    asyncio.run(main())


def test_a_timeout_ends_only_the_awaiting() -> None:
    async def main() -> None:
        m = letters()
        wait = m.when("A")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await wait
        assert not wait.done
        m.add("A")
        await wait

    asyncio.run(main())


def test_cancelling_a_wait_cancels_the_tasks_that_await_it() -> None:
    async def main() -> None:
        m = letters()
        wait = m.when("A")

        async def awaiting() -> None:
            await wait

        task = asyncio.create_task(awaiting())
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.wait([task])
        assert (task.cancelled(), wait.done, wait.cancelled) == (True, True, True)
        with pytest.raises(asyncio.CancelledError):
            await wait
        assert left_behind(m) == {}
        m.add("A")
        assert wait.cancelled

    asyncio.run(main())


def test_cancelling_a_wait_that_has_come_does_nothing() -> None:
    m = letters("A")
    wait = m.when("A")
    wait.cancel()
    assert (wait.done, wait.cancelled) == (True, False)


@pytest.mark.parametrize("name", every_wait(letters("B")))
def test_every_wait_can_be_cancelled_and_leaves_nothing_behind(name: str) -> None:
    m = letters("B")
    wait = every_wait(m)[name]
    wait.cancel()
    assert wait.done
    assert left_behind(m) == {}


def test_a_wait_that_nobody_holds_is_gone() -> None:
    m = letters("B")
    gone = [weakref.ref(wait) for wait in every_wait(m).values()]
    assert [wait for wait in gone if wait() is not None] == []
    assert left_behind(m) == {}


def test_a_task_that_nobody_holds_is_kept_by_what_it_awaits() -> None:
    async def main() -> None:
        m = letters()
        came = asyncio.Event()

        async def wait() -> None:
            await m.when("A")
            came.set()

        gone = weakref.ref(asyncio.create_task(wait()))
        await asyncio.sleep(0)
        assert left_behind(m) == {"changing": 1, "held": 1, "_known": 1}
        assert gone() is not None
        m.add("A")
        await came.wait()

    asyncio.run(main())


def test_a_machine_and_its_waits_are_collected_together() -> None:
    m = letters()
    wait = m.when("A")
    gone = weakref.ref(m)
    del m, wait
    machine = letters()
    left_behind(machine)
    assert gone() is None


def test_an_async_machine_resolves_waits_after_its_awaited_handlers() -> None:
    async def main() -> list[str]:
        m = AsyncMachine(LETTERS)
        seen = []
        goes_on = asyncio.Event()

        async def handler(event: object) -> None:
            await goes_on.wait()
            seen.append("handler")

        async def wait() -> None:
            await m.when("A")
            seen.append("came")

        m.bind({"AState": handler})
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        made = m.add("A")
        ends = m.when_queue_ends()
        await asyncio.sleep(0)
        assert (m.active, ends.done) == (("A",), False)
        goes_on.set()
        await asyncio.gather(made, task, ends)
        assert left_behind(m) == {}
        return seen

    assert asyncio.run(main()) == ["handler", "came"]


# Threads


def test_a_wait_is_awaited_in_one_thread_while_another_owns_the_machine() -> None:
    async def main() -> None:
        m = letters()
        wait, awaited = m.when("A"), threading.Event()

        def mutate() -> None:
            awaited.wait()
            m.own()
            m.add("A")

        asyncio.get_running_loop().call_soon(awaited.set)
        await asyncio.gather(wait, asyncio.to_thread(mutate))
        m.own()
        assert left_behind(m) == {}

    asyncio.run(main(), debug=True)  # in which a loop refuses calls from other threads


def test_a_wait_on_a_machine_of_another_thread_is_refused() -> None:
    m = letters()
    refused: list[str] = []

    def ask() -> None:
        for wait in (lambda: m.when("A"), m.when_disposed, lambda: m.state_context("A")):
            try:
                wait()
            except WrongThread as error:
                refused.append(error.machine)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert refused == [m.id] * 3
    assert m.waits is None


# The path of those who wait for nothing


def test_mutations_that_concern_no_wait_are_one_step_and_look_as_they_do_without_it() -> None:
    def run(*, waiting: bool) -> list[object]:
        m = Machine({"A": {"add": ["B"]}, "B": {}, "C": {"auto": True, "require": ["B"]}, "D": {}, "E": {}})
        wait = m.when("D", "E") if waiting else None
        seen: list[object] = []
        for mutate in (m.add, m.add, m.remove, m.prepend_add, m.can_remove, m.set, m.toggle):
            seen += [mutate("A"), m.active, m.clock, m.queue_tick, m.last_transitions]
        assert wait is None or not wait.done
        return seen

    assert run(waiting=True) == run(waiting=False)


def test_a_mutation_whose_auto_pass_brings_a_wait_is_no_quiet_one() -> None:
    m = Machine({"A": {}, "B": {"auto": True, "require": ["A"]}})
    wait = m.when("B")
    assert done_after(wait, lambda: m.add("Exception"), lambda: m.add("A")) == [False, False, True]


def test_a_mutation_that_concerned_nobody_concerns_one_who_came_later() -> None:
    m = letters()
    first = m.when("C")
    m.toggle("A")
    m.toggle("A")
    second = m.when("A")
    assert done_after(second, lambda: m.toggle("A")) == [False, True]
    assert not first.done


def test_without_waits_the_machine_is_as_it_was_before_the_first() -> None:
    m = letters()
    plain = m._plain
    wait = m.when("C")
    assert m._plain == 0
    m.toggle("A")
    m.toggle("A")
    wait.cancel()
    m.toggle("A")
    assert m._plain == plain


def test_a_wait_for_the_end_of_the_machine_costs_its_mutations_nothing() -> None:
    m = letters()
    plain, wait = m._plain, m.when_disposed()
    m.add("A")
    assert (m._plain, wait.done) == (plain, False)
