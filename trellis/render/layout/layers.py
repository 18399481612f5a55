"""Edges from layer to layer: what is longer passes through a joint in each layer between, and a label is a joint with a size.

A label has its place in a layer like a node has, so that it can neither lie on a node nor on another label.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec

Size = tuple[float, float]


class Layered(msgspec.Struct):
    """Vertices in layers: first the nodes as they were numbered, then joints."""

    layers: list[list[int]]
    """From top to bottom; the order within a layer is not decided yet."""
    layer: list[int]
    """Vertex -> the layer it is in."""
    chains: list[list[int]]
    """Of each edge, downwards: its upper node, its joints, its lower node."""
    nodes: int
    """How many vertices are nodes."""
    labels: dict[int, int]
    """Joint that is a label -> the edge it is of."""
    down: list[list[int]]
    up: list[list[int]]


def layered(
    rank: Sequence[int], edges: Sequence[tuple[int, int]], labels: Sequence[Size | None], upward: Sequence[bool]
) -> Layered:
    """The layers of edges that all lead down. A label stands next to where its edge begins: `upward` ones begin below."""
    size = len(rank)
    spoken = {
        2 * rank[edge[1]] - 1 if upward[place] else 2 * rank[edge[0]] + 1
        for place, edge in enumerate(edges)
        if labels[place] is not None
    }
    levels = sorted({2 * place for place in rank} | spoken)
    row = {level: index for index, level in enumerate(levels)}
    layer = [row[2 * place] for place in rank]
    chains = []
    named = {}
    for place, (upper, lower) in enumerate(edges):
        at = (layer[lower] - 1 if upward[place] else layer[upper] + 1) if labels[place] is not None else -1
        chain = [upper]
        for step in range(layer[upper] + 1, layer[lower]):
            if step == at:
                named[len(layer)] = place
            chain.append(len(layer))
            layer.append(step)
        chain.append(lower)
        chains.append(chain)
    rows: list[list[int]] = [[] for _ in levels]
    for vertex, step in enumerate(layer):
        rows[step].append(vertex)
    down: list[list[int]] = [[] for _ in layer]
    up: list[list[int]] = [[] for _ in layer]
    for chain in chains:
        for one, other in pairwise(chain):
            down[one].append(other)
            up[other].append(one)
    return Layered(rows, layer, chains, size, named, down, up)
