"""What goes wrong for a client is said: no worker, no server, a server that goes and comes back, secrets without keys."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.servers import private_temporal
from tests.temporal.stage import ASK, SUM
from tests.temporal.test_host import LIMIT_S, on, own, tools
from trellis import Dispatcher, Host, Outcome
from trellis.errors import HostClosed, InvalidField, NoTransactions, Refused, StoreCorrupt, StoreUnavailable, UsageError
from trellis.hosts.commands import Answer, CancelRun
from trellis.hosts.temporal import address, following, wire
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.vault import VARIABLE, Vault

SECRET = """
trellis: 1
name: login
fields: {password: {type: string, secret: true}, token: {type: string, secret: true, optional: true}, done: {type: any, optional: true}}
start: ask
nodes:
  ask: {say: The token?, ask: {secret: token}, to: enter}
  enter: {do: enter, with: {password: "{{ password }}", token: "{{ token }}"}, save: done, to: $end}
"""
KEYS = "k1=" + "A" * 43 + "="


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "AGAIN_S", 0.05)
    monkeypatch.setattr(address, "RETRY_S", 0.2)
    monkeypatch.setattr(wire, "SOON_S", 0.02)


def worker_for(url: str) -> str:
    address, _, queue = url.removeprefix("temporal://").partition("/default?queue=")
    return (
        f"store {url}: no worker polls task queue '{queue}'; "
        f"start one: trellis worker --temporal {address} --namespace default --queue {queue} GRAPHS…"
    )


def test_the_worker_that_lacks_is_named_with_the_store_of_claims_that_it_needs(temporal_url: str) -> None:
    url, store = f"{temporal_url}&claims=redis://ann:{{}}@h/0?prefix=p", "redis://ann:***@h/0?prefix=p"

    async def work() -> None:
        async with asyncio.timeout(LIMIT_S), TemporalHost(url.format("hidden"), hindered=lambda _: None) as host:
            run = await host.start(graph(SUM), {"a": 2, "b": 3})
            with pytest.raises(StoreUnavailable) as refused:
                await run.signal("stop")
            assert str(refused.value) == worker_for(temporal_url).replace(
                f"store {temporal_url}", f"store {url.format('***')}"
            ).replace(" GRAPHS…", f" --claims '{store}' GRAPHS…")

    asyncio.run(work())


def test_a_run_that_nobody_works_on_is_recorded_and_says_so_once(temporal_url: str) -> None:
    async def work() -> None:
        said: list[str] = []
        name = own("idle")
        async with asyncio.timeout(LIMIT_S):
            async with TemporalHost(temporal_url, hindered=said.append) as host:
                run = await host.start(graph(SUM), {"a": 2, "b": 3}, id=name)
                lines = asyncio.ensure_future(_lines(run))
                with pytest.raises(StoreUnavailable) as refused:
                    await run.signal("stop")
                assert str(refused.value) == worker_for(temporal_url)
                with pytest.raises(StoreUnavailable):
                    await TemporalHost.resume(await _other(host), name)
                async with Host(temporal_url, tools()):
                    assert (await run.result()).result == 5
                    assert [line["type"] for line in await lines][-1] == "run.finished"
            assert said == [f"run '{name}' waits: {worker_for(temporal_url)}"]

    asyncio.run(work())


async def _other(host: TemporalHost) -> TemporalHost:
    """The same host without what it knows."""
    host._followed.clear()
    return host


async def _lines(run: Any) -> list[dict[str, Any]]:
    return [line async for line in run.events()]


def test_without_a_worker_a_run_is_terminated_at_once_and_cancelled_when_one_comes(temporal_url: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(LIMIT_S), TemporalHost(temporal_url, hindered=lambda _: None) as host:
            one, other = await host.start(graph(ASK)), await host.start(graph(ASK))
            await one.terminate("out of money")
            assert await one.result() == Outcome(
                "cancelled",
                None,
                {},
                {"code": "terminated", "message": "out of money", "node": "", "attempt": 0},
            )
            assert (await host.send(other.id, CancelRun("not needed"))).driven is False
            async with Host(temporal_url, tools()):
                assert (await other.result()).status == "cancelled"

    asyncio.run(work())


def test_what_a_run_would_come_to_is_not_told_as_what_it_came_to(temporal_url: str) -> None:
    said = graph("""
        trellis: 1
        name: said
        start: hello
        nodes:
          hello: {say: Hello!, end: {status: ok}}
    """)

    async def work() -> None:
        async with asyncio.timeout(LIMIT_S), TemporalHost(temporal_url, hindered=lambda _: None) as host:
            run = await host.start(said)
            assert not run.closed
            await run.terminate("late")
            assert (await run.result()).status == "cancelled"
            again = await (await _other(host)).resume(run.id)
            assert (again.closed, again.state.status) == (True, "cancelled")

    asyncio.run(work())


def test_a_run_that_has_ended_is_known_without_a_worker(temporal_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ASK_S", 0.2)

    async def work() -> None:
        name = own("over")
        async with asyncio.timeout(LIMIT_S):
            async with Host(temporal_url, tools()) as host:
                await (await host.start(graph(SUM), {"a": 2, "b": 3}, id=name)).result()
            async with TemporalHost(temporal_url) as host:
                run = await host.resume(name)
                assert (run.closed, run.state.status, run.state.result) == (True, "completed", 5)
                assert (await run.result()).fields == {"a": 2, "b": 3, "total": 5}
                (last,) = [line async for line in run.events()]
                assert (last["type"], last["result"], last["visited"]) == ("run.finished", 5, ["add", "done"])

    asyncio.run(work())


def test_an_end_that_no_worker_tells_comes_between_no_events_that_are_just_taken_in(
    temporal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sent a command takes in the last events, while whoever follows the run hears of its end from the server alone."""
    refused, inside, ended, go = (asyncio.Event() for _ in range(4))
    chapters, told = following.chapters, wire.Wire.ended

    async def late(*about: Any) -> Any:
        if not refused.is_set():
            refused.set()
            raise StoreUnavailable(temporal_url, "its worker did not answer")
        found = await chapters(*about)
        inside.set()
        await go.wait()
        return found

    async def heard(self: wire.Wire, run: str) -> Any:
        await inside.wait()
        ended.set()
        return await told(self, run)

    async def work() -> None:
        async with asyncio.timeout(LIMIT_S), Host(temporal_url, tools()) as host, TemporalHost(temporal_url) as client:
            run = await host.start(graph(ASK))
            here = await client._known(run.id)
            monkeypatch.setattr(following, "chapters", late)
            monkeypatch.setattr(wire.Wire, "ended", heard)
            await client._wire.update(run.id, Answer("ask", 7), own("answer"))
            ending = asyncio.create_task(here._end())
            await refused.wait()
            taking = asyncio.create_task(here.catch_up())
            await ended.wait()
            await asyncio.wait([ending], timeout=0.2)
            go.set()
            await asyncio.gather(ending, taking)
            assert (here.live.state.status, here.live.state.result, here.live.state.seq) == ("completed", 7, 2)

    asyncio.run(work())


