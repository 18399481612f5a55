"""On which line between two layers each edge runs sideways: no two on one line where they overlap, few crossings.

The orthogonal routing of Sander, "A fast heuristic for hierarchical Manhattan layout" (1996): of each two edges that
overlap it is counted which one is better above. Edges from or to one point are a net, and share a line.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

MANY = 120
"""Of more nets than these in one gap not each pair is looked at."""
NEAR = 1.5
"""Two upright pieces so near each other would be one line."""


class Net(msgspec.Struct):
    """The sideways piece of one edge, or of several from or to one point: where uprights join it from above and below."""

    above: list[float]
    below: list[float]

    @property
    def low(self) -> float:
        return min(*self.above, *self.below)

    @property
    def high(self) -> float:
        return max(*self.above, *self.below)


def lines(nets: Sequence[Net], gap: float) -> list[int]:
    """The line of each net, from 0 at the top. Nets on one line are more than `gap` apart."""
    spans = [(net.low, net.high) for net in nets]
    order = sorted(range(len(nets)), key=lambda one: _simple(nets[one]))
    if len(nets) <= MANY:
        order = _by_votes(nets, spans, order, gap)
    line = [0] * len(nets)
    done: list[int] = []
    for one in order:
        low, high = spans[one][0] - gap, spans[one][1] + gap
        line[one] = max(
            [line[other] + 1 for other in done if spans[other][0] <= high and spans[other][1] >= low], default=0
        )
        done.append(one)
    return line


def _simple(net: Net) -> tuple[int, float]:
    """Of edges to the right the one that begins furthest right is highest; to the left the other way round."""
    begins, ends = sum(net.above) / len(net.above), sum(net.below) / len(net.below)
    return (0, -begins) if ends >= begins else (1, begins)


def _by_votes(nets: Sequence[Net], spans: Sequence[tuple[float, float]], order: Sequence[int], gap: float) -> list[int]:
    """Put above what has to be: the next is always one that the fewest of the others want to be above of."""
    cost = [[0] * len(nets) for _ in nets]
    for index, one in enumerate(order):
        for other in order[index + 1 :]:
            if spans[one][0] <= spans[other][1] + gap and spans[other][0] <= spans[one][1] + gap:
                vote = _crossed(nets[other], nets[one]) - _crossed(nets[one], nets[other])
                cost[one][other], cost[other][one] = max(-vote, 0), max(vote, 0)
    left = list(order)
    weight = {one: sum(cost[one]) for one in left}
    found = []
    while left:
        one = min(left, key=weight.__getitem__)
        left.remove(one)
        found.append(one)
        for other in left:
            weight[other] -= cost[other][one]
    return found


def _crossed(upper: Net, lower: Net) -> int:
    """What it costs to have one net above the other: crossings, and far more where two uprights would be one line."""
    cost = 0
    for x in lower.above:
        cost += upper.low < x < upper.high
        cost += 100 * any(abs(x - other) < NEAR for other in upper.below)
    for x in upper.below:
        cost += lower.low < x < lower.high
    return cost
