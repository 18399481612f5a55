"""A run on Temporal goes on with another version of its graph, where the engine finds that safe."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.hosts.authored import graph
from tests.temporal.stage import Made, stage
from trellis import Dispatcher, Host
from trellis.cli.looking import look
from trellis.engine.replay import replay
from trellis.hosts.commands import Adopt, Answer
from trellis.hosts.journal import Definitions
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.kept import TemporalRuns
from trellis.hosts.temporal.messages import DEFINITION
from trellis.hosts.vault import VARIABLE, Vault
from trellis.model.codec import decode_event
from trellis.model.graph import Graph

TEXT = """
    trellis: 1
    name: greeting
    start: ask
    fields: {who: {type: string}}
    nodes:
      ask: {ask: {text: who}, to: greet}
      greet: {do: %s, with: {who: "{{ who }}"}, to: $end}
"""
OLD, NEW, LAST = graph(TEXT % "greet"), graph(TEXT % "welcome"), graph(TEXT % "hail")
OTHER = graph(TEXT.replace("ask: {ask", "begin: {ask").replace("start: ask", "start: begin") % "greet")


def order(wanted: Graph) -> Adopt:
    return Adopt(wanted.hash, wanted.data.decode(), "ana")


async def refused(made: Made, command: Adopt) -> tuple[str | None, str]:
    with pytest.raises(WorkflowUpdateFailedError) as caught:
        await made.tell("adopt", command)
    assert isinstance(caught.value.cause, ApplicationError)
    return caught.value.cause.type, caught.value.cause.message


async def data(made: Made, digest: str = "") -> bytes:
    return bytes(await made.handle.query(DEFINITION, digest, result_type=msgspec.Raw))


def test_a_run_goes_on_with_the_version_that_it_adopts_and_keeps_the_one_it_had(temporal_address: str) -> None:
    called = []

    def welcome(who: str) -> None:
        called.append(who)

    async def scene() -> None:
        async with stage(temporal_address, welcome=welcome) as here:
            made = await here.start(OLD)
            await made.tell("adopt", order(NEW))
            assert await data(made) == NEW.data
            assert await data(made, OLD.hash) == OLD.data
            assert (await made.view()).graph == NEW.hash
            await made.tell("answer", Answer("ask", "Bo"))
            assert (await made.ended()).status == "completed"
            told = await made.journal()
            events = [decode_event(msgspec.json.encode(event)) for event in told.events]
            graphs = {OLD.hash: OLD, NEW.hash: NEW}
            assert replay(OLD, events, graphs.__getitem__).status == "completed"

    asyncio.run(scene())
    assert called == ["Bo"]


def test_a_version_that_a_run_cannot_adopt_leaves_no_trace(temporal_address: str) -> None:
    async def scene() -> None:
        async with stage(temporal_address) as here:
            made = await here.start(OLD)
            await made.view()
            before = len(await made.history())
            code, message = await refused(made, order(OTHER))
            assert code != "definition"
            assert "ask" in message
            code, message = await refused(made, Adopt(NEW.hash, OLD.data.decode()))
            assert code == "definition"
            assert message.startswith(
                f"run '{made.id}' adopts nothing: definition {NEW.hash[:12]} is not what it is called"
            )
            assert len(await made.history()) <= before + 2  # a task that rejects is not kept
            assert (await made.view()).graph == OLD.hash
            await made.handle.terminate()

    asyncio.run(scene())


def test_a_run_that_adopted_twice_is_followed_shown_and_found_by_what_it_goes_by(temporal_url: str) -> None:
    async def scene() -> None:
        async with asyncio.timeout(30), Host(temporal_url, Dispatcher()) as host:
            run = await host.start(OLD)
            await run.adopt(NEW)
            await run.adopt(LAST)
            assert run.state.graph == LAST.hash
            async with TemporalHost(temporal_url) as other:
                again = await other.resume(run.id)
                assert (again.state.graph, again.asking) == (LAST.hash, ["ask"])
            kept = TemporalRuns(temporal_url)
            try:
                row = await kept.row(run.id)
                assert row is not None
                assert row.graph == LAST.hash
                await kept.read(run.id)
                for made in (OLD, NEW, LAST):
                    assert (await Definitions(kept).get(made.hash, row)).data == made.data
                await run.cancel("enough")
                await run.result()
                shown = await look(kept, run.id, last=10)
                assert (shown.row.status, shown.row.graph, shown.state.graph) == ("cancelled", LAST.hash, LAST.hash)
            finally:
                await kept.close()

    asyncio.run(scene())


def test_a_field_that_is_secret_in_the_adopted_version_only_is_answered_under_encryption(
    temporal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, Vault.generate())
    text = TEXT.replace("who: {type: string}", "who: {type: string, optional: true%s}").replace(
        "{text: who}", "{%s: who}"
    )

    async def scene() -> None:
        dispatcher = Dispatcher()
        dispatcher.action("greet")(lambda who: f"Hello, {who}")
        async with asyncio.timeout(30), Host(temporal_url, dispatcher) as host:
            run = await host.start(graph(text % ("", "text", "greet")))
            await run.adopt(graph(text % (", secret: true", "secret", "greet")))
            await run.answer("ask", "hush")
            assert (await run.result()).fields == {"who": "***"}

    asyncio.run(scene())
