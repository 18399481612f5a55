"""What docs/temporal.md says beside each other is so: the same is done on an embedded host and on Temporal."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client

from tests.hosts.authored import graph
from tests.servers import private_temporal
from trellis import Dispatcher, Host
from trellis.cli.places import open_kept
from trellis.cli.standing import brief
from trellis.errors import StoreUnavailable
from trellis.hosts.temporal.address import read_address
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.schedules import keep
from trellis.hosts.temporal.wire import NotPolled
from trellis.hosts.temporal.worker import TemporalWorker

LIMIT_S = 60.0
KEYS = """
trellis: 1
name: keys
start: once
nodes:
  once: {do: note, to: fan}
  fan: {each: {in: "[1, 2]", as: item, do: note}, to: again}
  again: {do: flaky, retry: {max_attempts: 3, initial_interval: 1ms}, to: $end}
"""
ASK = """
trellis: 1
name: asking
fields: {age: {type: integer, optional: true}}
start: ask
nodes:
  ask: {ask: {int: age}, to: done}
  done: {end: {status: ok, result: age}}
"""
WAIT = """
trellis: 1
name: waiting
start: pause
nodes:
  pause: {wait: {time: 500ms}, to: work}
  work: {do: note, to: $end}
"""
NIGHTLY = """
trellis: 1
name: {name}
schedules: {{night: {{every: 24h}}}}
start: work
nodes:
  work: {{do: note, to: $end}}
"""
RACE = """
trellis: 1
name: racing
fields: {age: {type: integer, optional: true}}
start: first
nodes:
  first: {race: {slow: {do: hang}, fast: {do: follow}}, to: ask}
  ask: {ask: {int: age}, to: $end}
"""
FLAKY = """
trellis: 1
name: flaky
start: work
nodes:
  work: {do: flaky, retry: {max_attempts: 3, initial_interval: 1ms}, to: $end}
"""
CHARGE = """
trellis: 1
name: charging
fields: {receipt: {type: string, optional: true}}
start: charge
nodes:
  charge: {do: charge, save: receipt, to: done}
  done: {end: {status: ok, result: receipt}}
"""
EMBEDDED = "memory://"


def own(name: str) -> str:
    return f"server-{name}-{secrets.token_hex(5)}"


class Noted:
    """Tools that keep what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, int]] = []
        """Node, key and attempt of each, in order."""
        self.called, self.hanging, self.stopped = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.tools = Dispatcher()
        self.tools.register("note", self.note)
        self.tools.register("flaky", self.flaky)
        self.tools.register("follow", self.follow)
        self.tools.register("hang", self.hang)
        self.tools.register("charge", self.hang, effect="at_most_once")

    async def note(self, *, request: Any) -> None:
        self.calls.append((request.node, request.idempotency_key, request.attempt))
        self.called.set()

    async def flaky(self, *, request: Any) -> None:
        await self.note(request=request)
        if request.attempt < 3:
            raise ValueError("not yet")

    async def follow(self, *, request: Any) -> None:
        await self.hanging.wait()
        await self.note(request=request)

    async def hang(self) -> None:
        self.hanging.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.stopped.set()


def on_both(url: str, work: Callable[[Any, Noted], Any]) -> list[Any]:
    """What the work gives on an embedded host, and on one of Temporal."""

    async def each(store: str) -> Any:
        noted = Noted()
        async with asyncio.timeout(LIMIT_S), Host(store, noted.tools) as host:
            return await work(host, noted)

    return [asyncio.run(each(store)) for store in (EMBEDDED, url)]


def test_every_attempt_of_a_call_has_the_key_that_it_has_embedded(temporal_url: str) -> None:
    name = own("keys")

    async def work(host: Host, noted: Noted) -> Any:
        run = await host.start(graph(KEYS), id=name)
        return (await run.result()).status, sorted(noted.calls)

    embedded, there = on_both(temporal_url, work)
    assert there == embedded
    status, calls = there
    assert (status, len(calls), len({key for _, key, _ in calls})) == ("completed", 6, 4)


def test_a_branch_that_lost_hears_of_it_while_the_run_goes_on(temporal_url: str) -> None:
    async def work(host: Host, noted: Noted) -> Any:
        run = await host.start(graph(RACE))
        await noted.stopped.wait()
        assert await run.answer("ask", 7) is True
        return (await run.result()).visited, [node for node, _, _ in noted.calls]

    embedded, there = on_both(temporal_url, work)
    assert there == embedded == (("first", "first.slow", "first.fast", "ask"), ["first.fast"])


