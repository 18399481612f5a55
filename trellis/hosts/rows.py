"""The index row of a run: what can be asked of it without folding its journal. Written only where it changes."""

from __future__ import annotations

import msgspec

from trellis.engine import State, Step
from trellis.hosts.live import LiveRun
from trellis.model.actions import CallTool, StartTimer
from trellis.model.graph import Graph
from trellis.stores.base import RunRow


def first_row(graph: Graph, state: State) -> RunRow:
    """The row of a run after its first turn."""
    return RunRow(
        run=state.run,
        graph=graph.hash,
        name=graph.name,
        source=graph.source,
        status=state.status,
        revision=1,
        position=tuple(state.tokens),
        fields={name: state.fields.get(name) for name in indexed(graph)},
        wake=min((timer.due for timer in state.timers.values()), default=None),
        created=state.at,
        updated=state.at,
    )


def next_row(run: LiveRun, row: RunRow, before: State, step: Step) -> RunRow:
    """The row after a step; the very same object where nothing of it changed.

    The position of a run that waits for a call stays as it was: it is written when the run rests.
    """
    state = step.state
    fields = row.fields
    for name in indexed(run.graph):
        if state.fields.get(name) != fields.get(name):
            fields = {**fields, name: state.fields.get(name)}
    busy = any(isinstance(pending.request, CallTool) for pending in state.open.values())
    position = row.position if busy else tuple(state.tokens)
    wake = row.wake if state.timers is before.timers else _wake(row.wake, step)
    if (state.status, wake, position) == (row.status, row.wake, row.position) and fields is row.fields:
        return row
    return msgspec.structs.replace(
        row, status=state.status, position=position, fields=fields, wake=wake, updated=state.at
    )


def indexed(graph: Graph) -> list[str]:
    """The fields by which runs can be found."""
    names: list[str] | None = graph.memo.get("indexed")
    if names is None:
        names = graph.memo["indexed"] = [name for name, field in graph.definition.fields.items() if field.index]
    return names


def _wake(before: float | None, step: Step) -> float | None:
    """When the earliest timer is due. Not every timer is looked at where the one before still stands first."""
    timers = step.state.timers
    if not timers:
        return None
    new = [request.due for request in step.requests if isinstance(request, StartTimer)]
    earliest = min([next(iter(timers.values())).due, *new])
    if before is not None and earliest <= before:
        return earliest
    return min(timer.due for timer in timers.values())
