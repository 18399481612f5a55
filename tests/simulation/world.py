"""A world in one seed: processes that crash, stop and wake over one shelf, and people who start, answer and cancel runs.

Runs use others: a child run has a journal, an owner and misfortunes of its own, and is judged as any run; beside that, all
of its family are over when the run above ends, and that one was told of each once, and what is true.

Nothing here is real but the hosts: every wait is virtual, every misfortune is thrown by the dice of the seed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from tests.reliability import (
    Effected,
    Told,
    Verdict,
    family_agrees,
    nothing_twice,
    row_agrees,
    snapshot_agrees,
    told,
    verdict,
)
from tests.simulation.duties import EFFECTS, Begun, begun_well, nobody_gave_up, told_of, unattended
from tests.simulation.families import Families
from tests.simulation.loop import VirtualLoop
from tests.simulation.processes import KNOWN, Process
from tests.simulation.shelf import LEASE_S, Crashed, Dice, LeasedStore, Shelf
from tests.simulation.stories import some_graph
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, Refused, RunClosed, TrellisError
from trellis.hosts import driver, releasing, serving
from trellis.hosts.commands import Answer, Signal
from trellis.hosts.live import LiveRun
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.actions import CallTool, RequestInput
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    Event,
    SignalReceived,
    TimerFired,
)
from trellis.model.graph import Graph
from trellis.model.values import Value
from trellis.stores.base import Store

YEAR_S = 366 * 86400.0
CHAOS_S = 90.0
"""How long the dice are against everybody."""


class Outcome(NamedTuple):
    """What one seed came to."""

    runs: int
    events: int
    begun: int
    faults: dict[str, int]
    found: Verdict


class World:
    """Everything of one seed."""

    def __init__(self, loop: VirtualLoop, seed: int) -> None:
        self.loop, self.seed = loop, seed
        self.chance = Random(seed)
        chance = self.chance
        self.dice = Dice(
            Random(chance.random()),
            fail=chance.choice((0.0, 0.0, 0.02, 0.1)),
            unknown=chance.choice((0.0, 0.05, 0.05, 0.2)),
            slow=chance.choice((0.0, 0.02, 0.1)),
        )
        self.shelf = Shelf(loop)
        self.shelf.note = self.note
        self.graphs = [some_graph(chance) for _ in range(chance.choice((1, 1, 2)))]
        self.processes: list[Process] = []
        self.ledger: list[Effected] = []
        self.begun: list[Begun] = []
        self.started: dict[str, Graph] = {}
        self.families = Families(self.shelf, self.started, self.note)
        self.shelf.over = self.families.over
        self.confirmed: set[str] = set()
        """The runs that somebody was told have started."""
        self.acknowledged: dict[str, set[str]] = {}
        """Run -> the ids of answers and signals that somebody was told are taken."""
        self.trail: list[str] = []
        self.number = 0

    def note(self, what: str) -> None:
        self.trail.append(f"{self.loop.time():10.3f} {what}")

    # -- tools

    def wrap(self, process: Process, store: LeasedStore) -> Store:
        return store

    def tools(self, process: Process) -> Dispatcher:
        dispatcher = Dispatcher()
        for name, effect in EFFECTS.items():
            dispatcher.register(name, self._tool(process, name), effect=effect)  # type: ignore[arg-type]  # one of the words
        return dispatcher

    def _tool(self, process: Process, name: str) -> Any:
        async def act(*, request: CallTool, **_: Value) -> Value:
            found = self.shelf.runs[request.run]
            self.begun.append(
                Begun(process.name, request, len(found.events), found.row.status != "running", found.writer)
            )
            chance = self.dice.random
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.01, 1.0, 4.0, 7.0)))
            await process.store._gate()
            fate = chance.random()
            if fate < 0.03:  # it never gets through, and nobody says so
                await asyncio.Event().wait()
            fails = 0.11 <= fate < 0.22
            times = 2 if fate < 0.08 and EFFECTS[name] == "idempotent" else 1
            if fails and EFFECTS[name] == "at_most_once":  # what says that it failed was not had: it may be tried again
                times = 0
            for _again in range(times):
                self.ledger.append(Effected(request.idempotency_key, EFFECTS[name], request.id))
            if 0.08 <= fate < 0.11:  # it was had, and the report of it is lost
                await asyncio.Event().wait()
            await asyncio.sleep(chance.choice((0.0, 0.0, 0.01, 2.0)))
            await process.store._gate()
            if fails:
                raise ActionError(
                    chance.choice(("failed", "denied", "strange")), "why", retryable=chance.random() < 0.7
                )
            return chance.choice((1, 3, 3, "a", None, True, "prod", [1]))

        return act

    def double(self, process: Process, host: Host) -> None:
        """Let outcomes of this host's attempts come twice, the second time at once or much later."""
        driver = host._driver
        post = driver._attempts._post

        def doubling(run: LiveRun, event: Event, reply: None, secret: Any) -> None:
            post(run, event, reply, secret)
            if self.dice.random.random() < 0.1:
                self.dice.strike("doubled")
                again = process._held(lambda: post(run, event, None, None))
                self.loop.call_later(self.dice.random.choice((0.0, 1.0, 20.0)), again)

        driver._attempts._post = doubling

    # -- people

    def _some(self) -> Process | None:
        up = [process for process in self.processes if process.up]
        return self.chance.choice(up) if up else None

    async def start(self) -> None:
        """Somebody starts a run, and asks again under the same request until it is told that it has started."""
        self.number += 1
        name, graph, request = f"r-{self.number}", self.chance.choice(self.graphs), f"q-{self.number}"
        self.started[name] = graph
        for attempt in range(20):
            process = self._some()
            if process is None or process.host is None:
                await asyncio.sleep(1)
                continue
            try:
                run = await process.do(process.host.start(graph, {}, id=name, request_id=request))
                assert run.id == name
                self.confirmed.add(name)
                self.note(f"started {name} at {process.name}, attempt {attempt + 1}")
                return
            except KNOWN as error:
                self.note(f"start of {name} at {process.name}: {error}")
                await asyncio.sleep(self.chance.choice((0.1, 1.0, 5.0)))

    async def _on(self, name: str, message: str, work: Any) -> None:
        """Somebody wants something of a run, under an id of theirs, twice at times though it was taken."""
        self.number += 1
        word = f"m-{self.number}"
        for _ in range(self.chance.choice((1, 2, 3))):
            process = self._some()
            if process is None or process.host is None:
                return
            try:
                taken = await process.do(work(process.host, word))
                self.note(f"{message} {word} for {name} at {process.name}: {taken}")
                if taken == "taken":  # though it is a second time: then it was taken before
                    self.acknowledged.setdefault(name, set()).add(word)
                if self.chance.random() < 0.8:
                    return
            except KNOWN as error:
                self.note(f"{message} {word} for {name} at {process.name}: {type(error).__name__} {error}")
                await asyncio.sleep(self.chance.choice((0.1, 1.0)))
            except TrellisError as error:
                raise AssertionError(f"{message} of {name}: {error!r}") from error

    def _pick(self) -> str | None:
        running = [name for name, found in self.shelf.runs.items() if found.row.status == "running"]
        return self.chance.choice(running) if running else None

    async def answer(self) -> None:
        name = self._pick()
        if name is not None:
            value = self.chance.choice(("a", "yes", "prod", "7", 3, True, None, "a word"))

            async def work(host: Host, word: str) -> str:
                asked = self.asked(name)
                if not asked:
                    return "nothing asked"
                question = self.chance.choice(asked)
                chosen = self.chance.choice(question.options) if question.options else value
                reply = await host.send(name, Answer(question.node, chosen, "ana", word))
                return "taken" if reply.check(name) else "refused"

            await self._on(name, "answer", work)

    async def signal(self) -> None:
        name = self._pick()
        if name is not None:
            signal = self.chance.choice(("interrupt", "fault", "fault", "later", "later", "undeclared"))

            async def work(host: Host, word: str) -> str:
                if self.chance.random() < 0.5:  # whoever wants to drive it first asks for its handle
                    run = await self.reach(host, name)
                    await run.signal(signal, signal_id=word, **({"why": "x"} if signal == "fault" else {}))
                    return "taken"
                data: dict[str, Value] = {"why": "x"} if signal == "fault" else {}
                return "taken" if (await host.send(name, Signal(signal, data, "", word))).check(name) else "refused"

            await self._on(name, signal, work)

    async def cancel(self) -> None:
        """Somebody ends a run, and with it all that it uses; or ends one that another run uses."""
        name = self._pick()
        if name is not None and self.chance.random() < 0.5:

            async def work(host: Host, _word: str) -> str:
                await (await self.reach(host, name)).cancel("enough")
                return "ended"

            await self._on(name, "cancel", work)

    def asked(self, name: str) -> list[RequestInput]:
        """What the run asks now, as whoever drives it says; else as its journal says."""
        for process in self.processes:
            live = process.host._driver.runs.get(name) if process.host is not None else None
            if live is not None and self.shelf.runs[name].owner == process.name:
                return live.questions
        opened = told(self.families.graph_of(name), self.shelf.runs[name].events).state.open.values()
        return [pending.request for pending in opened if isinstance(pending.request, RequestInput)]

    async def reach(self, host: Host, name: str) -> Run:
        return await host.resume(name)

    async def forge(self) -> None:
        """A result for what was never asked, is over, or is another run's."""
        process = self._some()
        runs = list(process.host._driver.runs.values()) if process is not None and process.host is not None else []
        if process is None or process.host is None or not runs:
            return
        live = self.chance.choice(runs)
        open_now = set(live.state.open) | set(live.state.timers)
        ids = [begun.request.id for begun in self.begun if begun.request.id not in open_now]
        some = self.chance.choice([*ids, f"{live.id}:99:0", "", "r-0:1:0"])
        at = process.clock.now()
        event: Event = self.chance.choice(
            (
                ActionCompleted(at, some, 1),
                ActionFailed(at, some, "failed"),
                TimerFired(at, some),
                AnswerGiven(at, "nowhere", "x"),
                SignalReceived(at, "undeclared"),
            )
        )
        self.dice.strike("forged")
        process.host._driver.post(live, event)

    # -- misfortunes

    def born(self, offset: float = 0.0) -> Process:
        process = Process(self, f"p-{len(self.processes) + 1}", offset)
        self.processes.append(process)
        return process

    async def misfortune(self) -> None:
        chance = self.chance
        alive = [process for process in self.processes if not process.store.dead]
        kind = chance.choice(("crash", "crash", "stop", "stop", "clock", "outage", "none", "none"))
        self.dice.strike(kind)
        if kind == "outage":
            self.note("outage")
            self.shelf.outage = True
            await asyncio.sleep(chance.choice((1.0, 5.0, 25.0)))
            self.shelf.outage = False
            self.note("outage over")
        if not alive:
            return
        victim = chance.choice(alive)
        if kind == "crash":
            self.note(f"kill {victim.name}")
            await victim.kill()
            await asyncio.sleep(chance.choice((0.0, 1.0, 15.0)))
            born = self.born(victim.clock.offset)
            self.note(f"born {born.name}")
        elif kind == "stop":
            self.note(f"stop {victim.name}")
            victim.stop()
            await asyncio.sleep(chance.choice((0.5, 5.0, 1.5 * LEASE_S, 3 * LEASE_S)))
            victim.wake()
            self.note(f"wake {victim.name}")
        elif kind == "clock":
            victim.jumped = True
            victim.clock.offset += chance.choice((-3600.0, -30.0, 0.5, 30.0, 3600.0, YEAR_S))
            self.note(f"clock of {victim.name} off by {victim.clock.offset}")

    # -- the story

    async def chaos(self) -> None:
        chance = self.chance
        for _ in range(chance.choice((1, 2, 2, 3))):
            self.born(chance.choice((0.0, 0.0, 0.3, -2.0)))
        doing = [self.loop.create_task(self.start()) for _ in range(chance.choice((1, 1, 2, 3)))]
        acts = [
            self.answer,
            self.answer,
            self.answer,
            self.misfortune,
            self.misfortune,
            self.forge,
            self.signal,
            self.cancel,
        ]
        while self.loop.time() < CHAOS_S:
            await asyncio.sleep(chance.choice((0.0, 0.5, 2.0, 6.0)))
            act = chance.choice(acts) if len(self.started) > 3 or chance.random() < 0.95 else self.start
            doing.append(self.loop.create_task(act()))
        await asyncio.gather(*doing)
        self.dice.calm()
        self.shelf.outage = False

    async def aftermath(self) -> None:
        """All is well from now on: nothing that is due waits longer than two leases for somebody to see to it."""
        if not [process for process in self.processes if not process.store.dead]:
            self.born()
        await asyncio.sleep(3 * LEASE_S)
        nobody_gave_up(self.processes)
        self.nobody_outlives()
        now = min(process.clock.now() for process in self.processes if process.up)
        for name, found in self.shelf.runs.items():
            self.keeps(name)
            row = found.row
            if row.status == "running" and row.wake is not None and row.wake <= now - 2 * LEASE_S:
                owner = next(
                    (process for process in self.processes if process.name == found.owner and process.up), None
                )
                assert owner is not None, (
                    f"{name} is stranded, due at {row.wake}, now {now}: {told_of(self.processes, self.shelf, name)}"
                )
                assert owner.host is not None
                driven = owner.host._driver.runs.get(name)
                assert driven is not None, f"{name} is owned by {owner.name}, which does not drive it"
                on_time = row.wake == 0 or row.wake > owner.clock.now() - 2 * LEASE_S
                assert on_time or owner.jumped, f"{name} is late at {owner.name}"
                for key in unattended(driven):  # unless its outcome came at this very instant
                    await asyncio.sleep(0.25)
                    assert key not in unattended(driven), f"{key} is open, and nobody at {owner.name} is at it"

    def nobody_outlives(self) -> None:
        outlived = self.families.outlived
        assert not outlived, f"they outlive the run above: {outlived}"
        left = [name for name in self.families.late if self.shelf.runs[name].row.status == "running"]
        assert not left, f"they were written after the end of the run above, and nobody ends them: {left}"

    async def end(self) -> None:
        """Everybody dies; somebody comes much later, when everything is due, and brings each run to its end."""
        for process in self.processes:
            if not process.store.dead:
                await process.kill()
        self.calm_tools()
        await asyncio.sleep(2 * LEASE_S)
        last = self.born(3 * YEAR_S)
        for turn in range(400):
            await asyncio.sleep(5)
            if last.failure is not None:
                raise last.failure
            left = [name for name, found in self.shelf.runs.items() if found.row.status == "running"]
            if not left:
                return
            assert last.host is not None
            for name in left:
                try:
                    await last.do(self._push(last.host, name, cancel=turn > 60))
                except (RunClosed, Refused):
                    continue
        raise AssertionError("there are runs that do not end")

    def calm_tools(self) -> None:
        self.dice.random = Calm(self.dice.random.random())

    async def _push(self, host: Host, name: str, *, cancel: bool) -> None:
        run = await self.reach(host, name)
        if run.closed:
            return
        for call in run.uncertain:
            had = any(line.key == call.idempotency_key for line in self.ledger)
            await run.resolve(call.node, 1, again=not had)
        for question in run.questions:
            await run.answer(
                question.node, question.options[0] if question.options else self.chance.choice(("7", "yes"))
            )
        if cancel:
            await run.cancel("enough")

    # -- what must hold

    def keeps(self, name: str) -> Told:
        """What the journal of a run says, once it is known that all that is kept of it agrees."""
        found = self.shelf.runs[name]
        said = told(self.families.graph_of(name), found.events)
        row_agrees(said, found.index())
        snapshot_agrees(said, found.snapshot)
        nothing_twice(said, self.acknowledged.get(name, ()))
        assert found.epochs == sorted(found.epochs), "an owner that was displaced wrote"
        return said

    def judge(self) -> Outcome:
        """The invariants, of every run and of all that was done for them."""
        journals: list[Told] = []
        missing = self.confirmed - self.shelf.runs.keys()
        assert not missing, f"told to have started, and not there: {missing}"
        for name in self.shelf.runs:
            journals.append(said := self.keeps(name))
            assert said.state.closed
        by_name = dict(zip(self.shelf.runs, journals, strict=True))
        family_agrees(by_name)
        self.nobody_outlives()
        begun_well(self.begun, by_name)
        return Outcome(
            len(journals),
            sum(len(said.events) for said in journals),
            len(self.begun),
            self.dice.struck,
            verdict(journals, self.ledger),
        )


