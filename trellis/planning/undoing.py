"""What would be undone when a run comes to some place, last completed first, as far as the graph decides the order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from trellis.model.graph import TARGETS, Body, Node
from trellis.planning.facts import Call, Kept, Together, Undone
from trellis.planning.known import Known
from trellis.planning.ordering import components, reachable, turned
from trellis.planning.spans import attempts_of
from trellis.planning.walk import Walk, may_be_left

Point = tuple[str, bool]
"""A node: entered, or (True) completed."""
Step = Undone | Together
SINK: Point = ("", True)


class Answer(NamedTuple):
    """What is undone, and what is not."""

    undone: tuple[Step, ...]
    kept: tuple[Kept, ...]


class Undoing:
    """Asks the graph, as far as it was walked, for what may complete before what."""

    def __init__(self, walk: Walk) -> None:
        self._walk, self._nodes = walk, walk.definition.nodes
        self.owners: dict[str, tuple[Node, Body]] = {
            body.region: (node, body) for node in self._nodes.values() for body in node.bodies
        }
        """Region of a body -> the node and the body."""
        self._of: dict[str, list[str]] = {}
        for name in walk.seen:
            self._of.setdefault(self._nodes[name].region, []).append(name)
        self._kept: dict[str, str] = {}

    def before(
        self, names: Iterable[str], among: frozenset[str] | None = None, done: frozenset[str] = frozenset()
    ) -> Answer:
        """What a rollback takes back that begins at one of these nodes, all of one region.

        `among`: only these nodes of the root may have been visited. `done`: those that have completed then, or may have.
        """
        wanted = list(names)
        self._kept = {}
        region = self._nodes[wanted[0]].region
        chain: list[tuple[Node, Body]] = []
        while region in self.owners:
            chain.insert(0, self.owners[region])
            region = chain[0][0].region
        steps = self._region(region, [chain[0][0].id] if chain else wanted, among)
        for place, (node, body) in enumerate(chain):
            inner = [chain[place + 1][0].id] if place + 1 < len(chain) else wanted
            own = self._region(body.region, inner, None)
            if node.each is not None:
                beside = self._all_of(body.region)
                steps += [Together("items", _flat([*own, *beside]))] if beside else own
            else:
                beside = [step for other in node.bodies if other != body for step in self._all_of(other.region)]
                steps += [Together("branches", _flat([*own, *beside]))] if beside else own
        for name in wanted:
            steps += self._inside(self._nodes[name])
        for name in wanted:
            late = self._late(name)
            own = self._own(name, sure=False) if name in done else [late] if late is not None else []
            steps += own
        beside = [step for name in self._walk.beside for step in self._all_of(name)]
        if region:  # what a state does goes on beside the whole graph
            beside += self._all_of("")
        if beside:
            steps.append(Together("states", _flat(beside)))
        return Answer(tuple(reversed(steps)), tuple(Kept(node, why) for node, why in self._kept.items()))

    def _region(self, region: str, goals: list[str], among: frozenset[str] | None) -> list[Step]:
        """What completes in a region before one of its nodes works, the first first."""
        names = [name for name in self._of.get(region, []) if among is None or name in among or name in goals]
        follows = self._follows(names)
        for goal in goals:
            follows.setdefault((goal, False), set()).add(SINK)
        before = turned(follows)
        coming = reachable(before, SINK)
        commits = {(name, True) for name in names if self._nodes[name].commit}
        open_ = {
            point: {one for one in some if one not in commits} for point, some in before.items() if point not in commits
        }
        lasting = reachable(open_, SINK)
        committing = [
            (name, False)
            for name in names
            if self._commits(name)
            and (name, False) in coming
            and (name not in goals or (name, False) in reachable(follows, (name, True)))
        ]
        cut: set[Point] = set()
        for point in committing:
            cut |= reachable(before, point) if point not in cut else set()
        start = self._start(region)
        always = _on_every_way(follows, (start, False), SINK)
        if any(kind == "undo" for name in names for kind, _, _ in self._walk.seen[name].ways):
            always = set()  # an edge on the way may have undone it before
        steps: list[Step] = []
        for members, loops in self._parts(names):
            some: list[Step] = []
            for name in members:
                point = (name, True)
                if (name, False) not in coming or (name in goals and not loops):
                    continue
                if point in coming:
                    survives = any(one in lasting for one in follows.get(point, ()))
                    sure = point in always and point not in cut and not loops
                    self._note(name, survives=survives, commits=committing)
                    if survives:
                        some += self._inside(self._nodes[name]) + self._own(name, sure=sure)
                else:  # it was left, but what completed in it stays
                    some += self._inside(self._nodes[name])
                    late = self._late(name)
                    some += [late] if late is not None else []
            steps += [Together("loop", _flat(some))] if loops and some else some
        return steps

    def _follows(self, names: list[str]) -> dict[Point, set[Point]]:
        follows: dict[Point, set[Point]] = {}
        for name in names:
            seen = self._walk.seen[name]
            entered = follows.setdefault((name, False), set())
            if seen.after is not None:
                entered.add((name, True))
            for kind, to, _ in seen.ways:
                if to not in TARGETS:
                    follows.setdefault((name, kind in ("edge", "undo")), set()).add((to, False))
        return follows

    def _parts(self, names: list[str]) -> Iterator[tuple[list[str], bool]]:
        """These nodes in an order in which they can complete: those that loop together as one, and whether they do."""
        places = {name: place for place, name in enumerate(names)}
        for part in components([[places[to] for to in self._next(name) if to in places] for name in names]):
            yield [names[number] for number in sorted(part.members)], part.loops

    def _next(self, name: str) -> list[str]:
        return [to for _, to, _ in self._walk.seen[name].ways]

    def _start(self, region: str) -> str:
        owner = self.owners.get(region)
        return owner[1].start if owner is not None else region or self._walk.definition.start

    def _inside(self, node: Node) -> list[Step]:
        """What may have completed in the bodies of a node, the first first."""
        parts = [self._all_of(body.region) for body in node.bodies]
        filled = [part for part in parts if part]
        if not filled:
            return []
        if node.each is not None:
            return [Together("items", _flat(filled[0]))] if self._walk.seen[node.id].items != 1 else filled[0]
        return (
            filled[0] if len(filled) == 1 else [Together("branches", _flat([step for part in filled for step in part]))]
        )

    def _all_of(self, region: str) -> list[Step]:
        """All that may complete in a region, the first first; nothing of it is sure."""
        steps: list[Step] = []
        for members, loops in self._parts(self._of.get(region, [])):
            some: list[Step] = []
            for name in members:
                self._note(name, survives=True, commits=[])
                some += self._inside(self._nodes[name]) + self._own(name, sure=False)
            steps += [Together("loop", _flat(some))] if loops and some else some
        return steps

    def _own(self, name: str, *, sure: bool) -> list[Step]:
        node = self._nodes[name]
        if node.undo is None:
            return []
        seen = self._walk.seen[name]
        left = any(kind not in ("edge", "undo") and to not in TARGETS for kind, to, _ in seen.ways)
        late = may_be_left(self._walk.definition, node) and (left or bool(node.region))
        return [Undone(name, self._call(node, seen.after or seen.known), sure, late)]

    def _late(self, name: str) -> Undone | None:
        """The undo of a node that has failed or was left, whose call may end well all the same."""
        node = self._nodes[name]
        if node.undo is None or not may_be_left(self._walk.definition, node):
            return None
        return Undone(name, self._call(node, self._walk.seen[name].known), sure=False, late=True)

    def _call(self, node: Node, known: Known) -> Call:
        undo = node.undo
        assert undo is not None
        inner = known.without((node.each.item,)) if node.each is not None else known
        args, complete = self._walk.reader.data(dict(undo.call.args), inner)
        assert isinstance(args, dict)
        return Call(undo.call.allow or (undo.call.tool,), args, complete, attempts_of(undo.retry) or None)

    def _commits(self, name: str) -> bool:
        node = self._nodes[name]
        return node.commit or any(
            self._commits(inner) for body in node.bodies for inner in self._of.get(body.region, [])
        )

    def _note(self, name: str, *, survives: bool, commits: list[Point]) -> None:
        node = self._nodes[name]
        if not survives and (node.undo is not None or self._inside(node)):
            at = ", ".join(point[0] for point in commits if point[0] != name)
            self._kept[name] = f"behind the commit at {at}"
        elif (node.emit is not None or node.use is not None) and node.undo is None:
            self._kept[name] = "no undo declared"
        elif node.do is not None and node.undo is None:
            tools = [self._walk.definition.tools.get(tool) for tool in node.do.allow or (node.do.tool,)]
            if not all(tool is not None and tool.effect == "pure" for tool in tools):
                self._kept[name] = "no undo declared"


def _flat(steps: Iterable[Step]) -> tuple[Undone, ...]:
    """All steps, the last first, each node once."""
    flat: dict[str, Undone] = {}
    for step in steps:
        for one in step.steps if isinstance(step, Together) else (step,):
            known = flat.get(one.node)
            flat[one.node] = one if known is None else Undone(one.node, one.call, False, known.late or one.late)  # noqa: FBT003
    return tuple(reversed(flat.values()))


def _on_every_way(follows: dict[Point, set[Point]], start: Point, goal: Point) -> set[Point]:
    """The points that every way from the start to the goal passes."""
    from networkx import DiGraph, immediate_dominators

    graph: Any = DiGraph([(point, to) for point, some in follows.items() for to in some])
    if start not in graph or goal not in graph:
        return set()
    above = immediate_dominators(graph, start)
    passed: set[Point] = set()
    at: Point | None = goal
    while at is not None and at in above and at not in passed:
        passed.add(at)
        at = above[at]
    return passed
