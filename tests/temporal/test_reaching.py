"""A call whose store of claims is away waits for it, and one that a worker cannot open is made by another: neither fails, nor is
made twice."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

pytest.importorskip("temporalio")

from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from tests.hosts.authored import graph
from tests.temporal.stage import GENEROUS_S, Stage
from trellis import Dispatcher
from trellis.errors import StoreUnavailable
from trellis.hosts.temporal import reaching
from trellis.hosts.temporal.activities import Activities
from trellis.hosts.temporal.claims import Claim, Claims
from trellis.hosts.temporal.codec import Codec
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.messages import UNBEGUN
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.model.actions import CallTool

LARGE = "x" * 50_000
ECHO = graph("""
trellis: 1
name: echo
fields: {text: {type: string}, got: {type: any, optional: true}}
start: echo
nodes:
  echo: {do: echo, with: {text: "{{ text }}"}, save: got, to: done}
  done: {end: {status: ok, result: len(got)}}
""")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "AGAIN_S", 0.05)
    monkeypatch.setattr(reaching, "HAND_BACK_S", 0.05)


def test_a_call_waits_for_a_store_that_is_away_before_it_and_after_it(
    temporal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, keep = Codec._fetched, Claims.keep
    made: list[int] = []
    refused = {"fetch": 0, "keep": 0}

    def away(what: str) -> None:
        if refused[what] < 3:
            refused[what] += 1
            raise StoreUnavailable("redis://there", "connection refused")

    async def fetched(self: Codec, payload: Payload) -> Payload:
        if self._waits:
            away("fetch")
        return await fetch(self, payload)

    async def kept(self: Claims, data: bytes) -> Claim:
        if activity.in_activity():
            away("keep")
        return await keep(self, data)

    async def play() -> None:
        tools = Dispatcher()

        @tools.action("echo", effect="at_most_once")
        def echo(text: str) -> str:
            made.append(len(text))
            return text + "!"

        url = f"{temporal_url}&claims=file:{tmp_path}/claims"
        async with asyncio.timeout(GENEROUS_S), TemporalHost(url, tools) as host:
            run = await host.start(ECHO, {"text": LARGE}, id=f"away-{secrets.token_hex(5)}")
            ended = await run.result()
            assert (ended.error, ended.result) == (None, len(LARGE) + 1)

    monkeypatch.setattr(Codec, "_fetched", fetched)
    monkeypatch.setattr(Claims, "keep", kept)
    asyncio.run(play())
    assert (made, refused) == ([len(LARGE)], {"fetch": 3, "keep": 3})


def test_a_call_that_a_worker_cannot_open_is_made_by_another_one_and_that_is_no_attempt(
    temporal_address: str, tmp_path: Path
) -> None:
    queue, made = f"reach-{secrets.token_hex(6)}", list[tuple[int, str, int]]()

    def echo(text: str, *, request: CallTool) -> str:
        made.append((len(text), request.idempotency_key, request.attempt))
        return text

    def calls(converter: DataConverter, client: Client) -> Worker:
        tools = Dispatcher()
        tools.action("echo", effect="at_most_once")(echo)
        return Worker(client, task_queue=queue, activities=[Activities(tools, converter=converter).call])

    async def play() -> None:
        claims = Claims(f"file:{tmp_path}/claims")
        has, lacks = data_converter(None, claims), data_converter()
        knows, knows_not = [await Client.connect(temporal_address, data_converter=each) for each in (has, lacks)]
        async with Worker(knows, task_queue=queue, workflows=WORKFLOWS, workflow_runner=Ordered("tests")):
            here = Stage(knows, queue, None)
            async with calls(lacks, knows_not):
                run = await here.start(ECHO, text=LARGE)
                failed = await run.happened("ACTIVITY_TASK_FAILED")
                told = failed.activity_task_failed_event_attributes.failure
                assert told.application_failure_info.type == UNBEGUN
                assert "is in a store of claims, and none is given" in told.message
            async with calls(has, knows):
                assert (await run.ended()).result == len(LARGE)
            await here.replay()
        await claims.close()
        assert made == [(len(LARGE), f"{run.id}/echo/1", 1)]

    asyncio.run(play())
