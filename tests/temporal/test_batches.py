"""A large `each` on Temporal: which calls go together, and that they come back as each alone would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOut

from tests.hosts.authored import graph
from tests.temporal.test_calls import chosen as asked
from tests.temporal.test_calls import failing
from trellis.engine import start
from trellis.hosts.temporal.batches import BYTES, FROM, Item, Outcome, chosen, item, large, packed, parts, unpacked
from trellis.hosts.temporal.messages import Call, Done, Fault
from trellis.hosts.temporal.payloads import PayloadUnreadable, detail
from trellis.model.actions import CallTool
from trellis.model.events import RunStarted


def wanted(join: str, count: int, limit: str) -> list[int]:
    """How many calls go in each group of batches."""
    compiled = graph(f"""
        trellis: 1
        name: wide
        start: fan
        fields: {{items: {{type: [integer]}}}}
        nodes: {{fan: {{each: {{in: items, do: t{limit}}}, join: {join}, to: $end}}}}
    """)
    step = start(compiled, RunStarted(0.0, "r", compiled.hash, {"items": list(range(count))}))
    calls = [request for request in step.requests if isinstance(request, CallTool)]
    return [len(group) for group in large(compiled, step.state, calls)]


@pytest.mark.parametrize(
    ("join", "count", "limit", "groups"),
    [
        ("all", FROM, "", [FROM]),
        ("all", FROM - 1, "", []),
        ("collect", FROM, "", [FROM]),
        ("any", FROM, "", []),
        ("all", 1000, ", max: 99", []),
        ("all", 1000, ", max: 150", [150]),
    ],
)
def test_calls_go_in_batches_where_one_each_wants_many_at_once(
    join: str, count: int, limit: str, groups: list[int]
) -> None:
    assert wanted(join, count, limit) == groups


@pytest.mark.parametrize(
    "more", ["", "timeout: 5s, deadline: 1m, retry: {max_attempts: 4, max_interval: 9s}, undo: {do: back},"]
)
def test_a_batch_makes_a_call_as_it_would_be_made_alone(more: str) -> None:
    alone = {"schedule_to_close_timeout": None, **asked(more)}
    again = chosen(item("", "t", alone))
    policy: RetryPolicy = alone["retry_policy"]
    assert again | {"retry_policy": policy} == alone
    assert again["retry_policy"].__dict__ == policy.__dict__ | {
        "non_retryable_error_types": list(policy.non_retryable_error_types or ())
    }


def test_how_a_call_ended_crosses_whole() -> None:
    assert unpacked(packed("r:1:0", Done(7, 2))) == Done(7, 2)
    cause = ApplicationError("no", Fault(3, retryable=False), type="busy", non_retryable=True)
    for outcome in (
        failing(cause, RetryState.TIMEOUT),
        failing(TimedOut("x", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[2])),
    ):
        told = packed("r:1:0", outcome)
        back: Any = unpacked(Outcome("r:1:0", failure=json.loads(json.dumps(told.failure))))
        assert isinstance(back, ActivityError)
        assert back.retry_state == outcome.retry_state
        if isinstance(back.cause, ApplicationError):
            assert (back.cause.type, back.cause.message, back.cause.non_retryable) == ("busy", "no", True)
            assert detail(back.cause, Fault) == Fault(3, retryable=False)
        else:
            assert isinstance(back.cause, TimedOut)
            assert (back.cause.type, list(back.cause.last_heartbeat_details)) == (TimeoutType.HEARTBEAT, [2])


def test_a_result_that_cannot_be_read_is_invalid_and_any_other_fault_is_one() -> None:
    back = unpacked(packed("r:1:0", PayloadUnreadable("it has no encoding")))
    assert isinstance(back, ApplicationError)
    assert (back.type, back.non_retryable) == ("invalid", True)
    with pytest.raises(KeyError):
        packed("r:1:0", KeyError("x"))


def an_item(number: int, size: int = 0) -> Item:
    return Item(f"r:1:{number}", "t", Call("n", "k"), {"x": "x" * size}, 1.0, 1.0, 2.0, None, 1, [])


def test_a_batch_holds_no_more_than_can_be_sent() -> None:
    assert [len(part) for part in parts(an_item(number) for number in range(2 * FROM + 1))] == [FROM, FROM, 1]
    sizes = [BYTES // 2 - 1000, BYTES // 2 - 1000, 2 * BYTES, 10, BYTES]
    assert [len(part) for part in parts(map(an_item, range(5), sizes))] == [2, 1, 1, 1]
