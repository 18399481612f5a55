"""A run begins with its first event, and is at any time the fold of its journal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from trellis.engine.apply import apply, concluded
from trellis.engine.limits import too_large
from trellis.engine.moves import enter
from trellis.engine.program import Program, program_of
from trellis.engine.state import State, Step
from trellis.engine.turn import Turn
from trellis.engine.writes import failed_check
from trellis.errors import FieldsNeeded, InvalidField, ReplayError
from trellis.model.events import Adopted, Event, RunStarted
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
        locale=event.locale,
        parent=event.parent,
        depth=event.depth,
    )
    turn = Turn(program, empty, event.at)
    turn.write_fields(fields)
    turn.keep(event.secrets)
    shown = {name: MASK if name in program.secrets else value for name, value in shown_fields(fields).items()}
    facts = {"graph": graph.hash, "name": graph.name, "fields": shown}
    turn.note("run.started", {**facts, "locale": event.locale} if event.locale else facts)
    first = program.definition.start
    if turn.states is not None:
        turn.states.begin(turn, first)
    limit = program.definition.limits.time
    if limit is not None:
        turn.start_timer("time", limit, first, 0, f"{turn.before.root}/time", 1)
    enter(turn, first, first)
    return concluded(turn, event)


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
        reason = too_large(program, fields[name])
        if reason:
            raise InvalidField(name, f"it {reason}")
        reason = failed_check(program.fields[name], fields[name], fields)
        if reason:
            raise InvalidField(name, reason)
    return fields


def shown_fields(fields: dict[str, Value]) -> dict[str, Value]:
    """The fields that are set."""
    return {name: value for name, value in fields.items() if value is not None}


Definitions = Callable[[str], Graph]
"""The graph of a hash."""


def fold(graph: Graph, events: Iterable[Event], graphs: Definitions | None = None) -> Iterator[Step]:
    """The steps of a journal, one by one. Raises ReplayError where an event does not follow from those before.

    `graph` is the definition that the run was started with. A journal in which the run adopts other ones needs
    `graphs`; what that raises for a hash it does not know goes through. The definition in force after a step is the
    one of `step.state.graph`.
    """
    rest = iter(events)
    for event in rest:
        if not isinstance(event, RunStarted):
            raise ReplayError("?", 1, f"a journal begins with run_started, found {type(event).__name__}")
        if event.graph != graph.hash:
            reason = f"it is of definition {event.graph[:12]}, this is {graph.hash[:12]}"
            raise ReplayError(event.run, 1, reason)
        step = start(graph, event)
        yield step
        yield from fold_from(graph, step.state, rest, graphs)


def fold_from(graph: Graph, state: State, events: Iterable[Event], graphs: Definitions | None = None) -> Iterator[Step]:
    """The steps of the events that follow `state`, which is of `graph`. Otherwise like `fold`."""
    for event in events:
        if isinstance(event, Adopted):
            from trellis.engine.versions import adopt  # few journals hold one

            if graphs is None:
                reason = f"it adopts definition {event.graph[:12]}, which was not given"
                raise ReplayError(state.run, state.seq + 1, reason)
            adopted = graphs(event.graph)
            step = adopt(graph, adopted, state, event)
            graph = adopted
        else:
            step = apply(graph, state, event)
        if step.refusal is not None:
            raise ReplayError(state.run, state.seq + 1, step.refusal.message)
        state = step.state
        yield step


def replay(graph: Graph, events: Iterable[Event], graphs: Definitions | None = None) -> State:
    """The state after these events. Raises ReplayError for a journal that is not of this graph, or not a journal."""
    state: State | None = None
    for step in fold(graph, events, graphs):
        state = step.state
    if state is None:
        raise ReplayError("?", 0, "the journal is empty")
    return state
