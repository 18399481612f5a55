"""Where on the side of a box its edges begin and end: straight above what they lead to where that is within the box.

What cannot be straight stands side by side, in the order in which it leads on, so that edges do not cross at the box.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST = 7
"""Where more edges meet on one side they share one point, and run as one line as long as they can."""


def spread(wanted: Sequence[float], half: float, step: float) -> list[float]:
    """The place of each edge from the middle of the side. `wanted` is how far its other end is from there.

    No place is further out than `half`; where there is room, two are at least `step` apart.
    """
    count = len(wanted)
    if count > MOST:
        return [0.0] * count
    if count > 1 and step * (count - 1) > 2 * half:
        step = 2 * half / (count - 1)
    order = sorted(range(count), key=lambda index: wanted[index])
    found = [0.0] * count
    straight: list[int] = []  # places in the order whose edge can be straight
    for rank, index in enumerate(order):
        room = half - step * (count - 1 - rank)
        last = found[order[straight[-1]]] + step * (rank - straight[-1]) if straight else -half + step * rank
        if last <= wanted[index] <= room:
            found[index] = wanted[index]
            straight.append(rank)
    if not straight:
        for rank, index in enumerate(order):
            found[index] = (rank - (count - 1) / 2) * step
        return found
    for rank, index in enumerate(order):
        if rank in straight:
            continue
        before = max((at for at in straight if at < rank), default=None)
        after = min((at for at in straight if at > rank), default=None)
        if before is None and after is not None:
            found[index] = found[order[after]] - step * (after - rank)
        elif before is not None and after is None:
            found[index] = found[order[before]] + step * (rank - before)
        elif before is not None and after is not None:
            low, high = found[order[before]], found[order[after]]
            found[index] = low + (high - low) * (rank - before) / (after - before)
    return found
