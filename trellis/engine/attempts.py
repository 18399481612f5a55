"""One visit of a `do`, `emit` or `use` node: attempts of one call, signal or child run, until one succeeds or none is left."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from trellis.engine.limits import no_room
from trellis.engine.moves import change, give_up
from trellis.engine.program import LinkedNode
from trellis.engine.retries import delay_before
from trellis.engine.rollback import chosen_tool
from trellis.engine.routes import catches, raise_error
from trellis.engine.state import Open, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault, scope
from trellis.model.actions import Attempted, CallTool, Emit, StartChild
from trellis.model.ids import LONGEST_ID, is_run_id
from trellis.model.secrets import mask
from trellis.model.types import found
from trellis.model.values import digest

MADE = {"CALL_TOOL": "tool.called", "EMIT": "emit.sent", "START_CHILD": "child.started"}
RETURNED = {"CALL_TOOL": "tool.returned", "EMIT": "emit.returned", "START_CHILD": "child.finished"}
"""Kind of a request -> the kind of the line that tells of an attempt, and of that which tells how it ended."""
UNCERTAIN = "uncertain"
"""The code of a failure that leaves open whether the call was carried out."""


def begin(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Evaluate the call, once for all attempts, and make the first. Raises Fault or ExpressionError."""
    call = linked.node.do
    assert call is not None
    names = scope(turn, token)
    args = linked.args(names) if linked.args is not None else {}
    tool = call.tool if linked.tool is None else chosen_tool(call.tool, call.allow, linked.tool, names)
    _send(
        turn,
        token,
        CallTool(
            id=turn.next_id(),
            idempotency_key=turn.key(token),
            node=token.path,
            tool=tool,
            run=turn.before.run,
            args=args,  # type: ignore[arg-type]
            silence=linked.node.heartbeat,
        ),
        linked.node.timeout,
    )


