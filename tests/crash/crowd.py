"""Several hosts on one store that start the same runs at once and serve them, while somebody kills and stops hosts."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random

from tests.crash.nursery import Nursery
from tests.crash.points import POINTS
from tests.crash.program import GRAPH, Program, prepare
from tests.crash.sweeps import Place, judge, well
from tests.reliability import Ledger, Verdict
from tests.servers import Cluster
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


async def _attend(host: Host, program: Program, dead: bool, others: Collection[str] = ()) -> None:
    """See to the runs of this host, and to `others`, which nobody has to drive while they wait for people."""
    for name in {*host.running, *others}:
        with contextlib.suppress(StoreError, Refused, RunClosed):
            await program.attend(await host.resume(name), dead=dead)


async def _over(host: Host, program: Program, dead: bool, runs: list[str]) -> bool:
    try:
        rows = {row.run: row for row in await host._store.rows()}  # no other way to ask
    except StoreError:
        return False
    left = [row for row in rows.values() if row.status == "running"]
    await _attend(host, program, dead, [row.run for row in left if row.wake is None])
    return not left and rows.keys() >= set(runs)


def host(url: str, ledger: str, seed: int, runs: list[str], dead: bool = True) -> None:
    """Be one of several hosts, until every run has ended."""
    POINTS.inactive = True
    asyncio.run(_host(url, ledger, seed, runs, dead))


Stroke = Callable[[list[int], Random], "int | None"]
"""Does its worst to one of these processes; answers the one that it killed, whose place another takes."""


def crowd(
    nursery: Nursery,
    url: str,
    folder: Path,
    stroke: Stroke,
    *,
    strokes: int,
    seed: int,
    hosts: int = 4,
    runs: int = 24,
    pause_s: tuple[float, float] = (0.05, 0.3),
    dead: bool = True,
) -> tuple[int, Verdict]:
    """Strike hosts at work so many times, round by round, each with runs of its own: (runs, verdict).

    `dead`: who is struck is killed, so that what it had begun is over.
    """
    chance, done, rounds, found = Random(seed), 0, 0, Verdict()
    prepare(url)
    while done < strokes:
        rounds += 1
        names = [f"crowd-{seed}-{rounds}-{number}" for number in range(runs)]
        place = Place(url, Ledger(folder / f"ledger-{seed}-{rounds}"), names)
        pids = [_born(nursery, place, chance, dead) for _ in range(hosts)]
        while done < strokes:
            _sleep(chance.uniform(*pause_s))
            if any(map(_over_already, pids)):  # one is done when all runs have ended
                break
            struck = stroke(pids, chance)
            done += 1
            if struck is not None:
                done -= well(nursery.reap(struck), "killed", "done").how == "done"  # a moment too late
                pids[pids.index(struck)] = _born(nursery, place, chance, dead)
        for pid in pids:
            well(nursery.reap(pid), "done")
        found += judge(place).found
    return rounds * runs, found


def _born(nursery: Nursery, place: Place, chance: Random, dead: bool) -> int:
    return nursery.spawn(HOST, **place.args(chance.randrange(10_000)), dead=dead)


def _over_already(pid: int) -> bool:
    """Whether the process has ended, though nobody has reaped it."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], 0)[0])
    finally:
        os.close(handle)


def _sleep(seconds: float) -> None:
    """Real processes take real time."""
    time.sleep(seconds)  # noqa: TID251 - nothing else is to be done meanwhile


def outage(cluster: Cluster) -> Stroke:
    """Stop the server as though the power went, and start it again a moment later."""

    def stroke(pids: list[int], chance: Random) -> None:
        cluster.stop()
        _sleep(chance.uniform(0.0, 1.0))
        cluster.start()

    return stroke


def kill_one(pids: list[int], chance: Random) -> int:
    """kill -9."""
    victim = chance.choice(pids)
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return victim


def stop_one(longer_than_s: float) -> Stroke:
    """Stop one for longer than its lease, and wake it: it does not know that it was away."""

    def stroke(pids: list[int], chance: Random) -> None:
        victim = chance.choice(pids)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGSTOP)
            _sleep(longer_than_s * chance.uniform(1.1, 3.0))
            os.kill(victim, signal.SIGCONT)

    return stroke
