"""E218: a join waits for a number of branches that there can be."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("E218",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each join that no outcome of its branches could satisfy, and each `all` or `race` without a branch."""
    for site in view.sites.values():
        node = site.node
        if node.join is None:
            continue
        if node.each is None and not node.bodies and not view.lost(*site.steps, node.verb):
            yield view.problem("E218", f"{site.shown} has no branch to wait for", (*site.steps, node.verb))
            continue
        if node.join.mode != "count" or "join" not in site.data:
            continue
        steps = (*site.steps, "join", "n") if isinstance(site.data["join"], dict) else (*site.steps, "join")
        if node.join.count < 1:
            message = f"{site.shown} waits for {node.join.count} of its branches"
            yield view.problem("E218", message, steps, hint="n is at least 1")
        elif node.verb == "all" and node.join.count > len(node.bodies) + len(view.lost(*site.steps, node.verb)):
            message = f"{site.shown} waits for {node.join.count} branches and has {len(node.bodies)}"
            yield view.problem("E218", message, steps, hint=f"n is at most {len(node.bodies)}")
