"""Runs in this process: a host starts and resumes runs, drives them, and owns those that it drives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from trellis.dispatch import Dispatcher, Router
from trellis.engine import start
from trellis.errors import (
    HostClosed,
    InvalidRunId,
    PermissionNeeded,
    RunClosed,
    RunConflict,
    StoreError,
    UnknownRun,
    UnknownTool,
)
from trellis.hosts.clock import Clock, SystemClock
from trellis.hosts.driver import Driver
from trellis.hosts.journal import Folded, folded
from trellis.hosts.journal import inspect_run as inspect_run
from trellis.hosts.lines import entered
from trellis.hosts.live import LiveRun
from trellis.hosts.rows import first_row
from trellis.hosts.run import Outcome as Outcome
from trellis.hosts.run import Run as Run
from trellis.hosts.values import known_secrets, same_start, start_values
from trellis.model.actions import CallTool
from trellis.model.codec import encode_event
from trellis.model.events import ActionFailed, RunStarted
from trellis.model.graph import Graph
from trellis.model.problems import did_you_mean
from trellis.model.values import Value
from trellis.stores import open_store
from trellis.stores.base import RunRow, Store

LONGEST_ID = 200
"""Characters of a run's id."""


class Host:
    """Drives runs over a store. Use it as an async context manager.

    `store` is a URL (memory://, sqlite:///FILE), or an open Store that stays its opener's to close; `dispatcher` holds the registered actions; `allow` the
    kinds of tools that graphs may name in YAML ("process").
    """

    def __init__(
        self,
        store: str | Store = "memory://",
        dispatcher: Dispatcher | None = None,
        *,
        allow: Collection[str] = (),
        clock: Clock | None = None,
        root: str = ".",
    ) -> None:
        self._url, self._root = store, root
        self._dispatcher = dispatcher if dispatcher is not None else Dispatcher()
        self._allow = frozenset(allow)
        self._clock = clock if clock is not None else SystemClock()
        self._releasing: dict[str, asyncio.Task[None]] = {}
        self._admission = asyncio.Lock()  # one id is one run, however many ask for it at once
        self._store: Store
        self._driver: Driver

    async def __aenter__(self) -> Self:
        self._store = open_store(self._url, root=self._root) if isinstance(self._url, str) else self._url
        self._driver = Driver(self._store, self._clock)
        self._driver.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._driver.stop()
            if self._releasing:
                await asyncio.wait(list(self._releasing.values()))
        finally:
            if isinstance(self._url, str):  # a store that was handed in belongs to whoever opened it
                await self._store.close()

    async def start(self, graph: Graph, fields: Mapping[str, Value] | None = None, *, id: str | None = None) -> Run:
        """Start a run, recorded when this returns. With an id that exists, continue that run.

        Raises FieldsNeeded, InvalidField, PermissionNeeded, UnknownTool, InvalidRunId, RunConflict (the id belongs to a
        run of another definition), StartedOtherwise (to one with other start values), RunOwned, StoreError.
        """
        name = _checked(id) if id is not None else _new_id(graph.name)
        given, secrets = start_values(graph, fields or {})
        async with self._admission:
            row = await self._store.row(name) if id is not None else None
            if row is not None:
                return await self._again(row, graph, given, secrets)
            router = self._router(graph)
            event = RunStarted(self._clock.now(), name, graph.hash, given)
            step = start(graph, event)
            self._must_serve(name)
            async with self._owning(name):
                row, epoch = await self._store.create(
                    first_row(graph, step.state), encode_event(event), graph.data, last=step.state.closed
                )
                if epoch is not None:
                    self._must_serve(name)
            if epoch is None:
                return await self._again(row, graph, given, secrets)
            live = LiveRun(name, graph, router, step.state, epoch, row)
            live.secrets = secrets
            live.visited = entered(step)
            self._admit(live)
        self._driver.perform(live, step.requests)
        if step.state.closed:
            live.end()
        return self._handle(live)

    async def resume(self, run: str, *, secrets: Mapping[str, str] | None = None) -> Run:
        """Continue a run where its journal ends; one that has ended is returned as it is.

        `secrets` are values of secret fields, which no store keeps. Raises UnknownRun, RunOwned, SecretsNeeded,
        PermissionNeeded, UnknownTool, StoreError.
        """
        async with self._admission:
            row = await self._store.row(run)
            if row is None:
                raise UnknownRun(run)
            return await self._go_on(row, secrets or {})

    async def _again(self, row: RunRow, graph: Graph, given: Mapping[str, Value], secrets: Mapping[str, str]) -> Run:
        if row.graph != graph.hash:
            raise RunConflict(row.run, graph.name, row.name)
        return await self._go_on(row, secrets, given)

    async def _go_on(self, row: RunRow, secrets: Mapping[str, str], given: Mapping[str, Value] | None = None) -> Run:
        """The run of this row: the one that is open here, one that has ended, or one that is taken up again."""
        live = self._driver.runs.get(row.run)
        if live is not None:
            if given:
                same_start(live.graph, (await folded(self._store, row)).begun, given)
            return self._handle(live)
        if row.status != "running":
            return self._ended(row, await folded(self._store, row), given)
        if row.run in self._releasing:
            await asyncio.wait([self._releasing[row.run]])
        self._must_serve(row.run)
        async with self._owning(row.run):
            epoch = await self._store.claim(row.run)
            row = await self._store.row(row.run) or row  # as its last owner left it
            found = await folded(self._store, row)
            if found.state.closed:
                await self._store.release(row.run)
                return self._ended(row, found, given)
            same_start(found.graph, found.begun, given or {})
            live = LiveRun(row.run, found.graph, self._router(found.graph), found.state, epoch, row)
            live.secrets = known_secrets(found.graph, found.state, secrets)
            live.found(found.visited)
            self._must_serve(row.run)
        self._admit(live)
        try:
            await self._recover(live)
        except BaseException:
            live.end(HostClosed(live.id))  # taken up by half, it would wait for ever
            raise
        return self._handle(live)

    def _ended(self, row: RunRow, found: Folded, given: Mapping[str, Value] | None) -> Run:
        """The handle of a run that has ended."""
        same_start(found.graph, found.begun, given or {})
        live = LiveRun(row.run, found.graph, self._dispatcher.bind({}, base="."), found.state, 0, row)
        live.found(found.visited)
        live.end()
        return self._handle(live)

    @asynccontextmanager
    async def _owning(self, run: str) -> AsyncIterator[None]:
        """Frees the run again where the block does not end well; what the caller of a host does not get, it does not keep."""
        try:
            yield
        except BaseException:
            await asyncio.shield(self._release(run, []))
            raise

    def _must_serve(self, run: str) -> None:
        if not self._driver.serving:
            raise HostClosed(run)

    def _admit(self, live: LiveRun) -> None:
        self._driver.runs[live.id] = live
        live.forget = self._forget

    def _forget(self, live: LiveRun) -> None:
        if self._driver.runs.pop(live.id, None) is None or live.state.closed:
            return  # one that has ended was freed with its last event
        task = asyncio.get_running_loop().create_task(self._release(live.id, list(live.tasks.values())))
        self._releasing[live.id] = task
        task.add_done_callback(lambda _: self._releasing.pop(live.id, None))

    async def _release(self, run: str, under_way: list[asyncio.Task[None]]) -> None:
        """Free a run that has not ended, once nothing of it is under way here, so that another host may go on."""
        if under_way:
            await asyncio.wait(under_way)
        try:
            await self._store.release(run)
        except StoreError:
            return  # the store is what failed; closing it frees the run

    def _handle(self, live: LiveRun) -> Run:
        return Run(live, self._driver, self._clock)

    async def _recover(self, live: LiveRun) -> None:
        """Let timers fire that are overdue, then ask again for all that is still open.

        What may be sent twice is sent; of the rest the outcome is uncertain. Overdue timers first: an attempt that
        has run out of time is not begun once more only to be stopped.
        """
        found = list(live.state.open)
        now = self._clock.now()
        for name, timer in sorted(live.state.timers.items(), key=lambda item: item[1].due):
            if timer.due <= now and not live.closed.done():
                try:
                    await self._driver.ask(live, self._driver.fired(name))
                except RunClosed:
                    return  # what came before in the same turn has ended it
        if live.closed.done():
            if live.failure is not None:
                raise live.failure
            return
        for name, timer in live.state.timers.items():
            if name not in live.alarms:
                self._driver.alarm(live, name, timer.due)
        for name in found:
            pending = live.state.open.get(name)
            if pending is None or not isinstance(pending.request, CallTool):
                continue
            if pending.cancelling or live.router.effect(pending.request.tool) == "at_most_once":
                why = "its host stopped while it was under way"
                self._driver.post(live, ActionFailed(now, name, "uncertain", why, retryable=False))
            else:
                self._driver.perform(live, (pending.request,))

    def _router(self, graph: Graph) -> Router:
        """What performs the calls of this graph. Raises UnknownTool and PermissionNeeded before anything starts."""
        base = os.path.dirname(graph.source) or os.getcwd()
        router = self._dispatcher.bind(graph.definition.tools, base=base, allow=self._allow)
        called = list(dict.fromkeys(graph.tools_called))
        unknown = router.unknown(name for name in called if "{{" not in name)
        if unknown:
            known = {*graph.definition.tools, *self._dispatcher.names}
            raise UnknownTool(graph.name, unknown, did_you_mean(unknown[0], known))
        forbidden = router.forbidden(called)
        if forbidden:
            raise PermissionNeeded(*next(iter(forbidden.items())))
        return router


def _checked(run: str) -> str:
    if not 0 < len(run) <= LONGEST_ID or run[0] == "-" or not run.isprintable():
        raise InvalidRunId(run)
    return run


def _new_id(name: str) -> str:
    return f"{name}-{os.urandom(4).hex()}"
