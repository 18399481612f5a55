"""What a run did on its graph, read from its journal: which nodes it came to, for how long, and by which ways.

Durations are of the times that events carry: from the turn in which a node was entered to that in which it was left.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from trellis.engine import State, Step
from trellis.errors import StoreCorrupt
from trellis.hosts.journal import Definitions, existing, steps
from trellis.model.differences import now_named
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
    graphs = Definitions(store)
    turns = [(step, (await graphs.get(step.state.graph, row)).definition) for step in await steps(graphs, store, row)]
    if not turns:
        raise StoreCorrupt(store.url, f"the journal of run '{run}' is empty")
    state = turns[-1][0].state
    return Followed(await graphs.get(state.graph, row), state, trail_of(turns))


def trail_of(turns: Iterable[tuple[Step, Definition]]) -> Trail:
    """What these turns of one run, each with the definition that it was taken by, come to."""
    walk, state = _Walk(Trail({}, {}, causes={})), None
    for step, definition in turns:
        walk.turn(step, definition)
        state = step.state
    if state is not None:
        walk.trail.current = {static_id(path) for path in state.tokens}
        if state.error is not None and state.status != "running":
            walk.trail.failed = {static_id(state.error.node)}
    return walk.trail


class _Walk:
    """What is read from the turns of a run: who left and who was entered, and why.

    The way from one to the other is between nodes of one region. A body whose node left and which nothing follows has
    arrived at its join, unless it failed, or left because the others were enough or because something around it went.
    """

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.since: dict[str, float] = {}
        """Node that the run is at -> when it came there."""
        self.arrivals: dict[str, int] = {}
        """Node whose join waits -> how many bodies have arrived."""
        self.left: dict[str, str] = {}
        """Region at run time -> the node that was left there in this turn and that nothing follows yet."""
        self.causes: dict[str, str] = {}
        """Where an error arose or a signal was taken in this turn -> what that was, as the ways of these are told."""
        self.caught: dict[str, str] = {}
        """The same place -> the node that was left because of it."""

    def turn(self, step: Step, definition: Definition) -> None:
        self.step, self.definition = step, definition
        self.left, self.causes, self.caught = {}, {}, {}
        for kind, facts in step.trace:
            if kind == "node.left":
                self._left(facts["node"])
            elif kind == "node.entered":
                self._entered(facts["node"])
            elif kind == "adopted":
                self._rename(facts["nodes"])
            elif kind == "timer.fired" and facts["purpose"] in ("timeout", "deadline"):
                self.causes[facts["node"]] = "catch timeout"
            elif kind == "signal" and "node" in facts:
                path, name = facts["node"], facts["name"]
                node = definition.nodes[static_id(path)]
                if name in node.upon or (not node.region and name in definition.upon):
                    self.causes[path] = f"upon {name}"
            elif facts.get("error") and "purpose" not in facts and not kind.startswith("undo."):
                self.causes[facts["node"]] = f"catch {facts['error']['code']}"
        error = step.state.error
        if error is not None and error.node:
            self.causes.setdefault(error.node, f"catch {error.code}")
        self._ended()

    def _left(self, path: str) -> None:
        self.left[_region(path, self.definition)] = path
        begun = self.since.pop(path, None)
        stay = self.trail.stays.get(static_id(path))
        if begun is not None and stay is not None:
            stay.over += 1
            stay.seconds += max(0.0, self.step.state.at - begun)

    def _entered(self, path: str) -> None:
        self.since[path] = self.step.state.at
        self.arrivals.pop(path, None)
        self.trail.stays.setdefault(static_id(path), Stay()).entries += 1
        region = _region(path, self.definition)
        before = self.left.pop(region, None)
        if before is not None:
            cause = self._cause(before)
            if not cause and (cause := self._by_route(before, static_id(path))):
                self.causes[before] = cause
            self.caught.update(dict.fromkeys(self._open(before), before))
            self._move(before, path, cause)
        elif region and _owner(region) in self.since:
            self._move(_owner(region), path, "")

    def _ended(self) -> None:
        """The ways of what nothing follows: to a target of the run, or to the join around it."""
        status = self.step.state.status
        known: dict[str, bool] = {}
        for region, path in self.left.items():
            node = self.definition.nodes.get(static_id(path))
            if node is None or node.verb == "end":
                continue
            if region:
                if self._arrived(path, known):
                    self._move(path, _owner(region), "")
                continue
            target = {"completed": END, "failed": FAIL}.get(status, ROLLBACK)
            cause = self._cause(path)
            if cause or any(edge.to == target for edge in node.to):  # else it was cancelled
                self._move(path, target, cause)

    def _arrived(self, path: str, known: dict[str, bool]) -> bool:
        """Whether a node that was left and that nothing follows ended its body, rather than being given up."""
        if path not in known:
            known[path] = self._ended_by_itself(path, known)
        return known[path]

    def _ended_by_itself(self, path: str, known: dict[str, bool]) -> bool:
        region = _region(path, self.definition)
        if any(place == path or _inside(path, place) for place in self.causes):
            return False
        if not region:
            node = self.definition.nodes[static_id(path)]
            return self.step.state.status == "completed" or any(edge.to in (FAIL, ROLLBACK) for edge in node.to)
        owner = _owner(region)
        join = self.definition.nodes[static_id(owner)].join
        token = self.step.state.tokens.get(owner)
        waits = token is not None and token.join is not None
        if not waits:
            if any(
                self._reaches(place, owner) and not _inside(self.caught.get(place, ""), owner) for place in self.causes
            ):
                return False
            if owner in self.left.values() and not self._arrived(owner, known):
                return False
            if join is not None and join.mode == "count" and self.arrivals.get(owner, 0) >= join.count:
                return False  # the others were enough
        self.arrivals[owner] = self.arrivals.get(owner, 0) + 1
        return True

    def _cause(self, path: str) -> str:
        """Why a node was left: what arose at it, or within it and went up to it; nothing where it was done."""
        return next((self.causes[place] for place in self._open(path)), "")

    def _open(self, path: str) -> list[str]:
        """Where, at a node or within it, something arose that nothing was left for yet; the node itself first."""
        found = [place for place in self.causes if place == path or self._reaches(place, path)]
        return sorted((place for place in found if place not in self.caught), key=len)

    def _reaches(self, place: str, path: str) -> bool:
        """Whether what arises at a place within a node goes up to it: a join that collects errors keeps them."""
        while _inside(place, path):
            place = _owner(_region(place, self.definition))
            join = self.definition.nodes[static_id(place)].join
            if join is not None and join.mode == "collect":
                return False
        return place == path

    def _by_route(self, path: str, target: str) -> str:
        """The same where no line tells: by the route that leads to where it went, if no edge does."""
        node = self.definition.nodes[static_id(path)]
        if any(edge.to == target for edge in node.to):
            return ""
        for routes in (node, *(() if node.region else (self.definition,))):
            for word, table in (("upon state", routes.upon_states), ("catch", routes.catch)):
                for name, to in table.items():
                    if to == target:
                        return f"{word} {name}"
        return ""

    def _move(self, source: str, target: str, cause: str) -> None:
        way = static_id(source), static_id(target)
        self.trail.moves[way] = self.trail.moves.get(way, 0) + 1
        told = self.trail.causes.setdefault(way, {})
        told[cause] = told.get(cause, 0) + 1

    def _rename(self, nodes: dict[str, str]) -> None:
        """Go on under the names of the version that the run was moved to."""
        if not nodes:
            return
        trail = self.trail
        trail.stays = {now_named(nodes, name): stay for name, stay in trail.stays.items()}
        trail.moves = {(now_named(nodes, a), now_named(nodes, b)): times for (a, b), times in trail.moves.items()}
        trail.causes = {(now_named(nodes, a), now_named(nodes, b)): told for (a, b), told in trail.causes.items()}
        self.since = {now_named(nodes, path): begun for path, begun in self.since.items()}
        self.arrivals = {now_named(nodes, path): count for path, count in self.arrivals.items()}


def _inside(path: str, owner: str) -> bool:
    return path.startswith((f"{owner}.", f"{owner}["))


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
