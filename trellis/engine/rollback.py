"""Undo: what completed is taken back, last first, one at a time; a failure is kept and reported, the rest goes on."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.engine.chain import Chain
from trellis.engine.moves import change, disarm, finish, leave_all
from trellis.engine.program import Evaluate
from trellis.engine.retries import delay_before
from trellis.engine.state import ErrorFacts, Open, Rollback, Setting, Token, UndoEntry, UndoFailure
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault
from trellis.errors import ExpressionError
from trellis.model.actions import CallTool, StartChild
from trellis.model.values import Value


def push(turn: Turn, token: Token, scope: dict[str, Value]) -> str:
    """A node with `undo` has completed: keep what takes it back. Why its arguments cannot be evaluated, or empty."""
    linked = turn.program.node(token.node)
    undo = linked.node.undo
    if undo is None:
        return ""
    tool, problem = undo.call.tool, ""
    args: Value = {}
    try:
        args = linked.undo_args(scope) if linked.undo_args is not None else {}
        tool = chosen_tool(undo.call.tool, undo.call.allow, linked.undo_tool, scope)
    except (ExpressionError, Fault) as error:
        problem = str(error)
    turn.undo = Chain(UndoEntry(token.path, token.node, token.entry, tool, args, turn.entries, problem), turn.undo)  # type: ignore[arg-type]
    return problem


def chosen_tool(name: str, allow: tuple[str, ...], template: Evaluate | None, scope: dict[str, Value]) -> str:
    """The tool to call. Raises Fault `denied` where data chose one that `allow` does not name."""
    if template is None:
        return name
    chosen = template(scope)
    if chosen not in allow:
        listed = ", ".join(allow)
        raise Fault("denied", f"tool {chosen!r} is not among those that this node allows: {listed}")
    return str(chosen)


def begin(turn: Turn, error: ErrorFacts | None) -> None:
    """Leave every node and undo all that completed; the run ends with it. What an edge undoes just now goes on in it."""
    leave_all(turn, awaiting=True)
    turn.agenda.clear()
    turn.error = error
    rolling = turn.rollback or Rollback()
    turn.rollback = replace(rolling, since=0, error=error, back=None)
    turn.later("unwind")


def may_undo(turn: Turn) -> bool:
    """Whether there is something to undo, or may be once all that is under way has ended."""
    return turn.undo is not None or any(
        isinstance(pending.request, StartChild) or turn.program.node(pending.token.node).node.undo is not None
        for pending in turn.open.values()
    )


def begin_back(turn: Turn, token: Token, target: str, setting: Setting) -> None:
    """Undo what completed since the last visit of `target`, then go there and make `setting` true."""
    disarm(turn, token)
    token = change(turn, token, request="", timers=(), beside=())
    turn.rollback = Rollback(since=turn.marks.get(target, 0), back=(token, target, setting))
    turn.later("unwind")


def unwind(turn: Turn) -> None:
    """Undo the newest entry, once no call is awaited whose outcome decides whether it must be undone."""
    rolling = turn.rollback
    if rolling is None or rolling.current is not None or any(pending.cancelling for pending in turn.open.values()):
        return
    if turn.undo is None or turn.undo.value.completed < rolling.since:
        _end(turn, rolling)
        return
    entry = turn.undo.value
    turn.undo = turn.undo.rest
    turn.rollback = replace(rolling, current=entry, attempt=0)
    turn.note("undo.started", {"node": entry.path, "tool": entry.tool})
    if entry.problem:
        _failed(turn, ErrorFacts("expression", entry.problem, entry.path))
    else:
        attempt(turn)


def attempt(turn: Turn) -> None:
    """Call the current entry's tool, once more."""
    rolling, entry = _current(turn)
    number = rolling.attempt + 1
    key = f"{turn.before.root}/{entry.path}/{entry.entry}/undo"
    request = CallTool(
        id=turn.next_id(),
        idempotency_key=key,
        node=entry.path,
        tool=entry.tool,
        run=turn.before.run,
        args=entry.args,
        attempt=number,
        undo=True,
    )
    turn.emit(request, "tool.called", {"node": entry.path, "tool": entry.tool, "attempt": number, "key": key})
    turn.write_open()[request.id] = Open(request, Token(entry.path, entry.node, entry.entry))
    undo = turn.program.node(entry.node).node.undo
    timers: tuple[str, ...] = ()
    if undo is not None and undo.timeout is not None:
        timers = (turn.start_timer("timeout", undo.timeout, entry.path, 0, key, number),)
    turn.rollback = replace(rolling, request=request.id, attempt=number, timers=timers)


def undone(turn: Turn) -> None:
    """The current entry was taken back."""
    rolling, entry = _current(turn)
    _settle_request(turn, rolling)
    turn.note("undo.done", {"node": entry.path})
    turn.rollback = replace(rolling, current=None, request="", timers=())
    turn.later("unwind")


def attempt_failed(turn: Turn, code: str, message: str, *, retryable: bool) -> None:
    """An attempt of the current entry failed: again by the undo's own policy, or never."""
    rolling, entry = _current(turn)
    _settle_request(turn, rolling)
    undo = turn.program.node(entry.node).node.undo
    policy = undo.retry if undo is not None else None
    delay = delay_before(policy, rolling.attempt, code, retryable=retryable, noise=turn.noise)
    if delay is None:
        _failed(turn, ErrorFacts(code, message, entry.path, rolling.attempt))
        return
    key = f"{turn.before.root}/{entry.path}/{entry.entry}/undo"
    timer = turn.start_timer("retry", delay, entry.path, 0, key, rolling.attempt + 1)
    turn.rollback = replace(rolling, request="", timers=(timer,))


def timer_fired(turn: Turn, name: str, purpose: str, *, last: bool) -> None:
    """A timer of the rollback is due."""
    rolling, _ = _current(turn)
    turn.drop_timers((name,))
    turn.rollback = replace(rolling, timers=tuple(timer for timer in rolling.timers if timer != name))
    if purpose == "retry":
        attempt(turn)
        return
    pending = turn.open[rolling.request]
    turn.cancel(pending.request)
    attempt_failed(turn, "timeout", "the undo took too long", retryable=not (last or pending.begun))


def _failed(turn: Turn, error: ErrorFacts) -> None:
    rolling, entry = _current(turn)
    failure = UndoFailure(entry.path, error.code, error.message)
    turn.note("undo.done", {"node": entry.path, "error": {"code": error.code, "message": error.message}})
    turn.rollback = replace(rolling, current=None, request="", timers=(), failures=(*rolling.failures, failure))
    turn.later("unwind")


def _end(turn: Turn, rolling: Rollback) -> None:
    turn.rollback = None
    turn.undo_failures = (*turn.undo_failures, *rolling.failures)
    if rolling.back is None:
        finish(turn, "rollback_failed" if turn.undo_failures else "rolled_back")
        return
    token, target, setting = rolling.back
    turn.later("back", token.path, target, setting, rolling.failures)


def _settle_request(turn: Turn, rolling: Rollback) -> None:
    turn.write_open().pop(rolling.request, None)
    turn.drop_timers(rolling.timers)


def _current(turn: Turn) -> tuple[Rollback, UndoEntry]:
    rolling = turn.rollback
    assert rolling is not None  # callers look for the rollback's own request first
    assert rolling.current is not None
    return rolling, rolling.current
