"""How many runs can begin at once, each recorded before its start returns."""

from __future__ import annotations

import asyncio
import os
import time

from benchmarks.steps import TOOLS
from trellis.hosts.local import Host
from trellis.model.graph import Ask, Definition, Edge, Field, Graph, Node


def asking() -> Graph:
    """A graph that waits at once, so that nothing but its start is measured."""
    node = Node("a", "ask", ask=Ask("text", "x"), to=(Edge("$end"),))
    return Graph(Definition("asking", "a", {"a": node}, fields={"x": Field("string", optional=True)}))


async def started(url: str, runs: int) -> float:
    """Starts per second."""
    async with Host(url, TOOLS) as host:
        graph = asking()
        await host.start(graph, id=f"warm-{os.urandom(4).hex()}")
        begun = time.perf_counter()
        await asyncio.gather(*(host.start(graph) for _ in range(runs)))
        return runs / (time.perf_counter() - begun)
