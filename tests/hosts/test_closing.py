"""Closing a host: who waits is told, what is under way is stopped and not recorded, the runs go on elsewhere."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.hosts.authored import Failing, each_nth, graph
from tests.hosts.scenes import Doing, Held, Pausing, lines_of, play, until, until_called
from tests.hosts.test_driver import STUCK, TWO
from trellis.errors import HostClosed, StoreFull, StoreUnavailable
from trellis.hosts import driver
from trellis.hosts.local import Host
from trellis.stores.memory import MemoryStore


def test_closing_a_host_answers_who_waits_and_the_run_goes_on_elsewhere() -> None:
    store = MemoryStore()

    async def scene() -> list[Any]:
        held = Held(store, "append")
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            run, other = await host.start(TWO, id="r"), await host.start(TWO, id="o")
            held.hold()
            waiting = [
                asyncio.ensure_future(task)
                for task in (run.answer("first", "x"), run.result(), lines_of(run), other.result())
            ]
            await until(lambda: held.waiting == 1)
            waiting += [asyncio.ensure_future(run.answer("second", "y"))]  # not even looked at yet
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(held.free)
        ends = await asyncio.gather(*waiting, return_exceptions=True)
        for call in (run.answer("second", "y"), run.result(), run.cancel(), lines_of(run)):
            with pytest.raises(HostClosed):
                await call
        with pytest.raises(HostClosed):
            await host.start(TWO)
        return [end if end is True else type(end) for end in ends]

    async def again() -> tuple[str, str]:
        async with Host(store, Doing().tools) as host:
            run, other = await host.resume("r"), await host.resume("o")
            await run.answer("second", "y")
            await other.answer("first", "x")
            await other.answer("second", "y")
            return (await run.result()).status, (await other.result()).status

    assert play(scene()) == [True, HostClosed, HostClosed, HostClosed, HostClosed], "what was written counts"
    assert play(again()) == ("completed", "completed")


def test_who_waits_for_a_commit_that_a_closing_host_gave_up_is_told_that_nobody_knows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(driver, "CLOSING_S", 0.0)

    async def scene() -> str:
        held = Held(MemoryStore(), "append")
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            held.hold()
            answering = asyncio.ensure_future(run.answer("first", "x"))
            await until(lambda: held.waiting == 1)
        (end,) = await asyncio.gather(answering, return_exceptions=True)
        return f"{type(end).__name__}: {end}"

    assert play(scene()).startswith("StoreUnavailable: ")
    assert play(scene()).endswith("the host was closed while this was written; whether it was, the run tells")


def test_nothing_is_dispatched_once_the_host_closes_though_an_append_was_under_way() -> None:
    store, doing = MemoryStore(), Doing()
    calling = graph("""
        {trellis: 1, name: c, fields: {x: {type: string, optional: true}}, start: a,
         nodes: {a: {ask: {text: x}, to: use}, use: {do: use, with: {env: "{{ x }}"}, to: $end}}}
    """)

    async def scene() -> None:
        held = Held(store, "append")
        host = Host(held, doing.tools)  # type: ignore[arg-type]
        async with host:
            await host.start(STUBBORN, id="s")  # its attempt keeps the closing waiting
            run = await host.start(calling, id="r")
            await until_called(doing)
            held.hold()
            answering = asyncio.create_task(run.answer("a", "x"))
            await until(lambda: held.waiting == 1)
            closing = asyncio.create_task(host.__aexit__(None, None, None))
            await asyncio.sleep(0)
            held.free()
            assert await answering, "it was written"
            doing.gate.set()
            await closing

    async def again() -> str:
        async with Host(store, doing.tools) as host:
            return (await (await host.resume("r")).result()).status

    play(scene())
    assert doing.nodes == ["stubborn"]
    assert play(again()) == "completed"
    assert doing.nodes == ["stubborn", "use"]


STUBBORN = graph("{trellis: 1, name: stubborn, nodes: {stubborn: {do: stubborn, to: $end}}}")


def test_closing_waits_for_what_is_under_way_and_records_no_outcome_of_it() -> None:
    async def scene() -> tuple[list[str], int, int]:
        store, doing = MemoryStore(), Doing()
        async with Host(store, doing.tools) as host:
            await host.start(STUCK, id="a")
            await host.start(STUBBORN, id="b")
            await until_called(doing, 2)
            asyncio.get_running_loop().call_soon(doing.gate.set)
        return list(doing.ended), len(await store.read("a")), len(await store.read("b"))

    ended, *recorded = play(scene())
    assert "a" in ended
    assert recorded == [1, 1]


def test_a_host_closes_once_the_runs_that_it_lost_are_free() -> None:
    async def scene() -> int:
        store = MemoryStore()
        failing = Failing(store, each_nth(1, StoreFull("memory://", "no space left")))
        async with Host(Pausing(failing), Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            with pytest.raises(StoreFull):
                await run.answer("first", "x")
        return await store.claim("r")

    assert play(scene()) == 2


def test_a_run_that_ends_with_its_first_event_is_free() -> None:
    known = graph("{trellis: 1, name: k, nodes: {a: {say: x, to: $end}}}")

    async def scene() -> int:
        store = MemoryStore()
        async with Host(store) as host:
            await (await host.start(known, id="r")).result()
            return await store.claim("r")

    assert play(scene()) == 2


def test_a_store_that_is_away_when_a_host_closes_hides_nothing_that_happened_before() -> None:
    async def scene() -> str:
        away = False
        fails = lambda name: StoreUnavailable("memory://", "away") if away and name in ("owned", "release") else None  # noqa: E731
        async with Host(Failing(MemoryStore(), fails), Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(TWO, id="r")
            away = True
        return run.state.status

    assert play(scene()) == "running"
