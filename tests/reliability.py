"""One vocabulary for all that proves that nothing is lost: journals, ledgers, what must hold of both, and the figures.

A *ledger* is written by the effects themselves, a line for each time one was had, under its idempotency key. Judged
against the journals it tells what was lost (recorded, but never had), doubled (had again though its effect forbids it)
and redelivered (had again under the same key, which an idempotent effect allows).
"""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from trellis.engine import State, Step, fold
from trellis.model.actions import Attempted, CallTool, Emit, StartChild
from trellis.model.codec import decode_event
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    AttemptBegun,
    Event,
    RunStarted,
    SignalReceived,
)
from trellis.model.graph import Graph
from trellis.model.secrets import mask
from trellis.stores.base import RunRow, Snapshot, Store

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
REPEATABLE = frozenset(("pure", "idempotent"))
"""Effects that may be had again under the same key."""


class Effected(NamedTuple):
    """One line of a ledger: an effect was had."""

    key: str
    effect: str
    request: str = ""


class Ledger:
    """A file of effects that survives its writer: a line is on the disk before `had` returns."""

    def __init__(self, path: Path | str) -> None:
        self.path = str(path)

    def had(self, effected: Effected) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            os.write(file, ("\t".join(effected) + "\n").encode())
            os.fsync(file)
        finally:
            os.close(file)

    def lines(self) -> list[Effected]:
        """All but a torn last line, whose effect was not had to its end."""
        try:
            whole = Path(self.path).read_text(encoding="utf-8").rpartition("\n")[0]
        except FileNotFoundError:
            return []
        return [Effected(*line.split("\t")) for line in whole.splitlines()]


class Told(NamedTuple):
    """What one journal says, folded by the engine alone."""

    events: list[Event]
    steps: list[Step]
    asked: dict[str, tuple[int, Attempted]]
    """Every call that was wanted: its request's id -> the `seq` that handed it out last, and the request."""
    begun: set[str]
    """The requests that may be made at most once, and of which the journal says that they are made."""
    ended: dict[str, int]
    """The request's id -> the `seq` of its outcome."""

    @property
    def state(self) -> State:
        return self.steps[-1].state

    @property
    def completed(self) -> set[str]:
        """The idempotency keys of the calls that are recorded as done, by who did them."""
        done = [event for event in self.events if isinstance(event, ActionCompleted) and not event.by]
        asked = [self.asked[event.request][1] for event in done]
        return {request.idempotency_key for request in asked if not isinstance(request, StartChild)}

    @property
    def begins(self) -> RunStarted:
        """Its first event."""
        first = self.events[0]
        assert isinstance(first, RunStarted)
        return first

    @property
    def never_begun(self) -> set[str]:
        """The child runs of which it was told that they were not begun: they may be there, but never did anything."""
        failed = [
            event for event in self.events if isinstance(event, ActionFailed) and event.message == "it was not begun"
        ]
        asked = [self.asked[event.request][1] for event in failed]
        return {request.child for request in asked if isinstance(request, StartChild)}

    @property
    def children(self) -> list[StartChild]:
        """The child runs that were wanted, in their order."""
        return [request for _, request in self.asked.values() if isinstance(request, StartChild)]


def told(graph: Graph, journal: Sequence[bytes]) -> Told:
    """What a journal says. Fails where it does not follow from the graph, or takes one outcome twice."""
    events = [decode_event(event) for event in journal]
    steps = list(fold(graph, events))
    asked: dict[str, tuple[int, Attempted]] = {}
    begun: set[str] = set()
    ended: dict[str, int] = {}
    for seq, (event, step) in enumerate(zip(events, steps, strict=True), start=1):
        if isinstance(event, ActionCompleted | ActionFailed):
            assert event.request in asked, f"event {seq} is the outcome of {event.request}, which nobody asked for"
            assert event.request not in ended, f"event {seq} is a second outcome of {event.request}"
            if event.request not in step.state.open:  # else its outcome is uncertain, and somebody will find out
                ended[event.request] = seq
        for request in step.requests:
            if isinstance(request, Attempted):
                if isinstance(event, AttemptBegun):  # it was wanted before, and is handed out only now
                    assert asked[request.id][1] == request and request.id not in begun, f"{request.id} was begun twice"
                    begun.add(request.id)
                else:
                    assert request.id not in asked, f"{request.id} was asked for twice"
                asked[request.id] = (seq, request)
        assert step.state.seq == seq, "the count of the state is not that of the journal"
    state = steps[-1].state
    for name in asked.keys() - ended.keys():
        pending = name in state.open
        assert pending or state.closed or _left(steps, name), f"{name} is neither over nor pending"
    return Told(events, steps, asked, begun, ended)