def test_a_server_that_goes_and_comes_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "SOON_S", 0.5)  # it has to hear of the worker again first

    async def work(url: str, stop: Any, begin: Any) -> None:
        async with asyncio.timeout(2 * LIMIT_S), Host(url, tools()) as host:
            run = await host.start(graph(ASK))
            lines, result = asyncio.ensure_future(_lines(run)), asyncio.ensure_future(run.result())
            while not run.asking:
                await asyncio.sleep(0)
            await asyncio.to_thread(stop)
            with pytest.raises(StoreUnavailable) as refused:
                await host.start(graph(ASK))
            assert str(refused.value) == f"store {url}: the Temporal server does not answer: it cannot be reached"
            await asyncio.to_thread(begin)
            await run.answer("ask", "44")
            assert (await result).result == 44
            assert [line["type"] for line in await lines][-1] == "run.finished"

    with private_temporal() as server:
        asyncio.run(work(f"temporal://{server.address}/default?queue=q", server.kill, server.start))


def test_a_server_that_stays_away_ends_the_wait_and_not_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "PATIENCE_S", 0.2)

    async def work(url: str, stop: Any) -> None:
        async with asyncio.timeout(2 * LIMIT_S), TemporalHost(url, hindered=lambda _: None) as host:
            run = await host.start(graph(ASK))
            await asyncio.to_thread(stop)
            with pytest.raises(StoreUnavailable):
                await run.result()

    with private_temporal() as server:
        asyncio.run(work(f"temporal://{server.address}/default?queue=q", server.kill))


