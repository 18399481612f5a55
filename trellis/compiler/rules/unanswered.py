"""W314: an approval that nobody gives comes to an end: its node, or one around it, has a time limit, or is left by a race."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, View
from trellis.model.problems import Problem

CODES = ("W314",)
HINT = "write how long, as in timeout: 24h; unanswered, it is then a rejection, unless `catch: {timeout: …}` takes it"


def check(view: View) -> Iterator[Problem]:
    """A warning for each `ask: {approve: …}` that may stay open for ever."""
    if view.definition.limits.time is not None or "limits" in view.lost() or view.torn("limits"):
        return
    for site in view.sites.values():
        ask = site.node.ask
        if ask is not None and ask.kind == "approve" and not _is_bounded(view, site):
            message = f"{site.shown} waits for an approval, and nothing says how long"
            yield view.problem("W314", message, (*site.steps, "ask"), key=True, hint=HINT, severity="warning")


def _is_bounded(view: View, site: Site) -> bool:
    """Whether a limit of its own, or of a node around it, ends it; or another branch may."""
    while True:
        node = site.node
        if node.timeout is not None or node.deadline is not None or view.lost(*site.steps) & {"timeout", "deadline"}:
            return True
        if not site.region.owner:
            return False
        site = view.sites[site.region.owner]
        join = site.node.join
        if (
            join is not None
            and join.mode == "count"
            and (site.node.each is not None or join.count < len(site.node.bodies))
        ):
            return True
