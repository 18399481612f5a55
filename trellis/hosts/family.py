"""A run with those that it uses, at any depth, as one: their lines as they come, who is asked, whether all wait.

Each run has a *prefix* here: the path of the node that uses it and a full stop, so that `review.approve` is the node
`approve` of the run that the node `review` uses. That of the run itself is empty.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import NamedTuple

from trellis.hosts.lines import Line
from trellis.hosts.run import Run, limited
from trellis.model.actions import CallTool, StartChild

LATE_S = 2.0
"""How long the last lines of a child run may be waited for once its outcome is known."""


class Member(NamedTuple):
    """One run of a family, and its prefix."""

    prefix: str
    run: Run


class Family:
    """A run and all below it, as far as they are driven here. Runs become known by `events`."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._members = {run.id: Member("", run)}
        self._queue: asyncio.Queue[tuple[str, Line] | BaseException | None] = asyncio.Queue()
        self._tell: Callable[[str, Line], None] = lambda prefix, line: self._queue.put_nowait((prefix, line))
        self._joined: Callable[[], None] = lambda: None
        self._pumps: dict[str, asyncio.Task[None]] = {}

    async def events(self) -> AsyncGenerator[tuple[str, Line], None]:
        """The event lines of all, each with the prefix of its run; those of a child before its `child.finished`.

        Of a child that was begun before this host had the run above it, from then on. Raises as `Run.events` does.
        """
        top = self._pumps[self.run.id] = asyncio.ensure_future(self._pump(self._members[self.run.id], whole=False))
        top.add_done_callback(self._ended)
        try:
            while (item := await self._queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            pumps = list(self._pumps.values())
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def show(self, tell: Callable[[str, Line], None], joined: Callable[[], None]) -> None:
        """The same as `events`, each told as soon as it is there; `joined` is called when a run has become known.

        One that waits for somebody since before may have no line to tell.
        """
        self._tell, self._joined = tell, joined
        async with aclosing(self.events()) as events:
            async for _ in events:
                raise AssertionError("all of it was told")

    @property
    def asking(self) -> list[str]:
        """The nodes that wait for an answer now, by prefix and node."""
        return [member.prefix + node for member in list(self._members.values()) for node in member.run.asking]

    @property
    def uncertain(self) -> list[CallTool]:
        """The calls of which nobody knows whether they were carried out."""
        return [call for member in self._members.values() for call in member.run.uncertain]

    @property
    def stuck(self) -> bool:
        """Whether only somebody outside can move them on; see `Run.stuck`."""
        return self._stuck(self.run)

    @property
    def waiting(self) -> Run | None:
        """The run that only waits for what somebody outside brings, where all the others wait for it."""
        found = next((member.run for member in self._members.values() if member.run.state.waiting), None)
        return found if found is not None and self.stuck else None

    @property
    def runs(self) -> list[Run]:
        """All of them that are known, the one above first."""
        return [member.run for member in self._members.values()]

    def at(self, path: str) -> Member:
        """The run that a node is of, by prefix and node."""
        fits = [member for member in self._members.values() if path.startswith(member.prefix)]
        return max(fits, key=lambda member: len(member.prefix))

    def _stuck(self, run: Run) -> bool:
        state = run.state
        if state.waiting:
            return True
        waits = [*run.asking, *(call.node for call in run.uncertain)]
        for pending in state.open.values():
            if isinstance(pending.request, StartChild):
                below = self._members.get(pending.request.child)
                if below is None or not self._stuck(below.run):
                    return False
                waits.append(pending.request.node)
        return len(waits) == len(state.open) and any(not limited(state, node) for node in waits)

    def _ended(self, top: asyncio.Task[None]) -> None:
        failure = None if top.cancelled() else top.exception()
        self._queue.put_nowait(failure)

    async def _pump(self, member: Member, *, whole: bool) -> None:
        prefix, run = member
        if not whole:
            for request in run.found_children:
                self._join(f"{prefix}{request.node}.", run, request.child, whole=False)
        async for line in run.events(whole=whole):
            if line["type"] == "child.started":
                self._join(f"{prefix}{line['node']}.", run, line["child"], whole=True)
            elif line["type"] == "child.finished":
                await self._leave(line["child"])
            self._tell(prefix, line)

    def _join(self, prefix: str, above: Run, child: str, *, whole: bool) -> None:
        async def follow() -> None:
            run = await above.child(child)
            if run is not None:
                member = self._members[child] = Member(prefix, run)
                self._joined()
                await self._pump(member, whole=whole)

        pump = self._pumps[child] = asyncio.ensure_future(follow())
        pump.add_done_callback(self._failed)

    async def _leave(self, child: str) -> None:
        pump = self._pumps.get(child)
        if pump is not None:
            await asyncio.wait({pump}, timeout=LATE_S)
            pump.cancel()
        self._members.pop(child, None)

    def _failed(self, pump: asyncio.Task[None]) -> None:
        failure = None if pump.cancelled() else pump.exception()
        if failure is not None:
            self._queue.put_nowait(failure)
