"""A large `each` on Temporal: which calls go together, and that they come back as each alone would."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, RetryState, TimeoutType
from temporalio.exceptions import TimeoutError as TimedOut

from tests.hosts.authored import graph
from tests.temporal.stage import GENEROUS_S, Broken, stage
from tests.temporal.test_calls import chosen as asked
from tests.temporal.test_calls import failing
from trellis.engine import start
from trellis.hosts.temporal import batches, interpreter, room
from trellis.hosts.temporal.batches import (
    BYTES,
    FROM,
    MOST,
    Gathered,
    Item,
    Outcome,
    chosen,
    item,
    large,
    packed,
    parts,
    unpacked,
)
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
        ("all", 1000, f", max: {FROM - 1}", []),
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
    assert [len(part) for part in parts(an_item(number) for number in range(2 * MOST + 1))] == [MOST, MOST, 1]
    sizes = [BYTES // 2 - 1000, BYTES // 2 - 1000, 2 * BYTES, 10, BYTES]
    assert [len(part) for part in parts(map(an_item, range(5), sizes))] == [2, 1, 1, 1]


def test_what_is_told_together_can_be_sent() -> None:
    gathered, told = Gathered(), list[int]()
    for size in (BYTES // 2 - 1000, BYTES // 2 - 1000, 7 * BYTES, 10, 10, BYTES - 100):
        told.append(len(gathered.add(Outcome("r:1:0", Done("x" * size)))))
    assert (told, len(gathered.outcomes)) == ([0, 0, 2, 1, 0, 2], 1)


COLLECTING = graph("""
    trellis: 1
    name: collecting
    start: fan
    fields: {count: {type: integer}, got: {type: any, optional: true}}
    nodes:
      fan:
        each: {in: range(count), start: a, nodes: {a: {do: double, with: {n: "{{ item }}"}, retry: {max_attempts: 2, initial_interval: 10ms}, to: b}, b: {do: ok, to: $end}}}
        join: collect
        save: got
        to: $end
""")
FAILING = graph("""
    trellis: 1
    name: failing
    start: fan
    fields: {count: {type: integer}}
    nodes:
      fan:
        each: {in: range(count), do: one_fails, with: {n: "{{ item }}"}}
        to: $end
""")


FEW = 12


@pytest.fixture
def from_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dozen calls are many here, to save time."""
    monkeypatch.setattr(batches, "FROM", FEW)
    monkeypatch.setattr(interpreter, "FROM", FEW)


@pytest.mark.usefixtures("from_a_few")
def test_a_large_each_costs_a_run_a_few_events_for_each_batch(temporal_address: str) -> None:
    tried = Counter[int]()

    def double(n: int) -> int:
        tried[n] += 1
        if n == 10 or (n == 8 and tried[n] == 1):
            raise Broken("odd", f"not {n}")
        return 2 * n

    async def scene() -> None:
        async with stage(temporal_address, double=double, ok=lambda: None) as here:
            made = await here.start(COLLECTING, count=FEW + 1)
            ended = await made.ended()
            assert ended.status == "completed"
            got: Any = ended.fields["got"]
            assert [(error["code"], error["index"]) for error in got["failed"]] == [("odd", 10)]
            assert len(got["done"]) == FEW
            names = Counter(await made.history())
            # One batch for what each item does first, one for what follows; the failure is told at once.
            assert names["START_CHILD_WORKFLOW_EXECUTION_INITIATED"] == 2
            assert names["WORKFLOW_EXECUTION_SIGNALED"] <= 1
            assert names["ACTIVITY_TASK_SCHEDULED"] == 0
            assert sum(names.values()) < 40

    asyncio.run(scene())
    assert tried == Counter(range(FEW + 1)) + Counter([10, 8])


@pytest.mark.usefixtures("from_a_few")
def test_a_call_of_a_batch_that_fails_is_told_at_once_and_the_batch_ends_with_its_run(temporal_address: str) -> None:
    async def one_fails(n: int) -> int:
        if n == 7:
            raise Broken("odd", retryable=False)
        await asyncio.Event().wait()
        return n

    async def scene() -> None:
        async with stage(temporal_address, one_fails=one_fails) as here:
            made = await here.start(FAILING, count=FEW)
            ended = await made.ended()
            assert (ended.status, ended.error and ended.error["node"]) == ("failed", "fan[7]")
            with pytest.raises(WorkflowFailureError) as caught:
                await here.client.get_workflow_handle(f"{made.id}:1:0~batch").result()
            assert isinstance(caught.value.cause, CancelledError)

    asyncio.run(scene())


@pytest.mark.usefixtures("from_a_few")
def test_calls_that_have_no_room_in_one_task_go_in_batches_in_the_next(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "ROOM", 10 * FEW * 100)
    monkeypatch.setattr(batches, "BYTES", 5 * FEW * 100)

    async def scene() -> None:
        async with stage(temporal_address, one_fails=lambda n: n) as here:
            made = await here.start(FAILING, count=3 * FEW)
            assert (await made.ended()).status == "completed"
            names = Counter(await made.history())
            assert names["START_CHILD_WORKFLOW_EXECUTION_INITIATED"] > 1
            assert names["ACTIVITY_TASK_SCHEDULED"] < FEW  # the rest is not many any more

    asyncio.run(scene())


@pytest.mark.usefixtures("from_a_few")
def test_a_batch_that_an_operator_ends_is_made_again_and_one_whose_run_was_ended_ends(temporal_address: str) -> None:
    begun = Counter[int]()

    async def scene() -> None:
        once, twice = asyncio.Event(), asyncio.Event()

        async def one_fails(n: int) -> int:
            begun[n] += 1
            for count, event in ((FEW, once), (2 * FEW, twice)):
                if begun.total() == count:
                    event.set()
            await asyncio.Event().wait()
            return n

        async with stage(temporal_address, one_fails=one_fails) as here:
            made = await here.start(FAILING, count=FEW)
            await asyncio.wait_for(once.wait(), GENEROUS_S)
            batch = here.client.get_workflow_handle(f"{made.id}:1:0~batch")
            await batch.terminate()
            await asyncio.wait_for(twice.wait(), GENEROUS_S)
            assert begun == Counter(2 * list(range(FEW)))
            await made.handle.terminate()
            with pytest.raises(WorkflowFailureError) as caught:
                await asyncio.wait_for(batch.result(), GENEROUS_S)
            assert isinstance(caught.value.cause, CancelledError)

    asyncio.run(scene())
