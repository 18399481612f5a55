"""No secret is anywhere that a Temporal server can see, and none in clear in what is encrypted there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("temporalio")

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, WorkflowExecution
from temporalio.api.workflowservice.v1 import (
    DescribeWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    ListWorkflowExecutionsRequest,
)
from temporalio.client import Client

from tests.temporal.test_families import family
from trellis import Dispatcher, Host
from trellis.errors import InvalidField
from trellis.hosts.temporal.codec import ENCRYPTED, Codec
from trellis.hosts.vault import VARIABLE, Vault

LIMIT_S = 60.0
GIVEN, ISSUED, TOLD = "start-hunter2-value", "issued-hunter2-value", "told-hunter2-value"
ABOVE = """
trellis: 1
name: above
start: login
fields:
  env: {type: string, index: true, default: staging}
  token: {type: string, secret: true}
  issued: {type: string, secret: true, optional: true}
  code: {type: string, secret: true, optional: true}
  seen: {type: any, optional: true}
nodes:
  login: {do: login, with: {token: "{{ token }}"}, save: issued, retry: {max_attempts: 2, initial_interval: 10ms}, to: ask}
  ask: {say: "The code?", ask: {secret: code}, to: use}
  use: {use: ./below.yaml, with: {key: "{{ issued }}", note: "{{ code }}"}, save: seen, to: wrong}
  wrong: {do: wrong, with: {all: "{{ token }} {{ code }}"}, catch: {"*": done}, to: $end}
  done: {end: {status: ok, result: "[seen, error.message]"}}
"""
BELOW = """
trellis: 1
name: below
start: echo
fields:
  key: {type: string, secret: true}
  note: {type: string, secret: true}
  said: {type: any, optional: true}
nodes:
  echo: {do: echo, with: {key: "{{ key }}", note: "{{ note }}"}, save: said, to: done}
  done: {end: {status: ok, result: "'echoed'"}}
"""


def tools(taken: list[str]) -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.action("login")
    def login(token: str) -> str:
        taken.append(token)
        if len(taken) == 1:
            raise ValueError(f"{token} is not taken yet")
        return ISSUED

    @dispatcher.action("echo")
    def echo(key: str, note: str) -> dict[str, str]:
        taken.extend((key, note))
        return {"key": key, "note": f"{note}!"}

    @dispatcher.action("wrong")
    def wrong(all: str) -> None:
        taken.append(all)
        raise ValueError(f"no such user: {all}")

    return dispatcher


def payloads_of(message: Message) -> Iterator[Payload]:
    """Every payload in a message, however deep."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            values = [part for part in value.values() if isinstance(part, Message)]
        else:
            values = list(value) if isinstance(value, Message) is False else [value]
        for part in values:
            yield from payloads_of(part)


async def seen_by_the_server(client: Client, run: str) -> list[Message]:
    """All that the server keeps of a run: history, description with memo and search attributes, the line of a list."""
    service, namespace = client.workflow_service, client.namespace
    execution = WorkflowExecution(workflow_id=run)
    history = await service.get_workflow_execution_history(
        GetWorkflowExecutionHistoryRequest(namespace=namespace, execution=execution)
    )
    described = await service.describe_workflow_execution(
        DescribeWorkflowExecutionRequest(namespace=namespace, execution=execution)
    )
    while True:
        listed = await service.list_workflow_executions(
            ListWorkflowExecutionsRequest(namespace=namespace, query=f"WorkflowId = '{run}'")
        )
        if listed.executions:
            return [history, described, listed]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Vault:
    text = Vault.generate()
    monkeypatch.setenv(VARIABLE, text)
    return Vault.from_text(text)


def test_no_secret_is_in_histories_memos_search_attributes_or_even_under_the_encryption(
    temporal_url: str, temporal_address: str, tmp_path: Path, keys: Vault
) -> None:
    taken: list[str] = []

    async def play() -> tuple[Any, list[Message]]:
        run = f"payloads-{secrets.token_hex(5)}"
        async with asyncio.timeout(LIMIT_S), Host(temporal_url, tools(taken)) as host:
            made = await host.start(family(tmp_path, ABOVE, BELOW), {"token": GIVEN, "env": "prod"}, id=run)
            async for line in made.events():
                if line["type"] == "ask":
                    await made.answer("ask", TOLD)
            outcome = await made.result()
            client = await Client.connect(temporal_address)
            query = f"WorkflowType = 'below' AND RootWorkflowId = '{run}'"
            children = [each.id async for each in client.list_workflows(query)]
            while not children:
                children = [each.id async for each in client.list_workflows(query)]
            return outcome, [part for name in (run, *children) for part in await seen_by_the_server(client, name)]

    outcome, messages = asyncio.run(play())
    assert (outcome.status, outcome.fields["token"], outcome.fields["issued"]) == ("completed", "***", "***")
    assert outcome.result == ["echoed", "ValueError: no such user: *** ***"]
    assert taken == [GIVEN, GIVEN, ISSUED, TOLD, f"{GIVEN} {TOLD}"]
    packed = [payload for message in messages for payload in payloads_of(message)]
    opened = asyncio.run(Codec(keys).decode(packed))
    assert sum(payload.metadata["encoding"] == ENCRYPTED for payload in packed) > 20
    assert not [payload for payload in opened if payload.metadata["encoding"] == b"trellis/unopened"]
    assert any(b"REQUEST" in payload.data or b'"node"' in payload.data for payload in opened)
    for text in [message.SerializeToString() for message in messages] + [payload.data for payload in opened]:
        assert b"hunter2" not in text


def test_without_keys_a_start_with_a_secret_is_refused_before_anything_is_sent(
    temporal_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)

    async def play() -> None:
        async with asyncio.timeout(LIMIT_S), Host(temporal_url, tools([])) as host:
            with pytest.raises(InvalidField) as caught:
                await host.start(family(tmp_path, ABOVE, BELOW), {"token": GIVEN})
            assert GIVEN not in str(caught.value)

    asyncio.run(play())
