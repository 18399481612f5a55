"""How far right each vertex stands: edges run straight where they can, and no two vertices of a layer come too near.

Brandes and Köpf, "Fast and simple horizontal coordinate assignment" (2001), with widths: four extreme placings, each
vertex at the mean of the two middle ones. Blocks are compacted along the graph of their neighbourhood, where the
published compaction may go wrong (Brandes, Walter and Zink, erratum, 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

Separation = Callable[[int, int], float]
"""How far apart two neighbours of a layer stand at least, the left one first: from anchor to anchor."""


def placed(
    layers: Sequence[Sequence[int]],
    down: Sequence[Sequence[int]],
    up: Sequence[Sequence[int]],
    joint: Callable[[int], bool],
    apart: Separation,
) -> list[float]:
    """The horizontal place of each vertex; `joint` says of which the edges are to be straight before all others."""
    size = len(down)
    place = [0] * size
    for row in layers:
        for index, vertex in enumerate(row):
            place[vertex] = index
    crossed = _conflicts(layers, up, place, joint)
    found: list[list[float]] = []
    for upward in (False, True):
        for leftward in (False, True):
            rows = [list(reversed(row)) if leftward else list(row) for row in (reversed(layers) if upward else layers)]
            spot = [0] * size
            for row in rows:
                for index, vertex in enumerate(row):
                    spot[vertex] = index
            root = _blocks(rows, down if upward else up, spot, crossed)
            xs = _compacted(rows, root, (lambda one, other: apart(other, one)) if leftward else apart)
            found.append([-x for x in xs] if leftward else xs)
    return _balanced(found)


def _conflicts(
    layers: Sequence[Sequence[int]], up: Sequence[Sequence[int]], place: Sequence[int], joint: Callable[[int], bool]
) -> set[tuple[int, int]]:
    """The edges that cross one between two joints: these give way."""
    found: set[tuple[int, int]] = set()
    for above, row in pairwise(layers):
        first = scanned = 0
        for index, vertex in enumerate(row):
            inner = next((other for other in up[vertex] if joint(other)), None) if joint(vertex) else None
            if inner is None and index < len(row) - 1:
                continue
            last = place[inner] if inner is not None else len(above)
            for other in row[scanned : index + 1]:
                for upper in up[other]:
                    if not first <= place[upper] <= last and not (joint(upper) and joint(other)):
                        found.add((upper, other))
                        found.add((other, upper))
            scanned, first = index + 1, last
    return found


def _blocks(
    rows: Sequence[Sequence[int]],
    neighbours: Sequence[Sequence[int]],
    place: Sequence[int],
    crossed: set[tuple[int, int]],
) -> list[int]:
    """Vertex -> the first vertex of its block: each is aligned with the middle one of its neighbours."""
    root, align = list(range(len(neighbours))), list(range(len(neighbours)))
    for row in rows:
        before = -1
        for vertex in row:
            near = sorted(neighbours[vertex], key=place.__getitem__)
            for middle in range((len(near) - 1) // 2, len(near) // 2 + 1) if near else ():
                other = near[middle]
                if align[vertex] == vertex and before < place[other] and (other, vertex) not in crossed:
                    align[other] = vertex
                    align[vertex] = root[vertex] = root[other]
                    before = place[other]
    return root


def _compacted(rows: Sequence[Sequence[int]], root: Sequence[int], apart: Separation) -> list[float]:
    """Every block as far left as its neighbours let it, then as far right as those to its right let it."""
    right: dict[int, dict[int, float]] = {vertex: {} for vertex in dict.fromkeys(root)}
    into: dict[int, list[tuple[int, float]]] = {vertex: [] for vertex in right}
    for row in rows:
        for one, other in pairwise(row):
            wide, after = apart(one, other), right[root[one]]
            after[root[other]] = max(after.get(root[other], 0.0), wide)
    waiting = dict.fromkeys(right, 0)
    for one, after in right.items():
        for other, wide in after.items():
            into[other].append((one, wide))
            waiting[other] += 1
    order = [block for block, count in waiting.items() if not count]
    xs: dict[int, float] = dict.fromkeys(right, 0.0)
    for block in order:
        xs[block] = max([xs[one] + wide for one, wide in into[block]], default=0.0)
        for other in right[block]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    for block in reversed(order):
        if right[block]:
            xs[block] = max(xs[block], min([xs[other] - wide for other, wide in right[block].items()]))
    return [xs[block] for block in root]


def _balanced(found: Sequence[Sequence[float]]) -> list[float]:
    """The four placings moved over the narrowest one, and of each vertex the mean of the two in the middle."""
    edges = [(min(xs, default=0.0), max(xs, default=0.0)) for xs in found]
    low, high = min(edges, key=lambda edge: edge[1] - edge[0])
    moved = []
    for number, (xs, edge) in enumerate(zip(found, edges, strict=True)):
        by = high - edge[1] if number % 2 else low - edge[0]
        moved.append([x + by for x in xs])
    return [(four[1] + four[2]) / 2 for four in map(sorted, zip(*moved, strict=True))]
