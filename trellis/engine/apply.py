"""The reducer: (graph, state, event) -> the next state and what is wanted. The only way a run changes.

Total and deterministic: it reads no clock, draws no number, invents no id and logs nothing. An event that cannot be
taken is refused: the very state that was given comes back, and the event is not to be journaled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from trellis.engine import approvals, attempts, bodies, reminders, rollback
from trellis.engine.answers import answer
from trellis.engine.attempts import UNCERTAIN
from trellis.engine.limits import journal_full, too_large, weight
from trellis.engine.moves import change, end_alone, finish
from trellis.engine.nodes import WORK
from trellis.engine.program import Program, program_of
from trellis.engine.routes import fail, out_of_time, raise_error
from trellis.engine.signals import receive, take_buffered
from trellis.engine.state import ErrorFacts, Open, Refusal, State, Step, Timer, UndoFailure
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault, fitted, scope
from trellis.model.actions import Attempted, CallTool, RequestInput, StartChild
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    Adopted,
    AnswerGiven,
    AttemptBegun,
    AttemptWanted,
    CancelRequested,
    Event,
    Forked,
    RunStarted,
    SignalReceived,
    TimerFired,
)
from trellis.model.graph import Graph
from trellis.model.problems import did_you_mean
from trellis.model.secrets import MASK, mask
from trellis.model.values import Value


def apply(graph: Graph, state: State, event: Event) -> Step:
    """Fold one event into a run.

    After this call you must append the event to the journal before any of `requests` leaves, and perform the
    requests in their order. When `refusal` is set, `state` is the object that was given: journal nothing, though
    `requests` may hold a question to ask again.
    """
    if state.status != "running":
        return _refuse(state, "closed", f"run '{state.run}' has ended: {state.status}")
    if state.ending is not None and not isinstance(event, _TAKEN_LAST):
        return _refuse(
            state, "ending", f"run '{state.run}' ends as {state.ending.status} once its child runs have ended"
        )
    program: Program = graph.memo.get("engine") or program_of(graph)
    step = TAKERS[type(event)](program, state, event)
    return step if isinstance(step, Step) else concluded(step, event)


def concluded(turn: Turn, event: Event) -> Step:
    """Settle a turn that has taken its event, which is part of the journal from then on; one too many ends the run."""
    turn.size += weight(event)
    over = journal_full(turn)
    if over is not None and not turn.over and (turn.rollback is None or turn.rollback.back is not None):
        fail(turn, over)
    return settle(turn)


def settle(turn: Turn) -> Step:
    """Do all that is left to do in this turn, the newest piece of work first."""
    agenda, states = turn.agenda, turn.states
    while True:
        while agenda:
            if states is not None and states.moved:
                bodies.begin(turn)
                continue
            name, *facts = agenda.pop()
            WORK[name](turn, *facts)
        if (states is not None or turn.stirred) and _reacted(turn):
            continue
        if not (turn.buffer and take_buffered(turn)):
            return turn.step()


def _reacted(turn: Turn) -> bool:
    """Whether what waits for states or fields gave the turn more to do."""
    from trellis.engine.reactions import react

    states = turn.states
    if states is not None and states.moved:
        bodies.begin(turn)
        return True
    return react(turn)


def _completed(program: Program, state: State, event: ActionCompleted) -> Turn | Step:
    pending = state.open.get(event.request)
    if pending is None or isinstance(pending.request, RequestInput):
        return _stale(state, event.request)
    turn = Turn(program, state, event.at)
    turn.keep(event.secrets)
    request = pending.request
    undoes = isinstance(request, CallTool) and request.undo
    save = program.node(pending.token.node).node.save
    value = MASK if save in program.secrets and not undoes else mask(event.value)
    turn.note(attempts.RETURNED[request.kind], _returned(pending, event.attempt, "value", value))
    if pending.beside:
        reminders.over(turn, request)
    elif pending.cancelling:
        _close_cancelling(turn, request)
        names = scope(turn, pending.token)
        rollback.push(turn, pending.token, names if save is None else {**names, save: event.value})
    elif undoes:
        rollback.undone(turn)
    else:
        token = attempts.counted(turn, state.tokens[request.node], event.attempt)
        attempts.succeeded(turn, token)
        reason = too_large(program, event.value)
        if reason:
            raise_error(turn, token, "value_limit", f"the result {reason}")
        else:
            turn.later("complete", token.path, token.entry, event.value)
    return turn


def _failed(program: Program, state: State, event: ActionFailed) -> Turn | Step:
    pending = state.open.get(event.request)
    if pending is None or isinstance(pending.request, RequestInput):
        return _stale(state, event.request)
    if pending.uncertain and event.code == UNCERTAIN:
        return _refuse(state, "uncertain", f"request '{event.request}' is known to be uncertain")
    turn = Turn(program, state, event.at, event.noise)
    request = pending.request
    error = {"code": event.code, "message": mask(event.message)}
    turn.note(attempts.RETURNED[request.kind], _returned(pending, event.attempt, "error", error))
    if pending.beside:
        reminders.over(turn, request)
    elif pending.cancelling:
        _close_cancelling(turn, request)
        if event.code == UNCERTAIN and not isinstance(request, StartChild):
            rollback.push(turn, pending.token, scope(turn, pending.token))
        if event.code == "rollback_failed" and isinstance(request, StartChild):
            turn.undo_failures = (*turn.undo_failures, UndoFailure(request.node, event.code, event.message))
    elif isinstance(request, CallTool) and request.undo:
        rollback.attempt_failed(turn, event.code, event.message, retryable=event.retryable and not event.attempt)
    else:
        token = attempts.counted(turn, state.tokens[request.node], event.attempt)
        attempts.failed(turn, token, event.code, event.message, retryable=event.retryable and not event.attempt)
    return turn


def _begun(program: Program, state: State, event: AttemptBegun) -> Turn | Step:
    pending = state.open.get(event.request)
    if pending is None or pending.begun or pending.cancelling or not isinstance(pending.request, CallTool):
        return _refuse(state, "stale", f"request '{event.request}' is not a call that is to be made")
    turn = Turn(program, state, event.at)
    turn.later("make", event.request)
    return turn


def _wanted(program: Program, state: State, event: AttemptWanted) -> Turn | Step:
    pending = state.open.get(event.request)
    if pending is None or not pending.uncertain:
        return _refuse(state, "stale", f"request '{event.request}' is not uncertain")
    turn = Turn(program, state, event.at)
    token = attempts.end(turn, state.tokens[pending.token.path])
    attempts.again(turn, token)
    return turn


def _fired(program: Program, state: State, event: TimerFired) -> Turn | Step:
    timer = state.timers.get(event.timer)
    if timer is None:
        return _refuse(state, "stale", f"timer '{event.timer}' is no longer waited for")
    if max(event.at, state.at) < timer.due:
        return _refuse(state, "early", f"timer '{event.timer}' is due at {timer.due}, not at {event.at}")
    turn = Turn(program, state, event.at, event.noise)
    turn.note("timer.fired", {"node": timer.path, "timer": event.timer, "purpose": timer.purpose})
    if timer.purpose == "time":
        turn.drop_timers((event.timer,))
        limit = program.definition.limits.time
        if limit is not None:  # else the run goes by another version since
            out_of_time(turn, limit)
        return turn
    if timer.entry == 0:
        rollback.timer_fired(turn, event.timer, timer.purpose, last=event.attempt > 0)
        return turn
    turn.drop_timers((event.timer,))
    token = state.tokens[timer.path]
    token = change(turn, token, timers=tuple(name for name in token.timers if name != event.timer))
    if timer.purpose == "retry":
        attempts.again(turn, token)
    elif timer.purpose == "wait":
        turn.later("proceed", token.path, token.entry)
    elif timer.purpose in reminders.FIRED:
        reminders.FIRED[timer.purpose](turn, token, timer)
    elif timer.purpose == "timeout" and token.call is not None:
        attempts.timed_out(turn, attempts.counted(turn, token, event.attempt), last=event.attempt > 0)
    elif approvals.lapses(turn, token):
        approvals.lapse(turn, token)
    else:
        token = attempts.counted(turn, token, event.attempt)
        raise_error(turn, token, "timeout", f"{timer.purpose} of node '{token.path}' has passed")
    return turn


def _cancelled(program: Program, state: State, event: CancelRequested) -> Turn | Step:
    turn = Turn(program, state, event.at)
    error = ErrorFacts("terminated" if event.terminate else "cancelled", event.reason, "")
    if event.undo:
        if state.ending is not None or (state.rollback is not None and state.rollback.back is None):
            return _refuse(state, "ending", f"run '{state.run}' is about to end by itself")
        if rollback.may_undo(turn):
            rollback.begin(turn, error)
            return turn
    for pending in state.open.values():
        if pending.cancelling and pending.undo:  # nothing is undone, there neither
            turn.write_open()[pending.request.id] = replace(pending, undo=False)
            turn.cancel(pending.request, awaited=True)
    turn.error = error
    finish(turn, "cancelled")
    return turn


def _forked(program: Program, state: State, event: Forked) -> Turn | Step:
    turn = Turn(program, state, event.at)
    for name, value in event.fields.items():
        if name not in program.fields or name in program.secrets:
            hint = did_you_mean(name, program.fields)
            why = "it is secret" if name in program.secrets else "the graph has no such field"
            return _refuse(state, "invalid", f"field '{name}': {why}" + (f"; {hint}" if hint else ""))
        try:
            turn.write_fields({**turn.fields, name: fitted(turn, None, name, value)})
        except Fault as fault:
            return _refuse(state, fault.code, fault.message)
    if event.fields:
        turn.note("fields.changed", {"fields": {name: turn.fields[name] for name in event.fields}})
    passed = turn.at - state.at
    if passed and state.timers:
        turn.write_timers().update(
            (name, replace(timer, due=timer.due + passed))
            for name, timer in state.timers.items()
            if not _waits_for_a_moment(program, state, timer)
        )
    return turn


def _waits_for_a_moment(program: Program, state: State, timer: Timer) -> bool:
    """Whether the timer is one of `wait: {until: …}`, which comes when it comes."""
    return timer.purpose == "wait" and program.node(state.tokens[timer.path].node).until is not None


def _adopted(_program: Program, state: State, _event: Adopted) -> Step:
    return _refuse(state, "adopt", "another definition is taken by `versions.adopt`, which is given both graphs")


def _started(_program: Program, state: State, _event: RunStarted) -> Step:
    return _refuse(state, "started", f"run '{state.run}' has started already")


def _close_cancelling(turn: Turn, request: Attempted) -> None:
    turn.write_open().pop(request.id)
    if turn.rollback is not None:
        turn.later("unwind")
    end_alone(turn)


def _returned(pending: Open, attempt: int, what: str, value: Value) -> dict[str, Value]:
    """The facts of the line that tells how an attempt ended, or the last of so many that the engine did not count."""
    assert not isinstance(pending.request, RequestInput)
    facts = attempts.facts(pending.request)
    if attempt:
        facts["attempt"] = attempt
    facts[what] = value
    if pending.beside:
        facts["purpose"] = pending.beside
    return facts


def _stale(state: State, request: str) -> Step:
    return _refuse(state, "stale", f"request '{request}' is not open")


def _refuse(state: State, code: str, message: str) -> Step:
    return Step(state, refusal=Refusal(code, message))


_TAKEN_LAST = ActionCompleted, ActionFailed, CancelRequested
"""What a run takes that has come to its end, and waits for its child runs."""

TAKERS: dict[type, Callable[[Program, State, Any], Turn | Step]] = {
    RunStarted: _started,
    ActionCompleted: _completed,
    ActionFailed: _failed,
    AnswerGiven: answer,
    TimerFired: _fired,
    SignalReceived: receive,
    CancelRequested: _cancelled,
    AttemptBegun: _begun,
    AttemptWanted: _wanted,
    Forked: _forked,
    Adopted: _adopted,
}
"""Which function takes which event: a turn to settle, or a refusal."""
