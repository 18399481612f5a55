"""Two workers on one queue, of which somebody kills one again and again, while runs go on and people answer them."""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from functools import partial
from random import Random
from typing import NamedTuple

from tests.crash.nursery import Nursery
from tests.crash.points import POINTS
from tests.crash.program import ENDS, GRAPH, Program
from tests.crash.sweeps import well
from tests.reliability import Ledger, Told, Verdict, nothing_twice, told, verdict
from trellis.errors import Refused, RunClosed
from trellis.hosts.run import Run
from trellis.hosts.temporal import calls, worker
from trellis.hosts.temporal.address import Address, connect
from trellis.hosts.temporal.following import chapters
from trellis.hosts.temporal.host import TemporalHost
from trellis.hosts.temporal.wire import Hindered
from trellis.model.actions import CallTool
from trellis.model.codec import encode_event

WORKER = "tests.crash.workers:work"
LIVENESS_S = 4.0
"""After so long a silence a worker is taken for dead here, and a run leaves it after a quarter of that."""
LIMIT_S = 240.0
"""Within which every run has ended, or it has been lost."""


class Slow(Program):
    """Its calls last, before their effect is had and behind it, so that a kill finds many under way."""

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.choice((0, 0.01, 0.2)))

    async def once(self, n: int, *, request: CallTool) -> int:
        value = await super().once(n, request=request)
        await self._pause()
        return value


class Place(NamedTuple):
    """A queue, and the ledger of what is done there."""

    address: str
    queue: str
    ledger: str

    @property
    def url(self) -> str:
        return f"temporal://{self.address}/default?queue={self.queue}"


def work(address: str, queue: str, ledger: str, seed: int) -> None:
    """Be a worker until somebody says stop, or kills it."""
    POINTS.inactive = True
    calls.HEARTBEAT_S, worker.STICKY_S = LIVENESS_S, LIVENESS_S / 4
    asyncio.run(_work(Address(address, "default", queue), Slow("", Ledger(ledger), seed)))


async def _work(address: Address, program: Program) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with worker.TemporalWorker(await connect(address), address.queue, program.tools):
        await stop.wait()


class Killed(NamedTuple):
    """What became of it all."""

    kills: int
    runs: int
    found: Verdict
    uncertain: int
    """How often somebody had to say how a call had ended."""


def kill(nursery: Nursery, place: Place, *, kills: int, seed: int, runs: int, pause_s: float) -> Killed:
    """Kill workers at random moments, two being up, until so many have died and every run has ended."""
    chance = Random(seed)

    def born() -> int:
        return nursery.spawn(WORKER, **place._asdict(), seed=chance.randrange(10_000))

    async def strike(pids: list[int]) -> None:
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0, 2 * pause_s))
            victim = chance.randrange(len(pids))
            os.kill(pids[victim], signal.SIGKILL)
            well(nursery.reap(pids[victim]), "killed")
            pids[victim] = born()

    async def main() -> Killed:
        pids = [born(), born()]
        program, names = Program("", Ledger(place.ledger), seed), [f"{place.queue}-{number}" for number in range(runs)]
        try:
            async with TemporalHost(place.url) as host:
                client = host._wire.client  # a task whose worker died is given to another one after so long
                client.start_workflow = partial(client.start_workflow, task_timeout=timedelta(seconds=1))  # type: ignore[method-assign]
                striking = asyncio.create_task(strike(pids))
                ends = await asyncio.gather(
                    *(
                        asyncio.wait_for(_see_to_its_end(host, program, name, number), LIMIT_S)
                        for number, name in enumerate(names)
                    )
                )
                await striking
                said = [await _said(host, name) for name in names]
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            for pid in pids:
                well(nursery.reap(pid), "done")
        lines = program.ledger.lines()
        assert {line.key.partition("/")[0] for line in lines} == set(names), "an effect of nobody"
        return Killed(kills, runs, verdict(said, lines), sum(ends))

    return asyncio.run(main())


async def _see_to_its_end(host: TemporalHost, program: Program, name: str, seed: int) -> int:
    """Do for a run what people do until it has ended as it must; how often a call was uncertain."""
    run: Run = await host.start(GRAPH, {"seed": seed % 2}, id=name)
    resolved: set[str] = set()
    while not run.closed:
        resolved |= {call.id for call in run.uncertain}
        try:
            await program.attend(run)
        except (Refused, RunClosed, Hindered):
            pass  # it moved on meanwhile, or its worker is dead and no other one has it yet
        await asyncio.sleep(0.1)
    assert run.state.status == ENDS[seed % 2], f"{name} ended {run.state.status}"
    return len(resolved)


async def _said(host: TemporalHost, name: str) -> Told:
    """All that the journal of a run says, which must follow from the graph."""
    _, parts = await chapters(host._wire, name, 0)
    said = told(GRAPH, [encode_event(event) for part in parts for event in part.events])
    nothing_twice(said, [f"{name}:ask"])
    return said
