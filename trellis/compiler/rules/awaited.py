"""W508: what is waited for can come: something adds it, it comes by itself, and states that are awaited together fit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("W508",)


def check(view: View) -> Iterator[Problem]:
    """A warning for each state in a `wait` or `upon` that never comes, and each `wait` for states that exclude each other."""
    # What could not be read may have added anything.
    if view.open or view.torn():
        return
    relations = view.relations
    for mention in view.mentions:
        if mention.role in ("wait", "upon") and mention.sound and mention.meant is not None:
            why = relations.why_never(mention.meant)
            if why:
                message = f"'{mention.meant}' never becomes active: {why}"
                yield view.problem("W508", message, mention.steps, key=mention.key, severity="warning")
    for site in view.sites.values():
        states = [name for name in site.node.wait.states if name in relations.states] if site.node.wait else []
        for first, second in combinations(states, 2):
            needs, others = relations.needs[first], relations.needs[second]
            clash = relations.clash(needs, others) or relations.clash(others, needs)
            if clash is not None and not relations.doomed & {first, second}:
                message = (
                    f"{site.shown} waits for '{first}' and '{second}' at once, and '{clash[0]}' removes '{clash[1]}'"
                )
                yield view.problem("W508", message, (*site.steps, "wait", "states"), severity="warning")
                break