def emit(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Evaluate whom the signal is for and what it carries, once for all attempts. Raises Fault or ExpressionError."""
    emission = linked.node.emit
    assert emission is not None
    assert linked.to is not None
    names = scope(turn, token)
    receiver = linked.to(names)
    if not isinstance(receiver, str) or not is_run_id(receiver):
        raise Fault("invalid", f"signal '{emission.signal}': expected the id of a run, found {found(receiver)}")
    request = Emit(
        id=turn.next_id(),
        idempotency_key=turn.key(token),
        node=token.path,
        run=receiver,
        name=emission.signal,
        data=linked.data(names) if linked.data is not None else {},  # type: ignore[arg-type]
    )
    _send(turn, token, request, linked.node.timeout)


def begin_child(turn: Turn, token: Token, linked: LinkedNode, _text: str) -> None:
    """Evaluate the start values, once for all attempts, and start the first child run. Raises Fault or ExpressionError."""
    use = linked.node.use
    assert use is not None
    depth, limit = turn.before.depth + 1, turn.program.definition.limits.depth
    if depth > limit:
        raise Fault("depth_limit", f"no more than {limit} runs may be above another one")
    fields = linked.fields(scope(turn, token)) if linked.fields is not None else {}
    key = turn.key(token)
    _send(
        turn,
        token,
        StartChild(
            id=turn.next_id(),
            idempotency_key=key,
            node=token.path,
            run=turn.before.run,
            graph=use.graph,
            child=child_id(key, 1),
            fields=fields,  # type: ignore[arg-type]
            depth=depth,
        ),
        linked.node.timeout,
    )


def child_id(key: str, attempt: int) -> str:
    """The id of a child run: the key of the visit that it is for, and which attempt it is; an end of it where it is long."""
    name = key if attempt == 1 else f"{key}.{attempt}"
    return name if len(name) <= LONGEST_ID else f"{name[: LONGEST_ID - 17]}~{digest(name.encode())[:16]}"


def again(turn: Turn, token: Token) -> None:
    """Make the next attempt: the same call under the same key, or another child run with the same start values."""
    call = token.call
    assert call is not None
    number = token.attempt + 1
    node = turn.program.node(token.node).node
    request = replace(call, id=turn.next_id(), attempt=number)
    if isinstance(request, CallTool):
        request = replace(request, silence=node.heartbeat)
    elif isinstance(request, StartChild):
        request = replace(request, child=child_id(request.idempotency_key, number))
    try:
        _send(turn, change(turn, token, attempt=number), request, node.timeout)
    except Fault as fault:
        raise_error(turn, turn.tokens[token.path], fault.code, fault.message)


def make(turn: Turn, name: str) -> None:
    """The call is made now, and not once more should its host die: hand it out to whoever makes it.

    Not where this very turn has given it up: it was not begun.
    """
    pending = turn.open.get(name)
    if pending is not None and not pending.cancelling:
        turn.requests.append(pending.request)
        turn.write_open()[name] = replace(pending, begun=True)


def succeeded(turn: Turn, token: Token) -> None:
    """The attempt is over. Its timers go when the node is left; what follows from the value is the node's affair."""
    turn.write_open().pop(token.request, None)


def counted(turn: Turn, token: Token, attempt: int) -> Token:
    """The token after so many attempts, which somebody else counted; 0: nobody did."""
    return change(turn, token, attempt=attempt) if attempt else token


def failed(turn: Turn, token: Token, code: str, message: str, *, retryable: bool) -> None:
    """The attempt failed: wait and try again by the node's policy, or the node fails.

    Where nobody knows whether the call was carried out, and no `catch` says what then, it is parked; a child run that
    ended so has ended.
    """
    delay = _delay(turn, token, code, retryable=retryable)
    called = isinstance(turn.open[token.request].request, CallTool)
    if delay is None and called and code == UNCERTAIN and not catches(turn, token, code):
        _park(turn, token)
        return
    token = end(turn, token)
    if delay is None:
        raise_error(turn, token, code, message)
    else:
        _wait(turn, token, delay)


def timed_out(turn: Turn, token: Token, *, last: bool) -> None:
    """The attempt took too long. One that is tried again is given up; else the node is left with its call open.

    Nobody knows how far it had come: what may be made at most once is not tried again.
    """
    delay = _delay(turn, token, "timeout", retryable=not (last or turn.open[token.request].begun))
    if delay is None:
        raise_error(turn, token, "timeout", f"attempt {token.attempt} took too long")
        return
    pending = turn.open[token.request]
    if isinstance(pending.request, StartChild):
        give_up(turn, pending)
        token = change(turn, _without_timers(turn, token), request="")
    else:
        turn.cancel(pending.request)
        token = end(turn, token)
    _wait(turn, token, delay)


def _delay(turn: Turn, token: Token, code: str, *, retryable: bool) -> float | None:
    policy = turn.program.node(token.node).node.retry
    return delay_before(policy, token.attempt, code, retryable=retryable, noise=turn.noise)


def _wait(turn: Turn, token: Token, delay: float) -> None:
    timer = turn.start_timer("retry", delay, token.path, token.entry, turn.key(token), token.attempt + 1)
    change(turn, token, timers=(*token.timers, timer))


def facts(request: Attempted) -> dict[str, Any]:
    """The facts of the lines that tell of an attempt."""
    what: dict[str, Any]
    if isinstance(request, CallTool):  # nearly every one
        return {
            "node": request.node, "tool": request.tool, "attempt": request.attempt, "key": request.idempotency_key,
        }  # fmt: skip
    if isinstance(request, Emit):
        what = {"signal": request.name, "to": mask(request.run)}
    else:
        what = {"graph": request.graph, "child": request.child}
    return {"node": request.node, **what, "attempt": request.attempt, "key": request.idempotency_key}


def _send(turn: Turn, token: Token, request: Attempted, timeout: float | None) -> None:
    """Make an attempt and time it. Raises Fault where no more may be open at once."""
    reason = no_room(turn)
    if reason:
        raise Fault("open_limit", reason)
    turn.emit(request, MADE[request.kind], facts(request))
    timers = token.timers
    if timeout is not None:
        timers = (
            *timers,
            turn.start_timer("timeout", timeout, token.path, token.entry, turn.key(token), token.attempt),
        )
    token = change(turn, token, request=request.id, timers=timers, call=request)
    turn.write_open()[request.id] = Open(request, token)


def _park(turn: Turn, token: Token) -> None:
    """The call stays open, though nobody performs it, until somebody says how it ended; its attempt is out of time."""
    token = _without_timers(turn, token)
    turn.write_open()[token.request] = replace(turn.open[token.request], token=token, uncertain=True)


def end(turn: Turn, token: Token) -> Token:
    """The token without its request and the timers of this attempt; the deadline goes on."""
    turn.write_open().pop(token.request, None)
    return change(turn, _without_timers(turn, token), request="")


def _without_timers(turn: Turn, token: Token) -> Token:
    over = tuple(name for name in token.timers if turn.timers[name].purpose != "deadline")
    kept = tuple(name for name in token.timers if name not in over)
    turn.drop_timers(over)
    return change(turn, token, timers=kept) if over else token
