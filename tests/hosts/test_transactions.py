"""A transactional action: what it writes to the store's own database counts if, and only if, the run records that it was done."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import play, until
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, NoTransactions, StoreUnavailable
from trellis.hosts.commands import CancelRun
from trellis.hosts.local import Host
from trellis.stores import open_store
from trellis.testing.clocks import ManualClock

PAY = graph("""
    {trellis: 1, name: pay, start: pay, fields: {n: {type: integer, default: 0}, x: {type: string, optional: true}},
     nodes: {pay: {do: pay, with: {n: "{{ n }}"}, catch: {"*": $fail}, to: $end}}}
""")
TIMED = graph("""
    {trellis: 1, name: timed, start: pay,
     nodes: {pay: {do: pay, with: {n: 1}, timeout: 10s, retry: {max_attempts: 2, initial_interval: 1s}, to: $end}}}
""")
BOTH = graph("""
    {trellis: 1, name: both, start: all, fields: {x: {type: string, optional: true}}, upon: {interrupt: bye},
     nodes: {all: {all: {a: {do: pay, with: {n: 1}}, b: {do: pay, with: {n: 2}}, c: {ask: {text: x}}}, to: $end},
             bye: {end: cancelled}}}
""")
ASKS = graph("""
    {trellis: 1, name: asks, start: x, fields: {x: {type: string, optional: true}}, nodes: {x: {ask: {text: x}, to: $end}}}