def test_a_host_that_is_closed_says_so_to_who_waits(temporal_url: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(LIMIT_S):
            async with Host(temporal_url, tools()) as host:
                run = await host.start(graph(ASK))
                waits = [asyncio.ensure_future(run.result()), asyncio.ensure_future(_lines(run))]
                while not run.asking:
                    await asyncio.sleep(0)
            for wait in waits:
                with pytest.raises(HostClosed):
                    await wait

    asyncio.run(work())


def test_secrets_go_to_a_server_under_encryption_or_not_at_all(
    temporal_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered: list[tuple[str, str]] = []
    dispatcher = Dispatcher()

    @dispatcher.action("enter")
    def enter(password: str, token: str) -> None:
        entered.append((password, token))

    async def without() -> None:
        async with TemporalHost(temporal_url) as host:
            with pytest.raises(InvalidField) as refused:
                await host.start(graph(SECRET), {"password": "hush"})
            assert str(refused.value) == (
                "field 'password': it is secret, and goes to a Temporal server under encryption only: "
                f"set {VARIABLE} here and for the workers"
            )

    async def given() -> None:
        vault = Vault.from_text(KEYS)
        async with asyncio.timeout(LIMIT_S), Host(temporal_url, dispatcher, vault=vault) as host:
            run = await host.start(graph(SECRET), {"password": "hush"})
            while not run.asking:
                await asyncio.sleep(0)
            await run.answer("ask", "t0ken")
            assert (await run.result()).fields == {"password": "***", "token": "***"}

    asyncio.run(without())
    monkeypatch.setenv(VARIABLE, KEYS)
    asyncio.run(given())
    assert entered == [("hush", "t0ken")]


def test_a_secret_answer_without_keys_is_refused_before_it_is_sent(temporal_url: str) -> None:
    asks = SECRET.replace("password: {type: string, secret: true}, ", "").replace('password: "{{ password }}", ', "")

    async def work(host: Host) -> None:
        run = await host.start(graph(asks))
        with pytest.raises(Refused) as refused:
            await run.answer("ask", "t0ken")
        assert str(refused.value) == (
            "node 'ask' takes a secret, and a Temporal server gets it under encryption only: "
            f"set {VARIABLE} here and for the workers"
        )

    on(temporal_url, work)


def test_secrets_given_again_are_refused(temporal_url: str) -> None:
    async def work() -> None:
        async with TemporalHost(temporal_url) as host:
            with pytest.raises(UsageError) as refused:
                await host.resume("r", secrets={"password": "hush"})
            assert str(refused.value) == (
                "run 'r' is on Temporal, which keeps its secrets under encryption; give none again"
            )

    asyncio.run(work())


def test_a_workflow_of_somebody_else_is_no_run(temporal_url: str) -> None:
    async def work() -> None:
        async with asyncio.timeout(LIMIT_S), TemporalHost(temporal_url, hindered=lambda _: None) as host:
            name, client = own("foreign"), host._wire.client
            handle = await client.start_workflow("Foreign", "x", id=name, task_queue=host.address.queue)
            try:
                with pytest.raises(StoreCorrupt) as refused:
                    await host.resume(name)
                assert str(refused.value).startswith(
                    f"store {temporal_url} cannot be read: workflow '{name}' of type 'Foreign' is no run of trellis: "
                )
                with pytest.raises(StoreCorrupt):
                    await host.start(graph(ASK), id=name)
            finally:
                await handle.terminate()

    asyncio.run(work())


def test_a_tool_that_writes_in_the_transaction_of_its_run_is_refused_at_the_start(temporal_url: str) -> None:
    pays = graph("""
        trellis: 1
        name: pays
        start: pay
        tools: {pay: {python: "shop:pay", effect: transactional}}
        nodes:
          pay: {do: pay, to: $end}
    """)

    async def work() -> None:
        async with TemporalHost(temporal_url, hindered=lambda _: None) as host:
            with pytest.raises(NoTransactions) as refused:
                await host.start(pays)
            assert refused.value.tool == "pay"

    asyncio.run(work())
