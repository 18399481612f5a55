"""E505: what a `set` adds can become active: not removed by it, not driven out by what comes with it, not left behind."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.relations import Relations
from trellis.compiler.sites import Site, View
from trellis.model.problems import Problem

CODES = ("E505",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each state that a `set` adds in vain. Contradictions of the states themselves are told of where they are."""
    relations = view.relations
    meant = {mention.steps: mention.meant for mention in view.mentions if mention.role == "set" and mention.sound}
    for site in view.sites.values() if meant else ():
        if not site.node.adds:
            continue
        written, below = site.data.get("set") or {}, (*site.steps, "set")
        removed = [meant.get((*below, "remove", place)) or "" for place in range(len(written.get("remove") or ()))]
        added: list[str] = []
        for place in range(len(written.get("add") or ())):
            steps = (*below, "add", place)
            name = meant.get(steps)
            if name is None or name not in relations.states or name in relations.doomed:
                continue
            why = _why(relations, name, added, removed) or _left(view, relations, site, name)
            if why:
                message = f"{site.shown} can never add '{name}': {why}"
                yield view.problem("E505", message, steps, hint="it would always fail with states_refused")
            added.append(name)


def _why(relations: Relations, name: str, before: list[str], removed: list[str]) -> str:
    """What in the same `set` keeps a state from coming; `before` are those added with it, written before it."""
    needs = relations.needs[name]
    if name in removed:
        return "the same `set` removes it"
    gone = relations.named(needs & relations.mask(removed))
    if gone:
        return f"it requires '{gone[0]}', which the same `set` removes"
    for other in before:
        others = relations.needs[other]
        clash = relations.clash(others, needs) or relations.clash(needs, others)
        if clash is not None:
            return f"'{other}' is added with it, and '{clash[0]}' removes '{clash[1]}'"
    return ""


def _left(view: View, relations: Relations, site: Site, name: str) -> str:
    """Why the node that a state requires is not the one a run is at, once this node is left."""
    required = relations.named(relations.needs[name] & relations.nodes)
    if not required:
        return ""
    around = site
    while around.region.owner:
        around = view.sites[around.region.owner]
    if around.region.state or view.torn(*around.steps):
        return ""
    ends = {edge.to for edge in around.node.to}
    if around is not site:
        ends.add(around.node.id)  # a run stays there, unless this branch is the last
    if not ends or required[0] in ends:
        return ""
    if required[0] == site.node.id:
        return f"it requires the node '{required[0]}', which is left then"
    return f"it requires the node '{required[0]}', and a run is not there then"
