"""Conditions over several states, guards of loops, and conversations with a machine that end in time."""

from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest

from trellis import Machine
from trellis.errors import Runaway, UnknownState, WaitedTooLong
from trellis.machine import AsyncMachine
from trellis.machine.asking import (
    add_and_wait,
    add_until,
    ask_add,
    ask_remove,
    group_when,
    remove_and_wait,
    request,
    wait_for_all,
    wait_for_any,
)
from trellis.machine.conditions import Condition, LoopGuard
from trellis.machine.result import CANCELED, EXECUTED
from trellis.machine.transition import Transition
from trellis.machine.waits import Wait
from trellis.testing import ManualClock

T = TypeVar("T")
NAMES: dict[str, dict[str, Any]] = {"A": {}, "B": {}, "C": {"remove": ["D"]}, "D": {"multi": True}}


def machine() -> Machine:
    return Machine(NAMES, id="m")


async def turned(asked: Coroutine[Any, Any, T], clock: ManualClock) -> T:
    """What is asked, while the clock goes on from alarm to alarm whenever all wait for it."""
    task = asyncio.ensure_future(asked)
    while not task.done():
        for _ in range(20):
            await asyncio.sleep(0)
        if not task.done() and clock.next_due is not None:
            clock.advance(clock.next_due - clock.now())
    return task.result()


# Conditions


@pytest.mark.covers("AM20")
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Condition(), True),
        (Condition(is_=("A", "B")), True),
        (Condition(is_=("A", "C")), False),
        (Condition(any1=("C", "B")), True),
        (Condition(any1=("C", "D")), False),
        (Condition(any=(("A", "C"), ("B", "A"))), True),
        (Condition(any=(("A", "C"), ("D",))), False),
        (Condition(not_=("C", "D")), True),
        (Condition(not_=("C", "A")), False),
        (Condition(clock={"A": 1, "D": 2}), True),
        (Condition(clock={"A": 2}), False),
        (Condition(is_=("A",), not_=("B",)), False),
        (Condition(is_=("A",), any1=("B",), any=(("A",),), not_=("C",), clock={"D": 1}), True),
    ],
    ids=str,
)
def test_a_condition_holds_where_all_that_is_given_holds(condition: Condition, holds: bool) -> None:
    made = machine()
    made.add("A", "B", "D")
    made.remove("D")
    assert condition.check(made) is holds


def test_a_condition_says_what_it_asks_and_is_empty_where_it_asks_nothing() -> None:
    full = Condition(is_=("A", "B"), any=(("A",), ("C", "D")), any1=("C", "D"), not_=("D",), clock={"A": 3})
    assert str(full) == "A and B; any of (A) or (C and D); C or D; not D; A >= 3"
    assert (str(Condition()), bool(Condition()), bool(full)) == ("anything", False, True)
    with pytest.raises(UnknownState):
        Condition(clock={"Z": 0}).check(machine())


# Guards of loops


class Seconds:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def beating(clock: Seconds) -> Machine:
    return Machine({"Beat": {"multi": True, "require": ["Start"]}, "Start": {}, "Else": {"multi": True}}, clock=clock)


@pytest.mark.covers("AM20")
def test_a_loop_that_stays_below_its_limit_may_go_on_forever() -> None:
    clock = Seconds()
    made = beating(clock)
    made.add("Start", "Beat")
    guard = LoopGuard(made, "Beat", limit=10, window_s=1.0)
    for _ in range(500):
        made.add("Beat")
        made.add("Else")
        clock.now += 0.25
        assert guard.ok()
    assert (guard.watched, made.tick("Beat"), made.err) == (("Beat", "Start"), 1001, None)


@pytest.mark.covers("AM20")
def test_a_loop_that_moves_its_states_too_fast_ends_with_an_error() -> None:
    clock = Seconds()
    made = beating(clock)
    made.add("Start", "Beat")
    for _ in range(100):  # what was before the window does not count
        made.add("Beat")
    guard = LoopGuard(made, "Beat", limit=10, window_s=1.0)
    rounds = 0
    while guard.ok():
        made.add("Beat")
        clock.now += 0.125
        rounds += 1
    assert (rounds, guard.ended, guard.ok()) == (6, True, False)
    assert isinstance(made.err, Runaway)
    assert made.err.reason == "12 ticks within 0.75 s, more than 10"


@pytest.mark.covers("AM20")
def test_a_loop_ends_when_its_state_goes_when_it_is_stopped_and_when_its_check_says_no() -> None:
    made = beating(Seconds())
    made.add("Start", "Beat")
    stopped, checked, lost = (
        LoopGuard(made, "Beat"),
        LoopGuard(made, "Beat", check=lambda: False),
        LoopGuard(made, "Beat"),
    )
    stopped.stop()
    assert [stopped.ok(), checked.ok(), lost.ok(), made.err] == [False, False, True, None]
    made.remove("Start")
    assert not lost.ok()
    assert isinstance(made.err, Runaway)
    assert made.err.reason == "its state is not active any more"
    with pytest.raises(UnknownState):
        LoopGuard(made, "Beet")


