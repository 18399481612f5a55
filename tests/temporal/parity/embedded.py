"""The run performed here, in memory, by a clock that is turned by hand."""

from __future__ import annotations

import asyncio

from tests.temporal.parity.gates import Gates
from tests.temporal.parity.story import Handle, due, going
from trellis.engine import State
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.graph import Graph
from trellis.testing.clocks import ManualClock

PATIENCE_S = 60.0


class Embedded:
    """Plays one run in a host of this process, which has a clock of its own."""

    def __init__(self, host: Host, clock: ManualClock, gates: Gates) -> None:
        self._host, self._clock, self._gates = host, clock, gates
        self._run: Run

    async def start(self, graph: Graph, run: str) -> None:
        self._run = await self._host.start(graph, {"me": run}, id=run)

    async def settled(self) -> dict[str, State]:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                states = self._states()
                if not going(states, self._gates.waiting):
                    if not (wanted := due(states)):
                        return states
                    self._clock.advance(max(min(wanted) - self._clock.now(), 0.0))
                await asyncio.sleep(0)

    def _states(self) -> dict[str, State]:
        runs = {run: live.state for run, live in self._host._driver.runs.items()}
        return {**runs, self._run.id: self._run.state}

    async def handle(self, run: str) -> Handle:
        return self._run if run == self._run.id else Run(self._host._driver.runs[run], self._host)
