"""The same story on any store: one thing happens at a time, chosen by a seed, so that journals can be compared.

The host is closed and opened again on the way. Nothing of a story depends on how long a store takes: the runs that a run
uses go on between two things that happen, and how one of them ended is told when the story says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any, NamedTuple

from tests.simulation.stories import some_graph
from trellis.dispatch import Dispatcher
from trellis.engine.state import Open
from trellis.errors import ActionError, Refused, RunClosed
from trellis.hosts.live import LiveRun
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.actions import CallTool, Emit, Response, StartChild
from trellis.model.events import ActionCompleted, ActionFailed, Event
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
    children: dict[str, tuple[list[bytes], RunRow]]
    """The journal and the row of each run that it used, at any depth."""


class Gate:
    """Tools whose calls wait until they are told how they end, and child runs whose ends wait until they are to be heard."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Value]] = {}
        self.ended: dict[str, Callable[[], None]] = {}
        """Request for a child run that has ended -> what tells the run above."""
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

    def hold(self, host: Host) -> None:
        """Hear of child runs what this gate lets through, and of signals that are sent at once one after the other."""
        children = host._driver.children
        post = children._post

        def held(run: LiveRun, event: Event, reply: None, secret: Any) -> None:
            assert isinstance(event, ActionCompleted | ActionFailed)
            self.ended[event.request] = lambda: post(run, event, reply, secret)

        children._post = held
        attempts, turn = host._driver._attempts, asyncio.Lock()
        deliver = attempts._deliver

        async def one_by_one(sender: LiveRun, request: Emit) -> Response:
            async with turn:
                return await deliver(sender, request)

        attempts._deliver = one_by_one


def family(host: Host) -> list[Run]:
    """The runs that are open: the one of the story, and those that it uses."""
    return [Run(live, host) for _, live in sorted(host._driver.runs.items())]


async def settled(host: Host, run: Run, gate: Gate) -> None:
    """Wait until every call that the runs want is at work, none that they gave up, every signal that they send is over, and
    every child run goes on, or has ended."""
    async with asyncio.timeout(20):
        while not run.closed:
            runs = host._driver.runs
            pending = [(live, name, each) for live in runs.values() for name, each in live.state.open.items()]
            wanted = {name for _, name, each in pending if isinstance(each.request, CallTool) and not each.uncertain}
            if gate.waiting.keys() == wanted and not any(_going(runs, gate, *each) for each in pending):
                return
            await asyncio.sleep(0.0002)


def _going(runs: dict[str, LiveRun], gate: Gate, live: LiveRun, name: str, pending: Open) -> bool:
    """Whether something becomes of it by itself."""
    request = pending.request
    if not isinstance(request, StartChild):
        return pending.cancelling or isinstance(request, Emit)
    if name in gate.ended and name not in live.followers:
        return False
    child = runs.get(request.child)
    if child is None or not pending.cancelling:
        return child is None
    undoes = child.state.rollback is not None and child.state.rollback.back is None
    return not (child.state.ending is not None or (pending.undo and undoes))


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
            gate.hold(host)
            run = await host.start(graph, {}, id=name)
            seen.append(f"opened at {run.state.seq} {sorted(run.state.position)}")
            while not (over := run.closed):
                await settled(host, run, gate)
                if run.closed:
                    continue
                for member in family(host) if meddle is not None else ():
                    assert meddle is not None
                    await meddle(host, member)
                steps += 1
                if steps == STEPS + 1:
                    await run.cancel("enough")
                elif chance.random() < 0.08:
                    break
                else:
                    await _step(host, gate, clock, chance, seen)
            if over and meddle is not None:
                await meddle(host, run)
            if over:
                outcome = await run.result()
                seen += [f"{line}" for line in (outcome.status, outcome.result, outcome.fields, outcome.error)]
        if over:
            rows = {row.run: row for row in await store.rows()}
            assert all(row.status != "running" for row in rows.values()), "a child run outlives the one above"
            journals = {each: await store.read(each) for each in sorted(rows)}
            for each in rows:
                await store.delete(each)
            await store.close()
            row, journal = rows.pop(name), journals.pop(name)
            return Trace(journal, row, seen, {each: (journals[each], rows[each]) for each in journals})
        await store.close()
    raise AssertionError("unreachable")


async def _step(host: Host, gate: Gate, clock: ManualClock, chance: Random, seen: list[str]) -> None:
    """One thing happens to one of the runs, and is recorded or refused."""
    runs = family(host)
    ways: list[tuple[str, Run, Any]] = []
    for run in runs:
        ways += [("call", run, gate.waiting[key]) for key in sorted(run.state.open.keys() & gate.waiting.keys())]
        ways += [("child", run, gate.ended[key]) for key in sorted(run.state.open.keys() & gate.ended.keys())]
        ways += [("ask", run, question) for question in run.questions]
        ways += [("uncertain", run, call) for call in run.uncertain]
    timed = [(timer.due, number) for number, run in enumerate(runs) for timer in run.state.timers.values()]
    if timed:  # of all of them: what is due later comes later
        due, number = min(timed)
        ways.append(("time", runs[number], due))
    if chance.random() < 0.15 or not ways:
        ways.append(("signal", chance.choice(runs), chance.choice(("fault", "later", "later", "interrupt", "nothing"))))
    kind, run, what = chance.choice(ways)
    state = run.state
    seen.append(f"{kind} {state.run} {state.seq}")
    try:
        if kind == "call":
            if chance.random() < 0.15:
                what.set_exception(
                    ActionError(chance.choice(("failed", "denied", "odd")), "why", retryable=chance.random() < 0.6)
                )
            else:
                what.set_result(chance.choice((1, 3, "a", None, [1, {"b": 2.5}], "é\u0000")))
            await grown(run, state.seq)
        elif kind == "child":
            what()
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
                while _due(host, clock.now()):
                    await asyncio.sleep(0.0002)
                    clock.advance(0.0)  # what is due at once rings too
        else:
            await run.signal(what, signal_id=f"s{state.seq}", **({"why": "x"} if what == "fault" else {}))
    except (Refused, RunClosed) as error:
        seen.append(f"{type(error).__name__} {error}")


def _due(host: Host, now: float) -> bool:
    runs = host._driver.runs.values()
    return any(timer.due <= now for live in runs for timer in live.state.timers.values())
