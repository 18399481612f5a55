"""A run on Temporal as its client knows it: its journal folded by the client's own engine, as far as it was told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

import msgspec

from trellis.engine import State, Step, fold, fold_from, start
from trellis.engine.answers import INVALID_ANSWER
from trellis.engine.snapshot import decode_state
from trellis.engine.state import ErrorFacts, Refusal, Status
from trellis.errors import HostClosed, StoreCorrupt, StoreUnavailable, TrellisError, UnknownRun
from trellis.hosts.clock import Clock, pause
from trellis.hosts.lines import entered
from trellis.hosts.live import LiveRun
from trellis.hosts.temporal.address import NotPermitted
from trellis.hosts.temporal.messages import Begin, Ended, Journal
from trellis.hosts.temporal.wire import LOOK_S, Described, Hindered, NotPolled, Wire
from trellis.model.actions import RequestInput
from trellis.model.events import Adopted, Event, RunStarted
from trellis.model.graph import Graph

log = logging.getLogger("trellis")

PATIENCE_S = 60.0
"""How long a server may be away before a client that follows a run gives up."""
AGAIN_S = 1.0
_Given = TypeVar("_Given")
_events = msgspec.json.Decoder(list[Event]).decode


class Chapter(msgspec.Struct, frozen=True):
    """A part of a run's journal: the state that it goes on from, the nodes that were entered before, and its events."""

    state: State | None
    visited: list[str]
    events: list[Event]
    execution: str = ""
    before: str = ""
    """The execution before it."""

    @property
    def base(self) -> int:
        return self.state.seq if self.state is not None else 0

    def after(self, seq: int) -> Chapter:
        """The same without the events up to this one."""
        return msgspec.structs.replace(self, events=self.events[max(seq - self.base, 0) :])


