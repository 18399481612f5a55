"""A call and the activity it is made as: what Temporal is asked for, and what the end of it comes to."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    RetryState,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as TimedOut
from temporalio.workflow import ActivityCancellationType

from tests.hosts.authored import graph
from trellis.engine import State, apply, start
from trellis.errors import UsageError
from trellis.hosts.temporal.calls import LONGEST, ended, made, must_fit, options, own_timers
from trellis.hosts.temporal.messages import STOPPED, Call, Done, short_key, whole_key
from trellis.hosts.temporal.payloads import PayloadUnreadable
from trellis.model.actions import CallTool
from trellis.model.events import ActionCompleted, ActionFailed, Event, RunStarted, SignalReceived, TimerFired
from trellis.model.graph import Graph

TEXT = """
    trellis: 1
    name: calling
    start: a
    tools:
      careful: {process: [pay], effect: at_most_once}
    signals: {stop: {}}
    nodes:
      a: {do: %s, %s to: $end}
"""
SECOND = timedelta(seconds=1)
DIED = "TemporalTimeout:Heartbeat"


def calling(more: str = "", tool: str = "t") -> tuple[Graph, State, CallTool]:
    """A graph whose one call is open, since the time 1000."""
    compiled = graph(TEXT % (tool, more))
    state = start(compiled, RunStarted(1000.0, "r", compiled.hash)).state
    return compiled, state, request_of(state)


def request_of(state: State) -> CallTool:
    (pending,) = state.open.values()
    assert isinstance(pending.request, CallTool)
    return pending.request


def chosen(more: str = "", tool: str = "t", before: int = 0, *, again: bool = False) -> dict[str, Any]:
    return options(*_with_source(calling(more, tool)), before, 1000.0, again=again)


def _with_source(parts: tuple[Graph, State, CallTool]) -> tuple[Graph, str, State, CallTool]:
    return parts[0], "calling.yaml", parts[1], parts[2]


def failing(cause: BaseException | None, state: RetryState = RetryState.MAXIMUM_ATTEMPTS_REACHED) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=5,
        started_event_id=6,
        identity="worker",
        activity_type="t",
        activity_id="r:1:0",
        retry_state=state,
    )
    error.__cause__ = cause
    return error


def late(kind: TimeoutType, *details: Any) -> TimedOut:
    return TimedOut("activity timeout", type=kind, last_heartbeat_details=details)


def told(more: str, outcome: Done | BaseException, tool: str = "t", before: int = 0, at: float = 1100.0) -> Any:
    return ended(*calling(more, tool), before, outcome, at, 0.25)


def failed(code: str, message: str, attempt: int, *, retryable: bool = False) -> ActionFailed:
    return ActionFailed(1100.0, "r:1:0", code, message, retryable, 0.25, attempt=attempt)


def test_a_call_without_policy_is_one_attempt_without_a_limit() -> None:
    assert chosen() == {
        "args": [Call("a", "/1", source="calling.yaml"), {}],
        "activity_id": "r:1:0",
        "result_type": RawValue,
        "start_to_close_timeout": LONGEST,
        "heartbeat_timeout": timedelta(seconds=10),
        "retry_policy": RetryPolicy(maximum_attempts=1, non_retryable_error_types=[DIED]),
        "cancellation_type": ActivityCancellationType.TRY_CANCEL,
        "summary": "a",
    }


def test_a_policy_is_that_of_temporal() -> None:
    asked = chosen(
        "timeout: 5s, deadline: 1m, retry: {max_attempts: 4, initial_interval: 2s, non_retryable: [denied]},"
    )
    assert asked["retry_policy"] == RetryPolicy(
        initial_interval=2 * SECOND,
        backoff_coefficient=2.0,
        maximum_interval=200 * SECOND,
        maximum_attempts=4,
        non_retryable_error_types=["denied", DIED],
    )
    assert (asked["args"][0].timeout, asked["args"][0].deadline) == (5.0, 1060.0)
    assert (asked["start_to_close_timeout"], asked["schedule_to_close_timeout"]) == (10 * SECOND, 65 * SECOND)


@pytest.mark.parametrize(
    ("tool", "more"),
    [("careful", "retry: {max_attempts: 3},"), ("t", "retry: {max_attempts: 3, non_retryable: [timeout]},")],
)
def test_what_ran_out_of_time_is_not_tried_again_where_the_effect_or_the_policy_forbids_it(
    tool: str, more: str
) -> None:
    assert chosen(more, tool)["retry_policy"].non_retryable_error_types[-2:] == [DIED, "TemporalTimeout:StartToClose"]


def test_attempts_that_were_made_before_are_taken_off_and_the_waits_go_on_from_them() -> None:
    policy = chosen("retry: {max_attempts: 5, initial_interval: 1s, max_interval: 3s},", before=2)["retry_policy"]
    assert (policy.maximum_attempts, policy.initial_interval, policy.maximum_interval) == (3, 3 * SECOND, 3 * SECOND)
    assert chosen("retry: {max_attempts: 2},", before=2)["retry_policy"].maximum_attempts == 1


def test_an_unlimited_policy_stays_so() -> None:
    assert chosen("deadline: 1m, retry: {},", before=7)["retry_policy"].maximum_attempts == 0


@pytest.mark.parametrize("more", ["jitter: 0.5", "initial_interval: 0s"])
def test_waits_that_temporal_cannot_make_are_the_workers_to_draw(more: str) -> None:
    (call, _) = chosen(f"retry: {{max_attempts: 3, {more}}},")["args"]
    assert call.retry is not None
    assert chosen("retry: {max_attempts: 3},")["args"][0].retry is None


def test_a_deadline_that_is_over_leaves_a_worker_the_time_to_say_so() -> None:
    asked = options(*_with_source(calling("deadline: 1m,")), 0, 1090.0)
    assert asked["schedule_to_close_timeout"] == 5 * SECOND


def test_what_has_an_undo_is_waited_for_when_it_is_cancelled() -> None:
    assert chosen("undo: {do: back},")["cancellation_type"] == ActivityCancellationType.WAIT_CANCELLATION_COMPLETED


def test_an_undo_goes_by_its_own_policy_and_is_not_waited_for() -> None:
    compiled = graph("""
        trellis: 1
        name: undoing
        start: a
        nodes:
          a: {do: t, undo: {do: back, timeout: 5s, retry: {max_attempts: 2}}, retry: {max_attempts: 9}, to: b}
          b: {do: t, catch: {failed: $rollback}, to: $end}
    """)
    state = start(compiled, RunStarted(1000.0, "r", compiled.hash)).state
    for event in (ActionCompleted(1001.0, "r:1:0"), ActionFailed(1002.0, "r:2:0", "failed", attempt=1)):
        state = apply(compiled, state, event).state
    request = request_of(state)
    asked = options(compiled, "u.yaml", state, request, 0, 1002.0)
    assert asked["args"] == [Call("a", "/1/undo", source="u.yaml", undo=True, timeout=5.0), {}]
    assert (asked["retry_policy"].maximum_attempts, asked["start_to_close_timeout"]) == (2, 10 * SECOND)
    assert asked["cancellation_type"] == ActivityCancellationType.TRY_CANCEL
    (timer,) = state.timers
    assert own_timers(compiled, state, {request.id}) == {timer}
    outcome = failing(late(TimeoutType.START_TO_CLOSE))
    events = ended(compiled, state, request, 0, outcome, 1020.0, 0.5)
    assert events is not None
    assert events[0] == TimerFired(1020.0, timer, 0.5, 2)
    assert apply(compiled, state, events[0]).state.status == "rollback_failed"


def test_the_deadline_is_temporals_while_the_activity_runs_and_the_time_of_an_attempt_always() -> None:
    compiled, state, request = calling("timeout: 5s, deadline: 1m, retry: {},")
    purposes = {timer.purpose: name for name, timer in state.timers.items()}
    assert own_timers(compiled, state, {request.id}) == {purposes["timeout"], purposes["deadline"]}
    assert own_timers(compiled, state, set()) == {purposes["timeout"]}


def test_the_time_that_a_question_may_take_is_the_workflows() -> None:
    compiled = graph("""
        trellis: 1
        name: asking
        start: a
        fields: {n: {type: integer}}
        nodes: {a: {ask: {int: n}, timeout: 5s, catch: {timeout: $end}, to: $end}}
    """)
    state = start(compiled, RunStarted(1000.0, "r", compiled.hash)).state
    assert (len(state.timers), own_timers(compiled, state, set(state.open))) == (1, set())


def test_a_value_says_which_attempt_gave_it() -> None:
    assert told("", Done(7, 3)) == [ActionCompleted(1100.0, "r:1:0", 7, attempt=3)]


def test_a_failure_has_the_code_and_the_attempt_that_the_worker_told() -> None:
    outcome = failing(ApplicationError("no", {"attempt": 3}, type="busy"))
    assert told("retry: {max_attempts: 3},", outcome) == [failed("busy", "no", 3, retryable=True)]


def test_a_failure_that_no_tool_told_has_a_code_all_the_same() -> None:
    outcome = failing(ApplicationError("gone", non_retryable=True))
    assert told("", outcome) == [failed("failed", "gone", 1)]


def test_a_result_that_cannot_be_read_is_invalid() -> None:
    error = PayloadUnreadable("it has no encoding")
    assert told("", error) == [failed("invalid", str(error), 1)]


def test_what_is_no_outcome_is_raised() -> None:
    with pytest.raises(KeyError):
        told("", KeyError("x"))


def test_an_attempt_that_took_too_long_fires_its_timer_and_is_then_uncertain() -> None:
    outcome = failing(late(TimeoutType.START_TO_CLOSE))
    assert told("timeout: 5s, retry: {max_attempts: 3},", outcome) == [
        TimerFired(1100.0, "r:1:1", 0.25, 3),
        failed("uncertain", "it took too long, and nobody knows how far it had come", 3),
    ]


LIMITED = "timeout: 5s, deadline: 1m, retry: {max_attempts: 3},"


@pytest.mark.parametrize("passed", ["timeout", "deadline"])
@pytest.mark.parametrize("late", [None, {"value": 7, "attempt": 3}])
def test_an_attempt_that_was_told_to_stop_in_time_fires_its_timer_and_then_counts_as_it_ended(
    passed: str, late: dict[str, Any] | None
) -> None:
    fault = {"attempt": 3, "passed": passed, "late": late}
    outcome = failing(ApplicationError("over", fault, type="timeout"), RetryState.TIMEOUT)
    _, state, request = calling(LIMITED)
    names = {str(timer.purpose): name for name, timer in state.timers.items()}
    known: Event = ActionCompleted(1100.0, request.id, 7, attempt=3)
    if late is None:
        known = replace(failed("cancelled", "the attempt was cancelled", 3), request=request.id)
    assert told(LIMITED, outcome) == [TimerFired(1100.0, names[passed], 0.25, 3), known]


def test_a_time_that_is_over_after_the_node_was_left_tells_only_how_the_attempt_ended() -> None:
    compiled, state, request = calling("timeout: 5s, undo: {do: back}, upon: {stop: $rollback},")
    state = apply(compiled, state, SignalReceived(1001.0, "stop")).state
    outcome = failing(ApplicationError("over", {"passed": "timeout", "late": {"value": 7}}, type="timeout"))
    events = ended(compiled, state, request, 0, outcome, 1006.0, 0.5)
    assert events == [ActionCompleted(1006.0, request.id, 7, attempt=1)]


def test_a_call_that_was_taken_back_before_it_was_asked_for_is_cancelled() -> None:
    assert told("", asyncio.CancelledError()) == [failed("cancelled", "the attempt was cancelled", 1)]


@pytest.mark.parametrize("more", ["", "undo: {do: back},"])
def test_a_time_that_is_over_ends_the_node_with_the_number_of_the_attempt(more: str) -> None:
    parts = compiled, state, _ = calling("timeout: 5s, retry: {max_attempts: 3}, catch: {timeout: $rollback}," + more)
    events = ended(*parts, 0, failing(late(TimeoutType.START_TO_CLOSE)), 1004.999, 0.25)
    assert events is not None
    for event in events:
        step = apply(compiled, state, event)
        assert step.refusal is None or step.refusal.code in ("stale", "closed")
        state = step.state
    assert state.error is not None
    assert (state.error.code, state.error.attempt) == ("timeout", 3)
    assert [pending.request.node for pending in state.open.values()] == (["a"] if more else [])


def test_a_deadline_counts_the_attempts_that_the_worker_beat_for() -> None:
    outcome = failing(late(TimeoutType.SCHEDULE_TO_CLOSE, 4), RetryState.TIMEOUT)
    events = told("deadline: 1m, retry: {},", outcome, before=2)
    assert events[0] == TimerFired(1100.0, "r:1:0", 0.25, 6)


def test_a_deadline_that_comes_before_any_worker_leaves_nothing_uncertain() -> None:
    outcome = failing(late(TimeoutType.SCHEDULE_TO_START), RetryState.TIMEOUT)
    assert told("deadline: 1m, retry: {},", outcome) == [
        TimerFired(1100.0, "r:1:0", 0.25, 1),
        replace(failed("cancelled", "no worker had begun it", 1), request="r:1:1"),
    ]


@pytest.mark.parametrize(
    "cause", [ApplicationError("no", {"attempt": 3}, type="busy"), late(TimeoutType.SCHEDULE_TO_CLOSE)]
)
def test_a_deadline_is_waited_for_where_it_leaves_no_time_for_a_next_attempt(cause: BaseException) -> None:
    assert told("deadline: 1m, retry: {},", failing(cause, RetryState.TIMEOUT), at=1030.0) == []


def test_a_call_whose_worker_died_is_handed_out_again_and_that_is_none_of_its_attempts() -> None:
    outcome = failing(late(TimeoutType.HEARTBEAT, 2), RetryState.NON_RETRYABLE_FAILURE)
    assert told("retry: {max_attempts: 5},", outcome) is None
    assert made(*calling("retry: {max_attempts: 5},"), 3, outcome) == 4
    assert made(*calling(), 0, failing(late(TimeoutType.HEARTBEAT))) == 0


def test_a_call_whose_worker_stopped_is_handed_out_again() -> None:
    outcome = failing(ApplicationError("stop", {"attempt": 2}, type=STOPPED, non_retryable=True))
    assert told("", outcome) is None
    assert made(*calling(), 0, outcome) == 1


@pytest.mark.parametrize("cause", [late(TimeoutType.HEARTBEAT), ApplicationError("stop", type=STOPPED)])
def test_what_may_be_made_once_is_uncertain_where_its_worker_died(cause: BaseException) -> None:
    assert told("", failing(cause), "careful") == [failed("uncertain", "its worker stopped while it was under way", 1)]


def test_what_is_awaited_and_was_lost_is_uncertain() -> None:
    compiled, state, request = calling("undo: {do: back}, upon: {stop: $rollback},")
    state = apply(compiled, state, SignalReceived(1001.0, "stop")).state
    for cause, code in (
        (late(TimeoutType.HEARTBEAT), "uncertain"),
        (late(TimeoutType.START_TO_CLOSE), "uncertain"),
        (CancelledError("cancelled"), "cancelled"),
    ):
        events = ended(compiled, state, request, 0, failing(cause), 1002.0, 0.5)
        assert events is not None
        assert [(event.code, event.attempt) for event in events if isinstance(event, ActionFailed)] == [(code, 1)]
        assert apply(compiled, state, events[0]).state.undo is None


FITS = """
    trellis: 1
    name: mixed
    start: a
    tools:
      c: {python: "x:c", effect: pure}
      unused: {python: "x:z", effect: transactional}
    nodes: {a: {do: c, to: $end}}
