"""What is too large for a history is refused where it comes in, or waits with the reason shown; with a store for claims it goes on."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("temporalio")


from tests.hosts.authored import graph
from trellis import Dispatcher, Host
from trellis.errors import UnknownRun
from trellis.hosts.temporal.codec import LARGEST, PayloadTooLarge
from trellis.hosts.temporal.host import TemporalHost
from trellis.stores import open_store

LIMIT_S = 60.0
ECHO = """
trellis: 1
name: echo
limits: {value: 8MB}
fields: {text: {type: string}, got: {type: any, optional: true}, answer: {type: string, optional: true}}
start: echo
nodes:
  echo: {do: echo, with: {text: "{{ text }}"}, save: got, retry: {max_attempts: 3, initial_interval: 10ms}, to: ask, catch: {"*": caught}}
  ask: {ask: {text: answer}, to: done}
  done: {end: {status: ok, result: "[len(got), len(answer)]"}}
  caught: {end: {status: ok, result: "[error.code, error.message, error.attempt]"}}
"""
TWICE = """
trellis: 1
name: twice
limits: {value: 8MB}
fields: {text: {type: string}, got: {type: any, optional: true}}
start: echo
nodes:
  echo: {do: echo, with: {text: "{{ text }}", more: ["{{ text }}", "{{ text }}", "{{ text }}"]}, save: got, to: $end, catch: {"*": caught}}
  caught: {end: {status: ok, result: "[error.code, error.message, error.attempt]"}}
"""
MANY = """
trellis: 1
name: many
limits: {value: 32MB}
fields: {text: {type: string}}
start: all
nodes:
  all: {each: {in: "range(ITEMS)", as: n, do: echo, with: {text: "{{ text }}"}}, to: done}
  done: {end: {status: ok, result: "'made'"}}
"""


def tools(made: list[int] | None = None, factor: int = 1) -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.action("echo")
    def echo(text: str, more: Sequence[str] = ()) -> str:
        if made is not None:
            made.append(len(text))
        return text * factor

    return dispatcher


def on(url: str, dispatcher: Dispatcher, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(LIMIT_S), Host(url, dispatcher) as host:
            await work(host)

    asyncio.run(whole())


def own() -> str:
    return f"payloads-{secrets.token_hex(5)}"


async def asked(run: Any) -> None:
    async for line in run.events():
        if line["type"] in ("ask", "end"):
            return


def test_too_large_a_start_value_or_graph_is_refused_and_no_run_is_there(temporal_url: str) -> None:
    async def work(host: TemporalHost) -> None:
        for made, text in [
            (graph(ECHO), "x" * LARGEST),
            (graph(ECHO.replace("echo: {do", f"echo: {{say: '{'y' * 1_100_000}', do")), "x" * 950_000),
        ]:
            name = own()
            with pytest.raises(PayloadTooLarge) as caught:
                await host.start(made, {"text": text}, id=name)
            assert "are too large for one call, answer or result: at most 2,000,000; keep such values" in str(
                caught.value
            )
            with pytest.raises(UnknownRun):
                await host.resume(name)

    on(temporal_url, tools(), work)


def test_too_large_a_result_is_an_error_of_the_call_that_is_not_tried_again(temporal_url: str) -> None:
    made: list[int] = []

    async def work(host: TemporalHost) -> None:
        run = await host.start(graph(ECHO), {"text": "x" * 1000}, id=own())
        found: Any = (await run.result()).result
        code, message, attempt = found
        assert (code, attempt) == ("too_large", 1)
        assert message.startswith("3,000,0")

    on(temporal_url, tools(made, 3000), work)
    assert made == [1000]


def test_too_large_an_answer_is_refused_and_a_smaller_one_is_taken(temporal_url: str) -> None:
    async def work(host: TemporalHost) -> None:
        run = await host.start(graph(ECHO), {"text": "x"}, id=own())
        await asked(run)
        with pytest.raises(PayloadTooLarge):
            await run.answer("ask", "y" * LARGEST)
        await run.answer("ask", "y" * 10)
        assert (await run.result()).result == [1, 10]

    on(temporal_url, tools(), work)


def test_calls_that_are_too_large_together_for_one_message_go_in_several(temporal_url: str) -> None:
    items = 45
    made: list[int] = []

    async def work(host: TemporalHost) -> None:
        many = graph(MANY.replace("ITEMS", str(items)))
        run = await host.start(many, {"text": "x" * 100_000}, id=own())
        ended = await run.result()
        assert (ended.error, ended.result) == (None, "made")

    on(temporal_url, tools(made, 0), work)
    assert made == [100_000] * items


def test_what_a_graph_puts_together_too_large_waits_and_says_so(temporal_url: str) -> None:
    async def work(host: TemporalHost) -> None:
        run = await host.start(graph(TWICE), {"text": "x" * 600_000}, id=own())
        while not (why := await host._wire.why_stuck(run.id)):
            pass
        assert re.sub(r"2,400,\d{3}", "2,400,…", why) == (
            "Failed encoding completion: 2,400,… bytes are too large for one call, answer or result: at most 2,000,000; "
            "keep such values in a store: claims=STORE in the URL, for every worker"
        )
        await host._wire.client.get_workflow_handle(run.id).terminate()

    on(temporal_url, tools(), work)


def test_with_a_store_for_claims_what_is_large_goes_in_and_out_and_a_definition_is_kept_once(
    temporal_url: str, temporal_address: str, tmp_path: Path
) -> None:
    claims = f"sqlite:////{tmp_path}/claims.db"
    long = graph(ECHO.replace("echo: {do", f"echo: {{say: '{'y' * 50_000}', do"))
    twice = graph(TWICE)
    histories: list[int] = []

    async def work(host: TemporalHost) -> None:
        ended = await (await host.start(twice, {"text": "x" * 600_000})).result()
        assert (ended.error, ended.status) == (None, "completed")
        for _ in range(2):
            run = await host.start(long, {"text": "x" * 700_000}, id=own())
            await asked(run)
            await run.answer("ask", "z" * 700_000)
            assert (await run.result()).result == [700_000, 700_000]
            found = await host._wire.client.get_workflow_handle(run.id).describe()
            histories.append(found.raw_description.workflow_execution_info.history_size_bytes)

    on(f"{temporal_url}&claims={claims}", tools(), work)
    assert max(histories) < 20_000

    async def kept() -> list[int]:
        store = open_store(claims)
        rows = await store.rows(name="trellis.claim")
        found = [await store.definition(row.graph) for row in rows]
        await store.close()
        return sorted(len(data) for data in found if data is not None)

    sizes = asyncio.run(kept())
    assert len([size for size in sizes if 50_000 < size < 60_000]) == 1, sizes
