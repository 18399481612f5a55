"""The walk of a whole graph: from its start with what is given, and beside it what its states do."""

from __future__ import annotations

from collections.abc import Mapping

from trellis.engine.program import Program, program_of
from trellis.engine.replay import start_fields
from trellis.errors import FieldsNeeded, InvalidField
from trellis.model.graph import Graph
from trellis.model.problems import suggestion
from trellis.model.values import Value
from trellis.planning.children import Children
from trellis.planning.endings import Walked
from trellis.planning.known import Known, Reader, short
from trellis.planning.regions import Regions
from trellis.planning.walk import ANSWERS, GivenUp, Walk, writes

PATIENCE = 3
"""So often single fields are given up before all are."""
Answers = list[Value] | dict[str, Value]


def walk_graph(graph: Graph, fields: Mapping[str, Value], answers: Answers) -> Walked:
    """Walk it. Raises InvalidField where a start value does not do."""
    known, missing = _given(program_of(graph), fields)
    children = Children(lambda used, start: _explore(used, start, answers, children), listed=isinstance(answers, list))
    counters = {ANSWERS: 0}
    if isinstance(answers, dict):
        counters |= {ANSWERS + name: 0 for name in graph.definition.nodes if name in answers}
    start = Known({**known.values, **counters})
    walked = _explore(graph, start, answers, children)
    children.settle()
    return walked._replace(given=known, missing=missing)


def _explore(graph: Graph, start: Known, answers: Answers, children: Children) -> Walked:
    """Walk a graph with what is known at its start."""
    program = program_of(graph)
    definition = graph.definition
    hidden = frozenset(node.each.item for node in definition.nodes.values() if node.each is not None)
    reader = Reader(program, hidden)
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
        walk.region, walk.enter = Regions(walk).region, children.enter
        begins = start.without(loose | always)
        try:
            states = {name: walk.region(name, begins.without(every), "state") for name in walk.beside}
            walk.ambient = frozenset().union(*(region.codes for region in states.values()))
            root = walk.region(definition.start, begins, "root")
        except GivenUp as error:
            loose |= error.names or every
            continue
        followed = frozenset(name for name in loose if not name.startswith(ANSWERS))
        return Walked(walk, root, states, start, (), followed, frozenset(), children.walked)
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
    shown = {
        name: value
        for name, value in whole.items()
        if not definition.fields[name].secret
        and (definition.fields[name].source is None or fields.get(name) is not None)
    }  # the environment is not read
    return Known(short(shown)), missing