"""


@pytest.mark.parametrize(
    ("written", "instead", "told"),
    [
        ("name: mixed", "name: trellis.batch",
         "no graph named 'trellis.batch' runs on Temporal, where batches of calls have that name; rename it"),
        ("do: c", "do: trellis.emit",
         "no tool named 'trellis.emit' is called on Temporal, where work of hosts has that name; rename it"),
        ("do: c", "do: unused",
         ("tool 'unused' is transactional, and store temporal: has no transactions that an action could write in: "
          "use sqlite:///FILE or postgresql://…, or declare the tool idempotent")),
    ],
)  # fmt: skip
def test_a_graph_that_cannot_run_on_temporal_is_refused_with_the_reason(written: str, instead: str, told: str) -> None:
    must_fit(graph(FITS), "temporal:")
    with pytest.raises(UsageError) as refused:
        must_fit(graph(FITS.replace(written, instead, 1)), "temporal:")
    assert str(refused.value) == told


def test_a_key_that_begins_with_run_and_node_is_said_without_them_and_every_key_comes_back_whole() -> None:
    for key, short in {
        "r/a/1": "/1",
        "r/a/2/undo": "/2/undo",
        "root/r/a/1": "root/r/a/1",
        "r/ab/1": "r/ab/1",
        "r/a": "r/a",
    }.items():
        assert short_key(key, "r", "a") == short
        assert whole_key(short, "r", "a") == key
