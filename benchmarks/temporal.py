"""Graphs on a Temporal server beside the workflow that somebody would write by hand: time, history, and a large graph's start.

One process has a worker for each, and they take turns. The server is the one that `TRELLIS_TEST_TEMPORAL_ADDRESS` names, or
a private one, made for this and removed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

from benchmarks.loading import calls
from benchmarks.measure import Row

VARIABLE = "TRELLIS_TEST_TEMPORAL_ADDRESS"
ADVANCING = """
trellis: 1
name: advancing
fields:
  x: {type: integer, default: 0}
  steps: {type: integer}
  got: {type: any, optional: true}
start: advance
nodes:
  advance:
    do: advance
    with: {x: "{{ x }}", note: %s}
    save: got
    set: {fields: {x: got.x}}
    retry: {max_attempts: 3}
    timeout: 5m
    to: [{if: x < steps, to: advance}, {to: done}]
  done: {end: {status: ok, result: x}}
"""


class Sizes(NamedTuple):
    """How much is done: steps of a lone run and of each of many, how many, how often; steps of two runs
    whose histories are compared; nodes of the large graph, and how often it is started."""

    steps: int = 40
    each: int = 5
    crowd: int = 100
    rounds: int = 5
    short: int = 10
    long: int = 30
    nodes: int = 2000
    starts: int = 5


class History(NamedTuple):
    """What the server keeps of one run."""

    events: int
    size: int
    """Bytes."""


class Place(NamedTuple):
    """A client, and the queues of the workers that run beside it: ours, and that of what is written by hand."""

    client: Any
    queue: str
    other: str

    async def graph(self, made: Any, **fields: Any) -> Any:
        import msgspec

        from trellis.hosts.temporal.messages import Begin
        from trellis.model.events import RunStarted

        started = RunStarted(0.0, "", made.hash, fields)
        args = [Begin(made.hash, made.source, started=started), msgspec.Raw(made.data)]
        return await self.client.start_workflow(made.name, args=args, id=_id(), task_queue=self.queue)

    async def by_hand(self, steps: int) -> Any:
        return await self.client.start_workflow("by_hand", steps, id=_id(), task_queue=self.other)


def _id() -> str:
    return f"bench-{secrets.token_hex(8)}"


@asynccontextmanager
async def worker(address: str) -> AsyncIterator[Place]:
    """A worker for each."""
    from temporalio.worker import Worker

    from benchmarks.handwritten import ByHand, advance, advanced
    from trellis.dispatch import Dispatcher
    from trellis.hosts.temporal.address import connect, read_address
    from trellis.hosts.temporal.worker import AT_ONCE, TemporalWorker

    tools = Dispatcher()

    @tools.action("advance")
    async def ours(x: int, note: str) -> dict[str, Any]:
        return advanced(x, note)

    @tools.action("work")
    async def work(index: int, text: str) -> int:
        return index + 0 * len(text)

    queue, other = _id(), _id()
    client = await connect(read_address(f"temporal://{address}/default?queue={queue}"))
    by_hand = Worker(
        client, task_queue=other, workflows=[ByHand], activities=[advance], max_concurrent_activities=AT_ONCE
    )
    async with TemporalWorker(client, queue, tools), by_hand:
        yield Place(client, queue, other)


class Spent(NamedTuple):
    """Seconds, by the clock and of the processor for client and worker."""

    wall: float
    processor: float


async def spent(starts: list[Callable[[], Awaitable[Any]]], expected: int) -> Spent:
    """From the first start to the last result of workflows that are started at once."""
    begun, processor = time.perf_counter(), time.process_time()
    results = await asyncio.gather(*(_result(start) for start in starts))
    taken = Spent(time.perf_counter() - begun, time.process_time() - processor)
    assert results == [expected] * len(starts), results
    return taken


async def _result(start: Callable[[], Awaitable[Any]]) -> Any:
    result = await (await start()).result()
    return result["result"] if isinstance(result, dict) else result


async def history(handle: Any) -> History:
    """Of a run that has ended."""
    await handle.result()
    about = (await handle.describe()).raw_description.workflow_execution_info
    return History(about.history_length, about.history_size_bytes)


async def first_task(handle: Any) -> float:
    """Seconds that the server waited for the first workflow task of a run, once a worker had it."""
    begun = None
    async for event in handle.fetch_history_events(wait_new_event=True):
        if event.HasField("workflow_task_started_event_attributes"):
            begun = event.event_time.ToNanoseconds()
        elif event.HasField("workflow_task_completed_event_attributes"):
            assert begun is not None
            return float(event.event_time.ToNanoseconds() - begun) / 1e9
    raise AssertionError("the run has no first task")


async def beside(place: Place, sizes: Sizes) -> AsyncIterator[Row]:
    """The rows of time and of history."""
    from benchmarks.handwritten import NOTE

    made = _graph(ADVANCING % f'"{NOTE}"')

    def both(steps: int, crowd: int) -> list[tuple[list[Callable[[], Awaitable[Any]]], int]]:
        ours: Callable[[], Awaitable[Any]] = lambda: place.graph(made, steps=steps)  # noqa: E731
        theirs: Callable[[], Awaitable[Any]] = lambda: place.by_hand(steps)  # noqa: E731
        return [([ours] * crowd, steps), ([theirs] * crowd, steps)]

    for crowd, steps, name in (
        (1, sizes.steps, "one run"),
        (sizes.crowd, sizes.each, f"{sizes.crowd} concurrent runs"),
    ):
        pairs: list[tuple[Spent, Spent]] = []
        for number in range(sizes.rounds + 1):
            sides = both(steps, crowd)
            order = (0, 1) if number % 2 else (1, 0)
            taken = {side: await spent(*sides[side]) for side in order}
            if number:  # the first one warms both
                pairs.append((taken[0], taken[1]))
        ratio = statistics.median(a.wall / b.wall for a, b in pairs)
        ours, theirs = (_told([pair[side] for pair in pairs], crowd * steps) for side in (0, 1))
        yield Row(
            f"{name} on Temporal",
            f"{ratio:.2f}x the time ({ours})",
            f"written by hand: {theirs}",
            "<= 1.15x",
            ratio <= 1.15,
        )
    short, long = [
        [await history(await start[0]()) for start, _ in both(steps, 1)] for steps in (sizes.short, sizes.long)
    ]
    events = long[0].events / long[1].events
    yield Row(
        f"events in the history of {sizes.long} steps", f"{events:.2f}x ({long[0].events})", f"written by hand: {long[1].events}",
        "<= 1.1x", events <= 1.1,
    )  # fmt: skip
    mine, other = ((long[side].size - short[side].size) / (sizes.long - sizes.short) for side in (0, 1))
    yield Row(
        "bytes of history for a step", f"{mine - other:+,.0f} ({mine:,.0f})", f"written by hand: {other:,.0f}",
        "<= +200", mine - other <= 200,
    )  # fmt: skip


def _told(taken: list[Spent], steps: int) -> str:
    rate = steps / statistics.median(each.wall for each in taken)
    processor = statistics.median(each.processor for each in taken) / steps * 1e3
    return f"{rate:,.0f} steps/s, {processor:.1f} ms of the processor each"


async def large(place: Place, sizes: Sizes) -> AsyncIterator[Row]:
    """The row of a large graph, new to the worker and again."""
    for warm in (False, True):
        text, taken = calls(sizes.nodes).replace('tools:\n  work: {python: "mod:work"}\n', ""), []
        made = _graph(text)
        for number in range(sizes.starts):
            if not warm:
                made = _graph(text.replace("name: calls", f"name: calls{number}"))
            handle = await place.graph(made)
            taken.append(await first_task(handle))
            await handle.terminate()
        median, worst = statistics.median(taken), max(taken)
        seen = "that the worker has run" if warm else "that is new to the worker"
        yield Row(
            f"first workflow task of a graph of {sizes.nodes:,} nodes ({len(made.data) / 1e6:.1f} MB) {seen}",
            f"{median * 1000:.0f} ms, at worst {worst * 1000:.0f} ms", "Temporal gives up on a task after 2 s",
            "< 200 ms", worst < 0.2,
        )  # fmt: skip


def _graph(text: str) -> Any:
    from trellis import MemoryLoader, load

    return load("g.yaml", loader=MemoryLoader({"g.yaml": text}))


async def _rows(address: str, sizes: Sizes) -> list[Row]:
    async with worker(address) as place:
        return [row for part in (beside, large) async for row in part(place, sizes)]


@contextmanager
def server() -> Iterator[str | None]:
    """The address of a server; None where there is neither one nor its program."""
    named = os.environ.get(VARIABLE)
    if named:
        yield named
        return
    import pytest

    from tests.servers import private_temporal

    try:
        with private_temporal() as private:
            yield private.address
    except pytest.skip.Exception:
        yield None


def rows(sizes: Sizes = Sizes()) -> Iterator[Row]:  # noqa: B008 - a constant
    """All of it; nothing but a word where there is no server."""
    with server() as address:
        if address is None:
            yield Row("graphs on Temporal", "left out", f"no server: set {VARIABLE}")
            return
        yield from asyncio.run(_rows(address, sizes))
