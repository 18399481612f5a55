"""Runs in this process: a host starts and resumes runs, drives them, and owns those that it drives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from trellis.dispatch import Dispatcher, Router
from trellis.engine import State, Step, start
from trellis.engine.state import Refusal
from trellis.errors import (
    HostClosed,
    Refused,
    RunClosed,
    RunOwned,
    StoreError,
    StoreUnavailable,
    UsageError,
)
from trellis.hosts.admission import Admission
from trellis.hosts.approving import Gate, Policy
from trellis.hosts.children import Children
from trellis.hosts.clock import Clock, SystemClock, pause
from trellis.hosts.commands import Adopt, Answer, Command, Reply, judge
from trellis.hosts.driver import Driver
from trellis.hosts.emitting import Emitting
from trellis.hosts.hearing import Hearing
from trellis.hosts.journal import Definitions, Loaded, existing, load, steps
from trellis.hosts.journal import inspect_run as inspect_run
from trellis.hosts.lines import entered
from trellis.hosts.live import LiveRun, Rested, heed
from trellis.hosts.moving import Movers, OnChange
from trellis.hosts.recovery import end_unwanted, is_wanted, must_drive, take_up_whole
from trellis.hosts.releasing import Releasing
from trellis.hosts.routing import router_of
from trellis.hosts.rows import checked_id, checked_request, first_row, new_id
from trellis.hosts.run import Outcome as Outcome
from trellis.hosts.run import Run as Run
from trellis.hosts.scheduling import Scheduling
from trellis.hosts.sending import TRIES, again, ask, closed, decoded, replied
from trellis.hosts.serving import LOOK_S, Serving
from trellis.hosts.values import known_secrets, must_be_same, start_values
from trellis.hosts.vault import Vault, sealed
from trellis.model.actions import StartChild
from trellis.model.codec import encode_event
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.model.redaction import Redactor
from trellis.model.saying import read_locale
from trellis.model.values import Value
from trellis.stores import open_store, unloaded
from trellis.stores.base import RunRow, Store

if TYPE_CHECKING:
    from trellis.hosts.reloading import Reloaded, Reloading
    from trellis.project.loaders import Loader


class Host:
    """Drives runs over a store. Use it as an async context manager.

    `store` is a URL (memory://, file:DIR, sqlite:///FILE, postgresql://…, redis://…), or an open Store that stays its
    opener's to close; temporal://HOST:PORT/NAMESPACE?queue=Q gives a TemporalHost, which has most of this one's methods.
    `dispatcher` holds the registered actions; `allow` the kinds of tools that graphs may name in YAML ("process");
    `at_most` how many runs may be open in the store at once. `vault` keeps secrets under encryption: by default that of
    the environment's TRELLIS_SECRET_KEYS, where there is one; else no secret is kept. `redactor` hides from people what
    its patterns and names say: by default those of TRELLIS_REDACT, one a line. `approve` is asked before each call of a
    tool, once for all its attempts: a function, async or quick, of a Proposal, which gives True, a `Denied(reason)`, or
    ASK; then the call is one of the run's questions, and `Run.answer` decides it.
    `watch`: a loader; graphs that are named by their documents in it follow each change. `on_change` says whether open
    runs "keep" their version or "adopt" a new one where that is proved safe; `reloaded` hears what each change came to,
    by default the log does.
    """

    def __new__(cls, store: str | Store = "memory://", *rest: Any, **options: Any) -> Self:
        if not isinstance(store, str) or not store.startswith("temporal:"):
            return super().__new__(cls)
        try:
            from trellis.hosts.temporal.host import TemporalHost
        except ImportError as error:
            raise unloaded("temporal", "temporal", error) from error
        return TemporalHost(store, *rest, **options)  # type: ignore[return-value]

    def __init__(
        self,
        store: str | Store = "memory://",
        dispatcher: Dispatcher | None = None,
        *,
        allow: Collection[str] = (),
        at_most: int | None = None,
        vault: Vault | None = None,
        redactor: Redactor | None = None,
        approve: Policy | None = None,
        clock: Clock | None = None,
        root: str = ".",
        watch: Loader | None = None,
        on_change: OnChange = "keep",
        reloaded: Callable[[Reloaded], None] | None = None,
    ) -> None:
        self._url, self._root = store, root
        self._dispatcher = dispatcher if dispatcher is not None else Dispatcher()
        self._allow, self._at_most = frozenset(allow), at_most
        self._clock = clock if clock is not None else SystemClock()
        self._vault = vault if vault is not None else Vault.from_environment()
        self.redactor = redactor if redactor is not None else Redactor.from_text(os.environ.get("TRELLIS_REDACT", ""))
        self._gate = Gate(approve, self.redactor) if approve is not None else None
        self._hearing = Hearing(self)
        self._admission = Admission()
        self._serving: Serving | None = None
        self._scheduling: Scheduling | None = None
        self._watch, self._on_change, self._reloaded = watch, on_change, reloaded
        self._reloading: Reloading | None = None
        self._store: Store
        self._driver: Driver
        self._releasing: Releasing
        self._graphs: Definitions
        self._movers: Movers

    async def __aenter__(self) -> Self:
        self._store = open_store(self._url, root=self._root) if isinstance(self._url, str) else self._url
        emitting = Emitting(self, self._store, self._clock, self._vault)
        self._driver = Driver(self._store, self._clock, self._vault, emitting.deliver, self._gate)
        self._releasing = Releasing(self._store, self._admission, self._driver.runs)
        self._graphs = Definitions(self._store)
        self._driver.children = Children(
            self, self._store, self._admission, self._graphs, self._clock, self._vault, self._driver.post
        )
        self._movers = Movers(self, self._driver, self._store, self._graphs, self._clock, self._router)
        self._driver.start()
        self._store.hear(self._hearing.hear)
        if self._watch is not None:
            from trellis.hosts.reloading import Reloading
            from trellis.project.live import LiveGraphs

            live = LiveGraphs(self._watch, tools=self._dispatcher.names)
            self._reloading = Reloading(self, self._movers, live, self._clock, self._on_change, self._reloaded)
            self._reloading.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for part in (self._reloading, self._scheduling, self._serving):
                if part is not None:
                    await part.stop()
            await self._driver.stop()
            await self._hearing.finish()
            await self._releasing.all()
            if not isinstance(self._url, str):  # closing its own store frees all that it owns
                with suppress(StoreError):
                    await self.let_go()
        finally:
            if isinstance(self._url, str):  # a store that was handed in belongs to whoever opened it
                await self._store.close()

    async def start(
        self,
        graph: Graph | str,
        fields: Mapping[str, Value] | None = None,
        *,
        id: str | None = None,
        request_id: str = "",
        locale: str = "",
    ) -> Run:
        """Start a run, recorded when this returns. With an id that exists, continue that run.

        `graph`: or the name of its document, where this host watches a loader: its live version.

        `request_id`: the sender's own, for a start that may be sent twice: the second one gives the run of the first.
        `locale`: the language that the run speaks, as a BCP 47 tag; empty: for each text the first that it is written
        in. Raises InvalidLocale, FieldsNeeded, InvalidField, PermissionNeeded, UnknownTool, InvalidRunId,
        InvalidRequestId, TooManyRuns, RunConflict (the id belongs to a run of another definition, or of another request), StartedOtherwise (to one
        with other start values), RunOwned, StoreError.
        """
        checked_request(request_id)
        locale = read_locale(locale) if locale else ""
        if isinstance(graph, str):
            graph = await self.graph(graph, given=[name for name, value in (fields or {}).items() if value is not None])
        name = checked_id(id) if id is not None else new_id(graph.name)
        given, secrets = start_values(graph, fields or {})
        async with self._admission.of(name):
            row = await self._store.row(name) if id is not None else None
            if row is None:
                row, live = await self.begin(name, graph, given, secrets, request_id, locale)
                if live is not None:
                    return Run(live, self)
        async with self._admission.of(row.run):
            await must_be_same(self._store, row, graph, given, request_id, locale)
            return Run(await self.go_on(row, secrets), self)

    async def begin(
        self,
        name: str,
        graph: Graph,
        given: dict[str, Value],
        secrets: dict[str, str],
        request_id: str,
        locale: str,
        above: StartChild | None = None,
    ) -> tuple[RunRow, LiveRun | None]:
        """Begin a run. The row of another one, and None, where it was begun before under this id or request.

        `above`: what a run wants that uses this one; such a run is begun however many there are.
        """
        parent, depth = ("", 0) if above is None else (above.run, above.depth)
        router = self._router(graph)
        kept = sealed(self._vault, name, secrets)
        event = RunStarted(
            self._clock.now(),
            name,
            graph.hash,
            given,
            request=request_id,
            secrets=kept,
            locale=locale,
            parent=parent,
            depth=depth,
        )
        step = start(graph, event)
        self._must_serve(name)
        async with self._owning(name):
            first = first_row(graph, step.state, request_id)
            row, epoch = await self._store.create(
                first,
                [encode_event(event)],
                {graph.hash: graph.data},
                last=step.state.closed,
                at_most=self._at_most if above is None else None,
            )
            if epoch is not None:
                self._must_serve(name)
                if above is not None and not step.state.closed:
                    await must_drive(self._driver, above.run)
        if epoch is None:
            return row, None
        live = LiveRun(name, self._graphs.add(graph), router, step.state, epoch, row)
        live.secrets = secrets
        live.visited = entered(step)
        self._admit(live)
        self._driver.perform(live, step.requests)
        if step.state.closed:
            live.end()
        elif self._driver.rested is not None and live.resting:
            self._driver.rested(live)
        return row, live

    async def resume(self, run: str, *, secrets: Mapping[str, str] | None = None) -> Run:
        """Continue a run where its journal ends; one that has ended is returned as it is.

        `secrets` are values of secret fields that no store keeps. Raises UnknownRun, RunOwned, SecretsNeeded,
        PermissionNeeded, UnknownTool, StoreError.
        """
        async with self._admission.of(run):
            row = await existing(self._store, run)
            return Run(await self.go_on(row, secrets or {}), self)

    async def serve(
        self, names: Collection[str] | None = None, *, at_once: int = 1000, schedules: Sequence[Graph] = ()
    ) -> None:
        """From now on, drive every run of the store that wants to be driven and that nobody living owns.

        Runs whose owner died are taken up, timers of idle runs fire when they are due, and what was delivered to them
        is carried on. `names`: only graphs of these names; None: all. At most `at_once` runs with something under way
        are taken up, beside those that were started or spoken to here; the longest idle of the others leave the memory
        of this host, until they are needed. Runs that the `schedules` of these graphs want are started here, unless another
        host over the store was faster. Raises UsageError where it serves already.
        """
        if self._serving is not None:
            raise UsageError("this host serves already; open another one to serve other graphs")
        self._serving = self._releasing.serving = Serving(self, self._store, self._clock, names, at_once)
        self._driver.rested = self._serving.rested
        self._serving.start()
        await self.schedule(schedules)

    async def schedule(self, graphs: Sequence[Graph]) -> None:
        """From now on, start the runs that the schedules of these graphs want, and those of no others."""
        if self._scheduling is not None:
            await self._scheduling.stop()
        self._scheduling = Scheduling(self, self._store, self._clock, graphs)
        self._scheduling.start()

    async def graph(self, name: str, *, given: Collection[str] = ()) -> Graph:
        """The live version of the graph in a document of the loader that this host watches. Raises InvalidGraph.

        `given`, said with the first call: the fields that starts give; a node may need those though nothing writes them.
        """
        if self._reloading is None:
            raise UsageError(f"this host watches no documents; load '{name}' first, or open it with `watch=`")
        return await self._reloading.open(name, given)

    async def take_over(self, before: Graph | None, graph: Graph) -> None:
        """From now on this version is served, and scheduled, where the other one was."""
        if self._serving is not None:
            self._serving.take(graph.name)
        if self._scheduling is not None and before in self._scheduling.graphs:
            await self.schedule([graph if one == before else one for one in self._scheduling.graphs])

    async def send(self, run: str, command: Command) -> Reply:
        """Deliver a command to a run, wherever it is driven; one that nobody drives is taken up here.

        Raises UnknownRun, StoreError, and what `resume` does.
        """
        for tried in range(TRIES):
            await again(self._clock, tried)
            live = self._driver.runs.get(run)
            if live is None:
                reply = await ask(self._store, run, command)
                if reply is not None:
                    return reply
                try:
                    live = await self.take_up(run)
                except RunOwned:
                    continue  # somebody took it just now
            try:
                return await self.take(live, command)
            except (Rested, RunOwned):
                continue  # nothing of it was written
        raise StoreUnavailable(self._store.url, f"run '{run}' changes hands too often; try again")

    async def hand(self, run: str, command: Command) -> Reply | None:
        """What becomes of a command to a run that is driven here; None where it is not. Raises Rested, StoreError."""
        live = self._driver.runs.get(run)
        return None if live is None else await self.take(live, command)

    @asynccontextmanager
    async def apart(self, run: str) -> AsyncIterator[bool]:
        """While the block runs, nobody here takes the run up. Gives whether nobody has."""
        async with self._admission.of(run):
            await self._releasing.of(run)
            yield run not in self._driver.runs

    async def present(self, run: str) -> LiveRun:
        """The run as it is driven here, or as it ended. Where another host drives it, waits until it is let go.

        Raises what `resume` does, but for RunOwned.
        """
        while True:
            try:
                return await self.take_up(run)
            except RunOwned:
                await pause(self._clock, LOOK_S)

    async def take_up(self, run: str, epoch: int | None = None) -> LiveRun:
        """The run as it is driven here, or as it ended; taken up where nobody drives it. Raises what `resume` does.

        `epoch`: it was claimed here just now. Where it was driven here already, it had been lost for a while.
        """
        async with self._admission.of(run):
            live = self._driver.runs.get(run)
            if live is not None and epoch in (None, live.epoch):
                return live
            row = await existing(self._store, run)
            if live is not None and epoch is not None:
                if row.revision == live.state.seq and not live.away:
                    live.epoch = epoch
                else:
                    live.end(RunOwned(run, "nobody"))  # somebody has gone on with it meanwhile
            return await self.go_on(row, {})

    async def steps(self, live: LiveRun, since: State | None, until: int | None = None) -> Iterator[Step]:
        """The recorded steps of a run, after a state that was reached, up to and with event `until`."""
        found = await steps(self._graphs, self._store, live.row, since=since)
        return found if until is None else takewhile(lambda step: step.state.seq <= until, found)

    @property
    def running(self) -> set[str]:
        """The ids of the runs that are open here."""
        return set(self._driver.runs)

    @property
    def under_way(self) -> int:
        """How many of the runs that are open here have something under way."""
        return sum(run.under_way for run in self._driver.runs.values())

    @property
    def serving(self) -> bool:
        """Whether `serve` was called and goes on; False too where the host was closed, or a fault has ended it."""
        return self._serving is not None and self._serving.going and self._driver.serving

    async def take(self, live: LiveRun, command: Command) -> Reply:
        """What becomes of a command to a run that is driven here. Raises Rested, HostClosed, StoreError."""
        if live.state.closed:
            return closed(live.state, command)
        if isinstance(command, Adopt):
            return await self._adopt(live, command)
        if isinstance(command, Answer) and live.decides(command.node, command.value, command.by):
            return Reply(live.state.status)
        judged = judge(command, live.graph, live.state, self._clock, self._vault)
        if judged.event is None:
            if judged.question is not None:
                refusal = Refusal(judged.code, judged.message)
                live.tell(Step(live.state, (judged.question,), refusal=refusal))
            return Reply(live.state.status, judged.code, judged.message)
        try:
            return replied(await self._driver.ask(live, judged.event, judged.secret))
        except RunClosed:
            return closed(live.state, command)

    async def _adopt(self, live: LiveRun, command: Adopt) -> Reply:
        try:
            graph = decoded(live.id, live.row.source, command)
        except Refused as error:
            return Reply(live.state.status, error.code, error.message)
        return await self._movers.change(live, graph, command.by)

    async def go_on(self, row: RunRow, secrets: Mapping[str, str]) -> LiveRun:
        """The run of this row: the one that is open here, one that has ended, or one that is taken up again."""
        live = self._driver.runs.get(row.run)
        if live is not None:
            return live
        if row.status != "running":
            return self._ended(row, await load(self._graphs, self._store, row))
        await self._releasing.of(row.run)
        self._must_serve(row.run)
        async with self._owning(row.run):
            epoch = await self._store.claim(row.run)
            row = await self._store.row(row.run) or row  # as its last owner left it
            found = await load(self._graphs, self._store, row)
            if found.state.closed:
                await self._store.release(row.run)
                return self._ended(row, found)
            live = LiveRun(row.run, found.graph, self._router(found.graph), found.state, epoch, row, found=True)
            live.kept = found.kept
            live.secrets = known_secrets(found.graph, found.state, secrets, self._vault)
            above = found.state.parent
            wanted = not above or await is_wanted(self._driver, self._graphs, row.run, above)
            self._must_serve(row.run)
        self._admit(live)
        live.listeners.append(heed)  # so that it does not leave the memory before it is taken up whole
        try:
            if not wanted:
                await end_unwanted(self._driver, live, self._clock.now())
            await take_up_whole(self._driver, live, self._clock.now())
        except BaseException:
            live.end(HostClosed(live.id))  # taken up by half, it would wait for ever
            raise
        finally:
            live.listeners.remove(heed)
        return live

    def _ended(self, row: RunRow, found: Loaded) -> LiveRun:
        """A run that has ended, for its handle."""
        live = LiveRun(row.run, found.graph, self._dispatcher.bind({}, base="."), found.state, 0, row, found=True)
        live.end()
        return live

    @asynccontextmanager
    async def _owning(self, run: str) -> AsyncIterator[None]:
        """Frees the run again where the block does not end well; what the caller of a host does not get, it does not keep."""
        try:
            yield
        except BaseException:
            await asyncio.shield(self._releasing.release(run))
            raise

    def _must_serve(self, run: str) -> None:
        if not self._driver.serving:
            raise HostClosed(run)

    def _admit(self, live: LiveRun) -> None:
        self._driver.runs[live.id] = live
        live.forget = self._releasing.forget

    async def let_go(self) -> None:
        """Free the runs that the store owns and nobody here drives. Raises StoreError."""
        await self._releasing.let_go()

    def _router(self, graph: Graph) -> Router:
        return router_of(graph, self._dispatcher, self._allow, self._store)


setattr(Host.__new__, "__wrapped__", Host.__init__)  # noqa: B010 - so that help and editors show what a host takes
