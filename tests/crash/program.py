"""The program whose processes are killed: it starts the same runs again and again, and drives them until they end.

Its runs hold every kind of effect, side by side and one after another; what each comes to does not depend on how often
its hosts died. Every effect writes itself into the ledger, the transactional ones into the database of the store.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.crash.points import POINTS, Pointed, place
from tests.hosts.authored import graph
from tests.reliability import Effected, Ledger
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError, Refused, RunClosed, RunOwned
from trellis.hosts.clock import SystemClock
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.actions import CallTool
from trellis.stores import open_store

GRAPH = graph("""
trellis: 1
name: story
fields:
  seed: {type: integer, default: 0}
  total: {type: integer, default: 0}
  left: {type: integer, default: 0}
  right: {type: integer, default: 0}
  sums: {type: any, optional: true}
  word: {type: string, optional: true}
start: first
nodes:
  first: {do: note, with: {n: 1}, save: total, to: both}
  both:
    all:
      x: {do: once, with: {n: 10}, save: left}
      y:
        start: y1
        nodes:
          y1: {do: move, with: {n: 20}, save: right, undo: {do: back, with: {n: 20}}, to: y2}
          y2: {do: note, with: {n: "{{ right }}"}, to: $end}
    to: flaky
  flaky: {do: flaky, with: {n: 3}, retry: {max_attempts: 3, initial_interval: 1ms}, save: total, to: ask}
  ask: {ask: {text: word}, to: items}
  items:
    each: {in: "[1, 2, 3]", as: item, do: move, with: {n: "{{ item }}"}, undo: {do: back, with: {n: "{{ item }}"}}}
    save: sums
    to: [{if: seed == 1, to: doomed}, {to: last}]
  doomed: {do: doomed, catch: {"*": $rollback}, to: last}
  last: {do: once, with: {n: 100}, save: total, to: $end}
""")
"""With `seed: 1` it ends in a rollback, else it completes."""
ENDS = {0: "completed", 1: "rolled_back"}


class Program:
    """The actions. A seed decides how long each takes, which decides how those that are at work at once interleave."""

    def __init__(self, url: str, ledger: Ledger, seed: int) -> None:
        self.url, self.ledger, self.chance = url, ledger, Random(seed)
        self.tools = Dispatcher()
        for name, function, effect in (
            ("note", self.note, "idempotent"),
            ("flaky", self.flaky, "idempotent"),
            ("doomed", self.doomed, "pure"),
            ("once", self.once, "at_most_once"),
            ("back", self.note, "idempotent"),
            (
                "move",
                self.move if transactional(url) else self.note,
                "transactional" if transactional(url) else "idempotent",
            ),
        ):
            self.tools.register(name, function, effect=effect)  # type: ignore[arg-type]  # one of the words

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.choice((0, 0, 0.0005, 0.002)))

    async def note(self, n: int, *, request: CallTool) -> int:
        await self._pause()
        POINTS.reach()
        self.ledger.had(Effected(request.idempotency_key, "idempotent", request.id))
        POINTS.reach()
        await self._pause()
        return n + 1

    async def flaky(self, n: int, *, request: CallTool) -> int:
        await self._pause()
        if request.attempt < 3:
            raise ActionError("failed", f"attempt {request.attempt}")
        return await self.note(n, request=request)

    async def doomed(self) -> None:
        raise ActionError("no", "never", retryable=False)

    async def once(self, n: int, *, request: CallTool) -> int:
        await self._pause()
        POINTS.reach()
        self.ledger.had(Effected(request.idempotency_key, "at_most_once", request.id))
        POINTS.reach()
        return n + 1

    async def move(self, n: int, *, connection: Any, request: CallTool) -> int:
        """Writes to a table of its own in the store's database."""
        POINTS.reach()
        insert = f"INSERT INTO {table(self.url)} (key, n) VALUES "
        if self.url.startswith("sqlite"):
            connection.execute(insert + "(?, ?)", (request.idempotency_key, n))
        else:
            await connection.execute(insert + "(%s, %s)", (request.idempotency_key, n))
        POINTS.reach()
        await self._pause()
        return n + 1

    async def attend(self, run: Run, *, dead: bool = True) -> None:
        """What people do for a run: they answer, and say of calls whose outcome nobody knows how they ended.

        They look at the world for that. `dead`: whoever made the call is gone for certain, so it may be made again;
        else it is taken for done.
        """
        for call in run.uncertain:
            done = not dead or call.idempotency_key in {line.key for line in self.ledger.lines()}
            value = int(str(call.args["n"])) + 1 if done else None
            await run.resolve(call.node, value, again=not done, by="ana")
        for question in run.questions:
            await run.answer(question.node, "a word", answer_id=f"{run.id}:{question.node}")