def _left(steps: Sequence[Step], name: str) -> bool:
    """Whether the engine itself gave the request up: it was open once, and then was not."""
    return any(name in step.state.open for step in steps) and name not in steps[-1].state.open


def row_agrees(said: Told, row: RunRow) -> None:
    """What the index says of a run follows from its journal."""
    state = said.state
    assert (row.revision, row.status, row.graph) == (state.seq, state.status, state.graph)
    if state.closed:
        return
    calls = any(isinstance(pending.request, Attempted) for pending in state.open.values())
    moving = any(isinstance(pending.request, CallTool | Emit) for pending in state.open.values())
    if any(isinstance(pending.request, StartChild) for pending in state.open.values()):
        assert row.wake == 0, f"it wakes at {row.wake}, and a child run of it is open"
    earliest = min((timer.due for timer in state.timers.values()), default=None)
    if earliest is not None:
        assert row.wake is not None and row.wake <= earliest, f"it wakes at {row.wake}, its timer is due at {earliest}"
    elif not calls:
        assert row.wake in {None, 0}, f"it wakes at {row.wake} for nothing"
    if not moving:
        assert row.position == tuple(state.tokens)


def family_agrees(journals: Mapping[str, Told]) -> None:
    """Every child run is one that the run above it wanted, and what that one was told of it is how it ended.

    Of a run that has ended, all child runs have. Nothing of a child is lost, and it is told of once: `told` sees to that.
    """
    for name, said in journals.items():
        for child in said.children:
            below = journals.get(child.child)
            end = next((event for event in said.events if _outcome_of(event, child)), None)
            if below is None:
                assert end is not None or not said.state.closed, f"{name} has ended, and {child.child} is not there"
                assert not isinstance(end, ActionCompleted), f"{child.child} has completed, and is not there"
                continue
            begun = below.begins
            assert (begun.parent, begun.request, begun.depth) == (name, child.id, child.depth), (
                f"{child.child} is not its"
            )
            if end is None:
                assert not said.state.closed, f"{name} has ended, and was not told how {child.child} did"
                continue
            assert below.state.closed, f"{child.child} goes on, and {name} was told that it had ended"
            completed = below.state.status == "completed"
            assert completed == isinstance(end, ActionCompleted), f"{child.child} ended otherwise than {name} was told"
            if isinstance(end, ActionCompleted):
                assert mask(end.value) == mask(below.state.result), f"the result of {child.child} is another one"
        parent = said.begins.parent
        if parent:
            assert name in {child.child for child in journals[parent].children}, (
                f"{name} was begun, and nobody wanted it"
            )


def _outcome_of(event: Event, child: StartChild) -> bool:
    return isinstance(event, ActionCompleted | ActionFailed) and event.request == child.id


def snapshot_agrees(said: Told, snapshot: Snapshot | None) -> None:
    """A snapshot is what the events up to it come to."""
    if snapshot is None:
        return
    from trellis.engine.snapshot import decode_state

    assert 0 < snapshot.seq <= len(said.steps)
    assert decode_state(snapshot.data) == said.steps[snapshot.seq - 1].state, "the snapshot is not the fold"


def nothing_twice(said: Told, acknowledged: Iterable[str] = ()) -> None:
    """Answers and signals with an id count once at most, and exactly once where their sender was told so."""
    ids = Counter(event.id for event in said.events if isinstance(event, AnswerGiven | SignalReceived) and event.id)
    assert all(count == 1 for count in ids.values()), f"taken more than once: {ids}"
    lost = set(acknowledged) - ids.keys()
    assert not lost, f"acknowledged, and not recorded: {sorted(lost)}"


async def graph_of(store: Store, row: RunRow) -> Graph:
    """The definition that the run is kept with."""
    data = await store.definition(row.graph)
    assert data is not None, f"run '{row.run}' has lost its definition"
    return Graph.decode(data, row.graph, source=row.source)


async def examine(store: Store, run: str, acknowledged: Iterable[str] = ()) -> Told:
    """All that must hold of one run as a store keeps it."""
    row = await store.row(run)
    assert row is not None, f"run '{run}' is not there"
    said = told(await graph_of(store, row), await store.read(run))
    row_agrees(said, row)
    snapshot_agrees(said, await store.snapshot(run))
    nothing_twice(said, acknowledged)
    return said


class Verdict(NamedTuple):
    """How many effects were lost, doubled, redelivered."""

    lost: int = 0
    doubled: int = 0
    redelivered: int = 0

    def __add__(self, other: object) -> Verdict:
        assert isinstance(other, Verdict)
        return Verdict(self.lost + other.lost, self.doubled + other.doubled, self.redelivered + other.redelivered)