""")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store whose database actions may write to."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/runs.db"
    return str(request.getfixturevalue("postgres_place"))


class Till:
    """An action that writes to a table of its own, sync on SQLite and async on PostgreSQL."""

    def __init__(self, url: str) -> None:
        self.url, self.begun = url, 0
        self.table = f"paid_{secrets.token_hex(6)}"
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False
        self.tools = Dispatcher()

        @self.tools.action("pay", effect="transactional")
        async def pay(n: int, *, connection: Any, request: Any) -> int:
            self.begun += 1
            await self.execute(connection, f"INSERT INTO {self.table} VALUES ('{request.idempotency_key}', {n})")
            await self.gate.wait()
            if self.fails:
                raise ActionError("broke", "no money", retryable=False)
            return n

    async def execute(self, connection: Any, statement: str) -> list[Any]:
        found = connection.execute(statement)
        if self.url.startswith("sqlite"):
            return list(found)
        cursor = await found
        return list(await cursor.fetchall()) if cursor.description else []

    async def paid(self, store: Any) -> list[tuple[str, int]]:
        async with store.transaction() as work:
            found = await self.execute(work.connection, f"SELECT key, n FROM {self.table} ORDER BY key")
        return [tuple(row) for row in found]

    async def drop(self, store: Any) -> None:
        async with store.transaction() as work:
            await self.execute(work.connection, f"DROP TABLE {self.table}")

    async def prepare(self, store: Any) -> None:
        async with store.transaction() as work:
            await self.execute(work.connection, f"CREATE TABLE {self.table} (key TEXT PRIMARY KEY, n INTEGER)")


def acted(url: str, scene: Callable[[Host, Till, Any, ManualClock], Any]) -> Any:
    """What the scene returns, played on a host over the store, and what was paid in the end."""

    async def whole() -> Any:
        store, till, clock = open_store(url), Till(url), ManualClock()
        try:
            await till.prepare(store)
            async with Host(store, till.tools, clock=clock) as host:
                told = await scene(host, till, store, clock)
            return told, await till.paid(store)
        finally:
            await till.drop(store)
            await store.close()

    return play(whole())


def test_what_a_transactional_action_writes_is_there_with_the_event_that_says_so(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        runs = [await host.start(PAY, {"n": n}, id=f"r-{n}") for n in range(5)]
        return [(await run.result()).status for run in runs]

    assert acted(url, scene) == (["completed"] * 5, [(f"r-{n}/pay/1", n) for n in range(5)])


def test_what_a_failed_action_wrote_is_taken_back(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        till.fails = True
        outcome = await (await host.start(PAY, id="r")).result()
        return outcome.status, outcome.error and outcome.error["code"], till.begun

    assert acted(url, scene) == (("failed", "broke", 1), [])


def test_an_action_that_is_out_of_time_is_taken_back_and_tried_again(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        till.gate.clear()
        run = await host.start(TIMED, id="r")
        await until(lambda: till.begun == 1)
        clock.advance(10)
        await until(lambda: run.state.seq == 2)
        till.gate.set()
        clock.advance(1)
        outcome = await run.result()
        return outcome.status, till.begun

    assert acted(url, scene) == (("completed", 2), [("r/pay/1", 1)])


def test_cancelling_a_run_takes_back_what_its_action_wrote(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        till.gate.clear()
        run = await host.start(PAY, id="r")
        await until(lambda: till.begun == 1)
        await run.cancel("enough")
        return (await run.result()).status

    assert acted(url, scene) == ("cancelled", [])


def test_branches_write_one_after_the_other_and_what_arrives_meanwhile_is_not_lost(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        till.gate.clear()
        run = await host.start(BOTH, id="r")
        await until(lambda: till.begun == 1)
        answering = asyncio.ensure_future(run.answer("all.c", "x"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not answering.done()
        till.gate.set()
        assert await answering
        return (await run.result()).status, till.begun

    assert acted(url, scene) == (("completed", 2), [("r/all.a/2", 1), ("r/all.b/3", 2)])


def test_a_signal_that_leads_away_takes_the_action_back(url: str) -> None:
    async def scene(host: Host, till: Till, store: Any, clock: ManualClock) -> Any:
        till.gate.clear()
        run = await host.start(BOTH, id="r")
        await until(lambda: till.begun == 1)
        await run.signal("interrupt")
        return (await run.result()).status

    assert acted(url, scene) == ("cancelled", [])


def test_a_host_that_closes_takes_the_action_back_and_the_next_one_makes_it_once(url: str) -> None:
    async def whole() -> Any:
        store, till = open_store(url), Till(url)
        try:
            await till.prepare(store)
            till.gate.clear()
            async with Host(store, till.tools) as host:
                await host.start(PAY, {"n": 7}, id="r")
                await until(lambda: till.begun == 1)
            before = await till.paid(store)
            till.gate.set()
            async with Host(store, till.tools) as host:
                outcome = await (await host.resume("r")).result()
            return before, outcome.status, await till.paid(store), till.begun
        finally:
            await till.drop(store)
            await store.close()

    assert play(whole()) == ([], "completed", [("r/pay/1", 7)], 2)


def test_an_action_in_the_only_transaction_is_told_what_it_would_wait_for_for_ever(tmp_path: Path) -> None:
    tools = Dispatcher()
    told: list[str] = []
    driving: list[Any] = []  # the host, and a run that waits for an answer

    @tools.action("pay", effect="transactional")
    async def pay(n: int, *, connection: Any) -> int:
        (host, run) = driving
        assert (await host.resume("asks")).questions
        for call in (run.answer("x", "y"), host.start(ASKS, id="new"), host.send("asks", CancelRun("enough"))):
            try:
                await call
            except StoreUnavailable as error:
                told.append(error.reason.partition(";")[0])
        return n

    async def scene() -> str:
        async with Host(f"sqlite:///{tmp_path}/runs.db", tools) as host:
            driving.extend((host, await host.start(ASKS, id="asks")))
            return (await (await host.start(PAY, id="r")).result()).status

    assert play(scene()) == "completed"
    waits = "an action asked for this inside its own transaction, which is the one that may write"
    assert told == [f"{waits}: it would wait for itself for ever"] * 3


def test_a_store_without_transactions_refuses_a_graph_that_needs_them() -> None:
    async def scene() -> None:
        till = Till("memory://")
        async with Host("memory://", till.tools) as host:
            with pytest.raises(NoTransactions):
                await host.start(PAY)

    play(scene())