def test_a_timer_fires_while_no_worker_is_there(temporal_address: str, temporal_url: str) -> None:
    async def work() -> None:
        noted, name = Noted(), own("timer")
        async with asyncio.timeout(LIMIT_S):
            async with Host(temporal_url, noted.tools) as host:
                await host.start(graph(WAIT), id=name)
                await happened(temporal_address, name, EventType.EVENT_TYPE_TIMER_STARTED)
            await happened(temporal_address, name, EventType.EVENT_TYPE_TIMER_FIRED)
            assert noted.calls == []
            async with Host(temporal_url, noted.tools) as host:
                assert (await (await host.resume(name)).result()).status == "completed"

    asyncio.run(work())


def test_a_schedule_starts_runs_while_no_worker_is_there(temporal_address: str, temporal_url: str) -> None:
    async def work() -> None:
        name, noted = own("nightly"), Noted()
        client = await Client.connect(temporal_address, data_converter=data_converter())
        await keep(client, read_address(temporal_url).queue, [graph(NIGHTLY.format(name=name))])
        schedule = client.get_schedule_handle(f"{name}/night")
        try:
            async with asyncio.timeout(LIMIT_S):
                await schedule.trigger()  # as though it were time
                while not (await schedule.describe()).info.recent_actions:
                    await asyncio.sleep(0)
                async with Host(temporal_url, noted.tools):
                    await noted.called.wait()
        finally:
            await schedule.delete()
        ((node, key, attempt),) = noted.calls
        assert (node, key.startswith(f"{name}/night-"), attempt) == ("work", True, 1)

    asyncio.run(work())


def test_an_open_run_is_not_looked_at_without_a_worker(temporal_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trellis.hosts.temporal.wire.ASK_S", 0.5)

    async def work() -> None:
        name = own("unseen")
        async with asyncio.timeout(LIMIT_S), Host(temporal_url) as host:
            await host.start(graph(ASK), id=name)
        async with asyncio.timeout(LIMIT_S), Host(temporal_url) as host:
            with pytest.raises(NotPolled, match="no worker polls task queue 'test-"):
                await host.resume(name)

    asyncio.run(work())


def test_a_run_goes_on_when_its_server_is_back() -> None:
    async def work(server: Any) -> None:
        url = f"temporal://{server.address}/default?queue={own('queue')}"
        async with asyncio.timeout(LIMIT_S), Host(url, Noted().tools) as host:
            run = await host.start(graph(ASK))
            ending = asyncio.ensure_future(run.result())
            await asyncio.to_thread(server.kill)
            with pytest.raises(StoreUnavailable):
                await run.answer("ask", 7, answer_id="a-1")
            await asyncio.to_thread(server.start)
            while not run.closed:
                with suppress(StoreUnavailable):  # it is there before its workers are
                    assert await run.answer("ask", 7, answer_id="a-1") is True
                    assert (await ending).result == 7

    with private_temporal() as server:
        asyncio.run(work(server))


async def happened(address: str, run: str, kind: EventType.ValueType) -> None:
    """Wait until the history of the run has such an event."""
    handle = (await Client.connect(address)).get_workflow_handle(run)
    async for event in handle.fetch_history_events(wait_new_event=True, skip_archival=True):
        if event.event_type == kind:
            return


def test_a_call_that_counts_once_waits_for_a_person_when_its_worker_stopped(
    temporal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TemporalWorker.__init__.__kwdefaults__ or {}, "drain_s", 0.1)

    async def work(store: str) -> Any:
        noted, name = Noted(), own("charge")
        async with asyncio.timeout(LIMIT_S):
            async with Host(store, noted.tools) as host:
                await host.start(graph(CHARGE), id=name)
                await noted.hanging.wait()
            noted = Noted()
            async with Host(store, noted.tools) as host:
                run = await host.resume(name)
                line = await anext(line async for line in run.events() if line["type"] == "tool.returned")
                kept = open_kept(store, str(tmp_path))
                row = await kept.row(name)
                await kept.close()
                waits = brief(row, graph(CHARGE), 0.0) if row is not None else ""
                await run.resolve("charge", "by hand")
                told = line["error"]["code"], line["key"].removeprefix(name), waits
                return *told, (await run.result()).result, noted.calls

    found = [asyncio.run(work(store)) for store in (f"sqlite:///{tmp_path / 'runs.db'}", temporal_url)]
    assert found == [("uncertain", "/charge/1", "charge is uncertain", "by hand", [])] * 2


def test_the_journal_has_an_attempt_that_failed_only_on_an_embedded_host(temporal_url: str) -> None:
    async def work(host: Host, noted: Noted) -> Any:
        run = await host.start(graph(FLAKY))
        lines = [line async for line in run.events() if line["type"] == "tool.returned"]
        return [(line["attempt"], "error" in line) for line in lines], len(noted.calls)

    assert on_both(temporal_url, work) == [
        ([(1, True), (2, True), (3, False)], 3),
        ([(3, False)], 3),
    ]
