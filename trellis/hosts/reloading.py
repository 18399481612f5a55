"""A host keeps graphs live while their documents change, and moves runs to a new version where that is proved safe.

Nothing that happens to a document stops the host or a run: a broken version is told of and left aside, a loader that
fails is asked again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from typing import NamedTuple, Protocol

from trellis.hosts.clock import Clock, pause
from trellis.hosts.moving import Moved, OnChange
from trellis.model.graph import Graph
from trellis.model.problems import Problem
from trellis.project.live import Change, LiveGraphs
from trellis.project.loaders import Reload

log = logging.getLogger("trellis")

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 30.0
"""How long until a loader is asked again that failed: twice as long each time."""


class Reloaded(NamedTuple):
    """A document changed that a live graph is made of, or one that it names.

    `graph` is the version that is live now, `before` the one that was. A `broken` change leaves it as it is, and
    `problems` say why. `runs` has a verdict for each open run of the graph that this host drives, where they may adopt;
    where they keep their version, `staying` says how many do.
    """

    name: str
    before: Graph | None
    graph: Graph | None
    problems: tuple[Problem, ...] = ()
    broken: bool = False
    runs: tuple[Moved, ...] = ()
    staying: int = 0

    @property
    def changes(self) -> tuple[str, ...]:
        """What differs, a line each: `+node review`, `~build.retry.max_attempts 3 -> 5`."""
        if self.broken or self.before is None or self.graph is None:
            return ()
        from trellis.model.differences import differences

        return tuple(map(str, differences(self.before.definition, self.graph.definition)))


class TakingOver(Protocol):
    """What is needed of the host."""

    async def take_over(self, before: Graph | None, graph: Graph) -> None:
        """From now on this version stands where the other one stood."""


class Mover(Protocol):
    """What moves open runs."""

    async def move(
        self, before: Graph, graph: Graph, on_change: OnChange, others: Collection[str]
    ) -> tuple[Sequence[Moved], int]: ...


class Reloading:
    """Follows a loader from `start` to `stop`. `told` hears of each change; without it the log does."""

    def __init__(
        self,
        host: TakingOver,
        movers: Mover,
        graphs: LiveGraphs,
        clock: Clock,
        on_change: OnChange,
        told: Callable[[Reloaded], None] | None,
    ) -> None:
        self._host, self._movers, self._live, self._clock, self._on_change = host, movers, graphs, clock, on_change
        self._told = told if told is not None else logged
        self._task: asyncio.Task[None] | None = None

    async def open(self, name: str, given: Collection[str] = ()) -> Graph:
        """The live version of the graph in this document. Raises InvalidGraph where it was never sound."""
        known = self._live.get(name)
        return known if known is not None else await asyncio.to_thread(self._live.open, name, given)

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="trellis reloading")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _follow(self) -> None:
        delay = FIRST_DELAY_S
        while True:
            begun = self._clock.now()
            try:
                await self._watch()
            except Exception as error:  # noqa: BLE001 - a loader may be anybody's; the host and its runs go on
                if self._clock.now() - begun > LONGEST_DELAY_S:
                    delay = FIRST_DELAY_S
                why = f"{type(error).__name__}: {error}"
                log.warning("documents cannot be watched, next try in %g s: %s", delay, why, extra={"reason": why})
            else:
                log.warning("nobody tells of changed documents any more: %s watches nothing", self._live.loader)
                return
            await pause(self._clock, delay)
            delay = min(2 * delay, LONGEST_DELAY_S)

    async def _watch(self) -> None:
        """Follow all changes, and first what changed while nobody watched. Returns where nothing more can come."""
        changes = self._live.loader.watch()
        following = asyncio.ensure_future(_next(changes))
        try:
            await asyncio.sleep(0)  # what changes from here on is told
            await self._look(Reload())
            while (reload := await following) is not None:
                following = asyncio.ensure_future(_next(changes))
                await self._look(reload)
        finally:
            following.cancel()
            await asyncio.wait([following])
            close = getattr(changes, "aclose", None)
            if close is not None:
                await close()

    async def _look(self, reload: Reload) -> None:
        """Read and compile what changed, beside the runs; then let each graph of it be live."""
        delay = FIRST_DELAY_S
        while (found := await self._read(reload, delay)) is None:
            await pause(self._clock, delay)
            delay = min(2 * delay, LONGEST_DELAY_S)
        for change in found:
            try:
                self._told(await self._settle(change))
            except Exception:
                log.exception("a fault where '%s' was reloaded; the version that is live is %s", *_facts(change))

    async def _read(self, reload: Reload, delay: float) -> list[Change] | None:
        """What the documents come to; None where the loader failed, and is to be asked again in so many seconds."""
        try:
            return await asyncio.to_thread(self._live.follow, reload)
        except Exception as error:  # noqa: BLE001 - a loader may be anybody's
            why = f"{type(error).__name__}: {error}"
            log.warning("documents cannot be read, next try in %g s: %s", delay, why, extra={"reason": why})
            return None

    async def _settle(self, change: Change) -> Reloaded:
        runs: Sequence[Moved] = ()
        staying = 0
        if not change.broken and change.graph is not None:
            if change.before is None or change.before.definition != change.graph.definition:
                await self._host.take_over(change.before, change.graph)  # its schedules are no part of the hash
            if change.before is not None and change.before != change.graph:
                others = self._live.versions_beside(change.name)
                runs, staying = await self._movers.move(change.before, change.graph, self._on_change, others)
        return Reloaded(*change, tuple(runs), staying)


async def _next(changes: AsyncIterator[Reload]) -> Reload | None:
    return await anext(changes, None)


def _facts(change: Change) -> tuple[str, str]:
    return change.name, change.graph.hash[:12] if change.graph is not None else "none"


def logged(reloaded: Reloaded) -> None:
    """What a reload came to, in the log: a warning where it is broken."""
    name, version = reloaded.name, reloaded.graph.hash[:12] if reloaded.graph is not None else ""
    if reloaded.broken:
        stays = f"{version} stays live" if version else "no version is live"
        listed = "\n".join(map(str, reloaded.problems))
        log.warning("'%s' is broken, %s:\n%s", name, stays, listed, extra={"document": name})
        return
    log.info("'%s' is live as %s: %s", name, version, ", ".join(reloaded.changes) or "nothing differs")
    for moved in reloaded.runs:
        why = "adopted it" if moved.adopted else f"stays with its version: {'; '.join(moved.reasons)}"
        log.info("run '%s' %s", moved.run, why, extra={"run": moved.run})