CLEAN = Verdict()


def verdict(journals: Iterable[Told], ledger: Iterable[Effected]) -> Verdict:
    """The ledger against the journals."""
    had: Counter[str] = Counter()
    effects: dict[str, str] = {}
    for line in ledger:
        had[line.key] += 1
        effects[line.key] = line.effect
    recorded = {key for said in journals for key in said.completed}
    again = {key: count - 1 for key, count in had.items() if count > 1}
    return Verdict(
        lost=len(recorded - had.keys()),
        doubled=sum(extra for key, extra in again.items() if effects[key] not in REPEATABLE),
        redelivered=sum(extra for key, extra in again.items() if effects[key] in REPEATABLE),
    )


TITLE = """# Reliability

What the last full run of `make soak` counted; it writes this page itself. `make test` runs a slice of each.

- *points*: places at which something was broken; *seeds*: how often each, every time with other dice
- *lost*: recorded as done, but never had; acknowledged, but not recorded; or a run that did not come to its end
- *doubled*: had or recorded again, where that is not allowed
- *redelivered*: an idempotent effect that was asked for again under the same key, as it may be

| What was broken | Counted |
|---|---|
"""

ROWS: dict[str, str] = {
    "sweep memory": "memory: a host that dies before and after each call of its store and of its actions",
    "sweep file": "files: a process that dies before and after each system call of its store and each of its actions",
    "sweep sqlite": "SQLite: a process that dies before and after each statement, and before and after each action",
    "sweep postgresql": "PostgreSQL: a process that dies before and after each statement, and before and after each action",
    "kills sqlite": "SQLite: `kill -9` at random moments",
    "kills file": "files: `kill -9` at random moments",
    "kills postgresql": "PostgreSQL: `kill -9` of one of several hosts at random moments",
    "kills redis": "Redis: `kill -9` of one of several hosts at random moments",
    "kills temporal": "Temporal: `kill -9` of one of two workers at random moments",
    "steps": "SQLite: `kill -9` of `trellis run` at random moments",
    "simulation": "hosts that crash, stop and wake over one store, whose answers are late, lost or refused; "
    "actions that hang, fail, are had twice; results that come twice, late, forged; clocks that jump",
    "unknown": "memory: calls of the store that fail, and commits whose outcome the host is not told",
    "torn": "SQLite: files cut, flipped, stale or gone",
    "torn file": "files: journals cut, flipped, gone",
    "full": "SQLite and files: a full disk, then room again",
    "clocks": "clocks that jump by an hour back or a year ahead, between and under timers",
    "forged": "results that are late, doubled, misaddressed, forged",
    "zombies": "PostgreSQL: four hosts, stopped for longer than their lease and woken",
    "zombies redis": "Redis: four hosts, stopped for longer than their lease and woken",
    "outages": "PostgreSQL: the server stopped at once, again and again, under load",
    "poison": "values that some store cannot take: refused or kept alike by all",
    "parity": "the same run on every store: journals and rows alike",
    "temporal parity": "the same run in this process and on Temporal: where each thing that happens leads, calls by key, outcomes alike",
    "journals": "journals of earlier versions, replayed",
    "leaks sqlite": "SQLite: runs in one host: memory, files, threads, tasks and leases stay level",
    "leaks postgresql": "PostgreSQL: runs in one host: the same",
    "leaks redis": "Redis: runs in one host: the same",
}
"""What is counted, in the order of the page."""


def say(name: str, points: int, seeds: int, found: Verdict = CLEAN, note: str = "") -> str:
    """Print a figure. Nothing is lost and nothing doubled, or this fails."""
    line = f"{points:,} points x {seeds:,} seeds: {found.lost} lost, {found.doubled} doubled, {found.redelivered:,} redelivered"
    line += f"; {note}" if note else ""
    print(f"{ROWS[name]}: {line}")
    assert (found.lost, found.doubled) == (0, 0), f"{name}: {line}"
    return line


def publish(name: str, points: int, seeds: int, found: Verdict = CLEAN, note: str = "", *, page: Path = PAGE) -> None:
    """Print a figure, and write it to its row of the page. Only soak tests do."""
    line = say(name, points, seeds, found, note)
    with open(page, "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the tests of a soak run may share the two cores
        file.seek(0)
        kept = dict(row.strip("| \n").rsplit(" | ", 1) for row in file if row.startswith("| ") and row[2] != "W")
        kept[ROWS[name]] = line
        rows = "".join(f"| {what} | {kept[what]} |\n" for what in ROWS.values() if what in kept)
        file.truncate(0)
        file.write(TITLE + rows)
