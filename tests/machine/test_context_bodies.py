"""Bodies of state contexts: cancelled when the state goes, and nothing else is."""

from __future__ import annotations

import asyncio
import threading
import weakref

import pytest

from tests.machine.waits import left_behind, letters

pytestmark = pytest.mark.covers("AM11")


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_body_is_cancelled_when_the_state_goes_and_the_task_goes_on() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []
        asyncio.get_running_loop().call_soon(m.remove, "A")
        async with m.state_context("A") as context:
            try:
                await forever()
            finally:
                seen.append("cleaned up")
        seen.append("went on")
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert (context.ended, task.cancelling()) == (True, 0)
        assert left_behind(m) == {}
        return seen

    assert asyncio.run(main()) == ["cleaned up", "went on"]


def test_a_body_takes_no_further_step_after_the_state_has_gone() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []
        goes_on = asyncio.Event()

        async def run() -> None:
            async with m.state_context("A"):
                await goes_on.wait()
                seen.append("a step too far")

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        goes_on.set()
        m.remove("A")
        await task
        return seen

    assert asyncio.run(main()) == []


def test_a_body_that_ends_before_the_state_goes_is_not_cancelled() -> None:
    async def main() -> None:
        m = letters("A")
        async with m.state_context("A") as context:
            await asyncio.sleep(0)
        assert not context.ended
        m.remove("A")
        await asyncio.sleep(0)
        del context
        assert left_behind(m) == {}

    asyncio.run(main())


def test_a_body_that_ends_its_own_state_is_cancelled_where_it_waits_next() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []
        async with m.state_context("A"):
            m.remove("A")
            seen.append("same stretch")
            await forever()
            seen.append("never")
        return seen

    assert asyncio.run(main()) == ["same stretch"]


def test_a_body_that_ends_its_own_state_and_leaves_carries_no_cancellation_out() -> None:
    async def main() -> None:
        m = letters("A")
        async with m.state_context("A"):
            m.remove("A")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_body_of_an_ended_context_is_cancelled_where_it_first_waits() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []
        m.dispose()
        async with m.state_context("A"):
            seen.append("begun")
            await forever()
        return seen

    assert asyncio.run(main()) == ["begun"]


def test_a_cancellation_from_outside_is_not_swallowed() -> None:
    async def main() -> bool:
        m = letters("A")

        async def run() -> None:
            async with m.state_context("A"):
                await forever()

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert left_behind(m) == {}
        return task.cancelled()

    assert asyncio.run(main())


@pytest.mark.parametrize("first", ["state", "outside"])
def test_a_cancellation_from_outside_is_not_swallowed_with_that_of_the_state(first: str) -> None:
    async def main() -> bool:
        m = letters("A")

        async def run() -> None:
            async with m.state_context("A"):
                await forever()

        task = asyncio.create_task(run())
        await asyncio.sleep(0)
        if first == "state":
            m.remove("A")
        task.cancel()
        if first == "outside":
            m.remove("A")
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


def test_an_error_of_the_body_comes_out_though_the_state_has_gone() -> None:
    async def main() -> None:
        m = letters("A")
        asyncio.get_running_loop().call_soon(m.remove, "A")

        async def run() -> None:
            async with m.state_context("A"):
                try:
                    await forever()
                finally:
                    raise ValueError("cleaning up failed")

        with pytest.raises(ValueError, match="cleaning up failed"):
            await run()
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("leaving", "seen"),
    [(("A",), ["A left"]), (("B",), ["B left", "A goes on", "A left"]), (("A", "B"), ["A left"])],
)
def test_of_nested_bodies_the_outermost_whose_state_goes_is_left(leaving: tuple[str, ...], seen: list[str]) -> None:
    async def main() -> list[str]:
        m, found = letters("A", "B"), []
        asyncio.get_running_loop().call_soon(m.remove, *leaving)
        async with m.state_context("A"):
            async with m.state_context("B"):
                await forever()
            found.append("B left")
            await asyncio.sleep(0)
            found.append("A goes on")
        found.append("A left")
        assert left_behind(m) == {}
        return found

    assert asyncio.run(main()) == seen


