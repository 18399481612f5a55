"""An answer is taken by the question that is open at its node; one that does not fit is refused with a reason."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from trellis.engine.program import LinkedField, Program
from trellis.engine.state import Refusal, State, Step
from trellis.engine.turn import Turn
from trellis.engine.writes import failed_check
from trellis.model.actions import RequestInput
from trellis.model.events import AnswerGiven
from trellis.model.types import Type, fitter, read_text
from trellis.model.values import Value


def answer(program: Program, state: State, event: AnswerGiven) -> Turn | Step:
    """Take the answer, or say why not. A refused value comes with the question to ask again, and its reason."""
    if event.id and event.id in state.heard:
        return Step(state, refusal=Refusal("duplicate", f"answer '{event.id}' was taken before"))
    token = state.tokens.get(event.node)
    pending = state.open.get(token.request) if token is not None else None
    if token is None or pending is None or not isinstance(pending.request, RequestInput):
        asking = [other.request.node for other in state.open.values() if isinstance(other.request, RequestInput)]
        now = f"asking now: {', '.join(asking)}" if asking else "nothing is asked now"
        return Step(state, refusal=Refusal("not_asked", f"node '{event.node}' does not ask; {now}"))
    request = pending.request
    linked = program.fields[request.field]
    try:
        value = read_answer(linked, request, event.value)
    except ValueError as error:
        return _again(state, request, str(error))
    reason = failed_check(linked, value, state.fields)
    if reason:
        return _again(state, request, reason)
    turn = Turn(program, state, event.at)
    turn.hear(event.id)
    turn.keep(event.secrets)
    del turn.write_open()[request.id]
    turn.later("complete", token.path, token.entry, value)
    return turn


def read_answer(linked: LinkedField, request: RequestInput, value: Value) -> Value:
    """What the answer means. A text is read as a person typed it. Raises ValueError with the reason to ask again."""
    if request.default is not None and (value is None or (isinstance(value, str) and not value.strip())):
        return request.default
    kind = linked.type
    if request.options:
        kind = msgspec.structs.replace(kind, enum=request.options)
    elif request.ask == "confirm" and kind.kind == "any":
        kind = Type("boolean")
    elif request.ask == "int" and kind.kind in ("any", "number"):
        kind = Type("integer", enum=kind.enum)
    if isinstance(value, str) and not (
        request.ask in ("text", "secret") and kind.kind in ("string", "any") and not kind.enum
    ):
        value = read_text(kind, value)
    return linked.fit(fitter(kind)(value))


def _again(state: State, request: RequestInput, reason: str) -> Step:
    again = replace(request, reason=reason)
    return Step(state, (again,), refusal=Refusal("invalid_answer", reason))
