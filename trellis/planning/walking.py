"""The walk of a whole graph: from its start with what is given, and beside it what its states do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trellis.engine.program import Program, program_of
from trellis.engine.replay import start_fields
from trellis.errors import FieldsNeeded, InvalidField
from trellis.model.graph import Graph
from trellis.model.problems import suggestion
from trellis.model.values import Value
from trellis.planning.known import LONGEST, Known, Reader
from trellis.planning.regions import Regions
from trellis.planning.walk import ANSWERS, GivenUp, Region, Walk, writes

PATIENCE = 3
"""So often single fields are given up before all are."""
Answers = list[Value] | dict[str, Value]


class Walked(NamedTuple):
    """What was found of a graph with some inputs."""

    walk: Walk
    root: Region
    states: dict[str, Region]
    """What states do, by the node that begins it."""
    given: Known
    """What is known at the start."""
    missing: tuple[str, ...]
    """Fields that a run has to be given, and that were not."""
    loose: frozenset[str]
    """Fields that were not followed, for there were too many ways."""


def walk_graph(graph: Graph, fields: Mapping[str, Value], answers: Answers) -> Walked:
    """Walk it. Raises InvalidField where a start value does not do."""
    program = program_of(graph)
    definition = graph.definition
    hidden = frozenset(node.each.item for node in definition.nodes.values() if node.each is not None)
    reader = Reader(program, hidden)
    known, missing = _given(program, fields)
    counters = {
        ANSWERS: 0,
        **{ANSWERS + name: 0 for name in definition.nodes if isinstance(answers, dict) and name in answers},
    }
    beside = {
        name for state in definition.states.values() for name in (state.entered, state.exited) if name is not None
    }
    written = writes(definition)
    every = frozenset().union(*written.values())
    always = frozenset().union(*(written[name] for name in beside))
    loose: frozenset[str] = frozenset()
    for trial in range(PATIENCE + 1):
        if trial == PATIENCE:
            loose = every
        walk = Walk(graph, program, reader, answers, loose | always)
        walk.region = Regions(walk).region
        start = Known({**known.values, **counters}).without(loose | always)
        try:
            states = {name: walk.region(name, start.without(every), "state") for name in walk.beside}
            walk.ambient = frozenset().union(*(region.codes for region in states.values()))
            root = walk.region(definition.start, start, "root")
        except GivenUp as error:
            loose |= error.names or every
            continue
        return Walked(
            walk, root, states, known, missing, frozenset(name for name in loose if not name.startswith(ANSWERS))
        )
    raise AssertionError("a walk that follows no field ends")


def _given(program: Program, fields: Mapping[str, Value]) -> tuple[Known, tuple[str, ...]]:
    """What is known at the start, and which fields a run would still have to be given."""
    definition = program.definition
    missing = tuple(name for name in definition.needs if name not in fields)
    try:
        whole = start_fields(program, dict(fields))
    except FieldsNeeded:
        whole = {}
        for name, value in fields.items():
            if name not in definition.fields:
                raise InvalidField(name, f"the graph has no such field{suggestion(name, definition.fields)}") from None
            try:
                whole[name] = program.fields[name].fit(value)
            except ValueError as error:
                raise InvalidField(name, str(error)) from None
        for name, field in definition.fields.items():
            if name not in whole and name not in missing and (field.optional or field.default is not None):
                whole[name] = field.default
    shown = {name: value for name, value in whole.items() if not definition.fields[name].secret}
    return Known(_short(shown)), missing


def _short(values: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in values.items() if len(Known({name: value}).key) <= LONGEST}
