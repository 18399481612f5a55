"""E301: every node can be reached; of nodes that only lead to each other, the first is named."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.names import elsewhere
from trellis.compiler.sites import Region, View
from trellis.compiler.walks import reach
from trellis.compiler.ways import entries, may_lead, targets
from trellis.model.problems import Problem

CODES = ("E301",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each part of a region that nothing leads to. A lost part that may have led on silences its region."""
    members: dict[str, list[str]] = {region: [] for region in view.regions}
    for site in view.sites.values():
        members[site.region.id].append(site.node.id)
    # Who names a node from where it cannot be reached has one problem, and it is not that nothing leads there.
    named = [home.names[name] for name, home in elsewhere(view).items()]
    for region in view.regions.values():
        names = members[region.id]
        if region.single or _unsure(view, region, names):
            continue
        yield from _region(view, region, names, named)


def _region(view: View, region: Region, names: list[str], named: list[str]) -> Iterator[Problem]:
    sites = view.sites

    def follow(name: str) -> list[str]:
        return [to for to in targets(sites[name].node) if to in sites]

    seen: set[str] = set()
    reach([*entries(view, region), *(name for name in named if name in view.sites)], follow, seen)
    rest = [name for name in names if name not in seen]
    led = {to for name in rest for to in follow(name) if to != name}
    for name in [*(name for name in rest if name not in led), *rest]:
        if name in seen:
            continue
        behind = len(reach([name], follow, seen)) - 1
        site = view.sites[name]
        message = f"nothing leads to node {site.shown}"
        if behind:
            message += f", nor to the {behind} behind it" if behind > 1 else ", nor to the one behind it"
        start = region.start.rpartition(".")[2]
        hint = f"the start is '{start}'" if start else ""
        yield view.problem("E301", message, site.steps, key=True, hint=hint)


def _unsure(view: View, region: Region, names: list[str]) -> bool:
    """Whether something in this region could not be read that may have led to a node."""
    if region.assumed or region.start not in view.sites or view.lost(*region.steps, "nodes"):
        return True
    if not region.inner and may_lead(view, ()):
        return True
    return view.torn() and any(may_lead(view, view.sites[name].steps) for name in names)
