"""One story on virtual time, struck once: at one call of the store, of an action, or at an alarm. Each place in turn.

A call of the store may fail before it wrote anything, or write and lose the answer; the process may die before or after
it. Whatever it is, the run comes to the same end as when nothing happens.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, NamedTuple

from tests.crash.program import ENDS, GRAPH
from tests.reliability import Effected, Verdict, nothing_twice, row_agrees, snapshot_agrees, told, verdict
from tests.simulation.loop import VirtualLoop
from tests.simulation.processes import KNOWN, Process
from tests.simulation.shelf import Dice, LeasedStore, Shelf
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, StoreUnavailable
from trellis.hosts.local import Host
from trellis.model.actions import CallTool

STROKES = ("fails", "loses the answer", "dies before", "dies after")
EFFECTS = {
    "note": "idempotent",
    "flaky": "idempotent",
    "once": "at_most_once",
    "move": "idempotent",
    "back": "idempotent",
}
LONGEST_S = 400.0
"""How long a run may take that was struck once: a lease, and some tries."""


class Ended(NamedTuple):
    """What a story came to, and how many places there were in it."""

    places: int
    ends: tuple[object, ...]
    found: Verdict


class Stage:
    """What a process needs of its world, and the one stroke: at the `at`th place, 0 for none."""

    def __init__(self, loop: VirtualLoop, seed: int, stroke: str, at: int) -> None:
        self.loop, self.chance, self.shelf = loop, Random(seed), Shelf(loop)
        self.dice = Dice(Random(seed))
        self.stroke, self.at, self.count = stroke, at, 0
        self.ledger: list[Effected] = []
        self.seed = seed
        self.trail: list[str] = []
        self.shelf.note = self.note

    def note(self, what: str) -> None:
        self.trail.append(f"{self.loop.time():10.3f} {what}")

    def wrap(self, process: Process, store: LeasedStore) -> Any:
        return Struck(self, process, store)

    def double(self, process: Process, host: Host) -> None:
        """Nothing comes twice here."""

    async def place(self, process: Process, *, store: bool = False) -> bool:
        """A place is reached: die here, if it is the one; whether the store has to fail."""
        self.count += 1
        if self.count != self.at:
            return False
        self.note(f"{process.name} {self.stroke}")
        if store and self.stroke in STROKES[:2]:
            return True
        if self.stroke in STROKES[2:]:
            self.loop.create_task(process.kill())
            await asyncio.Event().wait()
        return False

    def tools(self, process: Process) -> Dispatcher:
        dispatcher = Dispatcher()
        for name, effect in EFFECTS.items():
            dispatcher.register(name, self._tool(process, name), effect=effect)  # type: ignore[arg-type]  # one of the words

        async def doomed() -> None:
            raise ActionError("no", "never", retryable=False)

        dispatcher.register("doomed", doomed, effect="pure")
        return dispatcher

    def _tool(self, process: Process, name: str) -> Any:
        async def act(n: int, *, request: CallTool) -> int:
            await asyncio.sleep(Random(f"{self.seed} {request.id}").choice((0.0, 0.001, 0.2)))
            await self.place(process)
            if name == "flaky" and request.attempt < 3:
                raise ActionError("failed", f"attempt {request.attempt}")
            self.ledger.append(Effected(request.idempotency_key, EFFECTS[name], request.id))
            await self.place(process)
            return n + 1

        return act


class Struck:
    """A store whose calls are places."""

    def __init__(self, stage: Stage, process: Process, store: LeasedStore) -> None:
        self._stage, self._process, self._store = stage, process, store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(found) or name == "close":
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            stage, process = self._stage, self._process
            fails = await stage.place(process, store=True)
            if fails and stage.stroke == "fails":
                raise StoreUnavailable(self._store.url, "not reached; nothing was written")
            answer = await found(*args, **kwargs)
            if fails:
                raise StoreUnavailable(self._store.url, "the answer was lost; whether it was written is unknown")
            await stage.place(process)
            return answer

        return call


async def strike(loop: VirtualLoop, seed: int, stroke: str, at: int) -> Ended:
    """The story of a seed, struck once."""
    stage = Stage(loop, seed, stroke, at)
    try:
        return await _story(stage)
    except BaseException as error:
        error.add_note(f"seed {seed}, {stroke} at {at}")
        error.add_note("\n".join(stage.trail))
        raise


async def _story(stage: Stage) -> Ended:
    runs, shelf, process = ["r-0", "r-1"], stage.shelf, Process(stage, "p-1")
    while [shelf.runs[name].row.status for name in runs if name in shelf.runs].count("running") or len(shelf.runs) < 2:
        assert stage.loop.time() < LONGEST_S, "it does not end"
        if process.store.dead:
            process = Process(stage, f"{process.name}'")
        await asyncio.sleep(0.25)
        if process.failure is not None:
            raise AssertionError("the host gave up") from process.failure
        for number, name in enumerate(runs):
            if not process.up or process.host is None:
                break
            try:
                await process.do(_attend(stage, process.host, name, number))
            except KNOWN as error:
                stage.note(f"{name}: {error}")
    said = []
    for name in runs:
        found = shelf.runs[name]
        said.append(each := told(GRAPH, found.events))
        row_agrees(each, found.index())
        snapshot_agrees(each, found.snapshot)
        nothing_twice(each, [f"{name}:ask"])
    places = stage.count
    await process.kill()
    ends = tuple((each.state.status, each.state.fields) for each in said)
    assert [status for status, _ in ends] == [ENDS[0], ENDS[1]]
    return Ended(places, ends, verdict(said, stage.ledger))


async def _attend(stage: Stage, host: Host, name: str, number: int) -> None:
    run = await host.start(GRAPH, {"seed": number}, id=name)
    for call in run.uncertain:
        had = any(line.key == call.idempotency_key for line in stage.ledger)
        await run.resolve(call.node, int(str(call.args["n"])) + 1 if had else None, again=not had, by="ana")
    for question in run.questions:
        await run.answer(question.node, "a word", answer_id=f"{name}:{question.node}")
