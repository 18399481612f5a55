"""The promise of a store with leases, kept in dicts on virtual time, by as many owners as open it.

It is slow to answer, it fails before or after it wrote, and it loses the answer, all by the dice it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random
from typing import TypeVar

from msgspec.structs import replace

from tests.simulation.loop import PROCESS, VirtualLoop
from trellis.errors import Conflict, RunOwned, StoreError, StoreUnavailable, TooManyRuns, UnknownRun
from trellis.model.codec import decode_event
from trellis.model.events import RunStarted
from trellis.model.values import Value
from trellis.stores.base import Due, Hear, RunRow, Snapshot, Turn

T = TypeVar("T")

LEASE_S = 10.0
"""How long an owner lives that does not renew."""


class Crashed(BaseException):
    """What the code of a process that was killed gets from everything it still touches."""


class Journal:
    """One run: what is kept of it, and who wrote it under which epoch."""

    def __init__(self, row: RunRow, events: Sequence[bytes], definitions: Mapping[str, bytes], owner: str) -> None:
        self.row, self.events, self.definitions = row, list(events), set(definitions)
        self.snapshot: Snapshot | None = None
        self.owner, self.epoch = owner, 1
        self.epochs = [1] * len(events)
        """Under which epoch each event was written."""
        self.writer = owner
        begun = decode_event(self.events[0])
        self.parent = begun.parent if isinstance(begun, RunStarted) else ""

    def index(self) -> RunRow:
        return replace(self.row, revision=len(self.events))


class Shelf:
    """What all owners share, and the server's clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.runs: dict[str, Journal] = {}
        self.definitions: dict[str, bytes] = {}
        self.leases: dict[str, float] = {}
        self.ears: dict[str, tuple[LeasedStore, Hear]] = {}
        self.outage = False
        """Nobody reaches the server now."""
        self.note: Callable[[str], None] = lambda _: None
        """Told who claims and lets go."""
        self.over: Callable[[str], None] = lambda _: None
        """Told of each run that is there now, or has ended."""

    def living(self, owner: str) -> bool:
        return self.leases.get(owner, -1.0) > self.loop.time()

    def idle(self, run: str) -> bool:
        """Whether nobody living owns the run."""
        return not self.living(self.runs[run].owner)


class Dice:
    """How a store misbehaves: the share of calls that fail without a write, that lose the answer, that take long."""

    def __init__(self, random: Random, *, fail: float = 0.0, unknown: float = 0.0, slow: float = 0.0) -> None:
        self.random, self.fail, self.unknown, self.slow = random, fail, unknown, slow
        self.struck: dict[str, int] = {}
        """How often each fault was had."""

    def calm(self) -> None:
        self.fail = self.unknown = self.slow = 0.0

    def strike(self, kind: str) -> None:
        self.struck[kind] = self.struck.get(kind, 0) + 1


