"""States and their relations as a chart: a part for each state, an arrow for every relation that has a part in the outcome.

What is drawn and what is not is as in `relations`, the Mermaid picture of the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from trellis.model.states import EXCEPTION, DeclaredState, StateDef
from trellis.render.chart import Arrow, ArrowKind, Chart, Part
from trellis.render.relations import relations_of

_KINDS: dict[str, ArrowKind] = {"require": "require", "add": "add", "remove": "remove", "after": "after"}


def chart_of_states(states: Mapping[str, StateDef], title: str, *, active: Collection[str] = ()) -> Chart:
    """The chart of declared states, with the `active` ones marked. Required states that there are not are cuts."""
    edges = list(relations_of(states))
    spoken = {name for source, _, target, _ in edges for name in (source, target)}
    names = [name for name in states if name != EXCEPTION or name in spoken or name in active]
    parts = [_part(name, states[name], name in active) for name in names]
    parts += [Part(name, "cut", f"{name}: no state") for name in sorted(spoken.difference(names))]
    arrows = [
        Arrow(f"{source} {relation} {target}", source, target, _KINDS[relation], relation, both=mutual)
        for source, relation, target, mutual in edges
    ]
    return Chart(title, tuple(parts), tuple(arrows), (), "states")


def _part(name: str, state: StateDef, active: bool) -> Part:
    words = " · ".join(word for word in ("auto", "multi") if getattr(state, word))
    notes: tuple[str, ...] = ()
    if isinstance(state, DeclaredState):
        guards = (("enter if", state.enter_if), ("exit if", state.exit_if))
        notes = tuple(f"{word} {test}" for word, test in guards if test)
        notes += tuple(
            word for word, body in (("acts when entered", state.entered), ("acts when exited", state.exited)) if body
        )
    return Part(name, "state", name, node=name, does=words or "state", notes=notes, mark="current" if active else "")
