"""E302: from every node there is a way on, but from one that ends the run and from the only node of a body."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.compiler.ways import may_lead
from trellis.model.problems import Problem

CODES = ("E302",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each node that, once done, has nowhere to go."""
    for site in view.sites.values():
        node = site.node
        if node.to or node.verb == "end" or site.region.single or site.handles:
            continue
        # What could not be read may have been the way on; and a typo is one problem, not two.
        if site.data.get("to") or may_lead(view, site.steps):
            continue
        hint = "write to: $end"
        if node.catch or node.upon or node.upon_states:
            hint += "; `catch` and `upon` only lead away from what goes wrong or comes between"
        yield view.problem("E302", f"node {site.shown} has no way on", site.steps, key=True, hint=hint)
