"""What a run in a workflow shows of itself: how it stands, what has happened, how it ended. Secrets are masked."""

from __future__ import annotations

import msgspec
from temporalio import workflow

from trellis.engine.program import program_of
from trellis.engine.snapshot import encode_state
from trellis.engine.state import shown_states
from trellis.hosts.lines import error_facts, public_fields, waits_of
from trellis.hosts.temporal.interpreter import Interpreter
from trellis.hosts.temporal.messages import Ended, Journal, View
from trellis.model.actions import CallTool, Emit, RequestInput, StartChild
from trellis.model.codec import encode_event
from trellis.model.secrets import mask, sealed_names


def view(live: Interpreter) -> View:
    """How the run stands now."""
    state, graph = live.state, live.graph
    program = program_of(graph)
    pending = list(state.open.values())
    return View(
        graph.hash,
        graph.name,
        state.status,
        state.seq,
        state.at,
        public_fields(program, state),
        state.position,
        shown_states(program, state),
        [each.request for each in pending if isinstance(each.request, RequestInput)],
        [_masked(each.request) for each in pending],
        [each.request.node for each in pending if each.uncertain],
        waits_of(graph, state),
        error_facts(state) or None,
    )


PAGE = 1_000_000
"""About how many bytes of events are told at once: a server takes no more than twice as much."""


def journal(live: Interpreter, after: int) -> Journal:
    """What has happened in this execution after event number `after`, or the beginning of it."""
    origin = live.origin
    base = origin.seq if origin is not None else 0
    rest = live.events[max(after - base, 0) :]
    told = 0
    room = PAGE
    while told < len(rest) and room > 0:
        room -= len(encode_event(rest[told]))
        told += 1
    return Journal(
        live.graph.hash,
        live.source,
        workflow.info().run_id,
        base,
        workflow.info().continued_run_id or "",
        msgspec.Raw(encode_state(origin)) if origin is not None else msgspec.Raw(b"null"),
        live.visited_before,
        rest[:told],
        live.state.closed,
        told < len(rest),
    )


def ended(live: Interpreter) -> Ended:
    """How the run ended."""
    state, program = live.state, program_of(live.graph)
    names = sorted(sealed_names(state.result)) if state.parent else []
    return Ended(
        state.status,
        mask(state.result),
        public_fields(program, state),
        error_facts(state) or None,
        live.visited,
        shown_states(program, state),
        list(state.undo_failures),
        state.result if names else None,
        {name: state.secrets[name] for name in names if name in state.secrets},
    )


def _masked(request: CallTool | Emit | StartChild | RequestInput) -> CallTool | Emit | StartChild | RequestInput:
    """The request with what it carries as people may see it."""
    what = {CallTool: "args", Emit: "data", StartChild: "fields"}.get(type(request))
    if what is None or not getattr(request, what):
        return request
    return msgspec.structs.replace(request, **{what: mask(getattr(request, what))})
