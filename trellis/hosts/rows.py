"""The index row of a run: what can be asked of it without folding its journal, and the ids that it may stand under."""

from __future__ import annotations

import os

import msgspec

from trellis.engine import State, Step
from trellis.errors import InvalidRequestId, InvalidRunId
from trellis.model.actions import CallTool, Emit, StartChild, StartTimer
from trellis.model.graph import Graph
from trellis.model.ids import LONGEST_ID, is_run_id
from trellis.model.values import reject
from trellis.stores.base import RunRow

NOW = 0.0
"""The `wake` of a run whose calls are under way: should its owner die, it wants to be taken up at once."""
UPDATED_S = 60.0
"""So many seconds at most `updated` lags behind the last event of an open run: a step of a busy run stays one row."""

_CALLS = CallTool, Emit


def new_id(name: str) -> str:
    """An id for a run of the graph of this name that was given none."""
    return f"{name}-{os.urandom(4).hex()}"


def checked_id(run: str) -> str:
    """The id, which a new run may have. Raises InvalidRunId."""
    if not is_run_id(run):
        raise InvalidRunId(run)
    return run


def checked_request(request: str) -> str:
    """The id of a request, which every store can keep; empty: there is none. Raises InvalidRequestId."""
    if len(request) > LONGEST_ID or reject(request):
        raise InvalidRequestId(request)
    return request


def first_row(graph: Graph, state: State, request: str = "") -> RunRow:
    """The row of a run after its first turns."""
    return RunRow(
        run=state.run,
        graph=graph.hash,
        name=graph.name,
        source=graph.source,
        status=state.status,
        revision=state.seq,
        position=tuple(state.tokens),
        fields={name: state.fields.get(name) for name in indexed(graph)},
        wake=wake(state),
        created=state.at,
        updated=state.at,
        request=request,
    )


def next_row(graph: Graph, row: RunRow, before: State, step: Step) -> RunRow:
    """The row after a step; the very same object where nothing of it changed, and it was written within UPDATED_S.

    The position of a run that waits for a call stays as it was: it is written when the run rests.
    """
    state = step.state
    fields = row.fields
    for name in indexed(graph):
        if state.fields.get(name) != fields.get(name):
            fields = {**fields, name: state.fields.get(name)}
    due: float | None = NOW
    called = calls(state)
    position = row.position if called else tuple(state.tokens)
    if not (called or _uses(state)):
        due = row.wake if state.timers is before.timers and row.wake != NOW else _wake(row.wake, step)
    same = (state.status, due, position) == (row.status, row.wake, row.position) and fields is row.fields
    if same and state.at - row.updated < UPDATED_S:
        return row
    return msgspec.structs.replace(
        row, status=state.status, position=position, fields=fields, wake=due, updated=state.at
    )


def adopted_row(graph: Graph, row: RunRow, state: State) -> RunRow:
    """The row of a run that has just become one of `graph`."""
    now = first_row(graph, state, row.request)
    return msgspec.structs.replace(now, created=row.created, source=row.source)


def wake(state: State) -> float | None:
    """When the run next wants to be woken."""
    if busy(state):
        return NOW
    return min((timer.due for timer in state.timers.values()), default=None)


def busy(state: State) -> bool:
    """Whether some call or child run is under way, or would be had nobody died."""
    return calls(state) or _uses(state)


def calls(state: State) -> bool:
    """Whether some call or signal is under way."""
    return any(isinstance(pending.request, _CALLS) and not pending.uncertain for pending in state.open.values())


def _uses(state: State) -> bool:
    return any(isinstance(pending.request, StartChild) for pending in state.open.values())


def indexed(graph: Graph) -> list[str]:
    """The fields by which runs can be found."""
    names: list[str] | None = graph.memo.get("indexed")
    if names is None:
        names = graph.memo["indexed"] = [
            name for name, field in graph.definition.fields.items() if field.index and not field.secret
        ]
    return names


def _wake(before: float | None, step: Step) -> float | None:
    """When the earliest timer is due. Not every timer is looked at where the one before still stands first."""
    timers = step.state.timers
    if not timers:
        return None
    new = [request.due for request in step.requests if isinstance(request, StartTimer)]
    earliest = min([next(iter(timers.values())).due, *new])
    if before is not None and before != NOW and earliest <= before:
        return earliest
    return min(timer.due for timer in timers.values())
