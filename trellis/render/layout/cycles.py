"""Which edges are turned round so that no cycle is left: those that lead back to where a walk in the author's order came from.

Depth first search as in Gansner, Koutsofios, North and Vo, "A technique for drawing directed graphs" (1993), section 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence


def turned(size: int, edges: Sequence[tuple[int, int]]) -> set[int]:
    """The places of the edges that close a cycle. Loops of one node are none of them."""
    out: list[list[int]] = [[] for _ in range(size)]
    entered = [False] * size
    for place, (source, target) in enumerate(edges):
        if source != target:
            out[source].append(place)
            entered[target] = True
    back: set[int] = set()
    state = bytearray(size)  # 1: on the way here, 2: done
    for root in (*(node for node in range(size) if not entered[node]), *range(size)):
        if state[root]:
            continue
        state[root] = 1
        stack = [(root, iter(out[root]))]
        while stack:
            node, rest = stack[-1]
            for place in rest:
                target = edges[place][1]
                if state[target] == 1:
                    back.add(place)
                elif not state[target]:
                    state[target] = 1
                    stack.append((target, iter(out[target])))
                    break
            else:
                state[node] = 2
                stack.pop()
    return back
