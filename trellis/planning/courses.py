"""The ways from the start to an end, as long as nothing fails: the first few of them, loops shown once."""

from __future__ import annotations

from collections.abc import Mapping

from trellis.model.graph import END, TARGETS, Node
from trellis.planning.facts import Course, time_of
from trellis.planning.spans import Span
from trellis.planning.walk import Walk

MOST = 12
STEPS = 4_000
"""Nodes that are looked at before one is content with the ways that were found."""
STATUS = {END: "completed", "$fail": "failed", "$rollback": "rolled_back"}
ENDS = {"ok": "completed", "failed": "failed", "cancelled": "cancelled"}


def courses(walk: Walk, below: Mapping[str, list[str]]) -> tuple[tuple[Course, ...], bool]:
    """At most MOST courses of the root, and whether there are more. `below`: a graph that is used -> the tools of its runs."""
    found: list[Course] = []
    nodes = walk.definition.nodes
    start = walk.definition.start
    # Each entry of the stack is what is left to try at that place of the course.
    course, on = [start], {start}
    whens: list[list[str]] = [[]]
    stack = [_onward(walk, start)]
    steps = 0
    while stack:
        if not stack[-1]:
            stack.pop()
            on.discard(course.pop())
            whens.pop()
            continue
        steps += 1
        if len(found) == MOST or steps > STEPS:
            return tuple(found), True
        to, when = stack[-1].pop(0)
        conditions = [one for some in whens for one in some] + when
        if to in TARGETS or not to:
            end = nodes[course[-1]].end
            status = ENDS[end.status] if end is not None else STATUS.get(to, "fails")
            found.append(_course(walk, course, conditions, status, below))
        elif to in on:
            found.append(_course(walk, course, conditions, f"back to {to}", below))
        else:
            course.append(to)
            on.add(to)
            whens.append(when)
            stack.append(_onward(walk, to))
    return tuple(found), False


def _onward(walk: Walk, name: str) -> list[tuple[str, list[str]]]:
    """Where a node leads when nothing fails, each with the conditions that a run alone can tell."""
    seen, node = walk.seen[name], walk.definition.nodes[name]
    ways: list[tuple[str, list[str]]] = []
    before: list[str] = []
    for number, edge in enumerate(node.to):
        if number not in seen.taken:
            continue
        kind = "undo" if edge.undo else "edge"
        sure = seen.ways.get((kind, edge.to, edge.when or ""), False)
        own = [f"{name}: {edge.when}"] if edge.when is not None and not sure else []
        ways.append((edge.to, [*(f"{name}: not {_grouped(one)}" for one in before), *own]))
        if edge.when is not None and not sure:
            before.append(edge.when)
    if not ways:
        if not node.to and seen.after is not None:
            return [(END, [])]
        return [("", [])]
    return ways


def _grouped(text: str) -> str:
    return text if text.isidentifier() else f"({text})"


def _course(walk: Walk, course: list[str], when: list[str], ending: str, below: Mapping[str, list[str]]) -> Course:
    span, tools = Span(), dict[str, None]()
    for name in course:
        span = span.then(walk.seen[name].cost)
        tools.update(dict.fromkeys(tools_of(walk, walk.definition.nodes[name], below)))
    return Course(tuple(course), tuple(when), tuple(tools), ending, time_of(span))


def tools_of(walk: Walk, node: Node, below: Mapping[str, list[str]]) -> list[str]:
    """The tools that a visit of the node may call, those in its bodies and in a graph that it uses too."""
    own = list(node.do.allow or (node.do.tool,)) if node.do is not None else []
    own += below.get(node.use.graph, []) if node.use is not None else []
    regions = {body.region for body in node.bodies}
    for name in walk.seen if regions else ():
        inner = walk.definition.nodes[name]
        if inner.region in regions:
            own += tools_of(walk, inner, below)
    return own