class Calm(Random):
    """Dice that always fall well: tools answer at once, and succeed."""

    def random(self) -> float:
        return 0.99

    def choice(self, seq: Any) -> Any:
        return seq[0]


@contextmanager
def small(chance: Random) -> Iterator[None]:
    """In half of the worlds hosts keep few idle runs in memory, and leave snapshots at every turn of the road."""
    sizes = chance.choice(((driver.SNAPSHOT_EVERY, releasing.WORTH_A_SNAPSHOT, serving.IDLE), (3, 1, 0)))
    before = driver.SNAPSHOT_EVERY, releasing.WORTH_A_SNAPSHOT, serving.IDLE
    driver.SNAPSHOT_EVERY, releasing.WORTH_A_SNAPSHOT, serving.IDLE = sizes
    try:
        yield
    finally:
        driver.SNAPSHOT_EVERY, releasing.WORTH_A_SNAPSHOT, serving.IDLE = before


async def live(loop: VirtualLoop, seed: int) -> Outcome:
    """The story of one seed. Raises AssertionError, with what led to it, where something that must hold does not."""
    logging.getLogger("trellis").addHandler(logging.NullHandler())
    world = World(loop, seed)
    try:
        with small(world.chance):
            await world.chaos()
            await world.aftermath()
            await world.end()
        outcome = world.judge()
        for fault in loop.faults:
            error = fault.get("exception")
            if error is not None and not isinstance(error, (Crashed, asyncio.CancelledError, *KNOWN)):
                raise AssertionError(f"nobody caught {error!r}") from error
    except BaseException as error:
        error.add_note("\n".join(world.trail))
        raise
    return outcome