# Several waits


@pytest.mark.covers("AM20")
def test_all_is_waited_for_until_the_last_has_come() -> None:
    async def main() -> list[bool]:
        made = machine()
        task = asyncio.create_task(wait_for_all([made.when("A"), made.when("B"), made.when_not("C")]))
        seen = []
        for name in ("A", "B"):
            made.add(name)
            for _ in range(9):
                await asyncio.sleep(0)
            seen.append(task.done())
        await task
        await wait_for_all([])
        return seen

    assert asyncio.run(main()) == [False, True]


@pytest.mark.covers("AM20")
def test_of_any_those_are_given_that_have_come() -> None:
    async def main() -> None:
        made = machine()
        waits = made.when("A"), made.when("B"), made.when("C")
        task = asyncio.create_task(wait_for_any(waits))
        await asyncio.sleep(0)
        made.add("C", "B")
        assert await task == (waits[1], waits[2])
        assert not waits[0].done
        assert await wait_for_any([]) == ()

    asyncio.run(main())


@pytest.mark.covers("AM20")
@pytest.mark.parametrize("waiting", [wait_for_all, wait_for_any])
def test_who_waits_too_long_is_told_for_what_and_leaves_nothing_behind(waiting: Any) -> None:
    async def main() -> None:
        made, clock = machine(), ManualClock()
        made.add("A")
        waits: list[Wait] = [made.when("B"), made.when("C", "A")]
        with pytest.raises(WaitedTooLong, match=f"^{re.escape('waited 2.5 s for when B, when A C')}$") as late:
            await turned(waiting(waits, 2.5, clock=clock), clock)
        assert isinstance(late.value, TimeoutError)
        assert clock.now() == 1_000_002.5
        del waits, late
        gc.collect()
        assert made.waits is not None
        assert (made.waits.pending, len(asyncio.all_tasks())) == (False, 1)

    asyncio.run(main())


def test_a_wait_that_others_share_goes_on_when_one_gives_up() -> None:
    async def main() -> None:
        made, clock = machine(), ManualClock()
        other = asyncio.create_task(wait_for_all([made.when("A")]))
        await asyncio.sleep(0)
        with pytest.raises(WaitedTooLong):
            await turned(wait_for_all([made.when("A")], 1.0, clock=clock), clock)
        made.add("A")
        await other

    asyncio.run(main())


def test_an_alarm_is_taken_back_when_all_has_come_in_time() -> None:
    async def main() -> None:
        made, clock = machine(), ManualClock()
        made.add("A")
        await wait_for_all([made.when("A")], 1.0, clock=clock)
        assert clock.next_due is None
        await wait_for_all([made.when("A")], 60.0)

    asyncio.run(main())


@pytest.mark.covers("AM20")
@pytest.mark.parametrize("waiting", [wait_for_all, wait_for_any])
def test_an_error_of_the_machine_ends_the_waiting_where_that_is_asked(waiting: Any) -> None:
    async def main() -> None:
        made = machine()
        task = asyncio.create_task(waiting([made.when("A"), made.when("B")], unless_err=made))
        await asyncio.sleep(0)
        made.add_err(OSError("gone"))
        with pytest.raises(OSError, match="^gone$"):
            await task

    asyncio.run(main())


def test_what_a_query_raises_is_raised_where_it_is_waited_for() -> None:
    async def main() -> None:
        made = machine()
        task = asyncio.create_task(wait_for_all([made.when_query(lambda clock: clock["Z"])]))
        await asyncio.sleep(0)
        made.add("A")
        with pytest.raises(KeyError):
            await task

    asyncio.run(main())


@pytest.mark.covers("AM20")
def test_machines_are_waited_for_as_a_group() -> None:
    async def main() -> None:
        group = [machine() for _ in range(3)]
        waits = group_when(group, "A")
        group[1].add("A")
        assert [wait.done for wait in waits] == [False, True, False]
        with pytest.raises(UnknownState):
            group_when([*group, Machine({"B": {}})], "A")

    asyncio.run(main())


# Mutations that are waited for


