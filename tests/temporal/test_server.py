"""The servers that the tests of this folder run on do as they say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from tests.servers import private_temporal
from tests.temporal_server import NotServing, TemporalServer

LIMIT = timedelta(seconds=30)


@workflow.defn
class Twice:
    @workflow.run
    async def run(self, number: int) -> int:
        return await workflow.execute_activity(doubled, number, start_to_close_timeout=LIMIT)


@activity.defn
async def doubled(number: int) -> int:
    return 2 * number


async def finished(client: Client, id: str) -> int:
    worker = Worker(
        client, task_queue="test", workflows=[Twice], activities=[doubled], workflow_runner=UnsandboxedWorkflowRunner()
    )
    async with worker:
        return int(await client.get_workflow_handle(id).result())


async def started(address: str, id: str) -> None:
    await (await Client.connect(address)).start_workflow(Twice.run, 21, id=id, task_queue="test")


async def connected(address: str, id: str) -> int:
    return await finished(await Client.connect(address), id)


def test_a_run_of_a_private_server_outlives_its_kill() -> None:
    with private_temporal() as server:
        asyncio.run(started(server.address, "one"))
        server.kill()
        server.start()
        assert asyncio.run(connected(server.address, "one")) == 42


def test_a_server_that_ends_by_itself_shows_its_log(tmp_path: Path) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho no such plugin >&2\nexit 1\n", "utf-8")
    program.chmod(0o755)
    with pytest.raises(NotServing, match="\nno such plugin$"):
        TemporalServer(program, tmp_path).start()
