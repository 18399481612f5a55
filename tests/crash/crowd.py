"""Several hosts on one store that start the same runs at once and serve them, while somebody kills and stops hosts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.crash.nursery import Nursery
from tests.crash.points import POINTS
from tests.crash.program import GRAPH, Program, prepare
from tests.crash.sweeps import Judged, Place, judge, well
from tests.reliability import Ledger
from trellis.errors import Refused, RunClosed, StoreError, StoreUnavailable
from trellis.hosts.local import Host
from trellis.stores import open_store

HOST = "tests.crash.crowd:host"


async def _host(url: str, ledger: str, seed: int, runs: list[str], dead: bool) -> None:
    chance = Random(seed)
    program, store = Program(url, Ledger(ledger), seed), open_store(url)
    order = list(enumerate(runs))
    chance.shuffle(order)
    try:
        async with Host(store, program.tools) as host:
            await host.serve()
            for number, name in order:
                await _stubborn(lambda: host.start(GRAPH, {"seed": number % 2}, id=name, request_id=f"q-{name}"))  # noqa: B023 - awaited here
                await _attend(host, program, dead)
            while not await _over(host, program, dead, runs):
                await asyncio.sleep(0.02)
    finally:
        with contextlib.suppress(StoreError):
            await store.close()


async def _stubborn(work: Callable[[], object]) -> None:
    """Try until the store is there, and somebody has the run."""
    while True:
        try:
            await work()  # type: ignore[misc]  # a coroutine
            return
        except StoreUnavailable:
            await asyncio.sleep(0.1)
        except StoreError:
            return  # another host was first


async def _attend(host: Host, program: Program, dead: bool) -> None:
    for name in host.running:
        with contextlib.suppress(StoreError, Refused, RunClosed):
            await program.attend(await host.resume(name), dead=dead)


async def _over(host: Host, program: Program, dead: bool, runs: list[str]) -> bool:
    await _attend(host, program, dead)
    try:
        ended = {row.run for row in await host._store.rows() if row.status != "running"}  # no other way to ask
    except StoreError:
        return False
    return ended >= set(runs)


def host(url: str, ledger: str, seed: int, runs: list[str], dead: bool = True) -> None:
    """Be one of several hosts, until every run has ended."""
    POINTS.inactive = True
    asyncio.run(_host(url, ledger, seed, runs, dead))


class Crowd(NamedTuple):
    """What a crowd came to."""

    judged: Judged
    strokes: int
    """How often a host was killed, or stopped."""
    longest_s: float
    """The longest time that no run moved on though all was well again."""


def crowd(
    nursery: Nursery,
    url: str,
    folder: Path,
    name: str,
    *,
    runs: int,
    hosts: int,
    strokes: int,
    stroke: Callable[[list[int], Random], int | None],
    seed: int,
    pause_s: tuple[float, float],
    dead: bool = True,
    patience_s: float = 60.0,
) -> Crowd:
    """Let `stroke` do its worst `strokes` times, then wait for every run to end.

    It gets the ids of the processes, and answers that of the one that it killed, which another one takes the place of.
    """
    chance = Random(seed)
    folder.mkdir(exist_ok=True)
    place = Place(url, Ledger(folder / f"ledger-{name}"), [f"{name}-{number}" for number in range(runs)])
    prepare(url)

    def born() -> int:
        return nursery.spawn(HOST, **place.args(chance.randrange(10_000)), dead=dead)

    pids = [born() for _ in range(hosts)]
    for _ in range(strokes):
        _sleep(chance.uniform(*pause_s))
        struck = stroke(pids, chance)
        if struck is not None:
            well(nursery.reap(struck), "killed", "done")
            pids[pids.index(struck)] = born()
    began = time.monotonic()
    for pid in pids:
        well(nursery.reap(pid, patience_s), "done")
    return Crowd(judge(place), strokes, time.monotonic() - began)


def _sleep(seconds: float) -> None:
    """Real processes take real time."""
    time.sleep(seconds)  # noqa: TID251 - nothing else is to be done meanwhile


def kill_one(pids: list[int], chance: Random) -> int:
    """kill -9."""
    victim = chance.choice(pids)
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return victim


def stop_one(longer_than_s: float) -> Callable[[list[int], Random], None]:
    """Stop one for longer than its lease, and wake it: it does not know that it was away."""

    def stroke(pids: list[int], chance: Random) -> None:
        victim = chance.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGSTOP)
            _sleep(longer_than_s * chance.uniform(1.1, 3.0))
            os.kill(victim, signal.SIGCONT)

    return stroke
