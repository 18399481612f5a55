"""The runs of a task queue, read as those of a store are: their index rows, journals and definitions; nothing is written so.

Whoever looks at runs, or speaks to one, does it as with any store; what would write a journal is refused with a reason.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NoReturn

import msgspec
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from trellis.engine import apply
from trellis.errors import StoreCorrupt, StoreUnavailable, UnknownRun, UsageError
from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import Command, Reply
from trellis.hosts.rows import NOW
from trellis.hosts.temporal import attributes
from trellis.hosts.temporal.address import connect, read_address
from trellis.hosts.temporal.claims import Claims
from trellis.hosts.temporal.following import Chapter, Graphs, chapters, ended_state, steps
from trellis.hosts.temporal.messages import BATCH, Journal
from trellis.hosts.temporal.payloads import data_converter
from trellis.hosts.temporal.sending import send
from trellis.hosts.temporal.wire import Described, Hindered, NotPolled, Wire
from trellis.hosts.vault import Vault
from trellis.model.actions import CallTool, Emit, StartChild
from trellis.model.codec import encode_event
from trellis.model.events import ActionFailed, Adopted, CancelRequested, Event, RunStarted
from trellis.model.types import timestamp
from trellis.model.values import Value
from trellis.stores.base import Hear, RunRow, Snapshot
from trellis.stores.matching import wanted
from trellis.stores.urls import masked

AT_ONCE = 20
WITHIN_S = (60.0, 600.0, 6_000.0, 60_000.0, 600_000.0)
"""In how long a time the newest runs are looked for, until there are enough of them."""
LOOKED_AT = 200
"""Of how many open runs at most it is asked where they are; of more, their ids and statuses must do."""


class TemporalRuns:
    """A `Store` to look into. The server is reached at the first use."""

    def __init__(self, url: str, *, root: str = ".") -> None:
        self.url = masked(url)
        self._address = read_address(url)
        self._vault = Vault.from_environment()
        claims = self._address.claims
        self._claims = Claims(claims, vault=self._vault, root=root) if claims else None
        self._opening: asyncio.Task[Wire] | None = None
        self._graphs: Graphs
        self._runs_of: dict[str, str] = {}
        """The hash of a definition -> a run that has it."""
        self._untold: dict[str, StoreUnavailable] = {}
        self._asking = asyncio.Semaphore(AT_ONCE)

    async def tell(self, run: str, command: Command) -> Reply:
        """Deliver a command to the run. Raises UnknownRun, Refused, StoreUnavailable."""
        wire = await self._wire()
        return (await send(wire, self._graphs, self._vault, run, command)).reply

    async def definition(self, digest: str) -> bytes | None:
        """The definition of a run that was looked at before."""
        await self._wire()
        run = self._runs_of.get(digest)
        return None if run is None else (await self._graphs.get(run, digest, "")).data

    async def snapshot(self, run: str) -> Snapshot | None:
        """The state from which the oldest execution goes on that the server still keeps; None where it has the first.

        Of a run that has ended, and of which no worker tells, its last.
        """
        wire = await self._wire()
        try:
            _, told = await self._chapters(run, 0)
            state = told[0].state
        except (NotPolled, Hindered):
            found = await wire.describe(run)
            if found.ended is None:
                return None  # whoever reads on hears why
            begin, graph = await wire.begun(run)
            state, _ = await ended_state(wire, found, begin, graph)
        if state is None:
            return None
        self._runs_of[state.graph] = run
        from trellis.engine.snapshot import encode_state

        return Snapshot(state.seq, encode_state(state))

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        """The events with `seq` > `after`. One that the server ended past its workers has that as its last event; where no
        worker tells, these are all the events of one that nobody ever worked on.

        Raises UnknownRun, NotPolled, StoreCorrupt where older events are kept no more.
        """
        wire = await self._wire()
        try:
            now, told = await self._chapters(run, after)
        except (NotPolled, Hindered):
            end, begun = await self._terminated(run), await wire.first(run)
            if (await wire.describe(run)).ended is None:
                raise
            if after:
                return []  # `snapshot` has all there is
            if end is None or begun is None or begun.started is None or await wire.worked_on(run):
                raise  # what its workers did would be lost, and nobody would see it
            started = msgspec.structs.replace(begun.started, run=run)
            _, closing = await self._closing(run, [Chapter(None, [], [started])], end)
            return [encode_event(started), *map(encode_event, closing)]
        if told[0].base > after:
            what = f"the first {told[0].base} events of run '{run}' are kept no more: its earlier executions are gone"
            raise StoreCorrupt(self.url, what)
        happened = [event for chapter in told for event in chapter.events]
        self._runs_of |= {event.graph: run for event in happened if isinstance(event, RunStarted | Adopted)}
        events = [encode_event(event) for event in happened]
        end = None if now.closed else await self._terminated(run)
        if end is None:
            return events
        whole = told if not after else (await self._chapters(run, 0))[1]
        seq, closing = await self._closing(run, whole, end)
        return events + [encode_event(event) for event in closing[max(after - seq, 0) :]]

    async def _closing(self, run: str, told: list[Chapter], end: CancelRequested) -> tuple[int, list[Event]]:
        """How many events a run has that the server ended, and those which that comes to: nobody waits for what was open."""
        source = (await (await self._wire()).describe(run)).source
        (last,) = deque(await steps(self._graphs, run, source, told, None), maxlen=1)
        state = last.state
        graph, seq, closing = await self._graphs.get(run, state.graph, source), state.seq, list[Event]([end])
        state = apply(graph, state, end).state
        for request in list(state.open):
            event = ActionFailed(end.at, request, "cancelled", "the server ended the run", retryable=False)
            step = apply(graph, state, event)
            if step.refusal is None:
                state = step.state
                closing.append(event)
        return seq, closing

    async def _chapters(self, run: str, after: int) -> tuple[Journal, list[Chapter]]:
        """As `chapters`; a run of which nobody told is not asked about again."""
        if run in self._untold:
            raise self._untold[run]
        try:
            return await chapters(await self._wire(), run, after)
        except (NotPolled, Hindered) as error:
            self._untold[run] = error
            raise

    async def _terminated(self, run: str) -> CancelRequested | None:
        """How the server ended a run past its workers; None where it did not."""
        wire = await self._wire()
        found = await wire.describe(run)
        error = (await wire.ended(run)).error if found.ended is not None else None
        if found.ended is None or error is None or error["code"] != "terminated":
            return None
        return CancelRequested(found.ended, str(error["message"]), terminate=True)

    async def row(self, run: str) -> RunRow | None:
        """What the server, and where there is one a worker, tells of the run; None where there is none."""
        wire = await self._wire()
        try:
            found = await wire.describe(run)
        except UnknownRun:
            return None
        return await self._row(found, look=True)

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        """The runs of the queue, the newest first, as `Store.rows` has them. A server lists what is new a moment later.

        It has no order by which the newest come first, so where they are enough, ever longer times are asked for.
        """
        for since_s in WITHIN_S if limit is not None else ():
            rows = await self._rows(since_s, status, name, graph, match, limit)
            if len(rows) == limit:
                return rows
        return await self._rows(None, status, name, graph, match, limit)

    async def _rows(
        self,
        since_s: float | None,
        status: str | None,
        name: str | None,
        graph: str | None,
        match: Mapping[str, Value] | None,
        limit: int | None,
    ) -> list[RunRow]:
        """Those that were started in the last `since_s` seconds, or ever."""
        wire = await self._wire()
        listed = await self._listed(since_s, status, name, match or {})
        found = [each for each in listed if each.graph and (graph is None or each.graph == graph)]
        if limit is not None and since_s is not None:
            # Listed is who was started in that time or went on then in another execution.
            found = [each for each in found if each.began >= wire.clock.now() - since_s]
            if len(found) < limit:
                return []  # too few, whatever is wanted of them
        found.sort(key=lambda each: each.began, reverse=True)
        look = sum(each.ended is None for each in found[:limit]) <= LOOKED_AT and await wire.polled()
        rows: list[RunRow] = []
        step = 10 * AT_ONCE if limit is None else min(limit, 10 * AT_ONCE)
        for start in range(0, len(found), step):
            part = found[start : start + step]
            made = await asyncio.gather(*(self._row(each, look=look, whole=bool(match)) for each in part))
            rows += [row for row in made if wanted(row, status, name, graph, match)]
            if limit is not None and len(rows) >= limit:
                break
        return rows[:limit]

    async def delete(self, run: str) -> None:
        """Let the server remove a run that has ended, with its earlier executions and its batches.

        Raises UnknownRun, UsageError, StoreUnavailable.
        """
        wire = await self._wire()
        found = await wire.describe(run)
        if found.ended is None:
            raise UsageError(f"run '{run}' is open, and open runs are not removed")
        earlier = [(run, execution) for execution in (await wire.executions(run))[:-1]]
        for each in [*await self._batches(run), *earlier, (run, found.execution)]:
            request = DeleteWorkflowExecutionRequest(
                namespace=wire.client.namespace,
                workflow_execution=WorkflowExecution(workflow_id=each[0], run_id=each[1]),
            )
            try:
                await wire.client.workflow_service.delete_workflow_execution(request)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND or each[1] == found.execution:
                    raise wire.told(run, error) from error

    async def _batches(self, run: str) -> list[tuple[str, str]]:
        """The batches of a run that the server lists, each with its execution."""
        wire = await self._wire()
        query = f"WorkflowType = '{BATCH}' AND ParentWorkflowId = {_quoted(run)}"
        with wire.said(run):
            return [(each.id, each.run_id) async for each in wire.client.list_workflows(query)]

    async def close(self) -> None:
        """Give up the connection."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        self._opening = None
        if self._claims is not None:
            await self._claims.close()

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        """Nothing is owned here."""

    async def owned(self) -> list[str]:
        """Nothing is."""
        return []

    def hear(self, answer: Hear) -> None:
        """Nobody asks here: a run answers for itself."""

    async def ask(self, *_: Any, **__: Any) -> bytes | None:
        """Nobody owns a run but its workflow; see `tell`."""
        return None

    async def _refused(self, *_: Any, **__: Any) -> NoReturn:
        """Raises UsageError."""
        raise UsageError(
            f"the journals at {self.url} are histories that a Temporal server writes: runs begin there by "
            "`trellis run FILE --on URL`, and their workers go on with them"
        )

    create = claim = claim_due = append = _refused

    async def _wire(self) -> Wire:
        if self._opening is None:
            self._opening = asyncio.ensure_future(self._open())
        return await asyncio.shield(self._opening)

    async def _open(self) -> Wire:
        client = await connect(self._address, converter=data_converter(self._vault, self._claims))
        wire = Wire(client, self._address, SystemClock())
        self._graphs = Graphs(wire)
        return wire

    async def _listed(
        self, since_s: float | None, status: str | None, name: str | None, match: Mapping[str, Value]
    ) -> list[Described]:
        wire = await self._wire()
        parts = [f"TaskQueue = {_quoted(self._address.queue)}"]
        if since_s is not None:
            parts.append(f"StartTime >= '{timestamp(wire.clock.now() - since_s)}'")
        if name is not None:
            parts.append(f"WorkflowType = {_quoted(name)}")
        if condition := attributes.wanted(match):
            parts.append(condition)
        if status is not None:
            parts.append(f"ExecutionStatus {'=' if status == 'running' else '!='} 'Running'")
        with wire.said(""):
            return [
                await wire.described(each)
                async for each in wire.client.list_workflows(" AND ".join(parts), rpc_timeout=timedelta(seconds=30))
                if each.status is not WorkflowExecutionStatus.CONTINUED_AS_NEW
            ]

    async def _row(self, found: Described, *, look: bool, whole: bool = False) -> RunRow:
        """The row of a run; `look`: with what its worker tells, `whole`: with the whole of fields that are cut elsewhere."""
        self._runs_of[found.graph] = found.run
        words: list[str] = found.seen.get(attributes.FIELDS.name, [])
        row = RunRow(
            run=found.run,
            graph=found.graph,
            name=found.name,
            source=found.source,
            status=_status(found),
            revision=0,
            position=(),
            fields=attributes.read(words),
            wake=NOW if found.ended is None else None,
            created=found.began,
            updated=found.ended if found.ended is not None else found.began,
            request=found.request,
        )
        cut = whole and any("…" in word for word in words)
        async with self._asking:
            if found.ended is None:
                return await self._open_now(row, cut=cut) if look or cut else row
            if not cut:
                return row
            fields = (await (await self._wire()).ended(row.run)).fields
            return msgspec.structs.replace(row, fields={name: fields.get(name) for name in row.fields})

    async def _open_now(self, row: RunRow, *, cut: bool) -> RunRow:
        """The row with what its worker tells; without one, or with one that cannot, what the server knows."""
        try:
            view = await (await self._wire()).view(row.run)
        except (NotPolled, Hindered, UnknownRun):
            return row
        self._runs_of[view.graph] = row.run
        known = [each for each in view.open if each.node not in view.uncertain]
        busy = any(isinstance(request, CallTool | Emit | StartChild) for request in known)
        return msgspec.structs.replace(
            row,
            graph=view.graph,
            revision=view.seq,
            position=tuple(view.position),
            fields={name: view.fields.get(name) for name in row.fields} if cut else row.fields,
            updated=view.at,
            wake=NOW if busy else None,
        )


def _status(found: Described) -> str:
    """The status of the run: Temporal tells that it failed, and the run itself how."""
    told = found.seen.get(attributes.STATUS.name)
    return str(told) if found.status == "failed" and told not in (None, attributes.ASKING, "running") else found.status


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