@pytest.mark.covers("AM20")
def test_adding_and_waiting_says_whether_the_states_came_also_from_the_queue() -> None:
    async def main() -> None:
        made = machine()
        made.bind({"DEnter": lambda event: False})  # noqa: ARG005
        assert [await add_and_wait(made, "A"), await add_and_wait(made, "D")] == [True, False]
        asked = [add_and_wait(made, name) for name in ("C", "D")]
        made.bind({"BState": lambda event: [coroutine.send(None) for coroutine in asked] and None})  # noqa: ARG005
        assert await add_and_wait(made, "B")
        assert made.active == ("C", "B", "A")
        came: list[bool] = []
        for coroutine in asked:
            with pytest.raises(StopIteration) as end:
                coroutine.send(None)
            came.append(end.value.value)
        assert came == [True, False]
        assert [await remove_and_wait(made, "A"), made.active] == [True, ("C", "B")]

    asyncio.run(main())


@pytest.mark.covers("AM20")
def test_adding_to_a_machine_that_is_busy_waits_for_its_turn() -> None:
    async def main() -> None:
        made = AsyncMachine(NAMES)
        go = asyncio.Event()

        async def slowly(event: Transition) -> None:
            await go.wait()

        made.bind({"AState": slowly, "DEnter": lambda event: False})  # noqa: ARG005
        first = asyncio.create_task(add_and_wait(made, "A"))
        await asyncio.sleep(0)
        others = [asyncio.create_task(add_and_wait(made, name)) for name in ("B", "D")]
        for _ in range(9):
            await asyncio.sleep(0)
        assert not any(task.done() for task in (first, *others))
        go.set()
        assert await asyncio.gather(first, *others) == [True, True, False]
        assert await remove_and_wait(made, "A", "B")
        assert made.active == ()

    asyncio.run(main())


@pytest.mark.covers("AM20")
def test_what_begins_something_is_added_and_its_end_waited_for() -> None:
    async def main() -> None:
        made = Machine({"Begin": {}, "Done": {"multi": True}, "No": {}})

        def begin(event: Transition) -> None:
            asyncio.get_running_loop().call_soon(made.add, "Done")

        made.bind(
            {
                "BeginState": begin,
                "NoEnter": lambda event: False,  # noqa: ARG005
            }
        )
        assert await add_until(made, "Done", "Begin")
        assert made.tick("Done") == 1
        assert not await add_until(made, "Done", "No")
        made.remove("Begin")
        made.remove("Done")
        again = asyncio.create_task(add_until(made, "Done", "Begin"))
        await asyncio.sleep(0)
        made.dispose()
        assert await again is False

    asyncio.run(main())


@pytest.mark.covers("AM20")
def test_a_request_that_is_canceled_is_made_again_later_and_later() -> None:
    async def main() -> None:
        made, clock = machine(), ManualClock(0.0)
        times: list[float] = []

        def refuse(event: Transition, size: int) -> bool:
            times.append(clock.now())
            assert size == 3
            return len(times) == 5

        made.bind({"AEnter": refuse})
        result = await turned(
            request(made, "add", "A", args={"size": 3}, delay_s=0.5, longest_delay_s=2.0, within_s=60, clock=clock),
            clock,
        )
        assert (result, times) == (EXECUTED, [0.0, 0.5, 1.5, 3.5, 5.5])

    asyncio.run(main())


@pytest.mark.covers("AM20")
@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({}, [0.0, 0.1, 0.3, 0.7, 1.5, 3.1]),
        ({"tries": 2}, [0.0, 0.1, 0.3]),
        ({"tries": 0}, [0.0]),
        ({"within_s": 1.0}, [0.0, 0.1, 0.3, 0.7]),
        ({"delay_s": 1.0, "longest_delay_s": 1.0}, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
    ],
)
def test_a_request_gives_up_after_its_tries_or_its_time(options: dict[str, Any], times: list[float]) -> None:
    async def main() -> None:
        made, clock = machine(), ManualClock(0.0)
        seen: list[float] = []

        def refuse(event: Transition) -> bool:
            seen.append(round(clock.now(), 6))
            return False

        made.bind({"AExit": refuse})
        made.add("A")
        assert await turned(request(made, "remove", "A", clock=clock, **options), clock) == CANCELED
        assert (seen, clock.next_due) == (times, None)

    asyncio.run(main())


@pytest.mark.covers("AM20")
def test_who_asks_first_makes_no_transition_that_is_refused() -> None:
    async def main() -> None:
        made = machine()
        made.bind({"AEnter": lambda event: False, "BExit": lambda event: False})  # noqa: ARG005
        before = made.queue_tick
        assert await ask_add(made, "A") == CANCELED
        assert made.queue_tick == before
        assert await ask_add(made, "B") == EXECUTED
        assert await ask_remove(made, "B") == CANCELED
        waiting = AsyncMachine(NAMES)
        assert [await ask_add(waiting, "A"), await ask_remove(waiting, "A")] == [EXECUTED, EXECUTED]

    asyncio.run(main())
