"""A program that changes one URL has its runs on Temporal: started, answered, followed and ended as before."""

from __future__ import annotations

import asyncio
import gc
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.temporal.stage import ASK, SUM
from trellis import Dispatcher, Host, MemoryLoader, Outcome, load
from trellis.errors import Refused, RunClosed, RunConflict, StartedOtherwise, UnknownRun, UsageError
from trellis.hosts.family import Family
from trellis.hosts.temporal.host import TemporalHost
from trellis.model.graph import Graph

LIMIT_S = 60.0
FAIL = """
trellis: 1
name: failing
start: work
nodes:
  work: {do: work, to: $end}
"""


def tools() -> Dispatcher:
    dispatcher = Dispatcher()

    @dispatcher.action("add")
    def add(a: int, b: int) -> int:
        return a + b

    @dispatcher.action("work")
    def work() -> None:
        raise ValueError("no paper")

    return dispatcher


def on(url: str, work: Callable[[Any], Coroutine[Any, Any, None]]) -> None:
    """Do the work with a host that is a worker of its queue too."""

    async def whole() -> None:
        async with asyncio.timeout(LIMIT_S), Host(url, tools()) as host:
            await work(host)

    asyncio.run(whole())


def own(name: str) -> str:
    return f"client-{name}-{secrets.token_hex(5)}"


