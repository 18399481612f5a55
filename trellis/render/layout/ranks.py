"""How far down each node stands: below all that lead to it, and no further from its neighbours than that needs.

Longest paths give ranks at once (Eades and Sugiyama, "How to draw a directed graph", 1990). Then each node moves, within
what its neighbours leave it, to where its edges are shortest; a few passes come near to what the network simplex of
Gansner et al. finds, in linear time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trellis.render.layout.cycles import turned

PASSES = 4
FAR = 40
"""Layers that an edge may pass where there is little room for long ones."""
ROOM, EACH = 400, 4
"""All edges of a frame may pass so many layers, and so many more for each node: beyond that the far ones are broken."""


def ranked(size: int, edges: Sequence[tuple[int, int]], last: Collection[int] = ()) -> list[int]:
    """The rank of each node, from 0. Edges form no cycle; the nodes of `last` have the highest rank there is."""
    into: list[list[int]] = [[] for _ in range(size)]
    out: list[list[int]] = [[] for _ in range(size)]
    for source, target in edges:
        out[source].append(target)
        into[target].append(source)
    waiting = [len(before) for before in into]
    order = [node for node in range(size) if not waiting[node]]
    rank = [0] * size
    for node in order:
        for target in out[node]:
            rank[target] = max(rank[target], rank[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                order.append(target)
    hanging = [not out[node] and len(into[node]) == 1 for node in range(size)]  # these go wherever the other end goes
    held = [[target for target in out[node] if not hanging[target]] for node in range(size)]
    for node in reversed(order):  # what nothing holds up hangs on what it leads to
        if held[node]:
            rank[node] = min([rank[target] for target in held[node]]) - 1
    for _ in range(PASSES):
        moved = False
        for node in reversed(order):
            # What pulls up and what pulls down: with more edges out than in, all of these get shorter further down.
            if held[node] and len(held[node]) > len(into[node]):
                lowest = min(rank[target] for target in held[node]) - 1
                moved = moved or lowest > rank[node]
                rank[node] = max(rank[node], lowest)
        for node in order:
            if into[node] and len(into[node]) >= len(held[node]):
                highest = max(rank[source] for source in into[node]) + 1
                moved = moved or highest < rank[node]
                rank[node] = min(rank[node], highest)
        if not moved:
            break
    for node in range(size):
        if hanging[node]:
            rank[node] = rank[into[node][0]] + 1
    bottom = max(rank, default=0)
    for node in last:
        rank[node] = bottom if not out[node] else rank[node]
    least = min(rank, default=0)
    return [place - least for place in rank]


def too_long(size: int, edges: Sequence[tuple[int, int]], last: Collection[int] = ()) -> list[int]:
    """The places of the edges that are better broken, because all of them would fill the picture with lines."""
    back = turned(size, edges)
    ways = [edge[::-1] if place in back else edge for place, edge in enumerate(edges)]
    rank = ranked(size, [edge for edge in ways if edge[0] != edge[1]], last)
    passed = [rank[lower] - rank[upper] - 1 for upper, lower in ways]
    over = sum(length for length in passed if length > 0) - ROOM - EACH * size
    found: list[int] = []
    for place in sorted(range(len(ways)), key=lambda place: -passed[place]):
        if over <= 0:
            return sorted({*found, *(place for place, length in enumerate(passed) if found and length > FAR)})
        found.append(place)
        over -= passed[place]
    return sorted(found)