class LeasedStore:
    """One owner of a shelf. `stopped` is set while its process is (SIGSTOP): its calls and renewals wait."""

    def __init__(self, shelf: Shelf, name: str, dice: Dice) -> None:
        self.url, self.name = f"shelf://{name}", name
        self._shelf, self._dice = shelf, dice
        self._renewing: asyncio.Task[None] | None = None
        self.running = asyncio.Event()
        self.running.set()
        self.dead = False

    # -- faults

    async def _gate(self) -> None:
        while not self.running.is_set():
            await self.running.wait()
        if self.dead:
            raise Crashed

    async def _call(self, work: Callable[[], T], *, writes: bool) -> T:
        """Do `work` in one instant, somewhere between the call and its answer."""
        dice = self._dice
        await self._gate()
        if dice.slow:
            await asyncio.sleep(
                dice.random.choice((0.0, 0.001, 0.05, 2 * LEASE_S if dice.random.random() < dice.slow else 0.2))
            )
            await self._gate()
        if self._shelf.outage or (dice.fail and dice.random.random() < dice.fail):
            dice.strike("failed")
            raise StoreUnavailable(self.url, "not reached; nothing was written")
        lost = writes and dice.unknown and dice.random.random() < dice.unknown
        if lost:
            dice.strike("unknown")
            self._shelf.note(f"{self.name} gets no answer")
            if dice.random.random() < 0.5:
                raise self._unknown()
        answer = work()
        if lost:
            raise self._unknown()
        if dice.slow:
            await asyncio.sleep(dice.random.choice((0.0, 0.001, 0.05)))
            await self._gate()
        return answer

    def _unknown(self) -> StoreUnavailable:
        return StoreUnavailable(self.url, "the answer was lost; whether it was written is unknown")

    # -- owners

    def _begin(self) -> None:
        """From the first run on, be an owner that lives."""
        self._shelf.leases[self.name] = self._shelf.loop.time() + LEASE_S
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew())

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(LEASE_S / 3)
            await self._gate()
            if not self._shelf.outage:
                self._shelf.leases[self.name] = self._shelf.loop.time() + LEASE_S

    def _known(self, run: str) -> Journal:
        found = self._shelf.runs.get(run)
        if found is None:
            raise UnknownRun(run)
        return found

    def _must_not_be_anothers(self, run: str) -> Journal:
        found = self._known(run)
        if found.owner != self.name and self._shelf.living(found.owner):
            raise RunOwned(run, found.owner)
        return found

    # -- the promise

    async def definition(self, digest: str) -> bytes | None:
        return await self._call(lambda: self._shelf.definitions.get(digest), writes=False)

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        def work() -> tuple[RunRow, int | None]:
            runs = self._shelf.runs
            for found in runs.values():
                if found.row.run == row.run or (row.request and found.row.request == row.request):
                    return found.index(), None
            if at_most is not None and not last:
                if sum(found.row.status == "running" for found in runs.values()) >= at_most:
                    raise TooManyRuns(at_most)
            self._begin()
            self._shelf.definitions.update(definitions)
            runs[row.run] = found = Journal(row, events, definitions, self.name)
            if last:
                found.owner = ""
            self._shelf.note(f"{self.name} begins {row.run}")
            self._shelf.over(row.run)
            return runs[row.run].index(), 1

        return await self._call(work, writes=True)

    async def claim(self, run: str) -> int:
        return await self._call(lambda: self._claim(run), writes=True)

    def _claim(self, run: str) -> int:
        found = self._must_not_be_anothers(run)
        self._begin()
        if found.owner != self.name:
            found.owner, found.epoch = self.name, found.epoch + 1
            self._shelf.note(f"{self.name} claims {run} under {found.epoch}")
        return found.epoch

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        def work() -> Due:
            free = sorted(
                (found.row.wake, run)
                for run, found in self._shelf.runs.items()
                if found.row.status == "running"
                and found.row.wake is not None
                and run not in without
                and (names is None or found.row.name in names)
                and found.owner != self.name
                and self._shelf.idle(run)
            )
            due = [run for wake, run in free if wake <= now][:limit]
            later = [wake for wake, run in free if wake > now]
            return Due(tuple((run, self._claim(run)) for run in due), min(later, default=None))

        return await self._call(work, writes=True)

    async def owned(self) -> list[str]:
        return await self._call(
            lambda: [run for run, found in self._shelf.runs.items() if found.owner == self.name], writes=False
        )

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        def work() -> None:
            found = self._shelf.runs.get(run)
            if found is not None and found.owner == self.name:
                found.owner = ""
                self._shelf.note(f"{self.name} lets {run} go")
                if snapshot is not None:
                    found.snapshot = snapshot

        await self._call(work, writes=True)

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        return await self._call(lambda: self._append(turns), writes=True)

    def _append(self, turns: Sequence[Turn]) -> list[StoreError | None]:
        answers: list[StoreError | None] = []
        refused: dict[str, StoreError] = {}
        for turn in turns:
            if turn.run not in refused:
                fault = self._judge(turn)
                if fault is None:
                    self._write(turn)
                else:
                    refused[turn.run] = fault
                    self._shelf.note(f"{self.name} may not write {turn.run}: {fault}")
            answers.append(refused.get(turn.run))
        return answers

    def _judge(self, turn: Turn) -> StoreError | None:
        found = self._shelf.runs.get(turn.run)
        if found is None:
            return Conflict(turn.run, turn.seq, 0)
        if found.owner != self.name or found.epoch != turn.epoch:
            return RunOwned(turn.run, found.owner or "nobody")
        return Conflict(turn.run, turn.seq, len(found.events)) if turn.seq != len(found.events) + 1 else None

    def _write(self, turn: Turn) -> None:
        found = self._shelf.runs[turn.run]
        found.events.append(turn.event)
        found.epochs.append(turn.epoch)
        found.writer = self.name
        if turn.row is not None:
            found.row = replace(turn.row, request=found.row.request)
        if turn.snapshot is not None:
            found.snapshot = Snapshot(turn.seq, turn.snapshot)
        if turn.definition is not None:
            self._shelf.definitions[found.row.graph] = turn.definition
            found.definitions.add(found.row.graph)
        if turn.last:
            found.owner = ""
            self._shelf.over(turn.run)

    async def snapshot(self, run: str) -> Snapshot | None:
        def work() -> Snapshot | None:
            found = self._shelf.runs.get(run)
            return None if found is None else found.snapshot

        return await self._call(work, writes=False)

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        return await self._call(lambda: self._known(run).events[after:], writes=False)

    async def row(self, run: str) -> RunRow | None:
        def work() -> RunRow | None:
            found = self._shelf.runs.get(run)
            return None if found is None else found.index()

        return await self._call(work, writes=False)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        if match:
            raise NotImplementedError("nobody here asks by fields")

        def work() -> list[RunRow]:
            found = [
                journal.index()
                for journal in reversed(self._shelf.runs.values())
                if status in {None, journal.row.status}
                and name in {None, journal.row.name}
                and graph in {None, journal.row.graph}
            ]
            return sorted(found, key=lambda row: -row.created)[:limit]

        return await self._call(work, writes=False)

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109 - as promised
        found = await self._call(lambda: self._known(run), writes=False)
        owner = found.owner
        ear = self._shelf.ears.get(owner)
        if not self._shelf.living(owner):
            return None
        if ear is None:
            await asyncio.sleep(timeout)
            raise self._unknown()
        store, hear = ear
        heard = asyncio.get_running_loop().create_future()

        async def deliver() -> None:
            PROCESS.set(store.name)
            try:
                await store._gate()
                if self._shelf.runs[run].owner != owner:
                    heard.set_result(None)
                    return
                reply = await hear(message)
                if not heard.done():
                    heard.set_result(reply)
            except Crashed:
                return

        delivering = asyncio.get_running_loop().create_task(deliver())
        try:
            async with asyncio.timeout(timeout):
                answer: bytes | None = await asyncio.shield(heard)
        except TimeoutError:
            raise self._unknown() from None
        del delivering
        if self._dice.unknown and self._dice.random.random() < self._dice.unknown:
            self._dice.strike("reply lost")
            raise self._unknown()
        return answer

    def hear(self, answer: Hear) -> None:
        self._shelf.ears[self.name] = (self, answer)

    async def delete(self, run: str) -> None:
        def work() -> None:
            gone = self._must_not_be_anothers(run).definitions
            del self._shelf.runs[run]
            kept = {digest for other in self._shelf.runs.values() for digest in other.definitions}
            for digest in gone - kept:
                del self._shelf.definitions[digest]

        await self._call(work, writes=True)

    async def close(self) -> None:
        if self._renewing is not None:
            self._renewing.cancel()
        if self.dead:
            return
        for found in self._shelf.runs.values():
            if found.owner == self.name:
                found.owner = ""
        self._shelf.leases.pop(self.name, None)
        self._shelf.ears.pop(self.name, None)