def test_a_run_completes_and_gives_its_outcome(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        run = await host.start(graph(SUM), {"a": 2, "b": 3})
        assert await run.result() == Outcome("completed", 5, {"a": 2, "b": 3, "total": 5}, None, ("add", "done"), ())

    on(temporal_url, work)


def test_a_failed_run_is_a_value(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        run = await host.start(graph(FAIL))
        found = await run.result()
        assert (found.status, found.error) == (
            "failed",
            {"code": "failed", "message": "ValueError: no paper", "node": "work", "attempt": 1},
        )

    on(temporal_url, work)


def test_the_lines_are_those_of_an_embedded_run(temporal_url: str) -> None:
    def bare(line: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in line.items() if key not in ("at", "due", "key")}

    async def lines_of(host: Host, made: Graph, run_id: str) -> list[dict[str, Any]]:
        run = await host.start(made, {"a": 2, "b": 3}, id=run_id)
        return [bare(line) async for line in run.events()]

    async def work(host: Host) -> None:
        name = own("lines")
        async with Host("memory://", tools()) as embedded:
            assert await lines_of(host, graph(SUM), name) == await lines_of(embedded, graph(SUM), name)

    on(temporal_url, work)


@pytest.mark.covers("GT03")
def test_a_question_is_asked_again_and_then_answered(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        run = await host.start(graph(ASK))
        told = []
        async for line in run.events():
            told.append((line["type"], line.get("node"), line.get("reason")))
            if told[-1][0] == "ask" and line.get("reason") is None:
                with pytest.raises(TimeoutError):  # whoever does not wait longer ends nothing
                    await asyncio.wait_for(run.result(), 0.001)
                assert await run.answer("ask", "-4") is False
            elif told[-1][0] == "ask":
                assert await run.answer("ask", "44") is True
                assert run.state.fields == {"age": 44}
        assert ("ask", "ask", "-4 does not pass its check `value > 0`") in told
        assert (await run.result()).result == 44

    on(temporal_url, work)


def test_a_signal_is_taken_and_what_comes_after_the_end_is_refused(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        run = await host.start(graph(ASK))
        with pytest.raises(Refused) as refused:
            await run.signal("other")
        assert refused.value.code == "unknown_signal"
        await run.signal("stop")
        assert (await run.result()).result == "stopped"
        with pytest.raises(RunClosed) as closed:
            await run.answer("ask", "44")
        assert str(closed.value) == f"run '{run.id}' has ended: cancelled"
        again = await host.resume(run.id)
        assert again.closed and again.state.status == "cancelled"

    on(temporal_url, work)


def test_a_run_is_cancelled_or_terminated(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        one, other = await host.start(graph(ASK)), await host.start(graph(ASK))
        await one.cancel("not needed")
        await other.terminate("gone wrong", by="ann")
        await other.terminate("gone wrong", by="ann")
        ends = [await one.result(), await other.result()]
        assert [(end.status, end.error and (end.error["code"], end.error["message"])) for end in ends] == [
            ("cancelled", ("cancelled", "not needed")),
            ("cancelled", ("terminated", "gone wrong")),
        ]

    on(temporal_url, work)


def test_an_id_that_exists_gives_that_run_if_it_was_started_just_so(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        name = own("same")
        first = await host.start(graph(SUM), {"a": 2, "b": 3}, id=name, request_id="r1")
        assert (await first.result()).result == 5
        again = await host.start(graph(SUM), {"a": 2, "b": 3}, id=name, request_id="r1")
        assert (await again.result()).result == 5
        with pytest.raises(StartedOtherwise) as other:
            await host.start(graph(SUM), {"a": 2, "b": 4}, id=name)
        assert other.value.names == ("b",)
        with pytest.raises(RunConflict):
            await host.start(graph(ASK), id=name)
        with pytest.raises(RunConflict):
            await host.start(graph(SUM), {"a": 2, "b": 3}, id=name, request_id="r2")

    on(temporal_url, work)


def test_a_request_that_is_sent_twice_starts_one_run(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        request = own("request")
        one = await host.start(graph(SUM), {"a": 2, "b": 3}, request_id=request)
        other = await host.start(graph(SUM), {"a": 2, "b": 3}, request_id=request)
        assert one.id == other.id

    on(temporal_url, work)


def test_a_run_that_is_not_there_is_named(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        with pytest.raises(UnknownRun):
            await host.resume("client-nobody")
        with pytest.raises(UnknownRun):
            await host.send("client-nobody", _cancel())

    on(temporal_url, work)


def test_what_only_a_host_does_that_drives_by_itself_is_refused() -> None:
    with pytest.raises(UsageError) as refused:
        Host("temporal://localhost/default", at_most=3)
    assert str(refused.value) == (
        "a host on Temporal takes no `at_most`: the server takes every run; limit what its workers do at once"
    )
    assert isinstance(Host("temporal://localhost/default"), TemporalHost)


def test_an_answer_that_is_sent_twice_under_an_own_id_counts_once(temporal_url: str) -> None:
    async def work(host: Host) -> None:
        run = await host.start(graph(ASK))
        assert await run.answer("ask", "44", answer_id="a-1") is True
        assert await run.answer("ask", "44", answer_id="a-1") is True
        with pytest.raises(RunClosed):
            await run.answer("ask", "44", answer_id="a-2")

    on(temporal_url, work)


ABOVE = """
trellis: 1
name: above
start: part
fields: {got: {type: integer, optional: true}}
nodes:
  part: {use: asking.yaml, save: got, to: done}
  done: {end: {status: ok, result: got}}
"""


@pytest.mark.covers("GT03")
def test_a_run_and_those_that_it_uses_are_followed_as_one_family(temporal_url: str) -> None:
    above = load("above.yaml", loader=MemoryLoader({"above.yaml": ABOVE, "asking.yaml": ASK}))

    def bare(line: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in line.items() if name not in ("at", "due", "key")}

    async def told(host: Host, run_id: str) -> list[tuple[str, dict[str, Any]]]:
        run = await host.start(above, id=run_id)
        family, lines = Family(run), []
        async for prefix, line in family.events():
            lines.append((prefix, bare(line)))
            if line["type"] == "ask":
                assert family.asking == ["part.ask"]
                await family.at("part.ask").run.answer("ask", "7")
        return sorted(lines, key=lambda each: (each[0], each[1]["seq"]))

    async def work(host: Host) -> None:
        name = own("family")
        async with Host("memory://", tools()) as embedded:
            assert await told(host, name) == await told(embedded, name)

    on(temporal_url, work)


def test_a_host_keeps_no_run_that_nobody_has_a_handle_of(temporal_url: str) -> None:
    async def work(host: Any) -> None:
        for _ in range(3):
            await (await host.start(graph(SUM), {"a": 2, "b": 3})).result()
        gc.collect()
        assert len(list(host._followed)) <= 1  # the last one may still be on its way out

    on(temporal_url, work)


def _cancel() -> Any:
    from trellis.hosts.commands import CancelRun

    return CancelRun()
