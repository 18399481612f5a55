"""What an operator does to runs in a store: find, replay, fork, try again, carry elsewhere. Nothing is driven here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from trellis.engine import State, apply
from trellis.engine.attempts import UNCERTAIN
from trellis.engine.versions import Verdict, compare
from trellis.errors import ExpressionError, InvalidField, Refused, StoreCorrupt, UnknownRun, UsageError
from trellis.expr.expression import Expression, ExpressionSyntax, compile_expression
from trellis.hosts.clock import Clock, SystemClock
from trellis.hosts.journal import Definitions, existing, folded, load, read_events, received, steps
from trellis.hosts.lines import Line, Scribe, entered
from trellis.hosts.rows import UPDATED_S, checked_id, first_row
from trellis.hosts.vault import Vault, rebound
from trellis.model.actions import StartChild
from trellis.model.codec import decode_event, encode_event
from trellis.model.dates import NO_DATE
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    Adopted,
    AttemptBegun,
    AttemptWanted,
    Event,
    Forked,
    RunStarted,
    TimerFired,
)
from trellis.model.graph import Graph
from trellis.model.redaction import Redactor
from trellis.model.secrets import sealed_names
from trellis.model.values import Value, reject
from trellis.stores.base import RunRow, Store

EXPORT = 1
"""The version of the export format."""


class Replayed(NamedTuple):
    """A run as it was after its first events: the graph that it had then, its state, all lines until then."""

    graph: Graph
    state: State
    lines: list[Line]
    events: int
    """How many events the journal has."""


class _Head(msgspec.Struct, frozen=True):
    """The first line of an export."""

    trellis_export: int
    row: RunRow
    definitions: dict[str, str]


_head = msgspec.json.Decoder(_Head)


async def select(
    store: Store,
    *,
    status: str | None = None,
    name: str | None = None,
    where: str | None = None,
    older_than: float | None = None,
    limit: int | None = None,
) -> list[RunRow]:
    """The rows of this status, name of a graph, and last event before `older_than` (seconds since 1970), newest first.

    `where` is an expression over the indexed fields; a run that lacks one of them, or has other types in them, is none
    of those looked for. Raises UsageError where it is no expression.
    """
    match, holds = _condition(where)
    whole = holds is None and older_than is None
    rows = await store.rows(status=status, name=name, match=match, limit=limit if whole else None)
    found = list[RunRow]()
    for row in rows:
        if len(found) == limit:
            break
        if (holds is None or _holds(holds, row)) and (older_than is None or await _rests(store, row, older_than)):
            found.append(row)
    return found


async def above(store: Store, row: RunRow) -> tuple[RunRow, Graph, State] | None:
    """The open run that waits for this one as its child, or has not heard yet how it ended; None where none does."""
    if not row.request:
        return None
    graphs = Definitions(store)
    name = (await load(graphs, store, row)).state.parent
    parent = await store.row(name) if name else None
    if parent is None or parent.status != "running":
        return None
    found = await load(graphs, store, parent)
    return (parent, found.graph, found.state) if row.run in (each.child for each in children(found.state)) else None


def children(state: State) -> list[StartChild]:
    """The child runs that it waits for."""
    return [pending.request for pending in state.open.values() if isinstance(pending.request, StartChild)]


async def _rests(store: Store, row: RunRow, since: float) -> bool:
    """Whether nothing has happened to the run from then on."""
    if row.status != "running" or row.updated >= since or row.updated + UPDATED_S < since:
        return row.updated < since
    try:
        later = await read_events(store, row.run, row.revision - 1)  # the row may lag behind, the journal does not
    except UnknownRun:
        return False
    return all(event.at < since for event in later)


def _condition(where: str | None) -> tuple[dict[str, Value], Expression | None]:
    """What the index can find, `name == value` parts that all must hold, and the expression where there is more.

    The index finds by equality as JSON has it, and a missing field as null; where an expression has it otherwise, of
    null, and of 0 and 1, which equal false and true in it, the expression decides.
    """
    if where is None:
        return {}, None
    import ast

    try:
        expression = compile_expression(where)
    except ExpressionSyntax as error:
        raise UsageError(f"--where: {error}") from error
    match: dict[str, Value] = {}
    more = False
    parts = [ast.parse(where.strip(), mode="eval").body]
    while parts:
        match parts.pop():
            case ast.BoolOp(op=ast.And(), values=values):
                parts += values
            case ast.Compare(left=ast.Name(id=field), ops=[ast.Eq()], comparators=[ast.Constant(value=value)]) if (
                field not in match and isinstance(value, str | int | float) and value not in (0, 1)
            ):
                match[field] = value
            case _:
                more = True
    return match, expression if more else None


def _holds(expression: Expression, row: RunRow) -> bool:
    try:
        return bool(expression.evaluate(row.fields))
    except ExpressionError:
        return False


async def unindexed(
    store: Store, where: str, *, status: str | None = None, name: str | None = None
) -> dict[str, list[str]]:
    """The names in the expression that none of these runs has as an indexed field, each with those that some run has.

    Empty where there are no runs.
    """
    rows = await store.rows(status=status, name=name)
    known = list(dict.fromkeys(field for row in rows for field in row.fields))
    return dict.fromkeys(sorted(compile_expression(where).names.difference(known)), known) if rows else {}


async def replayed(store: Store, run: str, *, until: int | None = None, redactor: Redactor | None = None) -> Replayed:
    """The run as its first `until` events left it (None: all). Raises UnknownRun, UsageError, StoreError.

    `redactor` hides in the lines what people must not see.
    """
    row = await existing(store, run)
    graphs, events = Definitions(store), await read_events(store, run)
    count = _within(run, until, events)
    state, scribe, lines = None, None, list[Line]()
    for step in await folded(graphs, store, row, events[:count]):
        graph = await graphs.get(step.state.graph, row)
        if scribe is None:
            scribe = Scribe(graph, run, redactor=redactor)
        elif scribe.graph is not graph:
            scribe.become(graph)
        lines += scribe.lines(step)
        state = step.state
    if state is None or scribe is None:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    return Replayed(scribe.graph, state, lines, len(events))


def _within(run: str, until: int | None, events: list[Event]) -> int:
    if until is None:
        return len(events)
    if not 0 < until <= len(events):
        raise UsageError(f"run '{run}' has {len(events)} events; there is no event {until}")
    return until


async def fork(
    store: Store,
    run: str,
    *,
    at: int | None = None,
    fields: Mapping[str, Value] | None = None,
    id: str | None = None,
    by: str = "",
    clock: Clock | None = None,
    vault: Vault | None = None,
) -> RunRow:
    """A new run that begins with the first `at` events of another one (None: all of it), then has `fields` written.

    What the first events did is not done again; what they left open is done anew, under keys of the new run, and timers
    have as long to go as they had then. Secrets
    come along where `vault` has their keys. Nobody drives it yet. Raises UnknownRun, UsageError, InvalidField, Refused
    where the run had ended by then, StoreError.
    """
    row = await existing(store, run)
    events = await read_events(store, run)
    count = _within(run, at, events)
    name = id if id is not None else f"{run}-{os.urandom(3).hex()}"
    kept = [_renamed(rebound(vault, event, run, name), run, name) for event in events[:count]]
    graphs, state = Definitions(store), None
    for step in await folded(graphs, store, row, kept):
        state = step.state
    if state is None:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    if state.closed or state.ending is not None:
        status = state.status if state.ending is None else state.ending.status
        raise Refused("closed", f"run '{run}' had ended by event {count}: {status}; fork it at an earlier one")
    graph, now = await graphs.get(state.graph, row), (clock or SystemClock()).now()
    for field, value in (fields or {}).items():
        fault = reject(value) or ("it holds the mark that stands for a secret" if sealed_names(value) else None)
        if fault is not None:
            raise InvalidField(field, fault)
    forked = Forked(now, dict(fields or {}), by)
    step = apply(graph, state, forked)
    if step.refusal is not None:
        refused, _, reason = step.refusal.message.removeprefix("field '").partition("': ")
        raise InvalidField(refused, reason)
    anew, state = _anew(graph, step.state, run, now, by)
    return await _create(store, graphs, row, [*kept, forked, *anew], graph, state)


def _anew(graph: Graph, state: State, run: str, now: float, by: str) -> tuple[list[Event], State]:
    """What lets the calls be made that may be made once, and that another run had begun: this one has not."""
    events = list[Event]()
    for name, pending in state.open.items():
        after, known = state, list[Event]()
        if pending.begun and not pending.uncertain:
            known.append(ActionFailed(now, name, UNCERTAIN, f"run '{run}' had begun it", retryable=False))
            after = apply(graph, after, known[-1]).state
        if name in after.open and after.open[name].uncertain:  # else a `catch` takes it
            known.append(AttemptWanted(now, name, by))
            state = apply(graph, after, known[-1]).state
            events += known
    return events, state


async def retry(
    store: Store,
    run: str,
    node: str,
    *,
    id: str | None = None,
    by: str = "",
    clock: Clock | None = None,
    vault: Vault | None = None,
) -> RunRow:
    """A fork of the run that begins where `node` (its path) was last entered. Raises what `fork` does."""
    row = await existing(store, run)
    last, known = 0, dict[str, None]()
    for step in await steps(Definitions(store), store, row):
        known |= dict.fromkeys(entered(step))
        if node in entered(step):
            last = step.state.seq
    if not last:
        raise UsageError(f"run '{run}' never entered a node '{node}'; it entered: {', '.join(known)}")
    return await fork(store, run, at=last, id=id, by=by, clock=clock, vault=vault)


def _renamed(event: Event, run: str, name: str) -> Event:
    """The event as the journal of run `name` has it; what asked for it has the id of that run, which nobody uses."""
    replace = msgspec.structs.replace
    if isinstance(event, RunStarted):
        return replace(event, run=name, root="", request="", parent="")
    if isinstance(event, ActionCompleted | ActionFailed | AttemptBegun | AttemptWanted):
        return replace(event, request=name + event.request.removeprefix(run))
    if isinstance(event, TimerFired):
        return replace(event, timer=name + event.timer.removeprefix(run))
    return event


async def export(store: Store, run: str) -> list[bytes]:
    """The run as JSON lines: what it is and the definitions that it needs, then its events in order."""
    row = await existing(store, run)
    events = await store.read(run)
    graphs, digests = Definitions(store), dict[str, None]()
    for event in map(decode_event, events):
        if isinstance(event, RunStarted | Adopted):
            digests[event.graph] = None
    definitions = {digest: (await graphs.get(digest, row)).data.decode() for digest in digests}
    head = msgspec.json.encode(_Head(EXPORT, msgspec.structs.replace(row, revision=len(events)), definitions))
    return [head, *events]


async def import_run(
    store: Store, lines: Iterable[bytes], *, id: str | None = None, vault: Vault | None = None
) -> RunRow:
    """Create the run that `export` gave, under its own id or another one; then `vault` rebinds its secrets.

    The journal is folded first: what does not follow from its definitions is refused. Raises UsageError, ReplayError,
    StoreError; Refused where the id is taken.
    """
    given = [line for line in lines if line.strip()]
    try:
        head = _head.decode(given[0] if given else b"")
        events = [decode_event(line) for line in given[1:]]
    except (msgspec.MsgspecError, ValueError) as error:
        raise UsageError(f"this is no export of a run: {error}") from error
    if head.trellis_export != EXPORT:
        raise UsageError(f"this export has version {head.trellis_export}, this trellis knows {EXPORT}")
    row, state = head.row, None
    name = id if id is not None else row.run
    graphs = Definitions(store)
    faults = _faults(head, events)
    for digest, data in head.definitions.items():
        try:
            graphs.add(received(data, digest, row.source))
        except ValueError as error:
            faults.append(str(error))
    if faults:
        raise UsageError(f"this export is damaged: {'; '.join(faults)}. Export the run again")
    if name != row.run:
        events = [_renamed(rebound(vault, event, row.run, name), row.run, name) for event in events]
    for step in await folded(graphs, store, row, events):
        state = step.state
    if state is None:
        raise UsageError("this is no export of a run: it has no events")
    return await _create(store, graphs, row, events, await graphs.get(state.graph, row), state)


def _faults(head: _Head, events: list[Event]) -> list[str]:
    """What cannot be in an export that is whole."""
    faults = list[str]()
    if len(events) != head.row.revision:
        faults.append(f"its run has {head.row.revision} events, and here are {len(events)}")
    undated = next(((number, event.at) for number, event in enumerate(events, 1) if not 0 <= event.at < NO_DATE), None)
    if undated is not None:
        faults.append("event {} has the time {:g}, which is no date".format(*undated))
    needed = dict.fromkeys(event.graph for event in events if isinstance(event, RunStarted | Adopted))
    faults += [f"definition {digest[:12]} is not in it" for digest in needed if digest not in head.definitions]
    return faults


async def _create(
    store: Store, graphs: Definitions, row: RunRow, events: list[Event], graph: Graph, state: State
) -> RunRow:
    """Write a run whole, and let it go. Raises InvalidRunId."""
    checked_id(state.run)
    begun = events[0]
    digests = {event.graph for event in events if isinstance(event, RunStarted | Adopted)}
    definitions = {digest: (await graphs.get(digest, row)).data for digest in digests}
    first = first_row(graph, state, begun.request if isinstance(begun, RunStarted) else "")
    first = msgspec.structs.replace(first, created=begun.at, source=row.source)
    created, epoch = await store.create(first, list(map(encode_event, events)), definitions, last=state.closed)
    if epoch is None:
        raise Refused("exists", f"there is a run '{created.run}' already; give another id")
    if not state.closed:
        await store.release(created.run)
    return created


async def verdicts(store: Store, graph: Graph, rows: Sequence[RunRow] | None = None) -> list[tuple[RunRow, Verdict]]:
    """Whether each of these open runs could go on as one of this version, which it is not yet.

    `rows`: by default all open runs of a graph of this name.
    """
    graphs, found = Definitions(store), list[tuple[RunRow, Verdict]]()
    for row in await store.rows(status="running", name=graph.name) if rows is None else rows:
        if row.graph != graph.hash:
            run = await load(graphs, store, row)
            found.append((row, compare(run.graph, graph, run.state)))
    return found
