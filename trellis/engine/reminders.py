"""What goes on beside a node that waits for somebody: reminders, and the steps of an escalation.

None of it moves the run. A call that fails, or a text that cannot be written, is told and has no other consequence; what
is under way when the node is left is cancelled in the same turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trellis.engine import approvals
from trellis.engine.limits import no_room
from trellis.engine.moves import change
from trellis.engine.program import LinkedNotice
from trellis.engine.rollback import chosen_tool
from trellis.engine.state import Beside, Open, Timer, Token
from trellis.engine.turn import Turn
from trellis.engine.writes import Fault, said, scope
from trellis.errors import ExpressionError
from trellis.model.actions import Attempted, CallTool, RenderContent
from trellis.model.graph import Node


def start(turn: Turn, token: Token, node: Node) -> list[str]:
    """Set the first timer of each kind that the node has."""
    timers = []
    if node.remind is not None:
        timers.append(_timer(turn, token, "remind", turn.at + node.remind.every, 1))
    if node.escalate:
        timers.append(_timer(turn, token, "escalate", turn.at + node.escalate[0].after, 1))
    return timers


def remind(turn: Turn, token: Token, _timer_fired: Timer) -> None:
    """Remind once more, and set the timer of the next time. A reminder that is still under way gives way to it.

    The next time counts from now: who was away for long is not reminded of it many times at once.
    """
    linked = turn.program.node(token.node)
    policy = linked.node.remind
    if policy is None or linked.remind is None:
        return  # the run goes by another version since
    number = token.reminded + 1
    token = change(turn, token, reminded=number)
    for name in token.beside:
        pending = turn.open.get(name)
        if pending is not None and pending.beside == "remind":
            del turn.write_open()[name]
            turn.cancel(pending.request)
    token = _tell(turn, token, linked.remind, "remind", number)
    if not policy.max or number < policy.max:
        timer = _timer(turn, token, "remind", turn.at + policy.every, number + 1)
        change(turn, token, timers=(*token.timers, timer))


def escalate(turn: Turn, token: Token, fired: Timer) -> None:
    """Take the next step: let others approve too, and tell whom it says. The step after it counts from the question."""
    linked = turn.program.node(token.node)
    steps, taken = linked.node.escalate, token.escalated
    if taken >= len(steps):
        return  # the run goes by another version since
    step = steps[taken]
    token = change(turn, token, escalated=taken + 1)
    approvals.widen(turn, token, step.by)
    token = _tell(turn, token, linked.escalate[taken], "escalate", taken + 1)
    if taken + 1 < len(steps):
        timer = _timer(turn, token, "escalate", fired.due + steps[taken + 1].after - step.after, taken + 2)
        change(turn, token, timers=(*token.timers, timer))


FIRED: dict[str, Callable[[Turn, Token, Timer], None]] = {"remind": remind, "escalate": escalate}
"""What is done when a timer of this purpose is due."""


def over(turn: Turn, request: Attempted) -> None:
    """Such a call is over, however it ended."""
    turn.write_open().pop(request.id)
    token = turn.tokens[request.node]
    change(turn, token, beside=tuple(name for name in token.beside if name != request.id))


def _timer(turn: Turn, token: Token, purpose: Beside, due: float, number: int) -> str:
    return turn.set_timer(purpose, due, token.path, token.entry, f"{turn.key(token)}/{purpose}/{number}", number)


def _tell(turn: Turn, token: Token, notice: LinkedNotice, purpose: Beside, number: int) -> Token:
    """Make the call, or say the text. Its key has the number, so that each is done once and none stands for another."""
    key = f"{turn.key(token)}/{purpose}/{number}"
    facts: dict[str, Any] = {"node": token.path, "purpose": purpose}
    reason = no_room(turn) if notice.call is not None else ""
    try:
        if reason:
            raise Fault("open_limit", reason)
        names = scope(turn, token)
        if notice.say is not None:
            text = said(notice.say, turn, token)
            if text is not None:
                turn.emit(RenderContent(id=turn.next_id(), idempotency_key=key, node=token.path, text=text))
                turn.note("say", {"node": token.path, "text": text})
        if notice.call is None:
            return token
        args: Any = notice.args(names) if notice.args is not None else {}
        call = notice.call
        tool = call.tool if notice.tool is None else chosen_tool(call.tool, call.allow, notice.tool, names)
    except Fault as fault:
        turn.note("error", {**facts, "code": fault.code, "message": fault.message})
        return token
    except ExpressionError as error:
        turn.note("error", {**facts, "code": "expression", "message": str(error)})
        return token
    request = CallTool(
        id=turn.next_id(), idempotency_key=key, node=token.path, tool=tool, run=turn.before.run, args=args
    )
    turn.emit(request, "tool.called", {**facts, "tool": tool, "attempt": 1, "key": key})
    turn.write_open()[request.id] = Open(request, token, beside=purpose)
    open_now = tuple(name for name in token.beside if name in turn.open)
    return change(turn, token, beside=(*open_now, request.id))
