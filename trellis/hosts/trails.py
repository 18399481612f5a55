"""What a run did on its graph, read from its journal: which nodes it came to, for how long, and by which ways.

Durations are of the times that events carry: from the turn in which a node was entered to that in which it was left.
"""

from __future__ import annotations

from typing import NamedTuple

from trellis.engine import State, Step
from trellis.errors import StoreCorrupt
from trellis.hosts.journal import Definitions, existing, steps
from trellis.model.graph import END, FAIL, ROLLBACK, Definition, Graph, static_id
from trellis.render.marking import Stay, Trail
from trellis.stores.base import Store


class Followed(NamedTuple):
    """A run, its graph, and what it did on it."""

    graph: Graph
    state: State
    trail: Trail


async def follow(store: Store, run: str) -> Followed:
    """What the run did so far. Raises UnknownRun, StoreError."""
    row = await existing(store, run)
    graphs, state = Definitions(store), None
    trail = Trail({}, {})
    since: dict[str, float] = {}
    for step in await steps(graphs, store, row):
        state = step.state
        graph = await graphs.get(state.graph, row)
        _walk(step, graph.definition, trail, since)
    if state is None:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    trail.current = {static_id(path) for path in state.tokens}
    trail.failed = {static_id(state.error.node)} if state.error is not None and state.status != "running" else set()
    return Followed(await graphs.get(state.graph, row), state, trail)


def _walk(step: Step, definition: Definition, trail: Trail, since: dict[str, float]) -> None:
    """One turn: who left and who was entered. The way from one to the other is between nodes of one region."""
    left: dict[str, str] = {}
    """Region at run time -> the node that was left there and that nothing follows yet."""
    for kind, facts in step.trace:
        if kind == "node.left":
            path = facts["node"]
            left[_region(path, definition)] = path
            begun = since.pop(path, None)
            stay = trail.stays.get(static_id(path))
            if begun is not None and stay is not None:
                stay.over += 1
                stay.seconds += max(0.0, step.state.at - begun)
        elif kind == "node.entered":
            path = facts["node"]
            since[path] = step.state.at
            trail.stays.setdefault(static_id(path), Stay()).entries += 1
            region = _region(path, definition)
            before = left.pop(region, None) or (_owner(region) if region else None)
            if before is not None:
                _move(trail, before, static_id(path))
    for region, path in left.items():
        ended = _owner(region) if region else {"completed": END, "failed": FAIL}.get(step.state.status, ROLLBACK)
        node = definition.nodes.get(static_id(path))
        if region and path in {request.node for request in step.requests if request.kind == "CANCEL"}:
            continue  # it was left because the others were enough
        if node is not None and node.verb != "end":
            _move(trail, path, ended)


def _move(trail: Trail, source: str, target: str) -> None:
    way = static_id(source), static_id(target)
    trail.moves[way] = trail.moves.get(way, 0) + 1


def _region(path: str, definition: Definition) -> str:
    """The region that a node at `path` is in, with the indexes that it has at run time."""
    node = definition.nodes.get(static_id(path))
    if node is None or not node.region:
        return ""
    if node.region == node.id:
        return path
    return path[: len(path) - len(node.id.removeprefix(node.region))]


def _owner(region: str) -> str:
    """The node whose body a region is: `checks` of `checks.http`, `fan` of `fan[3]`."""
    return region[: region.rindex("[")] if region.endswith("]") else region.rpartition(".")[0]
