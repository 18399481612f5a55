"""W306: branches that run side by side write different fields, or the field says how their writes join.

Where the first body that completes is enough, what a node writes with which its body ends is written by that one alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.rules.fields import written
from trellis.compiler.sites import Site, Steps, View
from trellis.model.graph import END, Node
from trellis.model.problems import Problem

CODES = ("W306",)

Writes = dict[str, tuple[Steps, bool]]
"""Field -> the first place in a body that writes it, and whether that is a key."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each field that several branches of one node, or several items of one `each`, write."""
    if len(view.regions) < 2:
        return  # nothing runs beside anything
    every: dict[str, Writes] = {region: {} for region in view.regions}
    early: dict[str, Writes] = {region: {} for region in view.regions}
    for site in view.sites.values():
        for name, steps, key in written(site):
            every[site.region.id].setdefault(name, (steps, key))
            if not _ends_body(site):
                early[site.region.id].setdefault(name, (steps, key))
    for region in reversed(view.regions.values()):
        if region.owner:
            owner = view.sites[region.owner]
            first = _ends_body(owner) and _is_first_enough(owner.node)
            for mine, inner in ((every, every[region.id]), (early, early[region.id] if first else every[region.id])):
                above = mine[owner.region.id]
                for name, place in inner.items():
                    above.setdefault(name, place)
    fields = view.definition.fields
    merged = {name for name, field in fields.items() if field.merge is not None}
    for site in view.sites.values():
        node = site.node
        bodies = early if _is_first_enough(node) else every
        if node.each is not None and node.each.max != 1:
            for name, (steps, key) in bodies[f"{node.id}[]"].items():
                if name in fields and name not in merged:
                    message = f"every item of {site.shown} writes field '{name}', and the last write wins"
                    yield _warning(view, message, name, steps, key=key)
        seen: dict[str, str] = {}
        told: set[str] = set()
        for body in node.bodies if node.each is None else ():
            for name, (steps, key) in bodies[body.region].items():
                other = seen.setdefault(name, body.name)
                if other != body.name and name in fields and name not in merged and name not in told:
                    told.add(name)
                    message = f"'{other}' and '{body.name}' of {site.shown} both write field '{name}'"
                    yield _warning(view, f"{message}, and the last write wins", name, steps, key=key)


def _ends_body(site: Site) -> bool:
    """Whether the body ends with what this node writes."""
    return all(edge.to == END for edge in site.node.to)


def _is_first_enough(node: Node) -> bool:
    return node.join is not None and node.join.mode == "count" and node.join.count == 1


def _warning(view: View, message: str, name: str, steps: Steps, *, key: bool) -> Problem:
    hint = f"say how they join, as in {name}: {{merge: append}}, or use `save` of the node around them"
    return view.problem("W306", message, steps, key=key, hint=hint, severity="warning")
