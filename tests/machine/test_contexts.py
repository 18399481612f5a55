"""State contexts: they end with the state, tell those who wait for it, and leave nothing behind."""

from __future__ import annotations

import asyncio
import weakref

import pytest

from tests.machine.waits import left_behind, letters
from trellis.machine import Machine
from trellis.machine.contexts import StateContext

pytestmark = pytest.mark.covers("AM11")


# When they end


def test_a_context_of_an_active_state_ends_when_the_state_leaves() -> None:
    m = letters("A")
    context = m.state_context("A")
    seen = [context.ended]
    for names in (("A", "B"), ("A",), ("B",)):
        m.set(*names)
        seen.append(context.ended)
    assert seen == [False, False, False, True]


def test_a_context_of_an_inactive_state_ends_when_the_state_comes() -> None:
    m = letters("A")
    context = m.state_context("B")
    m.remove("A")
    seen = [context.ended]
    m.add("B")
    assert [*seen, context.ended] == [False, True]


def test_a_context_ends_when_its_multi_state_is_entered_again() -> None:
    m = Machine({"A": {"multi": True}})
    m.add("A")
    context = m.state_context("A")
    m.add("A")
    assert context.ended


def test_a_context_ends_before_the_final_handlers_that_follow_from_its_end() -> None:
    m = letters("A")
    seen: list[tuple[str, bool]] = []
    context = m.state_context("A")
    m.bind({name: lambda event: seen.append((event.name, context.ended)) for name in ("AExit", "AEnd")})
    m.remove("A")
    assert seen == [("AExit", False), ("AEnd", True)]


def test_a_context_begun_when_the_state_came_lasts_until_the_failed_handler_takes_it_back() -> None:
    contexts: list[StateContext] = []
    seen: list[bool] = []

    def begin(event: object) -> None:
        contexts.append(m.state_context("A"))
        seen.append(contexts[0].ended)
        raise ValueError

    m = letters()
    m.bind({"AState": begin})
    m.add("A")
    assert (seen, contexts[0].ended, m.active) == ([False], True, ("Exception",))


def test_a_context_that_a_tracer_begins_outlasts_the_transition_in_which_it_does() -> None:
    class Tracer:
        def transition_end(self, transition: object) -> None:
            contexts.append(m.state_context("A"))

    contexts: list[StateContext] = []
    m = letters()
    m.trace(Tracer())
    m.add("A")
    seen = [context.ended for context in contexts]
    m.remove("A")
    assert (seen, [context.ended for context in contexts]) == ([False], [True, False])


def test_a_canceled_transition_and_a_check_end_no_context() -> None:
    m = letters("A")
    m.bind({"AExit": lambda _: False})
    context = m.state_context("A")
    m.remove("A")
    m.can_remove("A")
    assert not context.ended


def test_all_who_ask_in_the_same_activation_get_one_context() -> None:
    m = letters("A")
    first, second = m.state_context("A"), m.state_context("A")
    m.remove("A")
    third = m.state_context("A")
    assert (first is second, first is third, third.ended) == (True, False, False)


def test_contexts_end_when_the_machine_is_disposed() -> None:
    m = letters("A")
    seen: list[str] = []
    contexts = m.state_context("A"), m.state_context("B")
    contexts[0].on_end(lambda: seen.append("A"))
    m.dispose()
    assert ([context.ended for context in contexts], seen) == ([True, True], ["A"])
    assert m.state_context("A").ended
    assert left_behind(m) == {}


def test_a_context_ends_when_an_import_moves_the_clock() -> None:
    m = Machine({"A": {}, "B": {}}, id="m")
    before = m.export()
    m.add("A")
    moved, still = m.state_context("A"), m.state_context("B")
    m.import_(before)
    assert (moved.ended, still.ended) == (True, False)


# Calls


def test_on_end_calls_back_once_in_order_while_the_transition_runs() -> None:
    m = letters("A")
    seen: list[object] = []
    context = m.state_context("A")
    context.on_end(lambda: seen.append((1, context.ended, m.active, m.running)))
    context.on_end(lambda: seen.append((2, context.ended, m.active, m.running)))
    m.toggle("A")
    m.toggle("A")
    m.toggle("A")
    assert seen == [(1, True, (), True), (2, True, (), True)]
    assert left_behind(m) == {}


def test_a_context_with_a_callback_need_not_be_held() -> None:
    m = letters("A")
    seen: list[str] = []
    m.state_context("A").on_end(lambda: seen.append("ended"))
    assert left_behind(m) == {"moving": 1, "held": 1, "_known": 1}
    m.remove("A")
    assert seen == ["ended"]
    assert left_behind(m) == {}


def test_a_callback_can_be_taken_back_and_leaves_nothing_behind() -> None:
    m = letters("A")
    seen: list[str] = []
    take_back = m.state_context("A").on_end(lambda: seen.append("ended"))
    take_back()
    take_back()
    assert left_behind(m) == {}
    m.remove("A")
    assert seen == []


def test_on_end_of_an_ended_context_calls_at_once() -> None:
    m = letters("A")
    context = m.state_context("A")
    m.remove("A")
    seen: list[str] = []
    context.on_end(lambda: seen.append("ended"))
    assert seen == ["ended"]
    assert left_behind(m) == {}


def test_a_callback_may_mutate_and_begin_the_next_context() -> None:
    m = letters("A")
    contexts = [m.state_context("A")]

    def again() -> None:
        contexts.append(m.state_context("A"))
        m.add("B")

    contexts[0].on_end(again)
    m.remove("A")
    assert (m.active, [context.ended for context in contexts]) == (("B",), [True, False])


def test_a_callback_that_raises_makes_an_exception_and_the_others_are_called() -> None:
    def fail() -> None:
        raise ValueError("no")

    m = letters("A")
    seen: list[str] = []
    context = m.state_context("A")
    context.on_end(fail)
    context.on_end(lambda: seen.append("ended"))
    assert m.remove("A")
    assert (m.active, repr(m.err), seen) == (("Exception",), "ValueError('no')", ["ended"])


def test_what_callbacks_raise_at_the_end_of_the_machine_comes_out_of_dispose_when_all_is_over() -> None:
    def fail() -> None:
        raise ValueError("no")

    m = letters("A")
    contexts = m.state_context("A"), m.state_context("B")
    for context in contexts:
        context.on_end(fail)
    with pytest.raises(ExceptionGroup) as raised:
        m.dispose()
    assert [repr(error) for error in raised.value.exceptions] == ["ValueError('no')"] * 2
    assert [context.ended for context in contexts] == [True, True]
    assert left_behind(m) == {}


# Awaiting


def test_a_context_can_be_awaited_by_many() -> None:
    async def main() -> None:
        m = letters("A")
        context = m.state_context("A")

        async def wait() -> None:
            await context

        asyncio.get_running_loop().call_soon(m.remove, "A")
        await asyncio.gather(wait(), context.wait(), context)
        assert context.ended
        assert left_behind(m) == {}

    asyncio.run(main())


def test_a_context_that_nobody_holds_is_gone() -> None:
    m = letters("A")
    gone = weakref.ref(m.state_context("A"))
    assert gone() is None
    assert left_behind(m) == {}
