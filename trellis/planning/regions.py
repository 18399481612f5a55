"""Every way through the regions of a graph that the inputs allow: each node once for each thing that may be known there.

A region is walked by itself and remembered by what is known at its start. Where a node would be visited with too many
different knowledges, the fields in which they differ are given up, and the walk begins anew; so it is never longer than
a few times the graph.
"""

from __future__ import annotations

from collections import Counter

from trellis.model.graph import TARGETS, Limits, Node
from trellis.planning.acting import visit
from trellis.planning.known import Known
from trellis.planning.ordering import Component, components
from trellis.planning.spans import Span, endless, longest
from trellis.planning.walk import Exit, GivenUp, Region, Visit, Walk, differing

MOST = 40
"""Knowledges of one node in one region, from which on fields are given up."""
VISITS = 3_000
"""Visits in all, besides a few for each node, from which on every field that something writes is given up."""


class Regions:
    """The regions of one walk."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._left = VISITS + 8 * len(walk.definition.nodes)
        self._regions: dict[tuple[str, bytes, str], Region] = {}

    def region(self, start: str, known: Known, level: str) -> Region:
        """Walk one region. `level`: root, body, or state for what a state does."""
        key = (start, known.key, level)
        found = self._regions.get(key)
        if found is None:
            found = self._regions[key] = self._explore(start, known, level)
        return found

    def _explore(self, start: str, known: Known, level: str) -> Region:
        places: dict[tuple[str, bytes, bool], int] = {}
        queue: list[tuple[Node, Known, bool]] = []
        count: Counter[str] = Counter()
        first: dict[str, Known] = {}

        def place(name: str, known: Known, caught: bool) -> int:
            key = (name, known.key, caught)
            if key not in places:
                self._left -= 1
                count[name] += 1
                before = first.setdefault(name, known)
                if count[name] > MOST:
                    raise GivenUp(differing(before, known))
                if self._left < 0:
                    raise GivenUp(frozenset())
                places[key] = len(queue)
                queue.append((self._walk.definition.nodes[name], known, caught))
            return places[key]

        place(start, known, False)  # noqa: FBT003
        visits: list[Visit] = []
        follows: list[list[int]] = []
        while len(visits) < len(queue):
            node, here, caught = queue[len(visits)]
            made = visit(self._walk, node, here, level, caught=caught)
            visits.append(made)
            follows.append([place(way.to, behind, by) for way, behind, by in made.ways if way.to not in TARGETS])
        return self._sum_up(visits, follows)

    def _sum_up(self, visits: list[Visit], follows: list[list[int]]) -> Region:
        """The longest way to each exit, over the visits in the order in which they can come."""
        total = Span()
        parts = components(follows)
        undos = [
            self._together(part, visits, [visit.undo for visit in visits], "may complete again and again")
            for part in parts
        ]
        for span in undos:
            total = total.then(span)
        back = total.then(self._walk.left())
        costs = [
            visit.cost.then(back) if any(way.kind == "undo" for way, _, _ in visit.ways) else visit.cost
            for visit in visits
        ]
        reached: list[list[Span]] = [[] for _ in visits]
        exits: dict[Exit, Span] = {}
        whole = Span()
        for part in parts:
            before = longest(span for number in part.members for span in reached[number])
            behind = before.then(self._together(part, visits, costs, "goes round without a bound that is known"))
            whole = longest((whole, behind))
            for number in part.members:
                for following in set(follows[number]) - set(part.members):
                    reached[following].append(behind)
                for one in visits[number].exits:
                    exits[one] = longest((exits.get(one, Span()), behind))
        for part in parts:
            if part.loops or self._walk.definition.limits.visits:
                over = Exit("$fail", visits[min(part.members)].node, frozenset(("limit",)))
                exits[over] = whole
        limits = self._walk.definition.limits
        if len(visits) >= limits.steps or limits.journal < Limits().journal:
            exits[Exit("$fail", visits[-1].node, frozenset(("limit",)))] = whole
        return Region(whole, total, exits)

    def _together(self, part: Component, visits: list[Visit], spans: list[Span], why: str) -> Span:
        """What the visits that may follow each other again and again take in all."""
        own = [spans[number] for number in part.members]
        if not part.loops:
            return own[0]
        if all(span.nothing for span in own):
            return Span()
        names = list(dict.fromkeys(visits[number].node for number in sorted(part.members)))
        most = self._walk.definition.limits.visits
        total = Span()
        if most:
            for name in names:
                each = longest(spans[number] for number in part.members if visits[number].node == name)
                total = total.then(each.times(most))
            return total
        for span in own:
            total = total.then(span)
        shown = " → ".join([*names[:4], *(["…"] if len(names) > 4 else []), names[0]])
        return total.then(endless(names[0], f"the loop {shown} {why}"))
