"""A question as it is told: the facts of an `ask` line."""

from __future__ import annotations

from trellis.model.actions import RequestInput
from trellis.model.graph import Ask, AskKind
from trellis.model.types import VERDICTS
from trellis.model.values import Value


def asked(request: RequestInput) -> dict[str, Value]:
    """The facts of an `ask` line."""
    facts: dict[str, Value] = {"node": request.node}
    if request.form:
        facts |= {"kind": request.ask, "form": [_question(part.kind, part) for part in request.form]}
    else:
        facts |= _question(request.ask, request)
    if request.reason:
        facts["reason"] = request.reason
    if request.by:
        facts["by"] = list(request.by)
    if request.quorum > 1:
        facts["quorum"] = request.quorum
        facts["given"] = [given.by for given in request.given]
    return facts


def _question(kind: AskKind, asks: Ask | RequestInput) -> dict[str, Value]:
    facts: dict[str, Value] = {"field": asks.field, "kind": kind}
    options = VERDICTS if kind == "approve" else asks.options
    if options:
        facts["options"] = list(options)
    if asks.default is not None:
        facts["default"] = asks.default
    if asks.lines:
        facts["lines"] = True
    return facts
