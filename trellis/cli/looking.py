"""One run as its journal has it: where it stands, since when, and what happened last. Nothing is owned for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from trellis.cli.redacting import redactor
from trellis.engine import State, Step
from trellis.engine.snapshot import decode_state
from trellis.errors import StoreCorrupt, StoreUnavailable
from trellis.hosts.journal import Definitions, existing, load, steps
from trellis.hosts.lines import timestamp
from trellis.model.actions import CallTool, Emit, StartChild, StartTimer
from trellis.model.codec import decode_event
from trellis.model.events import Event
from trellis.model.graph import Graph, static_id
from trellis.model.redaction import Redactor
from trellis.model.secrets import mask
from trellis.stores.base import RunRow, Store

WHOLE = 5000
"""Events of a journal that is read whole; of a longer one, only what came after its snapshot."""


class Look(NamedTuple):
    """A run: its row, the graph it goes by, its state; since when its nodes do what they do; its last events."""

    row: RunRow
    graph: Graph
    state: State
    since: dict[str, float]
    events: list[dict[str, Any]]


async def stands(store: Store, run: str) -> tuple[RunRow, Graph, State]:
    """The row, the graph and the state of a run. Raises UnknownRun, StoreError."""
    row = await existing(store, run)
    found = await load(Definitions(store), store, row)
    return row, found.graph, found.state


async def meant(store: Store, run: str, node: str) -> tuple[str, str]:
    """The run that a node is of, and what it is called there: `review.ask` is `ask` of the run that `review` uses.

    Raises UnknownRun, StoreError.
    """
    _, _, state = await stands(store, run)
    used = [pending.request for pending in state.open.values() if not pending.cancelling]
    for request in used:
        if not isinstance(request, StartChild):
            continue
        if node.startswith(f"{request.node}.") and await store.row(request.child) is not None:
            return await meant(store, request.child, node.removeprefix(f"{request.node}."))
    return run, node


async def look(store: Store, run: str, *, last: int) -> Look:
    """The run with its last events. Raises UnknownRun, StoreError."""
    row = await existing(store, run)
    graphs = Definitions(store)
    counted = row.revision > 0  # else its events may be no more to be had
    kept = await store.snapshot(run) if row.revision > WHOLE or not counted else None
    state = decode_state(kept.data) if kept is not None else None
    since: dict[str, float] = {}
    known: dict[str, dict[str, str]] = {}
    for step in await steps(graphs, store, row, since=state):
        state = step.state
        _note(step, since, known)
    if state is None:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    first = max(state.seq - last, 0)
    try:
        tail = (await store.read(run, first))[: state.seq - first]
    except StoreUnavailable:
        if kept is None:
            raise
        tail = []  # of a run that has ended on Temporal, whose events a worker tells and none is there
    graph, hide = await graphs.get(state.graph, row), redactor()
    happened = [facts(number, decode_event(data), known) for number, data in enumerate(tail, first + 1)]
    events = [hide.line(event, saves=_field(graph, event, hide)) for event in happened]
    return Look(row, graph, state, since, events)


async def begun(store: Store, run: str, *, at: int | None) -> list[CallTool]:
    """The calls that may be made at most once and were begun, but not ended, by the event `at` (None: the last).

    Raises UnknownRun, StoreError.
    """
    row = await existing(store, run)
    state = None
    for step in await steps(Definitions(store), store, row):
        if at is not None and step.state.seq > at:
            break
        state = step.state
    pending = state.open.values() if state is not None else ()
    return [
        each.request
        for each in pending
        if (each.begun or each.uncertain) and isinstance(each.request, CallTool) and not each.cancelling
    ]


def _field(graph: Graph, event: dict[str, Any], hide: Redactor) -> str:
    """The field that takes the value of an event. Of a form that was answered by a text: one that hides all of it."""
    node = graph.definition.nodes.get(static_id(event.get("node", "")))
    if node is None:
        return ""
    if node.ask is None:
        return node.save or ""
    if node.ask.form:
        return next(filter(hide.hides, node.ask.fields), "") if isinstance(event.get("value"), str) else ""
    return node.ask.field


def _note(step: Step, since: dict[str, float], known: dict[str, dict[str, str]]) -> None:
    for kind, told in step.trace:
        if kind in ("node.entered", "tool.called", "emit.sent", "child.started"):
            since[told["node"]] = step.state.at
    for request in step.requests:
        if isinstance(request, CallTool | Emit | StartChild | StartTimer):
            about = {"purpose": request.purpose} if isinstance(request, StartTimer) else {}
            known[request.id] = {"node": request.node, **about}


def facts(number: int, event: Event, known: dict[str, dict[str, str]]) -> dict[str, Any]:
    """An event for people and programs: secrets hidden; named is the node of its request, and what its timer was for."""
    given: dict[str, Any] = msgspec.to_builtins(event)
    given.pop("secrets", None)
    told = {"seq": number, "at": timestamp(event.at), "type": given.pop("type")}
    told |= known.get(given.get("request") or given.get("timer") or "", {})
    hidden = ("at", "noise", "version")
    return told | {key: mask(value) for key, value in given.items() if key not in hidden}
