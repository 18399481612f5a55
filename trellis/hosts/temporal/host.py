"""Runs on a Temporal server, with the interface of `Host`: the server keeps them, and workers, here or elsewhere, drive them."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import takewhile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary

import msgspec
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError

from trellis.dispatch import Dispatcher, Router
from trellis.engine import State, Step, start
from trellis.errors import InvalidField, RunConflict, UnknownRun, UsageError
from trellis.hosts.clock import Clock, SystemClock, pause
from trellis.hosts.commands import Command, Reply
from trellis.hosts.lines import entered
from trellis.hosts.live import LiveRun
from trellis.hosts.rows import checked_id, checked_request, first_row, indexed, new_id
from trellis.hosts.temporal.address import connect, read_address
from trellis.hosts.temporal.attributes import first, register
from trellis.hosts.temporal.calls import must_fit
from trellis.hosts.temporal.claims import Claims
from trellis.hosts.temporal.following import Following, Graphs, chapters, stands, steps
from trellis.hosts.temporal.messages import SEMANTICS, Begin, Ended
from trellis.hosts.temporal.messages import memo_of as memo_of
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.run import TemporalRun
from trellis.hosts.temporal.sending import send
from trellis.hosts.temporal.sources import project_of
from trellis.hosts.temporal.wire import LOOK_S, Wire
from trellis.hosts.values import same_start, start_values
from trellis.hosts.vault import VARIABLE, Vault, sealed
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.model.redaction import Redactor
from trellis.model.saying import read_locale
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.hosts.temporal.worker import TemporalWorker

log = logging.getLogger("trellis")

CHILD_S = 5.0
"""How long the server may take to begin a child run that the run above it has asked for."""


class TemporalHost:
    """Starts runs on a Temporal server, speaks to them and follows them; `Host(store="temporal://…")` gives one.

    `store` is `temporal://HOST:PORT/NAMESPACE?queue=Q&claims=STORE_URL`. With a `dispatcher`, or kinds of tools to
    `allow`, it is a worker of that queue too, as long as it is open; else the workers are elsewhere. `vault` and
    `redactor` as for `Host`. `hindered` is told why a run waits for what is amiss: no worker, or one that cannot go on.
    What a host does to runs that it drives itself is refused: `at_most`, `approve`, `watch`.
    """

    def __init__(
        self,
        store: str,
        dispatcher: Dispatcher | None = None,
        *,
        allow: Collection[str] = (),
        vault: Vault | None = None,
        redactor: Redactor | None = None,
        clock: Clock | None = None,
        root: str = ".",
        hindered: Callable[[str], None] = log.warning,
        **others: Any,
    ) -> None:
        refused = [name for name, value in others.items() if value is not None and name in _NOT_HERE]
        if refused:
            raise UsageError(f"a host on Temporal takes no `{refused[0]}`: {_NOT_HERE[refused[0]]}")
        self.address = read_address(store)
        self._dispatcher = dispatcher if dispatcher is not None else Dispatcher()
        self._works = dispatcher is not None or bool(allow)
        self._allow, self._root = frozenset(allow), root
        self._clock = clock if clock is not None else SystemClock()
        self._vault = vault if vault is not None else Vault.from_environment()
        claims = self.address.claims
        self._claims = Claims(claims, vault=self._vault, root=root) if claims else None
        self.redactor = redactor if redactor is not None else Redactor.from_text(os.environ.get("TRELLIS_REDACT", ""))
        self._hindered = hindered
        self._registered, self._seen = False, 0.0
        self._followed: WeakValueDictionary[str, Following] = WeakValueDictionary()
        """The runs that somebody here has a handle of, or that are followed."""
        self._wire: Wire
        self._graphs: Graphs
        self._worker: TemporalWorker | None = None

    async def __aenter__(self) -> Self:
        converter = data_converter(self._vault, self._claims)
        client = await connect(self.address, converter=converter)
        self._wire = Wire(client, self.address, self._clock)
        self._graphs = Graphs(self._wire)
        if self._works:
            await self.serve()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for following in list(self._followed.values()):
                await following.stop()
            self._followed.clear()
        finally:
            try:
                if self._worker is not None:
                    await self._worker.__aexit__(kind, error, trace)
            finally:
                if self._claims is not None:
                    await self._claims.close()

    async def serve(self, names: Collection[str] | None = None, *, schedules: Sequence[Graph] = ()) -> None:
        """From now on be a worker of the queue too; and the server has the `schedules` of these graphs from now on.

        Said again, it is no second worker. Raises UsageError for `names`, since a queue is served as a whole, and for a
        schedule that the server cannot keep; StoreUnavailable.
        """
        from trellis.hosts.temporal.worker import TemporalWorker

        if names is not None:
            raise UsageError(
                "a worker on Temporal serves all graphs of its queue; start those apart on a queue of their own"
            )
        if self._worker is None:
            self._worker = TemporalWorker(
                self._wire.client,
                self.address.queue,
                self._dispatcher,
                allow=self._allow,
                roots=[self._root],
                vault=self._vault,
            )
            await self._worker.__aenter__()
        await self.schedule(schedules)

    async def schedule(self, graphs: Sequence[Graph]) -> None:
        """Let the server have the schedules of these graphs, and no others of theirs; those of other graphs stay.

        Raises UsageError for one that it cannot keep, StoreUnavailable.
        """
        if graphs:
            from trellis.hosts.temporal.schedules import keep

            await keep(self._wire.client, self.address.queue, graphs)
            for graph in graphs:
                root, _ = project_of(graph)
                if self._worker is not None and root:
                    self._worker.know(root)

    async def start(
        self,
        graph: Graph,
        fields: Mapping[str, Value] | None = None,
        *,
        id: str | None = None,
        request_id: str = "",
        locale: str = "",
    ) -> TemporalRun:
        """Start a run, recorded when this returns. With an id that exists, the run of that id.

        `request_id`, `locale` as for `Host.start`; a start without an id that is sent twice has the same one. Raises
        what that does, but for UnknownTool and TooManyRuns, and StoreUnavailable.
        """
        checked_request(request_id)
        locale = read_locale(locale) if locale else ""
        name = checked_id(id) if id is not None else id_for(graph.name, request_id)
        given, secrets = start_values(graph, fields or {})
        event = RunStarted(
            self._clock.now(),
            name,
            graph.hash,
            given,
            request=request_id,
            secrets=kept_secrets(self._vault, name, secrets),
            locale=locale,
        )
        step = start(graph, event)
        must_fit(graph, self.address.url)
        try:
            await self._begin(graph, event)
        except WorkflowAlreadyStartedError:
            return await self._same(graph, event)
        live = LiveRun(
            name, self._graphs.add(graph), self._bound, step.state, 0, first_row(graph, step.state, request_id)
        )
        live.visited = entered(step)
        following = self._follow(live, list(live.visited))
        if not self._works and not await self._polled():
            following.say(str(self._wire.not_polled()))
        return TemporalRun(following, self)

    async def resume(self, run: str, *, secrets: Mapping[str, str] | None = None) -> TemporalRun:
        """A run that is there already. Raises UnknownRun, StoreUnavailable; UsageError where `secrets` are given."""
        if secrets:
            raise UsageError(f"run '{run}' is on Temporal, which keeps its secrets under encryption; give none again")
        return TemporalRun(await self._known(run), self)

    async def present(self, run: str) -> LiveRun:
        """The run as it is followed here from now on. One that is a child may not be there yet. Raises UnknownRun."""
        until = self._clock.now() + CHILD_S
        while True:
            try:
                following = await self._known(run)
            except UnknownRun:
                if self._clock.now() > until:
                    raise
                await pause(self._clock, 0.1)
                continue
            following.follow()
            return following.live

    async def send(self, run: str, command: Command) -> Reply:
        """Deliver a command to a run. Raises UnknownRun, Refused for a secret without keys, StoreUnavailable."""
        following = self._followed.get(run)
        asked = await send(self._wire, self._graphs, self._vault, run, command)
        if following is not None and following.following and not following.live.closed.done():
            await following.patiently(following.catch_up)
            if asked.question is not None:
                following.ask_again(asked.question)
        return asked.reply

    async def steps(self, live: LiveRun, since: State | None, until: int | None = None) -> Iterator[Step]:
        """The recorded steps of a run, after a state that was reached, up to and with event `until`."""
        if since is not None and since.closed:
            return iter(())
        following = self._followed.get(live.id) or self._follow(live, [])
        after = since.seq if since is not None else 0
        _, told = await following.patiently(lambda: chapters(self._wire, live.id, after))
        found = await steps(self._graphs, live.id, live.row.source, told, since)
        return found if until is None else takewhile(lambda step: step.state.seq <= until, found)

    async def ended(self, following: Following) -> Ended:
        """Wait for the end of a run. Raises HostClosed, StoreUnavailable."""
        run = following.live.id
        watching = asyncio.ensure_future(following.watch_workers())
        try:
            return await following.patiently(lambda: self._wire.ended(run))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _begin(self, graph: Graph, event: RunStarted) -> None:
        """Let the server record the start. Raises WorkflowAlreadyStartedError, StoreUnavailable."""
        root, source = project_of(graph)
        begin = Begin(graph.hash, source, SEMANTICS, started=event)
        if self._worker is not None and root:
            self._worker.know(root)
        if indexed(graph) and not self._registered:
            await register(self._wire.client)
            self._registered = True
        try:
            await self._wire.client.start_workflow(
                graph.name,
                args=[begin, msgspec.Raw(graph.data)],
                id=event.run,
                task_queue=self.address.queue,
                memo=memo_of(graph, event.request) | ({"source": source} if source else {}),
                search_attributes=first(graph, event.fields),
                id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
            )
        except RPCError as error:
            raise self._wire.told(event.run, error) from error

    async def _same(self, graph: Graph, event: RunStarted) -> TemporalRun:
        """The run that has this id, if it was started just so. Raises RunConflict, StartedOtherwise."""
        run = event.run
        begun = await self._wire.first(run)
        if begun is None or begun.started is None:
            found = await self._wire.describe(run)
            if found.graph != graph.hash or (event.request and event.request != found.request):
                raise RunConflict(run, graph.name, found.name, found.graph, graph.hash)
        else:
            first = begun.started
            if begun.graph != graph.hash or (event.request and event.request != first.request):
                raise RunConflict(run, graph.name, (await self._wire.describe(run)).name, begun.graph, graph.hash)
            same_start(graph, msgspec.structs.replace(first, run=run), event.fields, event.locale)
        return await self.resume(run)

    async def _known(self, run: str) -> Following:
        """The run as its journal has it now, or, where it has ended and no worker is there to tell, as it ended."""
        following = self._followed.get(run)
        if following is not None:
            return following
        found = await self._wire.describe(run)
        begin, graph = await self._wire.begun(run)
        graph = self._graphs.add(graph)
        state, visited, told = await stands(self._graphs, found, begin, graph)
        graph = await self._graphs.get(run, state.graph, begin.source)
        live = LiveRun(run, graph, self._bound, state, 0, first_row(graph, state, found.request), found=True)
        if state.closed:
            live.end()
        following = self._follow(live, visited)
        following.executions |= dict.fromkeys(chapter.execution for chapter in told)
        return following

    def _follow(self, live: LiveRun, before: list[str]) -> Following:
        following = Following(self._wire, self._graphs, self._clock, live, self._hindered)
        following.before = before
        self._followed[live.id] = following
        return following

    async def _polled(self) -> bool:
        """Whether some worker lives; where one did a moment ago, it does."""
        if self._clock.now() - self._seen > LOOK_S and await self._wire.polled():
            self._seen = self._clock.now()
        return self._clock.now() - self._seen <= LOOK_S

    @property
    def _bound(self) -> Router:
        return self._dispatcher.bind({}, base=".")


_NOT_HERE = {
    "at_most": "the server takes every run; limit what its workers do at once",
    "approve": "calls are made by workers, which ask nobody; let the graph ask, with `ask:`",
    "watch": "load the graph and start it, or adopt it; workers look up tools beside it",
    "reloaded": "it watches no documents",
}
"""What only a host can do that drives runs itself, and what to do instead."""


def id_for(name: str, request: str) -> str:
    """The id of a run that was given none; of a request the same each time, so that the server begins one run of it."""
    return f"{name}-{hashlib.sha256(request.encode()).hexdigest()[:16]}" if request else new_id(name)


def kept_secrets(vault: Vault | None, run: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The envelopes of secret start values. Raises InvalidField where there are no keys: a server never gets them in clear."""
    if secrets and vault is None:
        told = f"it is secret, and goes to a Temporal server under encryption only: set {VARIABLE} here and for the workers"
        raise InvalidField(next(iter(secrets)), told)
    return sealed(vault, run, secrets)
