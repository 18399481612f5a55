"""A call that may be made at most once: begun by an event, and never made twice because its time was up."""

from __future__ import annotations

import pytest

from tests.hosts.authored import graph
from trellis.engine import State, Step, apply, start
from trellis.engine.replay import replay
from trellis.model.actions import CallTool
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AttemptBegun,
    AttemptWanted,
    Event,
    RunStarted,
    TimerFired,
)

PAYING = graph("""
    trellis: 1
    name: paying
    start: pay
    nodes:
      pay: {do: pay, timeout: 10s, retry: {max_attempts: 3, initial_interval: 1s, jitter: 0}, to: $end}
""")
UNDOING = graph("""
    trellis: 1
    name: undoing
    start: pay
    nodes:
      pay:
        do: pay
        undo: {do: pay_back, timeout: 10s, retry: {max_attempts: 3, initial_interval: 1s, jitter: 0}}
        to: fail
      fail: {do: fail, catch: {failed: $rollback}, to: $end}
""")


def begin() -> Step:
    return start(PAYING, RunStarted(1.0, "r", PAYING.hash))


def call_of(state: State) -> str:
    (name,) = state.open
    return name


def told(step: Step) -> tuple[str, str] | None:
    return None if step.refusal is None else (step.refusal.code, step.refusal.message)


def test_the_event_hands_out_the_call_once_more_and_says_nothing() -> None:
    first = begin()
    begun = apply(PAYING, first.state, AttemptBegun(2.0, call_of(first.state)))
    assert begun.requests == tuple(request for request in first.requests if isinstance(request, CallTool))
    assert (begun.trace, begun.state.open[call_of(begun.state)].begun) == ((), True)


@pytest.mark.parametrize("event", [AttemptBegun(3.0, "r:1:0"), AttemptBegun(3.0, "r:9:0")])
def test_a_call_is_begun_once_and_only_while_it_is_open(event: AttemptBegun) -> None:
    state = apply(PAYING, begin().state, AttemptBegun(2.0, "r:1:0")).state
    assert told(apply(PAYING, state, event)) == ("stale", f"request '{event.request}' is not a call that is to be made")


def test_a_call_that_is_uncertain_is_not_begun() -> None:
    state = apply(PAYING, begin().state, AttemptBegun(2.0, "r:1:0")).state
    state = apply(PAYING, state, ActionFailed(3.0, "r:1:0", "uncertain", retryable=False)).state
    assert told(apply(PAYING, state, AttemptBegun(4.0, "r:1:0"))) == (
        "stale", "request 'r:1:0' is not a call that is to be made",
    )  # fmt: skip


def test_a_call_that_was_begun_and_took_too_long_is_not_tried_again() -> None:
    state = apply(PAYING, begin().state, AttemptBegun(2.0, "r:1:0")).state
    late = apply(PAYING, state, TimerFired(11.0, next(iter(state.timers)))).state
    assert late.error is not None
    assert (late.status, late.error.code, late.error.attempt, late.timers) == ("timed_out", "timeout", 1, {})


def test_a_call_that_was_not_begun_and_took_too_long_is_tried_again() -> None:
    state = begin().state
    late = apply(PAYING, state, TimerFired(11.0, next(iter(state.timers)))).state
    assert [timer.purpose for timer in late.timers.values()] == ["retry"]


def test_a_tool_that_says_it_failed_is_tried_again_though_it_was_begun() -> None:
    state = apply(PAYING, begin().state, AttemptBegun(2.0, "r:1:0")).state
    state = apply(PAYING, state, ActionFailed(3.0, "r:1:0", "busy")).state
    assert [timer.purpose for timer in state.timers.values()] == ["retry"]


@pytest.mark.parametrize("begun", [True, False])
def test_an_undo_that_was_begun_and_took_too_long_is_not_tried_again(begun: bool) -> None:
    state = start(UNDOING, RunStarted(1.0, "r", UNDOING.hash)).state
    for event in (ActionCompleted(2.0, "r:1:0"), ActionFailed(3.0, "r:2:0", "failed", retryable=False)):
        state = apply(UNDOING, state, event).state
    if begun:
        state = apply(UNDOING, state, AttemptBegun(4.0, call_of(state))).state
    late = apply(UNDOING, state, TimerFired(14.0, next(iter(state.timers)))).state
    assert (late.status, [timer.purpose for timer in late.timers.values()]) == (
        ("rollback_failed", []) if begun else ("running", ["retry"])
    )


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (ActionCompleted(3.0, "r:1:0", 7, attempt=2), {"value": 7}),
        (ActionFailed(3.0, "r:1:0", "busy", "no", attempt=2), {"error": {"code": "busy", "message": "no"}}),
    ],
)
def test_the_trace_tells_which_of_the_attempts_that_somebody_else_made_ended(
    event: Event, told: dict[str, object]
) -> None:
    kind, facts = apply(PAYING, begin().state, event).trace[0]
    assert (kind, facts) == ("tool.returned", {"node": "pay", "tool": "pay", "attempt": 2, "key": "r/pay/1", **told})


def test_a_call_that_is_made_again_by_hand_is_the_attempt_after_those_that_somebody_else_made() -> None:
    parked = apply(PAYING, begin().state, ActionFailed(3.0, "r:1:0", "uncertain", attempt=4)).state
    again = [
        request
        for request in apply(PAYING, parked, AttemptWanted(4.0, "r:1:0")).requests
        if request.kind == "CALL_TOOL"
    ]
    assert [request.attempt for request in again] == [5]


def test_a_journal_with_the_event_replays_to_the_state_that_was_live() -> None:
    events: list[Event] = [RunStarted(1.0, "r", PAYING.hash), AttemptBegun(2.0, "r:1:0")]
    live = apply(PAYING, begin().state, events[1]).state
    assert replay(PAYING, events) == live
