"""W507: of two auto states that remove each other, the later one comes only where something keeps the first away.

Of three or more, each of which removes the next and the last the first, none keeps away any other for good: with each pass
one drives out another, until a run has had as many passes as it may.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.relations import Relations
from trellis.compiler.sites import View
from trellis.compiler.walks import rounds
from trellis.model.problems import Problem

CODES = ("W507",)
SHOWN = 5
"""How many states of a ring are named."""
MOST = 64
"""Among more auto states that remove others no ring is looked for."""


def check(view: View) -> Iterator[Problem]:
    """A warning for each auto state that an earlier one, which has no `enter_if`, removes and is removed by; and each ring."""
    states = view.definition.states
    autos = {name for name, state in states.items() if state.auto}
    places = {name: place for place, name in enumerate(states)}
    for name in states:
        for other in dict.fromkeys(states[name].remove) if name in autos else ():
            if (
                other in autos
                and places[other] < places[name]
                and name in states[other].remove
                and states[other].enter_if is None
            ):
                message = f"auto states '{other}' and '{name}' remove each other: where both may come, '{other}' does"
                hint = f"give '{other}' an `enter_if`, or one of them no `auto`"
                steps = view.states[name].at("auto")
                yield view.problem("W507", message, steps, hint=hint, severity="warning")
    yield from _rings(view, autos)


def _rings(view: View, autos: set[str]) -> Iterator[Problem]:
    relations, states = view.relations, view.definition.states
    free = [name for name in states if name in autos and states[name].enter_if is None and states[name].exit_if is None]
    known = set(free)
    ousts = {
        name: [other for other in states[name].remove if other in known and name not in states[other].remove]
        for name in free
    }
    moving = [name for name in free if ousts[name]]
    if len(moving) > MOST or not any(len(ring) > 2 for ring in (rounds(ousts) if moving else ())):
        return
    restless = _restless(relations, free)
    if restless and _may_all_come(relations, restless):
        shown = [f"'{name}'" for name in restless[:SHOWN]]
        listed = (
            f"{', '.join(shown[:-1])} and {shown[-1]}" if len(restless) <= SHOWN else f"{', '.join(shown)} and others"
        )
        message = f"auto states {listed} drive each other out in a ring: none of them stays"
        hint = "give one of them an `enter_if`, or no `auto`"
        yield view.problem("W507", message, view.states[restless[0]].at("auto"), hint=hint, severity="warning")


def _restless(relations: Relations, free: list[str]) -> list[str]:
    """The states that come and go with each pass for ever, if these are all there are, in the order of the resolver.

    A pass calls for all that no active one removes; then from the last to the first who is removed by one that is left goes.
    """
    removes, bits = relations.removes, relations.bits
    active: list[str] = []
    seen: list[list[str]] = []
    while active not in seen and len(seen) <= len(free) + 1:
        seen.append(active)
        barred = 0
        for name in active:
            barred |= removes[name]
        left = [name for name in free if name not in active and not barred & bits[name]] + active
        for name in left[::-1]:
            if any(removes[other] & bits[name] for other in left):
                left.remove(name)
        active = left
    round_ = seen[seen.index(active) :] if active in seen else seen[-2:]
    return [name for name in free if 0 < sum(name in part for part in round_) < len(round_)]


def _may_all_come(relations: Relations, ring: list[str]) -> bool:
    """Whether nothing but the ring itself keeps its states apart: no node, and nothing else that one of them needs."""
    own = relations.mask(ring)
    needs = 0
    for name in ring:
        needs |= relations.needs[name]
    nodes, others = needs & relations.nodes, needs & ~own & ~relations.nodes
    if nodes & (nodes - 1) or relations.clash(others, needs) or relations.clash(own, others):
        return False
    return not others & ~relations.possible
