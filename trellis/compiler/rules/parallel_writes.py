"""W306: branches that run side by side write different fields, or the field says how their writes join."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.rules.fields import written
from trellis.compiler.sites import Steps, View
from trellis.model.problems import Problem

Writes = dict[str, tuple[Steps, bool]]
"""Field -> the first place in a body that writes it, and whether that is a key."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each field that several branches of one `all`, or several items of one `each`, write."""
    bodies: dict[str, Writes] = {region: {} for region in view.regions}
    for site in view.sites.values():
        for name, steps, key in written(site):
            bodies[site.region.id].setdefault(name, (steps, key))
    for region in reversed(view.regions.values()):
        if region.owner:
            above = bodies[view.sites[region.owner].region.id]
            for name, place in bodies[region.id].items():
                above.setdefault(name, place)
    fields = view.definition.fields
    merged = {name for name, field in fields.items() if field.merge is not None}
    for site in view.sites.values():
        node = site.node
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


def _warning(view: View, message: str, name: str, steps: Steps, *, key: bool) -> Problem:
    hint = f"say how they join, as in {name}: {{merge: append}}, or use `save` of the node around them"
    return view.problem("W306", message, steps, key=key, hint=hint, severity="warning")
