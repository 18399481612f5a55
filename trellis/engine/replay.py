"""A run begins with its first event, and is at any time the fold of its journal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.engine.apply import apply, settle
from trellis.engine.moves import enter
from trellis.engine.program import Program, program_of
from trellis.engine.state import State, Step
from trellis.engine.turn import Turn
from trellis.engine.writes import failed_check
from trellis.errors import FieldsNeeded, InvalidField, ReplayError
from trellis.model.events import Event, RunStarted
from trellis.model.graph import Graph
from trellis.model.problems import did_you_mean
from trellis.model.secrets import MASK
from trellis.model.values import Value


def start(graph: Graph, event: RunStarted) -> Step:
    """Begin a run. Raises FieldsNeeded or InvalidField where its start values do not do; then there is no run."""
    program = program_of(graph)
    fields = start_fields(program, event.fields)
    empty = State(
        event.run,
        event.root or event.run,
        graph.hash,
        0,
        event.at,
        "running",
        {},
        {},
        {},
        {},
    )
    turn = Turn(program, empty, event.at)
    turn.write_fields(fields)
    shown = {name: MASK if name in program.secrets else value for name, value in shown_fields(fields).items()}
    turn.note("run.started", {"graph": graph.hash, "name": graph.name, "fields": shown})
    first = program.definition.start
    if turn.states is not None:
        turn.states.begin(turn, first)
    enter(turn, first, first)
    return settle(turn)


def start_fields(program: Program, given: dict[str, Value]) -> dict[str, Value]:
    """The fields at the start: defaults, then what is given; an optional one that is not set is null."""
    definition = program.definition
    missing = [name for name in definition.needs if name not in given]
    if missing:
        raise FieldsNeeded(definition.name, missing)
    for name in given:
        if name not in definition.fields:
            hint = did_you_mean(name, definition.fields)
            raise InvalidField(name, "the graph has no such field" + (f"; {hint}" if hint else ""))
    fields: dict[str, Value] = {}
    for name, linked in program.fields.items():
        if name in given:
            try:
                fields[name] = linked.fit(given[name])
            except ValueError as error:
                raise InvalidField(name, str(error)) from error
        elif linked.field.default is not None or linked.field.optional:
            fields[name] = linked.field.default
    for name in given:
        reason = failed_check(program.fields[name], fields[name], fields)
        if reason:
            raise InvalidField(name, reason)
    return fields


def shown_fields(fields: dict[str, Value]) -> dict[str, Value]:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


def fold(graph: Graph, events: Iterable[Event]) -> Iterator[Step]:
    """The steps of a journal, one by one. Raises ReplayError where an event does not follow from those before."""
    state: State | None = None
    for seq, event in enumerate(events, start=1):
        if state is None:
            if not isinstance(event, RunStarted):
                raise ReplayError("?", seq, f"a journal begins with run_started, found {type(event).__name__}")
            if event.graph != graph.hash:
                reason = f"it is of definition {event.graph[:12]}, this is {graph.hash[:12]}"
                raise ReplayError(event.run, seq, reason)
            step = start(graph, event)
        else:
            step = apply(graph, state, event)
            if step.refusal is not None:
                raise ReplayError(state.run, seq, step.refusal.message)
        state = step.state
        yield step


def replay(graph: Graph, events: Iterable[Event]) -> State:
    """The state after these events. Raises ReplayError for a journal that is not of this graph, or not a journal."""
    state: State | None = None
    for step in fold(graph, events):
        state = step.state
    if state is None:
        raise ReplayError("?", 0, "the journal is empty")
    return state
