"""States and their relations as a Mermaid flowchart: an edge for every relation that has a part in the outcome.

    solid, require    from a state to what must be active with it
    thick, add        from a state to what it brings
    crossed, remove   from a state to what it drives out; crossed at both ends where both do
    dotted, after     from a state to the one whose handlers run first

Below its name a state says whether it is auto or multi, for which it has shapes of its own, and what guards it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from trellis.model.states import EXCEPTION, DeclaredState, StateDef
from trellis.render.mermaid import escape

RELATIONS = ("require", "add", "remove", "after")

_ARROWS = {"require": "-->", "add": "==>", "remove": "--x", "after": "-.->"}
_COLOURS = {"require": "#3a5f9e", "add": "#2f7d46", "remove": "#b3261e", "after": "#777777"}
_ACTIVE = "fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px"
_ABSENT = "stroke-dasharray:4 3,color:#777777"


def relation_diagram(states: Mapping[str, StateDef], *, active: Collection[str] = ()) -> str:
    """The flowchart of a schema, with the `active` states marked. Ids are generated, so any name renders.

    Relations that the resolver drops are not drawn: to itself, or to what is no state. A required state that does not
    exist is drawn as absent, because it keeps the one that requires it from ever being active. Exception is drawn where
    it has a relation or is active. Active names that are no states are passed over.
    """
    return "\n".join(_lines(states, active)) + "\n"


def _lines(states: Mapping[str, StateDef], active: Collection[str]) -> Iterator[str]:
    edges = list(relations_of(states))
    spoken = {name for source, _, target, _ in edges for name in (source, target)}
    names = [name for name in states if name != EXCEPTION or name in spoken or name in active]
    absent = sorted(spoken.difference(names))
    ids = {name: f"n{number}" for number, name in enumerate((*names, *absent))}
    yield "flowchart TD"
    for name in names:
        yield f"  {ids[name]}{_shape(name, states[name])}"
    for name in absent:
        yield f'  {ids[name]}["{escape(name)}<br/>no state"]'
    for source, relation, target, mutual in edges:
        arrow = "x--x" if mutual else _ARROWS[relation]
        yield f'  {ids[source]} {arrow}|"{relation}"| {ids[target]}'
    for relation in RELATIONS:
        places = ",".join(str(place) for place, edge in enumerate(edges) if edge[1] == relation)
        if places:
            yield f"  linkStyle {places} stroke:{_COLOURS[relation]}"
    yield from _marked("absent", _ABSENT, [ids[name] for name in absent])
    yield from _marked("active", _ACTIVE, [ids[name] for name in names if name in active])


def relations_of(states: Mapping[str, StateDef]) -> Iterator[tuple[str, str, str, bool]]:
    """Source, relation, target, and whether they remove each other; such a pair is given once."""
    driven = {name: _driven_out(name, state, states) for name, state in states.items()}
    place = {name: number for number, name in enumerate(states)}
    for name, state in states.items():
        for other in dict.fromkeys(state.require):
            yield name, "require", other, False
        for other in dict.fromkeys(state.add):
            if other in states and other != name:
                yield name, "add", other, False
        for other in driven[name]:
            mutual = name in driven[other]
            if not mutual or place[name] < place[other]:
                yield name, "remove", other, mutual
        for other in dict.fromkeys(state.after):
            if other in states and other != name:
                yield name, "after", other, False


def _driven_out(name: str, state: StateDef, states: Mapping[str, StateDef]) -> dict[str, None]:
    """What a state removes: what it also adds stays."""
    return dict.fromkeys(
        other for other in state.remove if other in states and other != name and other not in state.add
    )


def _shape(name: str, state: StateDef) -> str:
    words = [name, ", ".join(word for word in ("auto", "multi") if getattr(state, word))]
    if isinstance(state, DeclaredState):
        words += [f"{word} {test}" for word, test in (("enter if", state.enter_if), ("exit if", state.exit_if)) if test]
    label = "<br/>".join(escape(word) for word in words if word)
    return f'[["{label}"]]' if state.multi else f'(["{label}"])' if state.auto else f'["{label}"]'


def _marked(word: str, style: str, ids: Collection[str]) -> Iterator[str]:
    if ids:
        yield f"  classDef {word} {style}"
        yield f"  class {','.join(ids)} {word}"
