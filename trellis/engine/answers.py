"""An answer is taken by the question that is open at its node; one that does not fit is refused with a reason."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.engine import approvals
from trellis.engine.limits import too_large
from trellis.engine.program import Program
from trellis.engine.questions import asked
from trellis.engine.state import Refusal, State, Step
from trellis.engine.turn import Turn
from trellis.engine.writes import failed_check
from trellis.model.actions import RequestInput
from trellis.model.dates import read_date
from trellis.model.events import AnswerGiven
from trellis.model.graph import Ask
from trellis.model.problems import did_you_mean
from trellis.model.types import Type, fitter, found, read_text
from trellis.model.values import Value

ANY = Type("any")
LIST, MAP = Type("list", item=ANY), Type("map")
INVALID_ANSWER = "invalid_answer"
ASKED_AGAIN = frozenset({INVALID_ANSWER, approvals.NOT_APPROVER, approvals.APPROVED_BEFORE})
"""Codes of the refusals that come with the question to ask again."""


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
    reason = too_large(program, event.value)
    if reason:
        return _again(state, request, f"the answer {reason}")
    turn = Turn(program, state, event.at)
    verdict: dict[str, Value] | None = None
    try:
        if request.ask == "approve":
            verdict = approvals.read(request, event.value, event.by, turn.at)
        if request.form:
            value: Value = read_form(program, request.form, event.value, state.fields)
        else:
            given = event.value if verdict is None else approvals.decided(request, verdict) or verdict
            value = read_answer(program, Ask(request.ask, request.field, request.options, request.default), given)
            reason = failed_check(program.fields[request.field], value, state.fields)
            if reason:
                return _again(state, request, reason)
    except approvals.NotTheirs as error:
        return _again(state, request, error.reason, error.code)
    except ValueError as error:
        return _again(state, request, str(error))
    turn.hear(event.id)
    if verdict is not None and approvals.decided(request, verdict) is None:
        turn.note("ask", asked(approvals.count(turn, pending, verdict)))
        return turn
    turn.keep(event.secrets)
    del turn.write_open()[request.id]
    turn.later("complete", token.path, token.entry, value)
    return turn


def read_answer(program: Program, ask: Ask, value: Value) -> Value:
    """What an answer to one question means. A text is read as a person typed it.

    Raises ValueError with the reason to ask again.
    """
    linked = program.fields[ask.field]
    empty = value is None or (isinstance(value, str) and not value.strip())
    if ask.default is not None and empty:
        return ask.default
    kind, options = linked.type, ask.options
    if kind.optional and empty and value not in options and (value is None or ask.kind in ("choice", "date")):
        return None
    if ask.kind == "multi":
        return linked.fit(_several(kind.item or ANY, options, value))
    if ask.kind == "date":
        return linked.fit(read_date(kind, value))
    if options:
        kind = replace(kind, enum=options)
    elif ask.kind == "confirm" and kind.kind == "any":
        kind = Type("boolean")
    elif ask.kind == "int" and kind.kind in ("any", "number"):
        kind = Type("integer", enum=kind.enum)
    if isinstance(value, str) and not (
        ask.kind in ("text", "secret") and kind.kind in ("string", "any") and not kind.enum
    ):
        value = read_text(kind, value)
    return linked.fit(fitter(kind)(value))


def read_form(program: Program, form: tuple[Ask, ...], value: Value, fields: dict[str, Value]) -> Value:
    """What a map of answers means, by field; as JSON it is read too. Raises ValueError with all that is wrong with it."""
    if isinstance(value, str):
        value = read_text(MAP, value)
    names = [part.field for part in form]
    if not isinstance(value, dict):
        raise ValueError(f"expected a map with {', '.join(names)}, found {found(value)}")
    wrong: list[str] = []
    for name in value:
        if name not in names:
            hint = did_you_mean(name, names)
            wrong.append(
                f"{found(name).removeprefix('string ')}: the form has no such field" + (f"; {hint}" if hint else "")
            )
    taken: dict[str, Value] = {}
    for part in form:
        given = value.get(part.field)
        if given is None and part.default is None and not program.fields[part.field].field.optional:
            wrong.append(f"{part.field}: missing")
            continue
        try:
            taken[part.field] = read_answer(program, part, given)
        except ValueError as error:
            wrong.append(f"{part.field}: {error}")
    if not wrong:  # the check of one may read the others
        checked = [(name, failed_check(program.fields[name], taken[name], {**fields, **taken})) for name in names]
        wrong = [f"{name}: {reason}" for name, reason in checked if reason]
    if wrong:
        raise ValueError("; ".join(wrong))
    return taken


def _several(item: Type, options: tuple[Value, ...], value: Value) -> Value:
    """The options that were chosen, each once and in their own order."""
    if isinstance(value, str):
        value = _listed(options, value.strip())
    if not isinstance(value, list):
        raise ValueError(f"choose any of: {_shown(options)}; found {found(value)}")
    one = Type(item.kind, enum=options)
    take = fitter(one)
    chosen: list[Value] = []
    for part in value:
        try:
            chosen.append(read_text(one, part) if isinstance(part, str) else take(part))
        except ValueError:
            raise ValueError(f"choose any of: {_shown(options)}; found {found(part)}") from None
    return [option for option in options if option in chosen]


def _listed(options: tuple[Value, ...], typed: str) -> Value:
    """The parts of a typed list: JSON, or texts between commas. An option that has commas in it is one part."""
    if typed in options:
        return [typed]
    return read_text(LIST, typed) if typed.startswith("[") else [*typed.split(",")] if typed else []


def _shown(options: tuple[Value, ...]) -> str:
    return ", ".join(map(str, options))


def _again(state: State, request: RequestInput, reason: str, code: str = INVALID_ANSWER) -> Step:
    again = replace(request, reason=reason)
    return Step(state, (again,), refusal=Refusal(code, reason))