class Graphs:
    """The definitions of runs on Temporal, each decoded and linked once."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._known: dict[tuple[str, str], Graph] = {}

    def add(self, graph: Graph) -> Graph:
        """The graph by which all runs of this definition and source are followed here."""
        return self._known.setdefault((graph.hash, graph.source), graph)

    async def of(self, run: str) -> Graph:
        """The definition that the run goes by now. Raises UnknownRun, StoreError."""
        found = await self.wire.describe(run)
        if not found.graph:  # whoever started it left nothing to tell it by
            return self.add((await self.wire.begun(run))[1])
        return await self.get(run, found.graph, found.source)

    async def get(self, run: str, digest: str, source: str) -> Graph:
        """A definition of the run. Raises UnknownRun, StoreError."""
        known = self._known.get((digest, source))
        if known is not None:
            return known
        graph = self.add((await self.wire.begun(run))[1])
        return graph if graph.hash == digest else self.add(await self.wire.definition(run, digest, source))


async def chapters(wire: Wire, run: str, after: int, execution: str = "") -> tuple[Journal, list[Chapter]]:
    """What happened to a run after `after`, up to its last execution or this one: how it stands then, and the parts of its
    journal, oldest first.

    Executions that the server keeps no more are left out; then the first chapter has a state to go on from. Raises
    UnknownRun, NotPolled, StoreUnavailable.
    """
    now = journal = await wire.journal(run, after, execution)
    found = [_chapter(journal)]
    while journal.base > after and journal.before:
        try:
            journal = await wire.journal(run, after, journal.before)
        except UnknownRun:
            break
        found.insert(0, _chapter(journal))
    return now, found


def _chapter(journal: Journal) -> Chapter:
    state = decode_state(bytes(journal.state)) if journal.base else None
    return Chapter(
        state, journal.visited, _events(msgspec.json.encode(journal.events)), journal.execution, journal.before
    )


async def steps(graphs: Graphs, run: str, source: str, told: list[Chapter], since: State | None) -> Iterator[Step]:
    """The steps after the state `since` that these chapters come to. Raises StoreCorrupt, ReplayError."""
    state = since
    events: list[Event] = []
    for chapter in told:
        if chapter.state is not None and chapter.base > (state.seq if state is not None else 0) + len(events):
            state, events = chapter.state, []  # what was before is not kept any more
        events += chapter.events
    later = {event.graph: await graphs.get(run, event.graph, source) for event in events if isinstance(event, Adopted)}
    if state is not None:
        return fold_from(await graphs.get(run, state.graph, source), state, events, later.__getitem__)
    if not events:
        return iter(())
    if not isinstance(events[0], RunStarted):
        raise StoreCorrupt(graphs.wire.url, f"the journal of run '{run}' does not begin with its start")
    return fold(await graphs.get(run, events[0].graph, source), events, later.__getitem__)


async def stands(
    graphs: Graphs, found: Described, begin: Begin, graph: Graph
) -> tuple[State, list[str], list[Chapter]]:
    """The state of a run, the nodes that it entered, and what told them; of one that has ended, where no worker tells, its
    end.

    Raises NotPolled or Hindered for an open run, UnknownRun, StoreError.
    """
    wire, run, state, visited, told = graphs.wire, found.run, None, list[str](), list[Chapter]()
    try:
        _, told = await chapters(wire, run, 0)
        visited += told[0].visited
        for step in await steps(graphs, run, begin.source, told, None):
            state = step.state
            visited += entered(step)
    except (NotPolled, Hindered):
        if found.ended is None:
            raise
    if state is not None and (state.closed or found.ended is None):
        return state, visited, told
    return *await ended_state(wire, found, begin, graph, state), told


async def ended_state(
    wire: Wire, found: Described, begin: Begin, graph: Graph, state: State | None = None
) -> tuple[State, list[str]]:
    """The state of a run that has ended as its server has it, and the nodes that it entered. `state`: what is known else."""
    if state is None and begin.carried is not None:
        state = decode_state(bytes(begin.carried.state))
    if state is None:
        begun = begin.started or RunStarted(found.began, found.run, begin.graph)
        state = start(graph, msgspec.structs.replace(begun, run=found.run, at=found.began)).state
    ended = await wire.ended(found.run)
    return last_step(state, ended, found.ended).state, ended.visited


def in_common(before: list[Chapter], now: list[Chapter]) -> int:
    """The number of the last event up to which both tell the same; that before the first that is told now, if none."""
    known = {chapter.base + number: event for chapter in before for number, event in enumerate(chapter.events, 1)}
    last = now[0].base
    if any(chapter.base == last for chapter in before):
        for chapter in now:
            for event in chapter.events:
                if known.get(last + 1) != event:
                    return last
                last += 1
    return last


class Following:
    """A run, and whoever asks the server what happens to it. Nothing is asked before somebody wants to know."""

    def __init__(self, wire: Wire, graphs: Graphs, clock: Clock, live: LiveRun, tell: Callable[[str], None]) -> None:
        self.live = live
        self._tell, self._said = tell, set[str]()
        self._wire, self._graphs, self._clock = wire, graphs, clock
        self.before: list[str] = []
        """The nodes that were entered when it was found."""
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._closing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.executions = dict[str, None]()
        """Those of its workflow that told what is known of it, oldest first."""
        self.known = live.origin is not None
        """Whether the state is what the journal says; else it is what the start comes to."""

    def follow(self) -> None:
        """From now on ask what happens, until the run has ended. Said again, nothing changes."""
        if self._task is None and not self.live.closed.done():
            self._task = asyncio.get_running_loop().create_task(self._follow(), name=f"trellis follow {self.live.id}")

    @property
    def following(self) -> bool:
        return self._task is not None

    async def stop(self) -> None:
        """Ask no more; who waits is told HostClosed."""
        if not self._closing.done():
            self._closing.set_result(None)
        if self._task is not None:
            await asyncio.wait([self._task])
        self.live.end(HostClosed(self.live.id))

    async def catch_up(self) -> None:
        """Take in what has happened. Raises UnknownRun, NotPolled, StoreUnavailable, StoreCorrupt, ReplayError."""
        async with self._lock:
            live = self.live
            if live.closed.done():
                return
            after = live.state.seq if self.known else 0
            now, told = await chapters(self._wire, live.id, after)
            if self._anew(told[0], after):
                now, told = await self._go_back()
                told = [chapter.after(live.state.seq) for chapter in told]
            since = live.state if self.known else None
            if since is not None and told[0].base > since.seq:
                live.visited += told[0].visited[len(live.visited) :]
            for step in await steps(self._graphs, live.id, live.row.source, told, since):
                if step.state.graph != live.graph.hash:
                    live.become(await self._graphs.get(live.id, step.state.graph, live.row.source), live.router)
                if self.known or step.state.seq > live.state.seq:
                    live.advance(step)
                else:  # what the start came to was reckoned before
                    live.state = step.state
            self.executions |= dict.fromkeys(chapter.execution for chapter in told)
            self.known = True
            if live.state.closed or now.closed:
                live.end()

    def _anew(self, oldest: Chapter, after: int) -> bool:
        """Whether what is told does not go on from what is known of the run."""
        if not self.executions or oldest.execution in self.executions or oldest.base > after:
            return False
        return not (oldest.before in self.executions and oldest.base == after)

    async def _go_back(self) -> tuple[Journal, list[Chapter]]:
        """Somebody has reset the run: forget what no longer holds of it. Gives all that happened to it, as `chapters` does."""
        live, before = self.live, list[Chapter]()
        try:
            _, before = await chapters(self._wire, live.id, 0, next(reversed(self.executions)))
        except UnknownRun:
            pass  # it was removed: then nothing is known to be as it was
        now, told = await chapters(self._wire, live.id, 0)
        kept, state, visited = in_common(before, told), told[0].state, list(told[0].visited)
        for step in await steps(self._graphs, live.id, live.row.source, told, None):
            if state is None:
                state = msgspec.structs.replace(step.state, seq=0)
            if step.state.seq > kept:
                break
            state = step.state
            visited += entered(step)
        assert state is not None  # a journal has a beginning, or goes on from a state
        if state.graph != live.graph.hash:
            live.become(await self._graphs.get(live.id, state.graph, live.row.source), live.router)
        if live.origin is not None and live.origin.seq > state.seq:
            live.origin, self.before = (state, visited) if state.seq else (None, [])
        live.go_back(state, visited[len(self.before) :] if live.origin is not None else visited)
        self.executions.clear()
        self.known = state.seq > 0
        self._tell(
            f"run '{live.id}' was reset: what it did after event {state.seq} no longer counts, and it goes on from there"
        )
        return now, told

    async def _follow(self) -> None:
        live, execution, token, over = self.live, "", b"", False
        try:
            while not live.closed.done():
                if over:
                    await self._end()
                    return
                news = await self.patiently(lambda: self._wire.news(live.id, execution, token))  # noqa: B023 - awaited here
                token, over, then = news.token, news.over, news.then
                if news.terminated:
                    found = await self.patiently(lambda: self._wire.describe(live.id))
                    over, then = found.ended is not None, found.execution
                if then and not over:
                    execution, token = then, b""
                if news.moved and not over:
                    await self.patiently(self.catch_up)
                elif not news.moved:
                    await self._look_for_workers()
        except TrellisError as error:
            live.end(error)
        except Exception as error:
            log.exception("a fault while run '%s' was followed", live.id)
            live.end(error)

    async def _end(self) -> None:
        """The workflow is over: take in the rest, or, where no worker tells it or somebody ended it past them, its end."""
        live = self.live
        try:
            await self.catch_up()
        except StoreUnavailable as error:
            log.info("the last events of run '%s' cannot be had: %s", live.id, error)
        if live.closed.done():
            return
        ended = await self.patiently(lambda: self._wire.ended(live.id))
        async with self._lock:  # whoever takes in what has happened meanwhile has the events themselves
            if not live.closed.done():
                live.advance(last_step(live.state, ended))
                live.end()

    async def patiently(self, ask: Callable[[], Awaitable[_Given]]) -> _Given:
        """What `ask` gives, asked again while the server is away for a while, or no worker does what it is to do.

        Raises UnknownRun, StoreError; StoreUnavailable where the server is away for longer, or permits it not, HostClosed.
        """
        since: float | None = None
        hindered = False
        while True:
            try:
                return await self._or_closing(ask())
            except (NotPolled, Hindered) as error:
                if hindered:  # a worker that has just begun may not have been heard of
                    self.say(str(error))
                hindered, since = True, None
            except NotPermitted:
                raise
            except StoreUnavailable:
                since = since if since is not None else self._clock.now()
                if self._clock.now() - since > PATIENCE_S:
                    raise
            await self._or_closing(pause(self._clock, AGAIN_S))

    async def _or_closing(self, asking: Awaitable[_Given]) -> _Given:
        """What is waited for. Raises HostClosed where nobody follows the run any more."""
        task = asyncio.ensure_future(asking)
        either: set[asyncio.Future[Any]] = {task, self._closing}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise HostClosed(self.live.id)
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _look_for_workers(self) -> bool:
        """Whether anybody works on the queue; where nobody does, it is said. One that has just begun is heard of soon."""
        if await self.patiently(self._wire.polled):
            return True
        await self._or_closing(pause(self._clock, AGAIN_S))
        if await self.patiently(self._wire.polled):
            return True
        self.say(str(self._wire.not_polled()))
        return False

    async def watch_workers(self) -> None:
        """Look from time to time whether anybody works on the queue, and say where nobody does."""
        while True:
            await pause(self._clock, LOOK_S)
            if await self._look_for_workers() and (why := await self._wire.why_stuck(self.live.id)):
                self.say(why)

    def ask_again(self, question: RequestInput) -> None:
        """Let whoever listens know of a question that was answered wrongly."""
        refusal = Refusal(INVALID_ANSWER, question.reason)
        self.live.tell(Step(self.live.state, (question,), refusal=refusal))

    def say(self, what: str) -> None:
        """Tell what the run waits for that is amiss; the same is told once."""
        if what not in self._said:
            self._said.add(what)
            self._tell(f"run '{self.live.id}' waits: {what}")


def last_step(state: State, ended: Ended, at: float | None = None) -> Step:
    """The end of a run as its workflow has it, for whoever knows the run only up to `state`."""
    facts = ended.error
    error = msgspec.convert(facts, ErrorFacts) if facts is not None else None
    over = msgspec.structs.replace(
        state,
        seq=state.seq + 1,
        at=state.at if at is None else at,
        status=cast("Status", ended.status),
        result=ended.result,
        fields={**state.fields, **ended.fields},
        error=error,
        tokens={},
        open={},
        timers={},
        undo_failures=tuple(ended.undo_failures),
    )
    return Step(over, (), (("run.finished", {"status": ended.status, "result": ended.result}),))