def test_one_context_may_be_entered_twice_by_one_task_and_by_others() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []

        async def run(name: str) -> None:
            async with m.state_context("A"):
                async with m.state_context("A"):
                    await forever()
                seen.append(f"{name} left the inner one only")
            seen.append(f"{name} left")

        tasks = [asyncio.create_task(run(name)) for name in "xy"]
        await asyncio.sleep(0)
        m.remove("A")
        await asyncio.gather(*tasks)
        assert left_behind(m) == {}
        return seen

    assert asyncio.run(main()) == ["x left", "y left"]


def test_the_tasks_of_a_group_inside_a_body_are_cancelled_with_it() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []

        async def child(name: str) -> None:
            try:
                await forever()
            finally:
                seen.append(name)

        asyncio.get_running_loop().call_later(0, m.remove, "A")
        async with m.state_context("A"), asyncio.TaskGroup() as group:
            for name in ("one", "two"):
                group.create_task(child(name))
        assert left_behind(m) == {}
        return sorted(seen)

    assert asyncio.run(main()) == ["one", "two"]


def test_a_body_inside_a_task_of_a_group_leaves_the_group_alone() -> None:
    async def main() -> list[str]:
        m, seen = letters("A"), []

        async def scoped() -> None:
            async with m.state_context("A"):
                await forever()
            seen.append("scoped left")

        async def other() -> None:
            await m.when_not("A")
            await asyncio.sleep(0)
            seen.append("other went on")

        async with asyncio.TaskGroup() as group:
            group.create_task(scoped())
            group.create_task(other())
            await asyncio.sleep(0)
            m.remove("A")
        return sorted(seen)

    assert asyncio.run(main()) == ["other went on", "scoped left"]


def test_a_body_and_a_timeout_each_swallow_their_own() -> None:
    async def main() -> None:
        m = letters("A")
        async with m.state_context("A") as context:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0):
                    await forever()
            assert not context.ended
        async with asyncio.timeout(60):
            asyncio.get_running_loop().call_soon(m.remove, "A")
            async with m.state_context("A"):
                await forever()

    asyncio.run(main())


def test_a_task_that_nobody_holds_is_kept_by_the_context_whose_body_it_runs() -> None:
    async def main() -> None:
        m = letters("A")
        left = asyncio.Event()

        async def run() -> None:
            async with m.state_context("A"):
                await forever()
            left.set()

        gone = weakref.ref(asyncio.create_task(run()))
        await asyncio.sleep(0)
        assert left_behind(m) == {"moving": 1, "held": 1, "_known": 1}
        assert gone() is not None
        m.remove("A")
        await left.wait()
        assert left_behind(m) == {}

    asyncio.run(main())


def test_a_body_is_cancelled_from_the_thread_that_owns_the_machine() -> None:
    async def main() -> None:
        m = letters("A")
        context, entered = m.state_context("A"), threading.Event()

        def mutate() -> None:
            entered.wait()
            m.own()
            m.remove("A")

        mutated = asyncio.create_task(asyncio.to_thread(mutate))
        async with context:
            entered.set()
            await forever()
        await mutated
        m.own()
        assert left_behind(m) == {}

    asyncio.run(main(), debug=True)  # in which a loop refuses calls from other threads


def test_a_context_is_entered_by_a_task_only() -> None:
    context = letters("A").state_context("A")
    steps = context.__aenter__()

    async def main() -> None:
        asyncio.get_running_loop().call_soon(enter)
        await asyncio.sleep(0)

    def enter() -> None:
        with pytest.raises(RuntimeError, match="the context of state 'A' is entered outside of a task"):
            steps.send(None)
        seen.append("refused")

    seen: list[str] = []
    asyncio.run(main())
    assert seen == ["refused"]
