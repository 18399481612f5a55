"""An approval is given by those who may give it, by as many as it takes; one no decides, and silence is a no."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.engine.moves import change
from trellis.engine.questions import asked
from trellis.engine.state import Open, Token
from trellis.engine.turn import Turn
from trellis.model.actions import Given, RequestInput
from trellis.model.graph import Ask, Escalation
from trellis.model.problems import did_you_mean
from trellis.model.types import VERDICTS, Type, found, read_text, timestamp
from trellis.model.values import Value

NOT_APPROVER, APPROVED_BEFORE = "not_approver", "approved_before"
UNANSWERED = "unanswered"
"""The reason of the rejection that silence is."""
APPROVAL, MAP = Type("approval"), Type("map")


class NotTheirs(Exception):
    """An answer of somebody who cannot give it (any more). `code` is that of the refusal."""

    def __init__(self, code: str, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(reason)


def read(request: RequestInput, value: Value, by: str, at: float) -> dict[str, Value]:
    """The verdict of one answer: what was said, by whom and when. Who and when are never the value's to say.

    Raises NotTheirs where `by` may not answer, ValueError where the value is no verdict.
    """
    if request.by and by not in request.by:
        who = f"'{by}' is no approver" if by else "nobody says who answers"
        hint = did_you_mean(by, request.by)
        raise NotTheirs(NOT_APPROVER, f"{who}; approvers: {', '.join(request.by)}" + (f"; {hint}" if hint else ""))
    if request.quorum > 1 and not by:
        raise NotTheirs(NOT_APPROVER, f"nobody says who answers, and {request.quorum} different people have to approve")
    verdict = _said(value)
    if verdict["ok"] and any(given.by == by for given in request.given):
        raise NotTheirs(APPROVED_BEFORE, f"'{by}' has approved; {len(request.given)} of {request.quorum} so far")
    return {**verdict, "by": by or None, "at": timestamp(at)}


def decided(request: RequestInput, verdict: dict[str, Value]) -> dict[str, Value] | None:
    """What the question comes to with this verdict; None where it takes more approvals."""
    if not verdict["ok"] or request.quorum == 1:
        return verdict
    given = _with(request, verdict)
    if len(given) < request.quorum:
        return None
    reasons = "; ".join(one.reason for one in given if one.reason)
    return {**verdict, "reason": reasons or None, "by": ", ".join(one.by for one in given)}


def count(turn: Turn, pending: Open, verdict: dict[str, Value]) -> RequestInput:
    """Note one approval of several; the question stays open, under its id, and is told as it is now."""
    assert isinstance(pending.request, RequestInput)
    request = replace(pending.request, given=_with(pending.request, verdict))
    turn.write_open()[request.id] = replace(pending, request=request)
    turn.requests.append(request)  # it was told before, so a turn that leaves it cancels it as any other
    return request


def widen(turn: Turn, token: Token, by: tuple[str, ...]) -> None:
    """Others may approve from now on, too; the question stays open, under its id, and is told as it is now."""
    pending = turn.open.get(token.request)
    if pending is None or not isinstance(pending.request, RequestInput) or not pending.request.by:
        return
    request = replace(pending.request, by=tuple(dict.fromkeys((*pending.request.by, *by))))
    if request != pending.request:
        turn.write_open()[request.id] = replace(pending, request=request)
        turn.requests.append(request)
        turn.note("ask", asked(request))


def approvers(ask: Ask, escalate: tuple[Escalation, ...], escalated: int) -> tuple[str, ...]:
    """Who may approve once so many steps of `escalate` have been taken; empty: anybody."""
    if not ask.by:
        return ()
    return tuple(dict.fromkeys((*ask.by, *(name for step in escalate[:escalated] for name in step.by))))


def lapses(turn: Turn, token: Token) -> bool:
    """Whether time that is up answers the node's question with no: an approval whose own `catch` has no `timeout`."""
    node = turn.program.node(token.node).node
    return node.ask is not None and node.ask.kind == "approve" and "timeout" not in node.catch


def lapse(turn: Turn, token: Token) -> None:
    """Nobody has decided in time: the question is taken back, and was answered with no."""
    pending = turn.write_open().pop(token.request)
    assert isinstance(pending.request, RequestInput)
    turn.cancel(pending.request)
    token = change(turn, token, request="")
    verdict: Value = {
        "ok": False, "choice": "reject", "reason": UNANSWERED, "by": None, "at": timestamp(turn.at),
    }  # fmt: skip
    turn.later("complete", token.path, token.entry, verdict)


def _with(request: RequestInput, verdict: dict[str, Value]) -> tuple[Given, ...]:
    by, reason = verdict["by"], verdict["reason"]
    return (*request.given, Given(str(by), reason if isinstance(reason, str) else ""))


def _said(value: Value) -> dict[str, Value]:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = read_text(MAP, value)
    if isinstance(value, str):
        read_verdict = read_text(APPROVAL, value)
        assert isinstance(read_verdict, dict)
        return read_verdict
    if not isinstance(value, dict):
        raise ValueError(f"choose one of: {', '.join(VERDICTS)}; found {found(value)}")
    for key in value:
        if key not in ("choice", "reason"):
            raise ValueError(f"an approval is answered with choice and reason, found '{key}'")
    choice, reason = value.get("choice"), value.get("reason")
    if choice not in VERDICTS:
        raise ValueError(f"choose one of: {', '.join(VERDICTS)}; found {found(choice)}")
    if reason is not None and not isinstance(reason, str):
        raise ValueError(f"reason: expected string, found {found(reason)}")
    return {"ok": choice == "approve", "choice": choice, "reason": reason}
