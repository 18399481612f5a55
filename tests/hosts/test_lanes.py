"""The lanes of a driver: what waits for its commit holds up its own run, and nobody else's."""

from __future__ import annotations

import asyncio

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, Held, play, until
from trellis.errors import HostClosed
from trellis.hosts import driver, serving
from trellis.hosts.local import Host
from trellis.model.codec import decode_event
from trellis.model.events import AnswerGiven
from trellis.stores.memory import MemoryStore


class Served(Held):
    """A store that a server writes for, so that there are two lanes."""

    lanes = 2


NOTING = graph("""
trellis: 1
name: noting
fields: {x: {type: string, optional: true}}
start: a
nodes: {a: {ask: {text: x}, to: a}}
""")


def test_a_run_is_applied_while_another_one_waits_for_its_commit() -> None:
    async def scene() -> tuple[int, str | None]:
        held = Served(MemoryStore(), "append", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            a, b = [await host.start(NOTING, id=name) for name in "ab"]
            held.hold()
            answers = [asyncio.ensure_future(a.answer("a", "1"))]
            await until(lambda: held.waiting == 1)
            answers.append(asyncio.ensure_future(b.answer("a", "2")))
            await until(lambda: held.waiting == 2)
            appends = held.waiting
            held.free()
            await asyncio.gather(*answers)
            return appends, b.state.fields["x"]  # type: ignore[return-value]

    assert play(scene()) == (2, "2")


def test_what_comes_for_a_run_while_it_waits_for_its_commit_is_applied_in_order_afterwards() -> None:
    store = MemoryStore()

    async def scene() -> list[object]:
        held = Served(store, "append", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            run = await host.start(NOTING, id="r")
            held.hold()
            answers = []
            for text in "12345":
                answers.append(asyncio.ensure_future(run.answer("a", text)))
                await until(lambda: held.waiting == 1)
                await asyncio.sleep(0)
            assert held.waiting == 1, "a run is in one lane at a time"
            held.free()
            await asyncio.gather(*answers)
        events = map(decode_event, await store.read("r"))
        return [event.value for event in events if isinstance(event, AnswerGiven)]

    assert play(scene()) == ["1", "2", "3", "4", "5"]


def test_a_commit_has_at_most_so_many_turns_and_the_order_of_a_run_stays() -> None:
    most = driver.BATCH
    store = MemoryStore()

    async def scene() -> tuple[list[object], int]:
        largest = 0

        class Watched:
            lanes = 2

            def __getattr__(self, name: str) -> object:
                return getattr(store, name)

            async def append(self, turns: list[object]) -> object:
                nonlocal largest
                largest = max(largest, len(turns))
                await asyncio.sleep(0)
                return await store.append(turns)  # type: ignore[arg-type]

        async with Host(Watched(), Doing().tools) as host:  # type: ignore[arg-type]
            runs = [await host.start(NOTING, id=name) for name in "rs"]
            await asyncio.gather(*(run.answer("a", f"{n}") for n in range(3 * most) for run in runs))
        events = map(decode_event, await store.read("r"))
        return [event.value for event in events if isinstance(event, AnswerGiven)], largest

    assert play(scene()) == ([f"{n}" for n in range(3 * most)], most)


def test_a_host_that_closes_in_the_midst_of_two_commits_tells_everyone_who_waits() -> None:
    async def scene() -> list[object]:
        held = Served(MemoryStore(), "append", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            a, b = [await host.start(NOTING, id=name) for name in "ab"]
            held.hold()
            answers = []
            for waiting, run in enumerate([a, b], 1):
                answers.append(asyncio.ensure_future(run.answer("a", "1")))
                await until(lambda: held.waiting == waiting)  # noqa: B023
            answers += [asyncio.ensure_future(run.answer("a", "2")) for run in (a, b)]
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_soon(held.free)
        ends = await asyncio.gather(*answers, return_exceptions=True)
        return [end if end is True else type(end) for end in ends]

    assert play(scene()) == [True, True, HostClosed, HostClosed]


def test_an_idle_run_does_not_leave_the_memory_while_a_lane_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "IDLE", 1)
    store = MemoryStore()

    async def scene() -> int:
        held = Served(store, "append")
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            await host.serve()
            run = await host.start(NOTING, id="r")
            held.hold()
            answer = asyncio.ensure_future(run.answer("a", "1"))
            await until(lambda: held.waiting == 1)
            await host.start(NOTING, id="s")
            held.free()
            await answer
            return len(await store.read("r"))

    assert play(scene()) == 2, "the answer counts once"


def test_without_a_server_that_writes_there_is_one_lane_and_what_came_meanwhile_shares_a_commit() -> None:
    async def scene() -> int:
        held = Held(MemoryStore(), "append", before=True)
        async with Host(held, Doing().tools) as host:  # type: ignore[arg-type]
            runs = [await host.start(NOTING, id=name) for name in "abc"]
            held.hold()
            answers = []
            for run in runs:
                answers.append(asyncio.ensure_future(run.answer("a", "1")))
                await until(lambda: held.waiting == 1)
                await asyncio.sleep(0)
            appends = held.waiting
            held.free()
            await asyncio.gather(*answers)
            return appends

    assert play(scene()) == 1
