"""W304: some edge of a node holds whatever comes; W307: no edge stands behind one that always does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("W304", "W307")

NO_EDGE = "no_edge"


def check(view: View) -> Iterator[Problem]:
    """A warning for each node whose conditions may all fail, and for each edge that is never taken."""
    for site in view.sites.values():
        edges = site.data.get("to")
        if not edges or isinstance(edges, str):
            continue
        written = edges if isinstance(edges, list) else [edges]
        sure = _sure(written)
        if sure == len(written) - 1 or view.torn(*site.steps, "to"):
            continue
        if sure is None and NO_EDGE not in site.node.catch:
            message = f"if no condition of {site.shown} holds, it fails with no_edge"
            hint = "end the list with {to: …} without `if`"
            yield view.problem("W304", message, (*site.steps, "to"), hint=hint, severity="warning")
        elif sure is not None:
            message = f"this edge of {site.shown} is never taken: the one before it always is"
            hint = "put the edge without `if` last"
            yield view.problem("W307", message, (*site.steps, "to", sure + 1), hint=hint, severity="warning")


def _sure(edges: list[Any]) -> int | None:
    """The place of the first edge that is always taken."""
    for place, edge in enumerate(edges):
        if type(edge) is str or edge.get("if") is None:
            return place
    return None
