"""W507: of two auto states that remove each other, the later one comes only where something keeps the first away."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import View
from trellis.model.problems import Problem

CODES = ("W507",)


def check(view: View) -> Iterator[Problem]:
    """A warning for each auto state that an earlier one, which has no `enter_if`, removes and is removed by."""
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
