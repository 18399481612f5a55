"""E215: only edges of the graph itself undo; inside a body, what others completed meanwhile has no order to go back in."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.graph import TARGETS
from trellis.model.problems import Problem

CODES = ("E215",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each `undo: true` on an edge in a body, or on an edge that leads to no node."""
    for site in view.sites.values():
        edges = site.data.get("to")
        if edges is None or isinstance(edges, str):
            continue
        written = edges if isinstance(edges, list) else [edges]
        for place, edge in enumerate(written):
            if not isinstance(edge, dict) or not edge.get("undo"):
                continue
            steps = (*site.steps, "to", place, "undo") if isinstance(edges, list) else (*site.steps, "to", "undo")
            if site.region.inner:
                message = f"an edge inside the body '{site.region.id}' cannot undo"
                hint = "let the body fail, catch that where the body is, and undo from there"
                yield view.problem("E215", message, steps, key=True, hint=hint)
            elif edge.get("to") in TARGETS:
                message = f"an edge to {edge['to']} has nothing to go back to"
                hint = "to undo everything, go to $rollback"
                yield view.problem("E215", message, steps, key=True, hint=hint)
