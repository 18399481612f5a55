"""Where one can go from a node, and what goes round: linear in the size of the graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from trellis.compiler.sites import Region, Steps, View
from trellis.model.graph import TARGETS, Node
from trellis.model.problems import did_you_mean

LEADS = ("to", "catch", "upon", "all", "each", "end")
LEADS_ELSEWHERE = frozenset({"next", "goto", "go_to", "then", "else", "on", "transitions", "edges", "error"})
"""What other formats call their ways on."""
LEADS_NOWHERE = frozenset({"say", "ask", "do", "with", "save", "set", "retry", "timeout", "deadline", "undo", "commit"})


def may_lead(view: View, steps: Steps) -> bool:
    """Whether something in the node at `steps` could not be read that may have been a way on."""
    if not view.torn(*steps):
        return False
    if any(view.torn(*steps, key) for key in ("to", "catch", "upon")):
        return True
    return any(
        key in LEADS or key in LEADS_ELSEWHERE or key.startswith("on_") or did_you_mean(key, LEADS) != ""
        for key in map(str, view.lost(*steps))
        if key not in LEADS_NOWHERE
    )


def targets(node: Node) -> Iterator[str]:
    """Every node that may follow, by whatever way; with repetitions."""
    for edge in node.to:
        if edge.to not in TARGETS:
            yield edge.to
    for routes in (node.catch, node.upon):
        for to in routes.values():
            if to not in TARGETS:
                yield to


def entries(view: View, region: Region) -> list[str]:
    """Where one may enter a region from outside: its start, and for the graph what it catches and reacts to."""
    found = [region.start]
    if not region.owner:
        definition = view.definition
        found += [to for routes in (definition.catch, definition.upon) for to in routes.values()]
    return [name for name in found if name in view.sites]


def reach(begin: Iterable[str], follow: Callable[[str], Iterable[str]], seen: set[str]) -> set[str]:
    """What can be reached from `begin`, itself included, beyond what is in `seen`; `seen` grows by it."""
    waiting = [name for name in begin if name not in seen]
    found = set(waiting)
    seen |= found
    while waiting:
        for name in follow(waiting.pop()):
            if name not in seen:
                seen.add(name)
                found.add(name)
                waiting.append(name)
    return found


def rounds(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """The loops of `graph`: its strongly connected components of more than one node, and nodes that lead to themselves.

    Each lists its nodes in the order of `graph`. What cannot lie on a loop is peeled off first; most graphs are then
    empty, and networkx, which takes a tenth of a second to load, is not needed.
    """
    ways = {name: [other for other in others if other in graph] for name, others in graph.items()}
    into = dict.fromkeys(ways, 0)
    for others in ways.values():
        for other in others:
            into[other] += 1
    free = [name for name, count in into.items() if count == 0]
    while free:
        for other in ways.pop(free.pop()):
            into[other] -= 1
            if into[other] == 0:
                free.append(other)
    if not ways:
        return []
    from networkx import DiGraph, strongly_connected_components

    place = {name: order for order, name in enumerate(graph)}
    found: Iterator[set[str]] = strongly_connected_components(DiGraph(ways))
    loops = [sorted(loop, key=place.__getitem__) for loop in found]
    return sorted(
        (loop for loop in loops if len(loop) > 1 or loop[0] in ways[loop[0]]), key=lambda loop: place[loop[0]]
    )
