"""What a run may use: why a thing more would be too much, in words. Who asks fails the node, or ends the run, with a code."""

from __future__ import annotations

from typing import Any

from trellis.engine.program import Program
from trellis.engine.state import ErrorFacts
from trellis.engine.turn import Turn
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    Event,
    Forked,
    RunStarted,
    SignalReceived,
)
from trellis.model.sizes import format_size, size_of
from trellis.model.values import Value

OVERHEAD = 100
"""Bytes that an event is counted with besides what it brings: about what its time, its names and its kind have."""
BRINGS: dict[type, str] = {
    RunStarted: "fields", ActionCompleted: "value", ActionFailed: "message", AnswerGiven: "value", SignalReceived: "data",
    Forked: "fields",
}  # fmt: skip
"""Kind of event -> what may be large in it."""
_SIZED: frozenset[type] = frozenset({str, dict, list})


def over_limit(turn: Turn, node: str, path: str) -> ErrorFacts | None:
    """Why one more move, to this node, would be too much, as an error of the node at `path`; None where it is not."""
    limits = turn.program.definition.limits
    if turn.steps >= limits.steps:
        return ErrorFacts("step_limit", f"more than {limits.steps} moves in one turn", path)
    return over_visits(turn, node, path) if limits.visits else None


def over_visits(turn: Turn, node: str, path: str) -> ErrorFacts | None:
    """Why one more visit of this node would be too much; None where it is not."""
    visits = turn.program.definition.limits.visits
    if visits and turn.visits.count(node) >= visits:
        return ErrorFacts("visit_limit", f"node '{node}' was entered {visits} times already", path)
    return None


def no_room(turn: Turn) -> str:
    """Why no call and no question more can be open now; empty where one can."""
    limit = turn.program.definition.limits.open
    if len(turn.open) < limit:
        return ""
    return f"{limit} calls and questions are open, and no more may be at once; see `limits.open`, and `max` of `each`"


def too_large(program: Program, value: Value) -> str:
    """Why this value is too large for a run, to go behind what it is; empty where it is not."""
    if type(value) not in _SIZED:
        return ""
    limit = program.definition.limits.value
    size = size_of(value, limit)
    return f"has {size} bytes as JSON, and `limits.value` is {format_size(limit)}" if size else ""


def weight(event: Event) -> int:
    """What an event adds to the size of its journal: the bytes of what it brings, and OVERHEAD for all else.

    An adoption is not counted: a version that changes nothing of a run leaves it where it was.
    """
    part = BRINGS.get(event.__class__)
    brought: Any = getattr(event, part) if part is not None else None
    return OVERHEAD + size_of(brought, 0) if brought and type(brought) in _SIZED else OVERHEAD


def journal_full(turn: Turn) -> ErrorFacts | None:
    """Why the run cannot go on with so long a journal; None where it can."""
    limit = turn.program.definition.limits.journal
    if turn.size <= limit:
        return None
    return ErrorFacts(
        "journal_limit", f"the journal has {turn.size} bytes, and `limits.journal` is {format_size(limit)}", ""
    )
