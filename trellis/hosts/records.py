"""What a store remembers of schedules: runs of two graphs of our own, which end with their first event.

A record is written as every run is started, once under its id, whoever else tries: a firing that is skipped takes the
id that its run would have had, so each firing is either started or skipped, and by one worker.
"""

from __future__ import annotations

from functools import cache

from trellis.model.graph import Definition, End, EndStatus, Field, Graph, Node
from trellis.schedules.facts import folder, moment
from trellis.stores.base import RunRow, Store

SKIPPED = "trellis.skipped"
"""The name of the graph of firings that started no run."""
SCHEDULED = "trellis.scheduled"
"""The name of the graph that says since when a schedule is served."""
PAGE = 100


@cache
def skipped_graph() -> Graph:
    """A run of it is a firing that was skipped, and ends as cancelled, its result being the reason."""
    return _record(SKIPPED, "cancelled", ("graph", "schedule", "reason"), result="reason")


@cache
def scheduled_graph() -> Graph:
    """A run of it says that a schedule is served since it was created."""
    return _record(SCHEDULED, "ok", ("graph", "schedule"), result=None)


def _record(name: str, status: EndStatus, fields: tuple[str, ...], *, result: str | None) -> Graph:
    node = Node("record", "end", end=End(status, result))
    return Graph(
        Definition(name, "record", {"record": node}, fields={key: Field("string", index=True) for key in fields})
    )


async def last_fired(store: Store, graph: str, name: str) -> float | None:
    """The moment of the last firing that has an outcome in the store; None where there is none."""
    prefix = folder(graph, name)
    skipped = await store.rows(name=SKIPPED, match={"graph": graph, "schedule": name}, limit=PAGE)
    found = _moments(skipped, prefix)
    limit = PAGE
    while True:  # the newest runs of the graph; it may have many that nobody scheduled
        rows = await store.rows(name=graph, limit=limit)
        started = _moments(rows, prefix)
        if started or len(rows) < limit:
            return max(found + started, default=None)
        limit *= 10


async def open_runs(store: Store, graph: str, name: str) -> list[RunRow]:
    """The runs that the schedule started and that have not ended, the newest first."""
    prefix = folder(graph, name)
    rows = await store.rows(status="running", name=graph)
    return [row for row in rows if is_of(row, prefix)]


def is_of(row: RunRow, prefix: str) -> bool:
    """Whether a schedule started this run, or skipped it; `prefix` is what the ids of its firings begin with."""
    return row.run.startswith(prefix) and row.request.endswith(row.run) and moment(row.run) is not None


def _moments(rows: list[RunRow], prefix: str) -> list[float]:
    return [at for row in rows if is_of(row, prefix) and (at := moment(row.run)) is not None]
