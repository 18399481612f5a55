"""W313: what has an `undo` may come to be undone: some way on from it leads to `$rollback`, or along an edge that undoes.

Ways are followed as if each could be taken, so that what is told of is never undone by its own run. From a node
of the graph itself they end where one with `commit` completes. What is left while it works may complete later than that,
and so may what is in a body: from there they do not.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, View
from trellis.compiler.walks import reach
from trellis.model.graph import ROLLBACK
from trellis.model.problems import Problem

CODES = ("W313",)
HINT = 'lead what goes wrong there: catch: {"*": $rollback}; or remove the `undo`'


def check(view: View) -> Iterator[Problem]:
    """A warning for each `undo` that nothing after its node could ever perform."""
    undone = [site for site in view.sites.values() if site.node.undo is not None and not _rolls_back(site)]
    if not undone or view.torn():
        return
    definition = view.definition
    anywhere = {to for part in (definition.catch, definition.upon, definition.upon_states) for to in part.values()}
    anywhere |= {region.start for region in view.regions.values() if region.state}
    if ROLLBACK in anywhere:
        return
    ways = _Ways(view)
    rolls = reach(ways.begin, lambda name: ways.back.get(name, ()), set())
    if anywhere & rolls:
        return
    uncommitted = reach(ways.begin, lambda name: ways.back_uncommitted.get(name, ()), set())
    for site in undone:
        if not _may_be_undone(view, site, rolls, uncommitted):
            message = f"{site.shown} has an `undo`, and nothing after it rolls back"
            yield view.problem("W313", message, (*site.steps, "undo"), key=True, hint=HINT, severity="warning")


class _Ways:
    """The ways between nodes, backwards; and the nodes that begin to undo."""

    def __init__(self, view: View) -> None:
        self.back: dict[str, list[str]] = {}
        """Node -> those that may be followed by it, or at the same time as it."""
        self.back_uncommitted: dict[str, list[str]] = {}
        """The same, as long as nothing commits."""
        self.begin: list[str] = []
        for name, site in view.sites.items():
            node = site.node
            if _rolls_back(site):
                self.begin.append(name)
            on = [edge.to for edge in node.to]
            others = [*_aside(site), *(body.start for body in node.bodies)]
            if site.region.owner:
                others.append(site.region.owner)
            for to in (*on, *others):
                self.back.setdefault(to, []).append(name)
            for to in others if node.commit else (*on, *others):
                self.back_uncommitted.setdefault(to, []).append(name)


def _rolls_back(site: Site) -> bool:
    """Whether a way of the node itself begins to undo."""
    node = site.node
    for edge in node.to:
        if edge.undo or edge.to == ROLLBACK:
            return True
    return ROLLBACK in node.catch.values() or ROLLBACK in node.upon.values() or ROLLBACK in node.upon_states.values()


def _aside(site: Site) -> list[str]:
    """Where one goes from a node that has not completed."""
    node = site.node
    return [to for routes in (node.catch, node.upon, node.upon_states) for to in routes.values()]


def _may_be_undone(view: View, site: Site, rolls: set[str], uncommitted: set[str]) -> bool:
    if site.region.inner:
        return site.node.id in rolls or (_reacts(view, site) and bool(rolls))
    node = site.node
    aside = [*_aside(site), *(body.start for body in node.bodies)]
    return not rolls.isdisjoint(aside) or any(edge.to in uncommitted for edge in node.to)


def _reacts(view: View, site: Site) -> bool:
    """Whether it works when a state comes or goes, beside the whole graph."""
    while site.region.owner:
        site = view.sites[site.region.owner]
    return bool(site.region.state)
