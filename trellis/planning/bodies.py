"""Nodes with bodies: what all, race and each may come to, from what each of their bodies may come to by itself."""

from __future__ import annotations

from collections import Counter

from trellis.errors import ExpressionError
from trellis.model.graph import Join, Node
from trellis.planning.known import UNKNOWN, Known
from trellis.planning.spans import Span, endless, longest
from trellis.planning.walk import Region, Walk, Work


def work(walk: Walk, node: Node, known: Known) -> Work:
    """Walk the bodies, each with what no other may change meanwhile."""
    if node.each is not None:
        return _each(walk, node, known)
    writers = Counter(name for body in node.bodies for name in walk.writes.get(body.region, ()))
    regions = []
    for body in node.bodies:
        own = walk.writes.get(body.region, frozenset())
        others = (name for name, number in writers.items() if number > (name in own))
        regions.append(walk.region(body.start, known.without(others), "body"))
    join = node.join or Join()
    needed = join.count if join.mode == "count" else len(regions)
    span = longest(region.time for region in regions)
    if join.mode == "count":
        # One that cannot fail is there in time, whatever the others do.
        sure = sorted(region.time.seconds for region in regions if _never_fails(region))
        if len(sure) >= needed:
            span = Span(sure[needed - 1])
    ends = join.mode == "collect" or sum(region.ends for region in regions) >= needed
    undo = Span()
    for region in regions:
        undo = undo.then(region.undo)
    return _joined(walk, node, known, regions, span, undo, ends=ends, collects=join.mode == "collect")


def _each(walk: Walk, node: Node, known: Known) -> Work:
    each, body = node.each, node.bodies[0]
    assert each is not None
    try:
        items = walk.reader.value(each.items, known)
    except ExpressionError:
        return Work([], frozenset(("expression",)))
    if items is not UNKNOWN and not isinstance(items, list):
        return Work([], frozenset(("invalid",)))
    number = len(items) if isinstance(items, list) else None
    walk.seen[node.id].items = number
    inside = known.without((*walk.writes.get(body.region, ()), each.item, "index"))
    join = node.join or Join()
    collects = join.mode == "collect"
    needed = join.count if join.mode == "count" else 0
    if number is not None and number < needed:
        return Work([], frozenset(("invalid",)))
    regions = [] if number == 0 else [walk.region(body.start, inside, "body")]
    span = undo = Span()
    for region in regions:
        span, undo = region.time, region.undo
        if each.max and number is not None:
            span = span.times(-(-number // each.max))
        elif each.max and not span.nothing:
            unknown = f"it goes over a list that is not known, {each.max} at a time"
            span = span.then(endless(node.id, unknown))
        if number is not None:
            undo = undo.times(number)
        elif not undo.nothing:
            undo = undo.then(endless(node.id, "it goes over a list that is not known, and each item may be undone"))
    ends = collects or (not number and not needed) or any(region.ends for region in regions)
    made = _joined(walk, node, known, regions, span, undo, ends=ends, collects=collects)
    doubts = frozenset(("expression", "invalid")) if number is None else frozenset[str]()
    return made._replace(codes=made.codes | doubts)


def _joined(
    walk: Walk, node: Node, known: Known, regions: list[Region], span: Span, undo: Span, *, ends: bool, collects: bool
) -> Work:
    codes = frozenset[str]()
    if not collects:
        codes = codes.union(*(region.codes for region in regions))
    if node.timeout is not None or node.deadline is not None:
        codes |= {"timeout"}
    exits = tuple(dict.fromkeys(one for region in regions for one in region.stops))
    after = known.without(walk.inner[node.id])
    return Work([after] if ends else [], codes, span.within(node.timeout, node.deadline), undo, exits, stays=True)


def _never_fails(region: Region) -> bool:
    return region.time.bounded and not region.codes and not region.stops and region.ends
