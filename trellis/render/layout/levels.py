"""One frame from inside: items in layers, edges as lines that turn only between layers, so that none runs over an item.

Edges leave an item at its bottom and arrive at its top. Those that lead back leave and arrive at its right side, a loop
at its left. Within the band of a layer a line is upright, in a column that is kept free for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from trellis.render.layout.columns import placed
from trellis.render.layout.cycles import turned
from trellis.render.layout.layers import Layered, Size, layered
from trellis.render.layout.orders import ordered
from trellis.render.layout.ports import spread
from trellis.render.layout.ranks import ranked, too_long
from trellis.render.layout.tracks import Net, lines

Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]
"""Left, top, width, height."""


class Spacing(msgspec.Struct, frozen=True):
    """What is kept free, in the unit of the sizes."""

    items: float
    """Between items beside each other."""
    joints: float
    """Between a line and what is beside it."""
    port: float
    """Between lines at one side of an item."""
    track: float
    """Between lines that run sideways."""
    above: float
    """From a layer to the first line below it."""
    below: float
    """From the last line to the layer below: room for the head of an arrow."""
    least: float
    """From layer to layer where no line runs sideways."""
    label: float
    """From a layer to one of labels."""
    side: float
    """Between upright lines beside an item."""
    whole: bool = False
    """Whether all places are whole numbers."""


class Item(msgspec.Struct, frozen=True):
    """What has a place: how far it goes to the left and right of its anchor, and down from its top."""

    left: float
    right: float
    height: float
    pin_top: float | None = None
    """Where from the anchor all edges arrive; None: wherever is best."""
    pin_bottom: float | None = None


class Level(msgspec.Struct, frozen=True):
    """The places of items, edges and labels in a rectangle of this size that begins at (0, 0)."""

    anchors: list[Point]
    """Of each item: its anchor, at its top."""
    routes: list[list[Point]]
    """Of each edge, from its source to its target."""
    labels: list[Rectangle | None]
    width: float
    height: float
    broken: frozenset[int] = frozenset()
    """The edges that would be too long: each ends at its label, which has the size of its sign."""


def arranged(
    items: Sequence[Item],
    edges: Sequence[tuple[int, int]],
    labels: Sequence[Size | None],
    spacing: Spacing,
    last: Collection[int] = (),
    signs: Sequence[Size | None] = (),
) -> Level:
    """The places of `items` and of the edges between them. Those of `last` stand in the lowest layer.

    `signs`: of each edge that may be broken, the size of a sign that says where it leads.
    """
    far = [place for place in too_long(len(items), edges, last) if place < len(signs) and signs[place] is not None]
    if not far:
        return _Arranging(items, edges, labels, spacing, last).level()
    every, ways, marks = list(items), list(edges), list(labels)
    for place in far:
        wide, high = signs[place] or (0.0, 0.0)
        half = wide // 2 if spacing.whole else wide / 2
        ways[place], marks[place] = (edges[place][0], len(every)), None
        every.append(Item(half, wide - half, high))
    level = _Arranging(every, ways, marks, spacing, last).level()
    shown = list(level.labels)
    for place, (x, y), item in zip(far, level.anchors[len(items) :], every[len(items) :], strict=True):
        shown[place] = (x - item.left, y, item.left + item.right, item.height)
    return Level(level.anchors[: len(items)], level.routes, shown, level.width, level.height, frozenset(far))


class _Arranging:
    def __init__(
        self,
        items: Sequence[Item],
        edges: Sequence[tuple[int, int]],
        labels: Sequence[Size | None],
        spacing: Spacing,
        last: Collection[int],
    ) -> None:
        self.items, self.edges, self.sizes, self.spacing = items, edges, labels, spacing
        self.back = turned(len(items), edges)
        self.straight = [place for place, edge in enumerate(edges) if edge[0] != edge[1]]
        self.beside: list[list[int]] = [[] for _ in items]
        """Of each item, the edges that leave or arrive at its right side."""
        self.loops: list[list[int]] = [[] for _ in items]
        for place, (source, target) in enumerate(edges):
            if source == target:
                self.loops[source].append(place)
            elif place in self.back:
                self.beside[source].append(place)
                self.beside[target].append(place)
        lower = [edges[place][::-1] if place in self.back else edges[place] for place in self.straight]
        rank = ranked(len(items), lower, last)
        marks = [labels[place] for place in self.straight]
        self.net: Layered = layered(rank, lower, marks, [place in self.back for place in self.straight])
        self._extents()
        rows = ordered(self.net.layers, self.net.down, self.net.up)
        self.rows = rows
        xs = placed(rows, self.net.down, self.net.up, self._is_joint, self._apart)
        self.x = [float(round(x)) for x in xs] if spacing.whole else [round(x, 1) for x in xs]

    def _extents(self) -> None:
        """How far each vertex reaches to both sides, with what runs beside it, and down."""
        spacing, net = self.spacing, self.net
        self.left = [item.left for item in self.items] + [0.0] * (len(net.layer) - net.nodes)
        self.right = [item.right for item in self.items] + [0.0] * (len(net.layer) - net.nodes)
        self.tall = [item.height for item in self.items] + [0.0] * (len(net.layer) - net.nodes)
        for node in range(net.nodes):
            if self.beside[node]:
                self.right[node] += spacing.side * len(self.beside[node])
            if self.loops[node]:
                sizes = [self.sizes[place] or (0.0, 0.0) for place in self.loops[node]]
                self.left[node] += spacing.side * (len(sizes) + 1) + max(wide for wide, _ in sizes)
                self.tall[node] = max(self.tall[node], sum(high for _, high in sizes))
        for joint, index in net.labels.items():
            size = self.sizes[self.straight[index]] or (0.0, 0.0)
            half = self._halved(size[0])
            self.left[joint], self.right[joint], self.tall[joint] = half, size[0] - half, size[1]

    def _halved(self, size: float) -> float:
        return size // 2 if self.spacing.whole else size / 2

    def _is_joint(self, vertex: int) -> bool:
        return vertex >= self.net.nodes

    def _apart(self, one: int, other: int) -> float:
        spacing, nodes = self.spacing, self.net.nodes
        gap = spacing.items if one < nodes and other < nodes else spacing.joints
        return self.right[one] + gap + self.left[other]

    def level(self) -> Level:
        self._find_ports()
        tops, bands = self._find_heights()
        anchors = [(self.x[node], tops[self.net.layer[node]]) for node in range(self.net.nodes)]
        routes: list[list[Point]] = [[] for _ in self.edges]
        labels: list[Rectangle | None] = [None] * len(self.edges)
        for index, place in enumerate(self.straight):
            routes[place] = self._route(index, place, tops)
        for joint, index in self.net.labels.items():
            row, high = self.net.layer[joint], self.tall[joint]
            top = tops[row] + self._halved(bands[row] - high)
            labels[self.straight[index]] = (
                self.x[joint] - self.left[joint],
                top,
                self.left[joint] + self.right[joint],
                high,
            )
        for node in range(self.net.nodes):
            self._draw_loops(node, anchors[node], routes, labels)
        return self._moved(anchors, routes, labels, tops[-1] + bands[-1] if tops else 0.0)

    def _find_ports(self) -> None:
        """Of each edge the x of every piece at its upper and its lower end."""
        net = self.net
        self.above = [[self.x[vertex] for vertex in chain[:-1]] for chain in net.chains]
        self.below = [[self.x[vertex] for vertex in chain[1:]] for chain in net.chains]
        leaving: list[list[int]] = [[] for _ in self.items]
        coming: list[list[int]] = [[] for _ in self.items]
        for index, chain in enumerate(net.chains):
            if self.straight[index] in self.back:
                for node, xs, end in ((chain[0], self.above, 0), (chain[-1], self.below, -1)):
                    turn = self.beside[node].index(self.straight[index]) + 1
                    xs[index][end] = self.x[node] + self.items[node].right + turn * self.spacing.side
            else:
                leaving[chain[0]].append(index)
                coming[chain[-1]].append(index)
        for node, item in enumerate(self.items):
            self._spread(
                node, leaving[node], self.above, [self.below[index][0] for index in leaving[node]], item.pin_bottom, 0
            )
        for node, item in enumerate(self.items):
            self._spread(
                node, coming[node], self.below, [self.above[index][-1] for index in coming[node]], item.pin_top, -1
            )

    def _spread(
        self,
        node: int,
        edges: Sequence[int],
        xs: list[list[float]],
        others: Sequence[float],
        pin: float | None,
        end: int,
    ) -> None:
        item, spacing, x = self.items[node], self.spacing, self.x[node]
        half = max(0.0, min(item.left, item.right) - spacing.port)
        places = [pin] * len(edges) if pin is not None else spread([other - x for other in others], half, spacing.port)
        for index, place in zip(edges, places, strict=True):
            xs[index][end] = x + (round(place) if spacing.whole else place)

    def _find_heights(self) -> tuple[list[float], list[float]]:
        """The top of each layer, its height, and on the way the line of every piece that runs sideways."""
        net, spacing = self.net, self.spacing
        bands = [max((self.tall[vertex] for vertex in row), default=0.0) for row in self.rows]
        speaking = [all(vertex >= net.nodes for vertex in row) for row in self.rows]
        pieces: list[list[tuple[int, int]]] = [[] for _ in self.rows]
        for index, chain in enumerate(net.chains):
            row = net.layer[chain[0]]
            for step in range(len(chain) - 1):
                if abs(self.above[index][step] - self.below[index][step]) > 0.01:
                    pieces[row + step].append((index, step))
        self.line: dict[tuple[int, int], float] = {}
        tops = [0.0] * len(bands)
        at = 0.0
        for row, band in enumerate(bands):
            tops[row] = at
            at += band
            if row == len(bands) - 1:
                break
            over = spacing.label if speaking[row] else spacing.above
            under = spacing.label if speaking[row + 1] else spacing.below
            count = self._set_lines(pieces[row], at + over)
            least = spacing.label * 2 if speaking[row] or speaking[row + 1] else spacing.least
            at += max(least, over + (count - 1) * spacing.track + under) if count else least
        return tops, bands

    def _set_lines(self, pieces: Sequence[tuple[int, int]], top: float) -> int:
        """Give each of the pieces in a gap its line; the number of lines."""
        if not pieces:
            return 0
        chains = self.net.chains
        joined: dict[tuple[str, int, float], list[tuple[int, int]]] = {}
        crowd: dict[tuple[int, float], int] = {}
        for index, step in pieces:
            key = chains[index][step], self.above[index][step]
            crowd[key] = crowd.get(key, 0) + 1
        for index, step in pieces:
            upper, x = chains[index][step], self.above[index][step]
            if crowd[upper, x] > 1:
                joined.setdefault(("from", upper, x), []).append((index, step))
            else:
                joined.setdefault(("to", chains[index][step + 1], self.below[index][step]), []).append((index, step))
        groups = list(joined.values())
        nets = [
            Net([self.above[index][step] for index, step in group], [self.below[index][step] for index, step in group])
            for group in groups
        ]
        found = lines(nets, self.spacing.port / 2)
        for group, line in zip(groups, found, strict=True):
            for piece in group:
                self.line[piece] = top + line * self.spacing.track
        return max(found) + 1

    def _route(self, index: int, place: int, tops: Sequence[float]) -> list[Point]:
        chain, above, below = self.net.chains[index], self.above[index], self.below[index]
        upper, lower = chain[0], chain[-1]
        points: list[Point] = []
        top = tops[self.net.layer[upper]]
        if place in self.back:
            y = self._side_of(upper, place, top, low=True)
            points += [(self.x[upper] + self.items[upper].right, y), (above[0], y)]
        else:
            points.append((above[0], top + self.items[upper].height))
        for step in range(len(chain) - 1):
            line = self.line.get((index, step))
            if line is not None:
                points += [(above[step], line), (below[step], line)]
        top = tops[self.net.layer[lower]]
        if place in self.back:
            y = self._side_of(lower, place, top, low=False)
            points += [(below[-1], y), (self.x[lower] + self.items[lower].right, y)]
        else:
            points.append((below[-1], top))
        points = simplified(points)
        return points[::-1] if place in self.back else points

    def _side_of(self, node: int, place: int, top: float, *, low: bool) -> float:
        """How far down an edge beside an item leaves or arrives: near the end that it runs towards, each at its own."""
        height, turn, count = self.items[node].height, self.beside[node].index(place), len(self.beside[node])
        step = min(self.spacing.port, height / (count + 1))
        down = step * (count - turn) if low else step * (turn + 1)
        if height > 8 * self.spacing.port:
            down = height - step * (turn + 1) if low else down
        elif count == 1:
            down = height / 2
        return top + (height // 2 if count == 1 and self.spacing.whole else int(down) if self.spacing.whole else down)

    def _draw_loops(self, node: int, anchor: Point, routes: list[list[Point]], labels: list[Rectangle | None]) -> None:
        """Loops within each other, and left of them their labels below each other."""
        loops, side, item = self.loops[node], self.spacing.side, self.items[node]
        if not loops:
            return
        x, top = anchor[0] - item.left, anchor[1]
        most = (item.height - 1 if self.spacing.whole else item.height) / 2
        step = min(self.spacing.port / 2, most / (len(loops) + 1)) if not self.spacing.whole else 1.0
        middle = top + (most // 1 if self.spacing.whole else most)
        whole = sum((self.sizes[place] or (0.0, 0.0))[1] for place in loops)
        down = max(middle - self._halved(whole), top)
        end = x - side * len(loops) - (0.0 if self.spacing.whole else 3.0)
        for turn, place in enumerate(loops, 1):
            out, reach = x - side * turn, min(step * turn, most)
            low, high = middle + reach, middle - reach
            routes[place] = [(x, low), (out, low), (out, high), (x, high)]
            size = self.sizes[place]
            if size is not None:
                labels[place] = (end - size[0], down, size[0], size[1])
                down += size[1]

    def _moved(
        self, anchors: list[Point], routes: list[list[Point]], labels: list[Rectangle | None], height: float
    ) -> Level:
        """Everything moved so that it begins at 0."""
        left = min((self.x[vertex] - self.left[vertex] for vertex in range(len(self.x))), default=0.0)
        right = max((self.x[vertex] + self.right[vertex] for vertex in range(len(self.x))), default=0.0)
        return Level(
            [(x - left, y) for x, y in anchors],
            [[(x - left, y) for x, y in route] for route in routes],
            [label and (label[0] - left, *label[1:]) for label in labels],
            right - left,
            height,
        )


def simplified(points: Sequence[Point]) -> list[Point]:
    """The same line without the points that it passes straight."""
    found: list[Point] = []
    for point in points:
        if found and abs(found[-1][0] - point[0]) < 0.01 and abs(found[-1][1] - point[1]) < 0.01:
            continue
        while len(found) > 1 and any(
            abs(found[-2][axis] - point[axis]) < 0.01 and abs(found[-1][axis] - point[axis]) < 0.01 for axis in (0, 1)
        ):
            found.pop()
        found.append(point)
    return found
