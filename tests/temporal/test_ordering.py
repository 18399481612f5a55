"""What has happened comes before the commands of the same task, however the worker is told of both."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.client import Client
from temporalio.converter import WithSerializationContext, WorkflowSerializationContext
from temporalio.worker import Worker

from tests.hosts.authored import graph
from tests.temporal.stage import GENEROUS_S, stage
from trellis.hosts.commands import Answer
from trellis.hosts.temporal.ordering import Ordered, Pace, joined, split
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.hosts.vault import Vault

JOIN = graph("""
    {trellis: 1, name: join, start: both, fields: {word: {type: string, optional: true}},
     nodes: {both: {all: {x: {do: first}, y: {ask: {text: word}}}, to: next}, next: {do: second, to: $end}}}
""")


def _act(*kinds: str) -> WorkflowActivation:
    act = WorkflowActivation(run_id="r", is_replaying=True, history_length=9)
    for kind in kinds:
        getattr(act.jobs.add(), kind).SetInParent()
    return act


def _kinds(act: Any) -> list[str]:
    return [job.WhichOneof("variant") for job in act.jobs]


def test_an_activation_with_updates_and_more_is_two() -> None:
    parts = split(_act("do_update", "resolve_activity", "do_update", "signal_workflow", "initialize_workflow"))
    assert [_kinds(part) for part in parts] == [
        ["resolve_activity", "signal_workflow", "initialize_workflow"],
        ["do_update", "do_update"],
    ]
    assert {(part.run_id, part.is_replaying, part.history_length) for part in parts} == {("r", True, 9)}


def test_our_converter_packs_a_payload_alike_whatever_it_is_part_of() -> None:
    """So a task need not enter the sandbox for each payload to ask what that is part of."""
    converter = data_converter(Vault.from_text(Vault.generate()))
    parts: tuple[Any, ...] = converter.payload_converter, converter.payload_codec, converter.failure_converter
    place = WorkflowSerializationContext("namespace", "workflow")
    there = [part.with_context(place) if isinstance(part, WithSerializationContext) else part for part in parts]
    assert [one is two for one, two in zip(parts, there, strict=True)] == [True, True, True]
    assert converter.external_storage is None


def test_an_activation_of_one_sort_stays_one() -> None:
    for kinds in (
        ["do_update", "do_update"],
        ["resolve_activity", "fire_timer"],
        ["query_workflow"],
        ["remove_from_cache"],
    ):
        act = _act(*kinds)
        assert split(act) == [act]


def _activation(kind: str, length: int, second: int, size: int, *, replaying: bool = False) -> WorkflowActivation:
    act = _act(kind)
    act.history_length, act.timestamp.seconds, act.history_size_bytes = length, second, size
    act.is_replaying = replaying
    return act


def test_a_run_that_a_query_took_further_than_its_tasks_have_come_takes_nothing_more() -> None:
    pace = Pace()
    assert [
        pace.keeps(act)
        for act in (
            _activation("initialize_workflow", 3, 1, 1000, replaying=True),
            _activation("resolve_activity", 9, 1, 1000),
            _activation("query_workflow", 9, 1, 1000, replaying=True),
            _activation("signal_workflow", 10, 4, 1900),
            _activation("remove_from_cache", 10, 0, 0),
        )
    ] == [True, True, True, False, True]


def test_a_run_whose_tasks_go_on_one_after_the_other_takes_each() -> None:
    pace = Pace()
    for act in (
        _activation("initialize_workflow", 3, 1, 1000, replaying=True),
        _activation("resolve_activity", 9, 2, 1900, replaying=True),
        _activation("query_workflow", 9, 2, 1900, replaying=True),
        _activation("resolve_activity", 15, 3, 2900),
        _activation("resolve_activity", 15, 3, 2900),  # of the same task: it was taken back before it was asked for
        _activation("signal_workflow", 21, 3, 3900),  # the clock of the server was set back
        _activation("signal_workflow", 27, 5, 4900),
    ):
        assert pace.keeps(act)


def test_what_both_parts_ask_for_is_asked_for_in_their_order() -> None:
    first, second = WorkflowActivationCompletion(run_id="r"), WorkflowActivationCompletion(run_id="r")
    first.successful.commands.append(WorkflowCommand(schedule_activity={"seq": 1}))  # type: ignore[arg-type]
    first.successful.used_internal_flags.extend([1, 2])
    second.successful.commands.append(WorkflowCommand(start_timer={"seq": 2}))  # type: ignore[arg-type]
    second.successful.used_internal_flags.extend([2, 3])
    done = joined(first, second)
    assert [command.WhichOneof("variant") for command in done.successful.commands] == [
        "schedule_activity",
        "start_timer",
    ]
    assert list(done.successful.used_internal_flags) == [1, 2, 3]
    second.failed.failure.message = "no"
    assert joined(first, second) == second


def test_a_command_that_comes_with_the_end_of_a_call_to_a_worker_that_starts_is_taken_after_it(
    temporal_address: str,
) -> None:
    """The run's own worker is gone while the call ends and the answer comes; the next one hears of both at once."""

    async def play() -> None:
        called, go = asyncio.Event(), asyncio.Event()

        async def first() -> None:
            called.set()
            await go.wait()

        client = await Client.connect(temporal_address, data_converter=data_converter())
        queue = f"flow-{secrets.token_hex(6)}"
        folding: dict[str, Any] = {"task_queue": queue, "workflows": WORKFLOWS, "workflow_runner": Ordered("tests")}
        async with stage(temporal_address, queue=queue, folds=False, first=first, second=lambda: None) as here:
            async with Worker(client, **folding, sticky_queue_schedule_to_start_timeout=timedelta(seconds=1)):
                made = await here.start(JOIN)
                await asyncio.wait_for(called.wait(), GENEROUS_S)
            go.set()
            await made.happened("ACTIVITY_TASK_COMPLETED")
            answer = asyncio.ensure_future(made.tell("answer", Answer("both.y", "yes")))
            await asyncio.sleep(0)
            async with Worker(client, **folding):
                await answer
                assert (await made.ended()).status == "completed"
            told = [name for name in await made.history() if "UPDATE" in name or name == "ACTIVITY_TASK_SCHEDULED"]
            first_call, *rest = told
            assert rest == [
                "WORKFLOW_EXECUTION_UPDATE_ACCEPTED",
                "ACTIVITY_TASK_SCHEDULED",
                "WORKFLOW_EXECUTION_UPDATE_COMPLETED",
            ], first_call

    asyncio.run(play())
