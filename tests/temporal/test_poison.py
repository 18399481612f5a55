"""What cannot be read ends where it came in: with an error there, or a task that fails and says why, never a run that just hangs."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import msgspec
import pytest

pytest.importorskip("temporalio")

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from tests.hosts.authored import graph
from tests.temporal.stage import GENEROUS_S, Made, Stage, stage
from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import Answer
from trellis.hosts.temporal.address import Address
from trellis.hosts.temporal.messages import Begin
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.wire import Wire
from trellis.hosts.vault import Vault
from trellis.model.events import RunStarted

KEY, OTHER = Vault.from_text(Vault.generate()), Vault.from_text(Vault.generate())
ASK = graph("""
trellis: 1
name: asking
fields: {word: {type: string, optional: true}}
signals: {more: {buffer: 5}}
start: ask
nodes: {ask: {say: Well?, ask: {text: word}, to: done}, done: {end: {status: ok, result: word}}}
""")
WORK = graph("""
trellis: 1
name: working
fields: {got: {type: any, optional: true}}
start: work
nodes:
  work: {do: work, save: got, catch: {"*": caught}, to: done}
  done: {end: {status: ok, result: got}}
  caught: {end: {status: ok, result: "[error.code, error.message]"}}
""")
BEGUN = Begin(ASK.hash, started=RunStarted(0.0, "", ASK.hash))


async def _stuck(here: Stage, run: str) -> str:
    """Why the task of a run keeps failing, as soon as it did once."""
    wire = Wire(here.client, Address(), SystemClock())
    async with asyncio.timeout(GENEROUS_S):
        while not (why := await wire.why_stuck(run)):
            pass
    return why


async def _begun(here: Stage, args: list[Any], client: Client | None = None) -> Made:
    """A run that somebody started past our own host."""
    name = f"payloads-{secrets.token_hex(6)}"
    return Made(await (client or here.client).start_workflow("asking", args=args, id=name, task_queue=here.queue))


async def _failed(made: Made) -> tuple[str | None, str]:
    with pytest.raises(WorkflowFailureError) as caught:
        await asyncio.wait_for(made.handle.result(), GENEROUS_S)
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError)
    return cause.type, cause.message


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "a payload cannot be read: there are 0; expected Begin, and a compiled graph"),
        ([BEGUN], "a payload cannot be read: there are 1; expected Begin, and a compiled graph"),
        (["junk", {}], "a payload cannot be read: Expected `object`, got `str`; expected Begin"),
        ([b"\0", {}], "a payload cannot be read: Expected `object`, got `bytes`; expected Begin"),
        (
            [BEGUN, {"nodes": 5}],
            (
                "a payload cannot be read: not a compiled graph: Expected `object`, got `int` - at `$.nodes`; expected a compiled "
                "graph"
            ),
        ),
        (
            [RawValue(Payload(metadata={"encoding": b"binary/of-others"}, data=b"x")), {}],
            (
                "a payload cannot be read: its encoding is 'binary/of-others': it was encrypted or packed by somebody whose "
                "codec is not set up here; expected Begin"
            ),
        ),
    ],
)
def test_a_start_that_cannot_be_read_fails_the_run_at_once(temporal_address: str, args: list[Any], told: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            made = await _begun(here, args)
            assert await _failed(made) == ("PayloadUnreadable", told)

    asyncio.run(play())


def test_a_start_under_a_key_that_the_worker_lacks_waits_and_says_which(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address) as here:
            client = await Client.connect(temporal_address, data_converter=data_converter(KEY))
            made = await _begun(here, [BEGUN, msgspec.Raw(ASK.data)], client)
            assert await _stuck(here, made.id) == (
                f"NotOpenedHere: a payload is encrypted under the key '{KEY.key}', and no key is given; set "
                f"TRELLIS_SECRET_KEYS to {KEY.key}=…"
            )
            await made.handle.terminate()

    asyncio.run(play())


def test_an_update_that_the_worker_cannot_open_or_read_is_refused_and_the_run_goes_on(temporal_address: str) -> None:
    async def refused(made: Made, command: Any) -> tuple[str | None, str]:
        with pytest.raises(WorkflowUpdateFailedError) as caught:
            await made.tell("answer", command)
        cause = caught.value.cause
        assert isinstance(cause, ApplicationError)
        return cause.type, cause.message

    async def play() -> None:
        async with stage(temporal_address, converter=data_converter(KEY)) as here:
            made = await _begun(here, [BEGUN, msgspec.Raw(ASK.data)])
            for vault, code, told in [
                (
                    Vault({**OTHER._keys, **KEY._keys}),
                    "NotOpenedHere",
                    (
                        f"a payload is encrypted under the key '{OTHER.key}', and only '{KEY.key}' is given; add "
                        f"{OTHER.key}=… behind it to TRELLIS_SECRET_KEYS"
                    ),
                ),
                (
                    OTHER,
                    "refused",
                    (
                        "why is encrypted under a key that is not given here; TRELLIS_SECRET_KEYS has to hold the same keys "
                        "as the workers'"
                    ),
                ),
            ]:
                client = await Client.connect(temporal_address, data_converter=data_converter(vault))
                asked = await Wire(client, Address(), SystemClock()).update(made.id, Answer("ask", "mine"), "mine")
                assert asked is not None
                assert (asked.reply.code, asked.reply.message) == (code, told)
            assert await refused(made, {"node": 5}) == (
                "PayloadUnreadable",
                "a payload cannot be read: Expected `str`, got `int` - at `$.node`; expected SealedAnswer",
            )
            assert await made.tell("answer", Answer("ask", "hello")) == {"status": "completed"}
            assert "WORKFLOW_TASK_FAILED" not in await made.history()

    asyncio.run(play())


def test_a_signal_that_the_worker_cannot_open_is_not_lost_but_waits_and_says_which_key_is_needed(
    temporal_address: str,
) -> None:
    async def play() -> None:
        async with stage(temporal_address, converter=data_converter(KEY)) as here:
            made = await _begun(here, [BEGUN, msgspec.Raw(ASK.data)])
            await made.view()
            client = await Client.connect(temporal_address, data_converter=data_converter(OTHER))
            await client.get_workflow_handle(made.id).signal("more", {})
            lacking = f"a payload is encrypted under the key '{OTHER.key}', and only '{KEY.key}' is given"
            assert lacking in await _stuck(here, made.id)
            await made.handle.terminate()

    asyncio.run(play())


@pytest.mark.soak  # the server waits longer each time before it tries a task again
def test_a_run_that_waits_for_a_key_goes_on_with_a_worker_that_has_it(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address, converter=data_converter(KEY)) as here:
            made = await _begun(here, [BEGUN, msgspec.Raw(ASK.data)])
            await made.view()
            client = await Client.connect(temporal_address, data_converter=data_converter(OTHER))
            await client.get_workflow_handle(made.id).signal("more", {})
            await _stuck(here, made.id)
        both = Vault({**KEY._keys, **OTHER._keys})
        async with stage(temporal_address, converter=data_converter(both), queue=here.queue) as here:
            made = Made(here.client.get_workflow_handle(made.id))
            async with asyncio.timeout(120):
                while (await made.handle.describe()).history_length < 8:
                    pass
            assert [event["type"] for event in (await made.journal()).events] == ["run_started", "signal_received"]
            await made.handle.terminate()

    asyncio.run(play())


def test_a_result_that_is_none_of_ours_fails_the_call_and_can_be_caught(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address, work=_hang) as here:
            made = await here.start(WORK)
            await _asked_for(made)
            handle = here.client.get_async_activity_handle(
                workflow_id=made.id, run_id=None, activity_id=f"{made.id}:1:0"
            )
            await handle.complete(5)
            assert (await made.ended()).result == [
                "invalid",
                "a payload cannot be read: Expected `object`, got `int`; expected Done",
            ]

    asyncio.run(play())


async def _hang() -> None:
    await asyncio.get_running_loop().create_future()


async def _asked_for(made: Made) -> None:
    async with asyncio.timeout(GENEROUS_S):
        while "ACTIVITY_TASK_SCHEDULED" not in await made.history():
            pass
