"""W304: some edge of a node holds whatever comes; W307: no edge stands behind one that always does."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("W304", "W307")

NO_EDGE = "no_edge"


def check(view: View) -> Iterator[Problem]:
    """A warning for each node whose conditions may all fail, and for each edge that is never taken."""
    for site in view.sites.values():
        edges = site.data.get("to")
        if not isinstance(edges, list | dict) or not edges or view.torn(*site.steps, "to"):
            continue
        written = edges if isinstance(edges, list) else [edges]
        sure = next(
            (place for place, edge in enumerate(written) if isinstance(edge, str) or edge.get("if") is None), None
        )
        if sure is None and NO_EDGE not in site.node.catch:
            message = f"if no condition of {site.shown} holds, it fails with no_edge"
            hint = "end the list with {to: …} without `if`"
            yield view.problem("W304", message, (*site.steps, "to"), hint=hint, severity="warning")
        elif sure is not None and sure < len(written) - 1:
            message = f"this edge of {site.shown} is never taken: the one before it always is"
            hint = "put the edge without `if` last"
            yield view.problem("W307", message, (*site.steps, "to", sure + 1), hint=hint, severity="warning")