def transactional(url: str) -> bool:
    """Whether actions may write to the database of this store."""
    return url.startswith(("sqlite", "postgresql"))


def table(url: str) -> str:
    """Where the transactional effects are, beside the tables of the store."""
    if url.startswith("sqlite"):
        return "effects"
    schema = parse_qs(urlsplit(url).query).get("schema", ["trellis"])[0]
    return f'"{schema}".effects'


class _PointedClock(SystemClock):
    def alarm(self, delay: float, ring: Callable[[], None]) -> Any:
        def ringing() -> None:
            POINTS.reach()
            ring()
            POINTS.reach()

        return super().alarm(delay, ringing)


async def _drive(url: str, ledger: str, seed: int, runs: list[str]) -> None:
    program = Program(url, Ledger(ledger), seed)
    store = open_store(url)
    try:
        async with Host(Pointed(store), program.tools, clock=_PointedClock()) as host:
            ends = [_see_to_its_end(host, program, name, place) for place, name in enumerate(runs)]
            await asyncio.gather(*ends)
    finally:
        await store.close()


async def _see_to_its_end(host: Host, program: Program, name: str, seed: int) -> None:
    run = await _begun(host, name, seed)
    while not run.closed:
        try:
            await program.attend(run)
        except (Refused, RunClosed):
            pass  # it moved on meanwhile
        await asyncio.sleep(0.001)
    assert (await run.result()).status == ENDS[seed % 2]


async def _begun(host: Host, name: str, seed: int) -> Run:
    while True:
        try:
            return await host.start(GRAPH, {"seed": seed % 2}, id=name)
        except RunOwned:  # its owner was killed just now, and holds its lease still
            await asyncio.sleep(0.05)


def drive(url: str, ledger: str, seed: int, runs: list[str], *, points: bool = True) -> None:
    """Be one host: start or take up the runs, and drive them to their ends. Every other one is to be rolled back."""
    if points:
        place(url)
    else:
        POINTS.inactive = True
    asyncio.run(_drive(url, ledger, seed, runs))


def prepare(url: str) -> None:
    """Make the store, and the table of the effects where there is one."""
    asyncio.run(_with_table(url))


async def _with_table(url: str) -> None:
    store: Any = open_store(url)
    try:
        if not transactional(url):
            return
        async with store.transaction() as work:
            done = work.connection.execute(
                f"CREATE TABLE IF NOT EXISTS {table(url)} (key TEXT NOT NULL, n INTEGER NOT NULL)"
            )
            if hasattr(done, "__await__"):
                await done
    finally:
        await store.close()


async def moved(url: str, runs: list[str]) -> list[Effected]:
    """The transactional effects that the database holds of these runs."""
    if not transactional(url):
        return []
    store: Any = open_store(url)
    try:
        async with store.transaction() as work:
            rows = work.connection.execute(f"SELECT key FROM {table(url)} ORDER BY key")
            if hasattr(rows, "__await__"):
                rows = await (await rows).fetchall()
            return [Effected(key, "transactional") for (key,) in rows if key.partition("/")[0] in runs]
    finally:
        await store.close()
