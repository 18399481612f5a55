"""What a serving host does by itself: it takes up runs that want to be driven, and lets idle ones leave its memory.

The store's index says which runs are due; none is looked at before its time. A run that cannot be taken up here, or
that stopped by a fault, is put off for longer each time, and the log says why.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Protocol

from trellis.errors import HostClosed, RunOwned, StoreError, TrellisError, UnknownRun
from trellis.hosts.clock import LONGEST_ALARM_S, Clock
from trellis.hosts.live import LiveRun, Rested
from trellis.model.redaction import Redactor
from trellis.stores.base import Store

log = logging.getLogger("trellis")

LOOK_S = 1.0
"""How long at most until the store is asked again; what other hosts let go is found by then."""
IDLE = 1000
"""How many runs that wait for something outside stay in memory."""
BATCH = 100
FIRST_DELAY_S, LONGEST_DELAY_S, STORE_DELAY_S = 1.0, 300.0, 5.0
"""How long a run is put off that cannot be driven here: twice as long each time, but no longer than a store needs to
be asked again where it was the store that failed: it comes back for all runs at once."""


class Driving(Protocol):
    """What is needed of the host that serves."""

    redactor: Redactor

    @property
    def under_way(self) -> int:
        """How many of the runs that are open here have something under way."""

    async def take_up(self, run: str, epoch: int | None = None) -> LiveRun:
        """Drive the run, which was claimed under this epoch. Raises TrellisError."""

    async def let_go(self) -> None:
        """Free the runs that the store owns and nobody here drives. Raises StoreError."""


class Serving:
    """Serves the runs of graphs with these names (None: any), at most `at_once` with something under way."""

    def __init__(self, host: Driving, store: Store, clock: Clock, names: Collection[str] | None, at_once: int) -> None:
        self._host, self._store, self._clock = host, store, clock
        self._names, self._at_once = names, at_once
        self._idle: dict[str, LiveRun] = {}
        """Runs at rest, the longest idle first."""
        self._delays: dict[str, float] = {}
        self._put_off: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._poke = asyncio.Event()
        self._doubt = False
        """Whether some call of the store failed: it may own runs that nobody drives."""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._serve(), name="trellis serving")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def take(self, name: str) -> None:
        """Serve the runs of graphs of this name too."""
        self._names = None if self._names is None else {*self._names, name}

    @property
    def going(self) -> bool:
        """Whether due runs are looked for."""
        return self._task is not None and not self._task.done()

    def rested(self, run: LiveRun) -> None:
        """The run has moved on, and waits for something outside."""
        self._delays.pop(run.id, None)
        self._idle.pop(run.id, None)
        self._idle[run.id] = run
        if len(self._idle) > IDLE:
            name = next(iter(self._idle))
            idle = self._idle.pop(name)
            if idle.resting:
                idle.end(Rested(name))
                self._poke.set()  # its timers are the store's affair now

    def failed(self, run: str, failure: BaseException) -> None:
        """The run stopped here before its end."""
        self._idle.pop(run, None)
        if not isinstance(failure, Rested | HostClosed | RunOwned):
            self._doubt = self._doubt or isinstance(failure, StoreError)
            self._delay(run, failure)

    def doubt(self) -> None:
        """A run could not be released."""
        self._doubt = True
        self._poke.set()

    def _delay(self, run: str, failure: BaseException) -> None:
        longest = STORE_DELAY_S if isinstance(failure, StoreError) else LONGEST_DELAY_S
        delay = min(self._delays.get(run, FIRST_DELAY_S / 2) * 2, longest)
        self._delays[run] = delay
        self._put_off.add(run)
        reason = self._host.redactor.text(str(failure))
        facts = {"run": run, "delay": delay, "reason": reason}
        log.warning("run '%s' cannot go on here, next try in %g s: %s", run, delay, reason, extra=facts)

        def wait(left: float) -> None:
            """So long as alarms last, whatever the clock is set to meanwhile."""
            if left > 0:
                part = min(left, LONGEST_ALARM_S)
                self._clock.alarm(part, lambda: wait(left - part))
                return
            self._put_off.discard(run)
            self._poke.set()

        wait(delay)

    async def _serve(self) -> None:
        while True:
            self._poke.clear()
            delay = LOOK_S
            try:
                if self._doubt:
                    self._doubt = False
                    await self._host.let_go()
                delay = await self._look()
            except StoreError as error:
                self._doubt = True
                log.warning("the store cannot be asked for due runs, next try in %g s: %s", delay, error)
            except Exception:
                self._doubt = True
                log.exception("a fault of the host or its store; due runs are looked for again in %g s", delay)
            await self._pause(delay)

    async def _look(self) -> float:
        """Take up what is due. How long until there may be more, in seconds."""
        room = min(self._at_once - self._host.under_way, BATCH)
        if room <= 0:
            return LOOK_S / 10
        now = self._clock.now()
        due = await self._store.claim_due(now, limit=room, names=self._names, without=frozenset(self._put_off))
        for run, epoch in due.claimed:
            await self._take_up(run, epoch)
        if len(due.claimed) == room:
            return 0.0
        return LOOK_S if due.next is None else min(max(due.next - self._clock.now(), 0.0), LOOK_S)

    async def _take_up(self, run: str, epoch: int) -> None:
        try:
            live = await self._host.take_up(run, epoch)
        except (RunOwned, UnknownRun):
            pass  # somebody else was faster
        except TrellisError as error:
            self._doubt = True  # it may have been claimed
            self._delay(run, error)
        else:
            if live.resting:
                self.rested(live)

    async def _pause(self, delay: float) -> None:
        alarm = self._clock.alarm(delay, self._poke.set)
        try:
            await self._poke.wait()
        finally:
            alarm.cancel()
