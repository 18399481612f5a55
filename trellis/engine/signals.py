"""A signal reaches exactly one taker: the innermost node that has a route or waits for it, else the graph's own route."""

from __future__ import annotations

from trellis.engine.limits import too_large
from trellis.engine.program import Program
from trellis.engine.routes import go
from trellis.engine.state import Arrived, Refusal, State, Step, Token
from trellis.engine.turn import Turn
from trellis.model.events import SignalReceived
from trellis.model.problems import did_you_mean
from trellis.model.types import fitter, parse_type
from trellis.model.values import Value

INTERRUPT = "interrupt"
"""The signal that every graph knows: somebody wants the run to stop what it does."""


def receive(program: Program, state: State, event: SignalReceived) -> Turn | Step:
    """Take the signal, keep it where its declaration has a buffer, or refuse it."""
    if event.id and event.id in state.heard:
        return _refuse(state, "duplicate", f"signal '{event.id}' was taken before")
    declared = program.definition.signals.get(event.name)
    if declared is None and event.name != INTERRUPT:
        hint = did_you_mean(event.name, program.definition.signals)
        return _refuse(state, "unknown_signal", f"no signal named '{event.name}'" + (f"; {hint}" if hint else ""))
    data = dict(event.data)
    for name, written in (declared.data if declared is not None else {}).items():
        try:
            data[name] = fitter(parse_type(written))(event.data.get(name))
        except ValueError as error:
            return _refuse(state, "invalid_signal", f"signal '{event.name}', '{name}': {error}")
    unknown = set(data) - set(declared.data if declared is not None else data)
    if unknown:
        return _refuse(state, "invalid_signal", f"signal '{event.name}' carries no '{min(unknown)}'")
    reason = too_large(program, data)
    if reason:
        return _refuse(state, "invalid_signal", f"what signal '{event.name}' carries {reason}")
    turn = Turn(program, state, event.at)
    turn.hear(event.id)
    if deliver(turn, event.name, data):
        return turn
    kept = sum(arrived.name == event.name for arrived in state.buffer)
    if declared is not None and kept < declared.buffer:
        turn.buffer = (*turn.buffer, Arrived(event.name, data))
        turn.note("signal", {"name": event.name, "data": data, "buffered": True})
        return turn
    return _refuse(state, "not_taken", f"nothing takes signal '{event.name}' now")


def deliver(turn: Turn, name: str, data: dict[str, Value]) -> bool:
    """Let the one taker of this signal go on, along its route or out of its wait; False where there is none."""
    found = taker(turn.program, turn.tokens, name) if turn.rollback is None else None
    if found is None:
        return False
    token, target = found
    turn.note("signal", {"name": name, "data": data, "node": token.path})
    if target:
        go(turn, token, target, {"signal": {"name": name, "data": data}})
    else:
        turn.later("complete", token.path, token.entry, data)
    return True


def taker(program: Program, tokens: dict[str, Token], name: str) -> tuple[Token, str] | None:
    """The token that takes a signal, and where it goes: the innermost, of several the first in the document.

    One that waits for the signal goes where it goes when it has completed, and the target is empty.
    """
    routed = [token for token in tokens.values() if name in program.node(token.node).takes]
    if routed:
        places = {token.path: _place(program, tokens, token) for token in routed}
        found = min(routed, key=lambda token: (-len(places[token.path]), places[token.path]))
        return found, program.node(found.node).takes[name]
    target = program.definition.upon.get(name)
    if target is None:
        return None
    roots = (token for token in tokens.values() if not (token.parent or program.node(token.node).node.region))
    return next(((token, target) for token in roots), None)


def in_document_order(program: Program, tokens: dict[str, Token], some: list[Token]) -> list[Token]:
    """These tokens: the root's with what is inside it, each before what is inside; then what states do."""
    return sorted(some, key=lambda token: _place(program, tokens, token))


def _place(program: Program, tokens: dict[str, Token], token: Token) -> list[int]:
    """Where in the document: the root or what some state does, then which body of which body. Longer is further in."""
    place: list[int] = []
    while token.parent:
        place.insert(0, token.index)
        token = tokens[token.parent]
    declared, region = program.declared, program.node(token.node).node.region
    place.insert(0, declared.places.get(region, 0) if declared is not None else 0)
    return place


def take_buffered(turn: Turn) -> bool:
    """Hand the oldest kept signal that has a taker by now to it; False where none has."""
    for place, kept in enumerate(turn.buffer):
        if not turn.over and deliver(turn, kept.name, kept.data):
            turn.buffer = turn.buffer[:place] + turn.buffer[place + 1 :]
            return True
    return False


def _refuse(state: State, code: str, message: str) -> Step:
    return Step(state, refusal=Refusal(code, message))
