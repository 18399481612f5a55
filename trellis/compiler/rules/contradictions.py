"""E504: what a state requires, adds and removes can be true together. W505: no relation of a state to itself, nor round,
and no state twice in a group.

A state needs all that it requires, and what that requires; none of these may remove another. It is told of at the first
state that needs both, not again at those that need that one.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.relations import Relations
from trellis.compiler.sites import Declared, View
from trellis.compiler.walks import rounds
from trellis.model.problems import Problem

CODES = ("E504", "W505")

APART = "they cannot be active together"
DROP = "drop one of the two"
SHOWN = 5
"""How many states of a circle or chain are named."""


def check(view: View) -> Iterator[Problem]:
    """The problems of each state by itself, and those of circles."""
    relations = view.relations
    for name, declared in view.states.items():
        yield from _pairs(view, relations, declared)
        own = relations.states[name]
        if name in relations.doomed and not _told(relations, name):
            yield from _doomed(view, relations, declared)
        for role in ("remove", "after"):
            if name in getattr(own, role):
                yield _useless(view, declared, f"{declared.shown} is in its own `{role}`, which does nothing", role)
    graph = {
        name: [other for other in state.require if other in relations.states]
        for name, state in relations.states.items()
    }
    for circle in rounds(graph):
        holder = view.states[circle[0]]
        if len(circle) == 1:
            yield _useless(view, holder, f"{holder.shown} requires itself", "require")
        else:
            listed = ", ".join(f"'{name}'" for name in circle[:SHOWN]) + " and others" * (len(circle) > SHOWN)
            message = f"states {listed} require each other: none can come before the others"
            yield _useless(view, holder, message, "require")
    for group in view.groups.values():
        for place, name in enumerate(group.members):
            if name in group.members[:place]:
                message = f"group '{group.name}' names '{name}' twice"
                steps = (*group.steps, place)
                yield view.problem("W505", message, steps, hint="remove one of them", severity="warning")


def _told(relations: Relations, name: str) -> bool:
    """Whether a contradiction is told of at what a state requires; of states that need each other, at the first."""
    bit, mutual = relations.bits[name], False
    for other in relations.states[name].require:
        if other in relations.doomed and other != name:
            if not relations.needs[other] & bit:
                return True
            mutual = True
    before = relations.named(relations.needs[name] & (bit - 1)) if mutual else ()
    return any(other in relations.doomed and relations.needs[other] & bit for other in before)


def _pairs(view: View, relations: Relations, declared: Declared) -> Iterator[Problem]:
    """What a state says twice, and not the same."""
    own = relations.states[declared.name]
    for place, other in enumerate(own.remove):
        if other in own.add:
            message = f"{declared.shown} adds and removes '{other}'"
            yield view.problem("E504", message, declared.at("remove", place), hint=DROP)
    for place, other in enumerate(own.add):
        if other != declared.name and other in relations.states and declared.name in relations.states[other].remove:
            if declared.name not in relations.states[other].add and other not in own.remove:
                message = f"{declared.shown} adds '{other}', which removes it again"
                yield view.problem("E504", message, declared.at("add", place), hint=DROP)


def _doomed(view: View, relations: Relations, declared: Declared) -> Iterator[Problem]:
    """Why what a state needs cannot be together."""
    name, needs = declared.name, relations.needs[declared.name]
    own = relations.states[name]
    steps = declared.at("require")
    nodes = relations.named(needs & relations.nodes)
    found = relations.clash(needs, needs)
    if found is None:
        message = f"{declared.shown} requires the nodes {_listed(nodes)}, and a run is at one of them: {APART}"
        yield view.problem("E504", message, steps, hint=DROP)
        return
    remover, removed = found
    if relations.removes[name] & needs:
        removed = relations.named(relations.removes[name] & needs)[0]
        place = own.remove.index(removed)
        message = f"{declared.shown} removes '{removed}', which it requires{_chain(relations, name, removed)}: {APART}"
        yield view.problem("E504", message, declared.at("remove", place), hint=DROP)
    elif relations.drives_out[name] & relations.bits[name]:
        remover = next(
            other for other in relations.named(needs) if relations.removes.get(other, 0) & relations.bits[name]
        )
        message = f"{declared.shown} requires '{remover}'{_chain(relations, name, remover)}, which removes it: {APART}"
        yield view.problem("E504", message, steps, hint=DROP)
    else:
        both = _listed(relations.named(relations.mask(found)))
        message = f"{declared.shown} requires {both}, and '{remover}' removes '{removed}': {APART}"
        yield view.problem("E504", message, steps, hint=DROP)


def _chain(relations: Relations, start: str, end: str) -> str:
    way = relations.way(start, end)
    if len(way) > SHOWN:
        way = [*way[: SHOWN - 1], "…", way[-1]]
    return f" ({' → '.join(way)})" if len(way) > 2 else ""


def _listed(names: list[str]) -> str:
    return f"{', '.join(repr(name) for name in names[:-1])} and '{names[-1]}'"


def _useless(view: View, declared: Declared, message: str, role: str) -> Problem:
    hint = "remove it" if role != "require" else "with a circle of `require`, that relation orders no states"
    return view.problem("W505", message, declared.at(role), hint=hint, severity="warning")
