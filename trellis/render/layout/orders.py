"""In which order the vertices of a layer stand, so that few edges cross.

Sweeps down and up put each vertex at the barycentre of its neighbours (Sugiyama et al. 1981); then neighbours change
places where that helps (Gansner et al. 1993, section 3). The best order met is kept. Crossings are counted in
O(e log v) (Barth, Jünger and Mutzel, "Simple and efficient bilayer cross counting", 2002).
"""

from __future__ import annotations

from collections.abc import Sequence

SWEEPS = 24
WORK = 250_000
"""Edges that all sweeps together may go over; a large picture has fewer of them, and at least four."""
SMALL = 3_000
"""Up to so many edges neighbours change places."""


def ordered(
    layers: Sequence[Sequence[int]], down: Sequence[Sequence[int]], up: Sequence[Sequence[int]]
) -> list[list[int]]:
    """The layers, each in its order."""
    rows = _first(layers, down, up)
    place = [0] * len(down)
    for row in rows:
        _number(row, place)
    edges = sum(map(len, down))
    best, fewest = [list(row) for row in rows], _all_crossings(rows, down, place)
    idle = 0
    for sweep in range(max(4, min(SWEEPS, WORK // max(edges, 1)))):
        if not fewest or idle == 6:
            break
        downward = sweep % 2 == 0
        for row in rows[1:] if downward else rows[-2::-1]:
            _by_barycentre(row, up if downward else down, place)
        if edges <= SMALL:
            _exchange(rows, down, up, place)
        found = _all_crossings(rows, down, place)
        idle += 1
        if found < fewest:
            best, fewest, idle = [list(row) for row in rows], found, 0
    return best


def _number(row: Sequence[int], place: list[int]) -> None:
    for index, vertex in enumerate(row):
        place[vertex] = index


def _first(
    layers: Sequence[Sequence[int]], down: Sequence[Sequence[int]], up: Sequence[Sequence[int]]
) -> list[list[int]]:
    """The order in which a walk from the top meets the vertices: what belongs together stands together."""
    row_of = {vertex: index for index, row in enumerate(layers) for vertex in row}
    rows: list[list[int]] = [[] for _ in layers]
    seen = bytearray(len(down))
    roots = [vertex for row in layers for vertex in row if not up[vertex]]
    for root in (*roots, *(vertex for row in layers for vertex in row)):
        stack = [root]
        while stack:
            vertex = stack.pop()
            if not seen[vertex]:
                seen[vertex] = 1
                rows[row_of[vertex]].append(vertex)
                stack.extend(reversed(down[vertex]))
    return rows


def _by_barycentre(row: list[int], neighbours: Sequence[Sequence[int]], place: list[int]) -> None:
    """Sort a row by where its neighbours stand; who has none stays where it is."""
    tied = [vertex for vertex in row if neighbours[vertex]]
    centre = {vertex: sum([place[other] for other in neighbours[vertex]]) / len(neighbours[vertex]) for vertex in tied}
    tied.sort(key=centre.__getitem__)
    following = iter(tied)
    row[:] = [next(following) if neighbours[vertex] else vertex for vertex in row]
    _number(row, place)


def _exchange(
    rows: Sequence[list[int]], down: Sequence[Sequence[int]], up: Sequence[Sequence[int]], place: list[int]
) -> None:
    """Let neighbours change places as long as that takes crossings away."""
    for _ in range(4):
        better = False
        for row in rows:
            for index in range(len(row) - 1):
                left, right = row[index], row[index + 1]
                kept = _between(up[left], up[right], place) + _between(down[left], down[right], place)
                changed = _between(up[right], up[left], place) + _between(down[right], down[left], place)
                if changed < kept:
                    row[index], row[index + 1] = right, left
                    place[left], place[right] = index + 1, index
                    better = True
        if not better:
            return


def _between(left: Sequence[int], right: Sequence[int], place: Sequence[int]) -> int:
    """How many edges of a vertex cross edges of the one to the right of it."""
    if not left or not right:
        return 0
    ours, theirs = sorted([place[vertex] for vertex in left]), sorted([place[vertex] for vertex in right])
    crossings = passed = 0
    for spot in ours:
        while passed < len(theirs) and theirs[passed] < spot:
            passed += 1
        crossings += passed
    return crossings


def _all_crossings(rows: Sequence[Sequence[int]], down: Sequence[Sequence[int]], place: Sequence[int]) -> int:
    return sum(crossings(rows[index], len(rows[index + 1]), down, place) for index in range(len(rows) - 1))


def crossings(row: Sequence[int], width: int, down: Sequence[Sequence[int]], place: Sequence[int]) -> int:
    """How many pairs of edges cross below a row; `width` is how many vertices the next one has."""
    tree = [0] * (width + 1)
    found = count = 0
    for vertex in row:
        spots = sorted([place[other] for other in down[vertex]])
        for spot in spots:  # those before that end further right: all that do not end at it or left of it
            index, left = spot + 1, 0
            while index:
                left += tree[index]
                index &= index - 1
            found += count - left
        for spot in spots:
            index = spot + 1
            while index <= width:
                tree[index] += 1
                index += index & -index
            count += 1
    return found
