"""W311: what `wait: {if: …}` reads is written by something that may run beside the node, or the wait is in vain.

Where a node waits, nothing else of its own region goes on: only the other branches of a node around it, the other items
of an `each`, and what states do may write meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.rules.fields import written
from trellis.compiler.sites import Region, Site, View
from trellis.model.problems import Problem

CODES = ("W311",)

BROUGHT = frozenset(("error", "signal"))
"""Names that come with the way to a node, and stay as they are."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each expression of a `wait` that stays as it is once the node waits."""
    waiting = [site for site in view.sites.values() if site.node.wait is not None and site.node.wait.condition]
    if not waiting or view.torn():
        return
    writes: dict[str, set[str]] = {}
    for site in view.sites.values():
        for name, _, _ in written(site):
            writes.setdefault(site.region.id, set()).add(name)
    chains = {name: _chain(view, region) for name, region in view.regions.items()}
    for site in waiting:
        assert site.node.wait is not None
        text = site.node.wait.condition or ""
        parsed = view.language.parse("expression", text)
        named = parsed.names | parsed.soft_names
        if parsed.reason or named & view.states.keys() - view.fields.keys():
            continue  # states come and go by more than what writes fields
        if named - view.fields.keys() - site.region.locals - BROUGHT:
            continue
        read = named & view.fields.keys()
        beside = {
            name
            for region, names in writes.items()
            if _is_beside(view, chains[site.region.id], chains[region])
            for name in names
        }
        if not read & beside:
            yield _vain(view, site, text, sorted(read))


def _vain(view: View, site: Site, text: str, read: list[str]) -> Problem:
    listed = " or ".join(f"'{name}'" for name in read)
    why = f"nothing that may run beside it writes {listed}" if read else "the expression reads no field"
    message = f"{site.shown} waits for `{text}`, and {why}: it goes on at once or never"
    hint = "write it in another branch, or decide with `to: [{if: …}]`"
    return view.problem("W311", message, (*site.steps, "wait", "if"), hint=hint, severity="warning")


def _chain(view: View, region: Region) -> list[Region]:
    """The regions that this one is in, the outermost first, itself last."""
    chain = [region]
    while chain[0].owner:
        chain.insert(0, view.sites[chain[0].owner].region)
    return chain


def _is_beside(view: View, one: list[Region], other: list[Region]) -> bool:
    """Whether nodes of both may be active at once, each in its own right."""
    for place, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine is not theirs:  # different bodies of one node, or what a state does beside the graph
            return place == 0 or mine.owner == theirs.owner
        each = view.sites[mine.owner].node.each if mine.owner else None
        if each is not None and each.max != 1:
            return True
    return False
