"""What can be reached, and what goes round, in whatever leads from name to name: linear in its size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping


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
