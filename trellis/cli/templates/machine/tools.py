"""What the graph calls. A node never holds code: `tools:` in graph.yaml names these functions."""

from __future__ import annotations


def tell(what: str) -> None:
    print(what)  # here belongs a message to whoever wants to know
