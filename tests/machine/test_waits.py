"""Waits: when each of them comes, and what of a machine brings none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.machine.waits import done_after, every_wait, left_behind, letters
from trellis.errors import UnknownState
from trellis.machine import Machine, Result
from trellis.machine.waits import Wait

pytestmark = pytest.mark.covers("AM10")


# When they come


def test_when_comes_once_all_states_are_active_at_the_same_time() -> None:
    m = letters()
    steps = (lambda: m.add("B"), lambda: m.set("C"), lambda: m.add("D"), lambda: m.add("B"))
    assert done_after(m.when("B", "C"), *steps) == [False, False, False, False, True]


def test_when_not_comes_once_all_states_are_inactive_at_the_same_time() -> None:
    m = letters("A", "B")
    steps = (lambda: m.remove("A"), lambda: m.set("A"), lambda: m.remove("A"))
    assert done_after(m.when_not("A", "B"), *steps) == [False, False, False, True]


def test_a_wait_that_has_come_stays_so() -> None:
    m = letters()
    assert done_after(m.when("A"), lambda: m.add("A"), lambda: m.remove("A")) == [False, True, True]


def test_of_several_waits_on_a_state_only_those_come_that_are_satisfied() -> None:
    m = letters()
    waits = m.when("A"), m.when("A", "B"), m.when("A", "C")
    m.set("A")
    assert [wait.done for wait in waits] == [True, False, False]


def test_when_time_comes_once_each_state_has_reached_its_tick() -> None:
    m = letters("A", "B")
    wait = m.when_time((5, 2), "A", "B")
    steps = [lambda name=name: m.toggle(name) for name in ("A", "B", "A", "B", "A", "A")]
    assert done_after(wait, *steps) == [False, False, False, False, False, False, True]
    assert m.clock == {"A": 5, "B": 3, "C": 0, "D": 0, "Exception": 0}


def test_when_time_remembers_a_state_that_had_reached_its_tick_before_the_clock_was_set_back() -> None:
    m = Machine({"A": {}, "B": {}}, id="m")
    start = m.export()
    wait = m.when_time((1, 1), "A", "B")
    m.add("A")
    m.import_(start)
    m.add("B")
    assert wait.done and m.active == ("B",)


def test_when_ticks_counts_from_now() -> None:
    m = letters("A")
    steps = (lambda: m.remove("A"), lambda: m.add("A"), lambda: m.remove("A"))
    assert done_after(m.when_ticks("A", 3), *steps) == [False, False, False, True]


def test_when_next_active_of_an_active_state_comes_after_it_was_left() -> None:
    m = letters("A")
    steps = (lambda: m.add("A"), lambda: m.remove("A"), lambda: m.add("A"))
    assert done_after(m.when_next_active("A"), *steps) == [False, False, False, True]


def test_when_next_active_of_an_inactive_state_comes_when_it_is_activated() -> None:
    m = letters()
    assert done_after(m.when_next_active("A"), lambda: m.add("B"), lambda: m.add("A")) == [False, False, True]


def test_when_next_active_comes_when_an_active_multi_state_is_entered_again() -> None:
    m = Machine({"A": {"multi": True}})
    m.add("A")
    assert done_after(m.when_next_active("A"), lambda: m.add("A")) == [False, True]


def test_when_args_comes_with_all_the_given_arguments_and_without_any_handler() -> None:
    m = letters()
    steps = (
        lambda: m.add("B", foo="foo"),
        m.set,
        lambda: m.add("A", foo="bar"),
        lambda: m.add("B", bar="bar"),
        m.set,
        lambda: m.add("B", foo="bar", more=1),
    )
    assert done_after(m.when_args("B", foo="bar"), *steps) == [False, False, False, False, False, False, True]


def test_when_args_waits_for_the_next_entry_of_a_state_that_is_active() -> None:
    m = letters()
    m.add("A", x=1)
    steps = (lambda: m.add("A", x=1), lambda: m.remove("A", x=1), lambda: m.add("A", x=1))
    assert done_after(m.when_args("A", x=1), *steps) == [False, False, False, True]


def test_when_args_takes_no_absent_argument_for_none() -> None:
    m = letters()
    steps = (lambda: m.add("A"), m.set, lambda: m.add("A", x=None))
    assert done_after(m.when_args("A", x=None), *steps) == [False, False, False, True]


def test_when_args_takes_an_argument_called_name() -> None:
    m = letters()
    assert done_after(m.when_args("A", name="x"), lambda: m.add("A", name="x")) == [False, True]


def test_when_args_comes_only_for_states_whose_handler_was_called_before_one_failed() -> None:
    def fail(event: object) -> None:
        raise ValueError

    m = letters("D")
    m.bind({"BState": fail})
    waits = [m.when_args(name) for name in "ABC"]
    m.add("A", "B", "C")
    assert [wait.done for wait in waits] == [True, False, False]
    again = m.when_args("D"), m.when_args("C")
    m.bind({"AEnd": fail})
    m.set("D", "C")
    assert [wait.done for wait in again] == [False, False]


def test_waits_come_after_the_final_handlers_of_their_transition() -> None:
    m = letters()
    seen: list[tuple[str, bool]] = []
    wait = m.when("A")
    m.bind({name: lambda event: seen.append((event.name, wait.done)) for name in ("AState", "AnyState", "BState")})
    m.bind({"AState": lambda event: event.add("B")})
    m.add("A")
    assert seen == [("AState", False), ("AnyState", False), ("BState", True), ("AnyState", True)]


def test_a_wait_comes_though_its_state_is_left_again_in_the_auto_pass_of_the_same_mutation() -> None:
    m = Machine({"A": {}, "B": {"auto": True, "remove": ["A"]}})
    wait = m.when("A")
    m.add("A")
    assert (m.active, wait.done) == (("B",), True)


def test_a_canceled_transition_brings_no_wait() -> None:
    m = letters()
    m.bind({"AEnter": lambda _: False})
    assert done_after(m.when("A"), lambda: m.add("A"), lambda: m.can_add("A")) == [False, False, False]


def test_a_check_brings_no_wait() -> None:
    m = letters()
    waits = m.when("A"), m.when_args("A"), m.when_query(lambda _: True)
    m.can_add("A")
    assert [wait.done for wait in waits] == [False, False, False]


def test_what_is_so_after_a_handler_failed_has_come_too() -> None:
    def fail(event: object) -> None:
        raise ValueError

    m = letters()
    m.bind({"BState": fail, "ExceptionEnter": lambda _, **_args: False})
    waits = m.when("A"), m.when("B")
    m.add("A", "B")
    assert m.active == ("A",)
    assert [wait.done for wait in waits] == [True, False]


def test_the_first_wait_of_a_machine_may_begin_in_a_handler_of_the_transition_that_brings_it() -> None:
    m = letters()
    waits: list[Wait] = []
    m.bind({"AEnter": lambda _: waits.append(m.when("A"))})
    m.add("A")
    assert [wait.done for wait in waits] == [True]


def test_the_first_wait_of_a_machine_may_begin_in_a_tracer() -> None:
    class Tracer:
        def transition_start(self, transition: object) -> None:
            waits.append(m.when("A"))

    waits: list[Wait] = []
    m = letters()
    m.trace(Tracer())
    m.add("A")
    assert [wait.done for wait in waits] == [True]


def test_when_queue_comes_when_the_queued_mutation_was_run() -> None:
    m = letters()
    seen: list[bool] = []
    waits: list[Wait] = []

    def queue(event: Any) -> None:
        event.add("B")
        waits.append(m.when_queue(event.add("C")))
        event.add("D")

    m.bind({"AState": queue, "BState": lambda _: seen.append(waits[0].done)})
    m.bind({"CState": lambda _: seen.append(waits[0].done), "DState": lambda _: seen.append(waits[0].done)})
    m.add("A")
    assert seen == [False, False, True]


def test_when_queue_comes_when_the_queued_mutation_was_canceled() -> None:
    m = letters()
    waits: list[Wait] = []
    m.bind({"AState": lambda event: waits.append(m.when_queue(event.add("B"))), "BEnter": lambda _: False})
    m.add("A")
    assert [wait.done for wait in waits] == [True]


@pytest.mark.parametrize("result", [Result("executed", 0), Result("canceled", 1)])
def test_when_queue_of_a_mutation_that_was_not_queued_has_come(result: Result) -> None:
    assert letters().when_queue(result).done


def test_when_queue_of_a_tick_to_come_counts_every_mutation() -> None:
    m = letters()
    wait = m.when_queue(Result("queued", 5))
    assert done_after(wait, lambda: m.add("A"), lambda: m.add("A"), lambda: m.add("B")) == [False, False, False, True]


def test_when_queue_ends_comes_when_all_is_run() -> None:
    m = letters()
    seen: list[bool] = []
    waits: list[Wait] = []

    def queue(event: Any) -> None:
        event.add("B")
        waits.append(m.when_queue_ends())

    m.bind({"AState": queue, "BState": lambda _: seen.append(waits[0].done)})
    m.add("A")
    assert (seen, [wait.done for wait in waits]) == ([False], [True])
    assert m.when_queue_ends().done


def test_when_err_comes_with_an_error() -> None:
    m = letters()
    assert done_after(m.when_err(), lambda: m.add("A"), lambda: m.add_err(ValueError())) == [False, False, True]


def test_when_query_is_asked_with_the_clock_after_each_accepted_transition() -> None:
    asked: list[dict[str, int]] = []

    def query(clock: Any) -> bool:
        asked.append(dict(clock))
        return bool(clock["A"] > 2 * clock["B"])

    m = Machine({"A": {"multi": True}, "B": {}})
    m.add("A", "B")
    wait = m.when_query(query)
    steps = (lambda: m.add("Exception", "Exception"), lambda: m.add("A"), lambda: m.add("A"))
    assert done_after(wait, *steps) == [False, False, True, True]
    assert asked == [{"A": 1, "B": 1, "Exception": 1}, {"A": 3, "B": 1, "Exception": 1}]


def test_when_query_is_not_asked_when_it_is_made() -> None:
    m = letters("A")
    assert done_after(m.when_query(lambda clock: clock["A"] == 1), lambda: m.add("A")) == [False, True]


def test_what_a_query_raises_is_raised_where_it_is_awaited_and_the_machine_goes_on() -> None:
    m = letters()
    wait = m.when_query(lambda clock: clock["Z"])
    assert m.add("A") and m.active == ("A",)

    async def main() -> None:
        await wait

    with pytest.raises(KeyError, match="Z"):
        asyncio.run(main())
    assert left_behind(m) == {}


def test_when_disposed_comes_when_the_machine_is_disposed() -> None:
    m = letters()
    assert done_after(m.when_disposed(), lambda: m.add("A"), m.dispose) == [False, False, True]


def test_all_waits_come_when_the_machine_is_disposed() -> None:
    m = letters("B")
    waits = every_wait(m)
    assert [name for name, wait in waits.items() if wait.done] == ["when_queue_ends"]
    m.dispose()
    assert [name for name, wait in waits.items() if not wait.done] == []
    assert left_behind(m) == {}


def test_all_waits_on_a_disposed_machine_have_come() -> None:
    m = letters("B")
    m.dispose()
    assert [name for name, wait in every_wait(m).items() if not wait.done] == []
    assert m.waits is None


def test_a_wait_made_in_a_handler_that_disposes_comes() -> None:
    m = letters()
    waits: list[Wait] = []

    def end(event: object) -> None:
        waits.extend((m.when("B"), m.when_queue_ends()))
        m.dispose()
        waits.append(m.when("C"))

    m.bind({"AState": end})
    m.add("A")
    assert [wait.done for wait in waits] == [True, True, True]
    assert left_behind(m) == {}


def test_what_is_so_has_come_at_once_and_registers_nothing() -> None:
    m = letters("A")
    waits = m.when("A"), m.when(), m.when_not("B", "C"), m.when_time((1, 0), "A", "B"), m.when_ticks("B", 0)
    assert [wait.done for wait in waits] == [True] * 5
    assert m.waits is None


@pytest.mark.parametrize(
    "ask",
    [
        lambda m: m.when("A", "Bee"),
        lambda m: m.when_not("Bee"),
        lambda m: m.when_args("Bee"),
        lambda m: m.when_time((0,), "Bee"),
        lambda m: m.when_ticks("Bee", 1),
        lambda m: m.when_next_active("Bee"),
        lambda m: m.state_context("Bee"),
    ],
)
def test_a_wait_on_an_unknown_state_is_refused(ask: Callable[[Machine], object]) -> None:
    m = Machine({"A": {}, "Been": {}})
    with pytest.raises(UnknownState, match=re.escape("no state named 'Bee' (did you mean 'Been'?)")):
        ask(m)
    assert m.waits is None


def test_when_time_without_names_is_about_all_states() -> None:
    m = Machine({"A": {}, "B": {}})
    assert done_after(m.when_time((1, 1, 0)), lambda: m.add("A"), lambda: m.set("B")) == [False, False, True]


def test_ticks_that_do_not_fit_the_states_are_an_error_of_the_machine() -> None:
    m = letters()
    assert m.when_time((5,), "A", "B").done
    assert (m.active, str(m.err)) == (("Exception",), "waits for 1 ticks of 2 states")
    assert m.waits is None
