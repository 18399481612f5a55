"""Which build of a deployment is current, on a real server."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client

from tests.hosts.authored import graph
from trellis.dispatch import Dispatcher
from trellis.hosts.run import Outcome
from trellis.hosts.temporal import deployments
from trellis.hosts.temporal.address import Address, connect
from trellis.hosts.temporal.deployments import BUILD, current, take_over
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.messages import SEMANTICS
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


def adding() -> Dispatcher:
    tools = Dispatcher()
    tools.register("add", lambda a, b: a + b)
    return tools


def speak(monkeypatch: pytest.MonkeyPatch, semantics: int) -> None:
    """Workers that come now are of these semantics."""
    monkeypatch.setattr(deployments, "SEMANTICS", semantics)
    monkeypatch.setattr(deployments, "BUILD", f"trellis-{semantics}")


def test_the_newest_semantics_becomes_current_by_itself_and_stays_when_an_older_one_comes(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> list[str]:
        client = await Client.connect(temporal_address)
        name = f"work-{secrets.token_hex(6)}"
        told = list[str]()
        for number in (SEMANTICS, SEMANTICS, 12, 9):
            speak(monkeypatch, number)
            assert await take_over(client, name) == ""
            told.append((await current(client, name)).build)
        return told

    assert asyncio.run(asyncio.wait_for(main(), 30)) == [BUILD, BUILD, "trellis-12", "trellis-12"]


def test_a_build_that_an_operator_took_back_does_not_become_current_again_by_itself(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"work-{secrets.token_hex(6)}"
    new = f"trellis-{SEMANTICS + 1}"

    async def main() -> list[str]:
        client = await Client.connect(temporal_address)
        assert await take_over(client, name) == ""
        speak(monkeypatch, SEMANTICS + 1)
        assert await take_over(client, name) == ""
        told = [(await current(client, name)).build]
        rollback = SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=name, build_id=BUILD, allow_no_pollers=True
        )
        await client.workflow_service.set_worker_deployment_current_version(rollback)
        assert await take_over(client, name) == ""
        told.append((await current(client, name)).build)
        return told

    assert asyncio.run(asyncio.wait_for(main(), 60)) == [new, BUILD]
    assert caplog.messages == [
        (
            f"build '{new}' is not the current one of deployment '{name}' any more, since somebody took that back; "
            "it stays so until it is made current by hand"
        )
    ]


def test_a_build_that_serves_less_than_the_current_one_says_why_it_is_not_current_until_it_serves_all(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"work-{secrets.token_hex(6)}"
    one, two = f"{name}-one", f"{name}-two"
    monkeypatch.setattr(deployments, "AGAIN_S", 0.1)

    async def main() -> list[str]:
        client = await connect(Address(temporal_address, "default", two))
        async with (
            TemporalWorker(client, one, deployment=name),
            TemporalWorker(client, two, adding(), deployment=name),
            TemporalHost(f"temporal://{temporal_address}/default?queue={two}") as host,
        ):
            await (await host.start(ADD, id=name)).result()  # a server asks for queues on which something happens
            speak(monkeypatch, SEMANTICS + 1)
            async with TemporalWorker(client, one, deployment=name):
                while not (told := [line for line in caplog.messages if line.startswith("build ")]):
                    await asyncio.sleep(0)
                assert (await current(client, name)).build == BUILD
                async with TemporalWorker(client, two, deployment=name):
                    while (await current(client, name)).build == BUILD:
                        await asyncio.sleep(0)

        return told

    (told,) = asyncio.run(asyncio.wait_for(main(), 60))
    new = f"trellis-{SEMANTICS + 1}"
    assert told == (
        f"build '{new}' is not the current one of deployment '{name}' yet: proposed current version '{name}:{new}' is missing "
        "active task queues from the current version; these would become unversioned if it is set as the current version"
    )


def test_a_worker_of_a_deployment_runs_what_is_started_on_its_queue(temporal_address: str) -> None:
    queue = f"work-{secrets.token_hex(6)}"

    async def main() -> tuple[Outcome, str]:
        client = await connect(Address(temporal_address, "default", queue))
        async with (
            TemporalWorker(client, queue, adding(), deployment=queue),
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
