"""Which build of a deployment is current, on a real server."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from temporalio.client import Client

from tests.hosts.authored import graph
from trellis.dispatch import Dispatcher
from trellis.hosts.run import Outcome
from trellis.hosts.temporal import deployments
from trellis.hosts.temporal.address import Address, connect
from trellis.hosts.temporal.deployments import BUILD, take_over
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.worker import TemporalWorker

ADD = graph("""
trellis: 1
name: add
fields: {sum: {type: integer, optional: true}}
start: add
nodes:
  add: {do: add, with: {a: 1, b: 2}, save: sum, to: end}
  end: {end: {status: ok, result: sum}}
""")


def test_the_newest_semantics_becomes_current_by_itself_and_stays_when_an_older_one_comes(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        client = await Client.connect(temporal_address)
        name = f"work-{secrets.token_hex(6)}"
        told = [await take_over(client, name), await take_over(client, name)]
        monkeypatch.setattr(deployments, "SEMANTICS", 12)
        monkeypatch.setattr(deployments, "BUILD", "trellis-12")
        told.append(await take_over(client, name))
        monkeypatch.setattr(deployments, "SEMANTICS", 9)
        monkeypatch.setattr(deployments, "BUILD", "trellis-9")
        told.append(await take_over(client, name))
        return told

    assert asyncio.run(asyncio.wait_for(main(), 30)) == [BUILD, BUILD, "trellis-12", "trellis-12"]


def test_a_worker_of_a_deployment_runs_what_is_started_on_its_queue(temporal_address: str) -> None:
    queue = f"work-{secrets.token_hex(6)}"
    tools = Dispatcher()
    tools.register("add", lambda a, b: a + b)

    async def main() -> tuple[Outcome, str]:
        client = await connect(Address(temporal_address, "default", queue))
        async with (
            TemporalWorker(client, queue, tools, deployment=queue),
            TemporalHost(f"temporal://{temporal_address}/default?queue={queue}") as host,
        ):
            outcome = await (await host.start(ADD, id=queue)).result()
            events = client.get_workflow_handle(queue).fetch_history_events()
            builds = {
                event.workflow_task_completed_event_attributes.deployment_version.build_id
                async for event in events
                if event.HasField("workflow_task_completed_event_attributes")
            }
        return outcome, ", ".join(builds)

    outcome, build = asyncio.run(asyncio.wait_for(main(), 30))
    assert (outcome.status, outcome.result, build) == ("completed", 3, BUILD)
