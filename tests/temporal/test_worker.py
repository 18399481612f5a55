"""A worker on a real server: it makes calls, and what it has begun when it is to stop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

from tests.hosts.authored import graph
from trellis.dispatch import Dispatcher
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.messages import STOPPED, Call, Done, Fault
from trellis.hosts.temporal.payloads import data_converter, detail
from trellis.hosts.temporal.worker import TemporalWorker
from trellis.model.actions import CallTool

LIMIT = 30
"""Seconds after which a test has failed."""


@workflow.defn(sandboxed=False)
class OneCall:
    """Makes one call of a tool, with at most three attempts."""

    @workflow.run
    async def run(self, tool: str, call: Call) -> Done:
        return await workflow.execute_activity(
            tool,
            args=[call, {}],
            result_type=Done,
            start_to_close_timeout=timedelta(seconds=LIMIT),
            heartbeat_timeout=timedelta(seconds=5),
            retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=1), maximum_attempts=3),
        )


Scene = Callable[[Client, str], Awaitable[None]]


def on(address: str, scene: Scene) -> None:
    async def main() -> None:
        client = await Client.connect(address, data_converter=data_converter())
        await scene(client, f"work-{secrets.token_hex(6)}")

    asyncio.run(asyncio.wait_for(main(), LIMIT))


async def one_call(client: Client, queue: str, tool: str, call: Call) -> Done:
    return await client.execute_workflow(OneCall.run, args=[tool, call], id=queue, task_queue=queue)


async def its_failure(client: Client, queue: str) -> ApplicationError:
    with pytest.raises(WorkflowFailureError) as caught:
        await client.get_workflow_handle(queue).result()
    of_activity = caught.value.cause
    assert isinstance(of_activity, ActivityError)
    assert isinstance(of_activity.cause, ApplicationError)
    return of_activity.cause


CALL = Call(node="n", key="k")


def test_a_call_that_counts_once_is_tried_again_by_the_server_under_its_key_where_it_failed_and_said_so(
    temporal_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(client: Client, queue: str) -> None:
        tools = Dispatcher()
        calls: list[tuple[str, int]] = []

        @tools.action("send", effect="at_most_once")
        async def send(*, request: CallTool) -> str:
            calls.append((request.idempotency_key, request.attempt))
            if len(calls) < 3:
                raise ValueError("busy")
            return "sent"

        async with TemporalWorker(client, queue, tools, workflows=[OneCall]):
            assert await one_call(client, queue, "send", CALL) == Done("sent", 3)
        assert calls == [("k", 1), ("k", 2), ("k", 3)]
        assert caplog.messages == []

    on(temporal_address, scene)


def test_a_worker_that_stops_lets_calls_end(temporal_address: str) -> None:
    async def scene(client: Client, queue: str) -> None:
        tools = Dispatcher()
        begun, may_end = asyncio.Event(), asyncio.Event()

        @tools.action("slow")
        async def slow() -> str:
            begun.set()
            await may_end.wait()
            return "ended"

        async with TemporalWorker(client, queue, tools, workflows=[OneCall]) as worker:
            running = asyncio.ensure_future(one_call(client, queue, "slow", CALL))
            await begun.wait()
            stopping = asyncio.ensure_future(worker.stop())
            await asyncio.sleep(0)
            may_end.set()
            await stopping
        async with TemporalWorker(client, queue, tools, workflows=[OneCall]):
            assert await running == Done("ended", 1)

    on(temporal_address, scene)


def test_a_call_whose_run_was_terminated_is_told_to_stop_and_that_is_no_news_of_the_worker(
    temporal_address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(client: Client, queue: str) -> None:
        tools = Dispatcher()
        begun, stopped = asyncio.Event(), asyncio.Event()

        @tools.action("stuck")
        async def stuck() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()

        async with TemporalWorker(client, queue, tools, workflows=[OneCall]):
            handle = await client.start_workflow(OneCall.run, args=["stuck", CALL], id=queue, task_queue=queue)
            await begun.wait()
            await handle.terminate()
            await stopped.wait()
        assert caplog.messages == []

    on(temporal_address, scene)


def test_a_call_that_does_not_end_in_time_is_stopped_and_says_so(temporal_address: str) -> None:
    async def scene(client: Client, queue: str) -> None:
        tools = Dispatcher()
        begun = asyncio.Event()

        @tools.action("stuck")
        async def stuck() -> None:
            begun.set()
            await asyncio.Event().wait()

        async with TemporalWorker(client, queue, tools, workflows=[OneCall], drain_s=0.01):
            await client.start_workflow(OneCall.run, args=["stuck", CALL], id=queue, task_queue=queue)
            await begun.wait()
        async with TemporalWorker(client, queue, tools, workflows=[OneCall]):
            error = await its_failure(client, queue)
        assert (error.type, error.non_retryable) == (STOPPED, True)
        assert detail(error, Fault) == Fault(1)

    on(temporal_address, scene)


STUCK = graph("""
trellis: 1
name: stuck
start: dig
nodes:
  dig: {do: dig, to: $end}
""")


def test_a_call_whose_worker_stops_is_made_again_by_another_one_and_that_is_no_attempt(temporal_address: str) -> None:
    async def scene(client: Client, queue: str) -> None:
        made: list[tuple[str, int]] = []
        begun = asyncio.Event()

        def tools(*, stuck: bool) -> Dispatcher:
            found = Dispatcher()

            @found.action("dig")
            async def dig(*, request: CallTool) -> None:
                made.append((request.idempotency_key, request.attempt))
                if stuck:
                    begun.set()
                    await asyncio.Event().wait()

            return found

        async with TemporalHost(f"temporal://{temporal_address}/default?queue={queue}") as host:
            async with TemporalWorker(client, queue, tools(stuck=True), drain_s=0.01):
                run = await host.start(STUCK, id=queue)
                await begun.wait()
            async with TemporalWorker(client, queue, tools(stuck=False)):
                assert (await run.result()).status == "completed"
        assert made == [(made[0][0], 1), (made[0][0], 1)]

    on(temporal_address, scene)


def test_a_run_is_cancelled_though_its_call_will_not_stop(temporal_address: str) -> None:
    async def scene(client: Client, queue: str) -> None:
        tools, begun, enough = Dispatcher(), asyncio.Event(), asyncio.Event()

        @tools.action("dig")
        async def dig() -> None:
            begun.set()
            while not enough.is_set():
                with suppress(asyncio.CancelledError):
                    await enough.wait()

        async with (
            TemporalWorker(client, queue, tools),
            TemporalHost(f"temporal://{temporal_address}/default?queue={queue}") as host,
        ):
            run = await host.start(STUCK, id=queue)
            await begun.wait()
            await run.cancel("enough of it")
            assert (await run.result()).status == "cancelled"
            enough.set()

    on(temporal_address, scene)
