"""The same story on any store: one thing happens at a time, chosen by a seed, so that journals can be compared.

The host is closed and opened again on the way. Nothing of a story depends on how long a store takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

from tests.simulation.stories import some_graph
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, Refused, RunClosed
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.actions import CallTool, Emit
from trellis.model.values import Value
from trellis.stores.base import RunRow, Store
from trellis.testing.clocks import ManualClock

Meddle = Callable[[Host, Run], Awaitable[None]]
STEPS = 40
"""How many things happen in a story at most; then the run is cancelled."""
EFFECTS = {"t": "idempotent", "u": "at_most_once", "v": "pure", "w": "idempotent"}


class Trace(NamedTuple):
    """What a story leaves in the store, and what was seen of it."""

    journal: list[bytes]
    row: RunRow
    seen: list[str]


class Gate:
    """Tools whose calls wait until they are told how they end."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Value]] = {}
        self.tools = Dispatcher()
        for name, effect in EFFECTS.items():
            self.tools.register(name, self._act, effect=effect)  # type: ignore[arg-type]  # one of the words

    async def _act(self, *, request: CallTool, **_: Value) -> Value:
        ending: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self.waiting[request.id] = ending
        try:
            return await ending
        finally:
            del self.waiting[request.id]


async def settled(run: Run, gate: Gate) -> None:
    """Wait until every call that the run wants is at work, none that it gave up, and every signal that it sends is over."""
    async with asyncio.timeout(20):
        while not run.closed:
            wanted = {
                name
                for name, pending in run.state.open.items()
                if isinstance(pending.request, CallTool) and not pending.uncertain
            }
            going = any(pending.cancelling or isinstance(pending.request, Emit) for pending in run.state.open.values())
            if not going and gate.waiting.keys() == wanted:
                return
            await asyncio.sleep(0.0002)


async def grown(run: Run, seq: int) -> None:
    """Wait until something was recorded."""
    async with asyncio.timeout(20):
        while run.state.seq == seq:
            await asyncio.sleep(0.0002)


async def story(opened: Callable[[], Store], seed: int, name: str, meddle: Meddle | None = None) -> Trace:
    """Live the story of a seed in the store that `opened` opens again and again; the same data each time.

    `meddle` may send the run what it must not take, before each thing that happens to it.
    """
    chance, clock = Random(seed), ManualClock()
    graph = some_graph(chance, secrets=False)
    seen: list[str] = []
    steps, over = 0, False
    while not over:
        gate, store = Gate(), opened()
        async with Host(store, gate.tools, clock=clock) as host:
            run = await host.start(graph, {}, id=name)
            seen.append(f"opened at {run.state.seq} {sorted(run.state.position)}")
            while not (over := run.closed):
                await settled(run, gate)
                if run.closed:
                    continue
                if meddle is not None:
                    await meddle(host, run)
                steps += 1
                if steps > STEPS:
                    await run.cancel("enough")
                elif chance.random() < 0.08:
                    break
                else:
                    await _step(run, gate, clock, chance, seen)
            if over and meddle is not None:
                await meddle(host, run)
            if over:
                outcome = await run.result()
                seen += [f"{line}" for line in (outcome.status, outcome.result, outcome.fields, outcome.error)]
        if over:
            row = await store.row(name)
            assert row is not None
            trace = Trace(await store.read(name), row, seen)
            await store.delete(name)
            await store.close()
            return trace
        await store.close()
    raise AssertionError("unreachable")


async def _step(run: Run, gate: Gate, clock: ManualClock, chance: Random, seen: list[str]) -> None:
    """One thing happens to the run, and is recorded or refused."""
    state = run.state
    ways: list[tuple[str, Any]] = [("call", gate.waiting[key]) for key in sorted(gate.waiting)]
    ways += [("ask", question) for question in run.questions]
    ways += [("uncertain", call) for call in run.uncertain]
    ways += [("time", min(timer.due for timer in state.timers.values()))] if state.timers else []
    ways += (
        [("signal", chance.choice(("fault", "later", "later", "interrupt", "nothing")))]
        if chance.random() < 0.15 or not ways
        else []
    )
    kind, what = chance.choice(ways)
    seen.append(f"{kind} {state.seq}")
    try:
        if kind == "call":
            if chance.random() < 0.15:
                what.set_exception(
                    ActionError(chance.choice(("failed", "denied", "odd")), "why", retryable=chance.random() < 0.6)
                )
            else:
                what.set_result(chance.choice((1, 3, "a", None, [1, {"b": 2.5}], "é\u0000")))
            await grown(run, state.seq)
        elif kind == "ask":
            value = chance.choice(what.options) if what.options else chance.choice(("a", "yes", "7", 3, "prod"))
            taken = await run.answer(what.node, value, by="ana", answer_id=f"{state.seq}")
            seen.append(f"answer {taken}")
        elif kind == "uncertain":
            await run.resolve(what.node, 1, again=chance.random() < 0.5)
        elif kind == "time":
            clock.advance(max(what - clock.now(), 0.0))
            async with asyncio.timeout(20):
                while any(timer.due <= clock.now() for timer in run.state.timers.values()):
                    await asyncio.sleep(0.0002)
        else:
            await run.signal(what, signal_id=f"s{state.seq}", **({"why": "x"} if what == "fault" else {}))
    except (Refused, RunClosed) as error:
        seen.append(f"{type(error).__name__} {error}")
