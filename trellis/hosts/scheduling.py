"""Starts the runs of schedules: one for each firing, however many hosts do this over one store.

A run has the id of its firing, and a firing that starts none leaves a record under the same id, so the store decides
between hosts, and a host that comes back knows what was missed. Firings of one schedule are taken in their order.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from trellis.errors import HostClosed, RunConflict, RunOwned, StartedOtherwise, StoreError, TrellisError, UnknownRun
from trellis.hosts.clock import Clock
from trellis.hosts.commands import CancelRun, Command, Reply
from trellis.hosts.records import SCHEDULED, last_fired, open_runs, scheduled_graph, skipped_graph
from trellis.hosts.run import Run
from trellis.model.durations import format_duration
from trellis.model.graph import Graph, Schedule
from trellis.model.redaction import Redactor
from trellis.model.values import Value
from trellis.schedules import firings
from trellis.schedules.facts import REQUEST, delay, firing_id, folder, version
from trellis.stores.base import Store

log = logging.getLogger("trellis")

LOOK_S = 1.0
"""How long until a firing is looked at again that waits for another run, or for the store."""
LONGEST_S = 60.0
"""How long at most until the clock is read again, which may have been set, or have gone on without us."""
GRACE_S = 10.0
"""How late a firing may always be; who looks later than that after it wanted to was not there."""
TOLD = 100
"""Of how many firings in a row that are too late each has a record."""
COUNTED = 10_000
"""How many of them are counted at a time."""


class Starting(Protocol):
    """What is needed of the host that starts the runs."""

    redactor: Redactor

    async def start(
        self, graph: Graph, fields: Mapping[str, Value] | None = None, *, id: str | None = None, request_id: str = ""
    ) -> Run: ...

    async def send(self, run: str, command: Command) -> Reply: ...


class _Plan:
    """One schedule of one graph. `mark`: the moment of the last firing that has an outcome; None: not known yet."""

    __slots__ = ("graph", "mark", "name", "schedule")

    def __init__(self, graph: Graph, name: str, schedule: Schedule) -> None:
        self.graph, self.name, self.schedule = graph, name, schedule
        self.mark: float | None = None

    def id(self, at: float) -> str:
        return firing_id(self.graph.name, self.name, at)

    def due(self, at: float) -> float:
        return at + delay(self.schedule, self.id(at))


class Scheduling:
    """Starts what the schedules of these graphs say, from `start` to `stop`."""

    def __init__(self, host: Starting, store: Store, clock: Clock, graphs: Sequence[Graph]) -> None:
        self._host, self._store, self._clock = host, store, clock
        self.graphs = tuple(graphs)
        self._plans = [
            _Plan(graph, name, schedule) for graph in graphs for name, schedule in graph.definition.schedules.items()
        ]
        self._task: asyncio.Task[None] | None = None
        self._wanted: float | None = None
        """When it wanted to look again."""
        self._awake = 0.0
        """Since when it was there whenever something was due."""

    def start(self) -> None:
        if self._plans:
            self._task = asyncio.get_running_loop().create_task(self._go_on(), name="trellis scheduling")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _go_on(self) -> None:
        while True:
            pause = LOOK_S
            try:
                pause = await self._look()
            except StoreError as error:
                log.warning("schedules wait for the store, next try in %g s: %s", pause, error)
            except HostClosed:
                return
            over = asyncio.Event()
            alarm = self._clock.alarm(pause, over.set)
            try:
                await over.wait()
            finally:
                alarm.cancel()

    async def _look(self) -> float:
        """Take what is due. How long until there may be more, in seconds. Raises StoreError."""
        now = self._clock.now()
        if self._wanted is None or now > self._wanted + GRACE_S:
            self._awake = now
        pause = LONGEST_S
        for plan in self._plans:
            try:
                pause = min(pause, await self._take(plan))
            except (StoreError, HostClosed):
                raise
            except Exception:
                log.exception("a fault in schedule '%s' of '%s'; it is looked at again", plan.name, plan.graph.name)
                pause = LOOK_S
        self._wanted = self._clock.now() + pause
        return pause

    async def _take(self, plan: _Plan) -> float:
        """Take what is due of one schedule. How long until its next firing."""
        if plan.mark is None:
            plan.mark = await self._served_since(plan)
        while True:
            now = self._clock.now()
            if await self._pass_over(plan, now):
                continue
            at = next(firings(plan.schedule, plan.mark), None)
            if at is None:
                return LONGEST_S
            due = plan.due(at)
            if due > now:
                return due - now
            if not await self._fire(plan, at):
                return LOOK_S
            plan.mark = at

    async def _served_since(self, plan: _Plan) -> float:
        """From when on firings count: what was due before is none of ours. Raises StoreError."""
        graph, name = plan.graph.name, plan.name
        facts: dict[str, Value] = {"graph": graph, "schedule": name}
        last = await last_fired(self._store, graph, name)
        known = {row.run: row for row in await self._store.rows(name=SCHEDULED, match=facts)}
        run = f"{folder(graph, name)}since/{version(plan.schedule)}"
        if run in known:
            begun = known[run].created
            return begun if last is None else max(begun, last)
        begun = self._clock.now()
        with suppress(RunOwned, RunConflict):
            await self._host.start(scheduled_graph(), facts, id=run)
        return last if last is not None and not known else begun  # without any, the records were removed with old runs

    async def _pass_over(self, plan: _Plan, now: float) -> bool:
        """Skip what was due while nobody was there, and is too late now. Whether there may be more of it."""
        assert plan.mark is not None
        allowed = max(plan.schedule.catch_up, GRACE_S)
        late: deque[float] = deque(maxlen=TOLD)
        count = 0
        for at in firings(plan.schedule, plan.mark):
            due = plan.due(at)
            if due >= self._awake or now - due <= allowed or count == COUNTED:
                break
            late.append(at)
            count += 1
        for at in late:
            reason = (
                f"no worker was there when it was due; it is {format_duration(round(now - plan.due(at)))} late, "
                f"and may be {format_duration(allowed)}"
            )
            if at == late[0] and count > len(late):
                reason += f"; so it is with {count - len(late)} before it, of which there is no record"
            await self._skip(plan, at, reason)
            plan.mark = at
        return count == COUNTED

    async def _fire(self, plan: _Plan, at: float) -> bool:
        """Start the run of a firing, or skip it, as `overlap` says. False where it has to wait. Raises StoreError."""
        own, overlap = plan.id(at), plan.schedule.overlap
        if await self._store.row(own) is not None:
            return True
        others = [] if overlap == "allow" else await open_runs(self._store, plan.graph.name, plan.name)
        others = [row for row in others if row.run != own]
        if others and overlap == "skip":
            await self._skip(plan, at, f"{others[0].run} is still open")
            return True
        try:
            if others and overlap == "cancel":
                for row in others:
                    await self._cancel(row.run, own)
                others = [row for row in await open_runs(self._store, plan.graph.name, plan.name) if row.run != own]
            if others:
                return False
            await self._host.start(plan.graph, plan.schedule.fields, id=own, request_id=REQUEST + own)
        except (RunOwned, RunConflict, StartedOtherwise):
            return await self._store.row(own) is not None  # another host was faster
        except (StoreError, HostClosed):
            raise
        except TrellisError as error:
            await self._skip(plan, at, f"it cannot be started: {self._host.redactor.text(str(error))}")
        return True

    async def _cancel(self, run: str, by: str) -> None:
        try:
            await self._host.send(run, CancelRun(f"{by} takes its place", by="schedule"))
        except UnknownRun:
            return  # removed meanwhile

    async def _skip(self, plan: _Plan, at: float, reason: str) -> None:
        run = plan.id(at)
        facts: dict[str, Value] = {"graph": plan.graph.name, "schedule": plan.name, "reason": reason}
        try:
            await self._host.start(skipped_graph(), facts, id=run, request_id=REQUEST + run)
        except (RunOwned, RunConflict, StartedOtherwise):
            return  # another host has started it, or has another reason
        log.info("skipped %s: %s", run, reason, extra={"run": run, "reason": reason})
