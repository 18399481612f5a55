"""What is said of an answer that is not taken, word for word; the run is then the very same, however often it is tried."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compiler.checking import definition
from trellis.engine import State, apply, start
from trellis.model.events import AnswerGiven, RunStarted
from trellis.model.graph import Graph
from trellis.model.values import Value

FIELDS = """start: a
fields:
  v: {type: approval, optional: true}
  xs: {type: [{type: string, enum: [x, y]}], default: []}
  s: {type: string, optional: true}
  t: {type: time, optional: true}
  n: {type: integer}
"""
ONE, TWO = "{approve: v, by: [ana, ben]}", "{approve: v, quorum: 2}"
VERDICTS = "choose one of: approve, reject, back"
REFUSED: list[tuple[str, Value, str, str, str]] = [
    (ONE, "approve", "", "not_approver", "nobody says who answers; approvers: ana, ben"),
    (ONE, "approve", "eve", "not_approver", "'eve' is no approver; approvers: ana, ben"),
    (ONE, "nonsense", "anna", "not_approver", "'anna' is no approver; approvers: ana, ben; did you mean 'ana'?"),
    (ONE, "nonsense", "ana", "invalid_answer", VERDICTS),
    (ONE, ": why", "ana", "invalid_answer", VERDICTS),
    (ONE, True, "ana", "invalid_answer", f"{VERDICTS}; found boolean true"),
    (ONE, None, "ana", "invalid_answer", f"{VERDICTS}; found null"),
    (ONE, {}, "ana", "invalid_answer", f"{VERDICTS}; found null"),
    (ONE, {"choice": "ok"}, "ana", "invalid_answer", f"{VERDICTS}; found string 'ok'"),
    (ONE, {"choice": "approve", "at": "now"}, "ana", "invalid_answer", "an approval is answered with choice and reason, found 'at'"),
    (ONE, {"choice": "back", "reason": 7}, "ana", "invalid_answer", "reason: expected string, found integer 7"),
    (TWO, "approve", "", "not_approver", "nobody says who answers, and 2 different people have to approve"),
    ("{multi: xs}", "x, z", "", "invalid_answer", "choose any of: x, y; found string ' z'"),
    ("{multi: xs}", "[x]", "", "invalid_answer", "not the JSON of a list: '[x]'"),
    ("{multi: xs}", {"x": True}, "", "invalid_answer", "choose any of: x, y; found map"),
    ("{multi: xs}", [["x"]], "", "invalid_answer", "choose any of: x, y; found list of 1"),
    ("{date: s}", "31.1.2030", "", "invalid_answer", "not a date such as 2030-01-31: '31.1.2030'"),
    ("{date: s}", 20300131, "", "invalid_answer", "not a date such as 2030-01-31: integer 20300131"),
    ("{date: t}", "2030-01-31T25:00Z", "", "invalid_answer", "expected a time such as 2030-01-31T09:30:00Z, found string '2030-01-31T25:00Z'"),
    ("{form: [s, n]}", "Ana", "", "invalid_answer", "not the JSON of a map: 'Ana'"),
    ("{form: [s, n]}", [1], "", "invalid_answer", "expected a map with s, n, found list of 1"),
    ("{form: [s, n]}", {"s": 1, "m": 2}, "", "invalid_answer", "'m': the form has no such field; s: expected string, found integer 1; n: missing"),
]  # fmt: skip


def asking(ask: str) -> tuple[Graph, State]:
    graph = Graph(definition(f"{FIELDS}nodes: {{a: {{ask: {ask}, timeout: 1h, to: $end}}}}\n"))
    return graph, start(graph, RunStarted(1.0, "r", graph.hash)).state


@pytest.mark.parametrize(("ask", "value", "by", "code", "reason"), REFUSED)
def test_an_answer_is_refused_with_words(ask: str, value: Any, by: str, code: str, reason: str) -> None:
    graph, state = asking(ask)
    for _ in range(2):
        step = apply(graph, state, AnswerGiven(2.0, "a", value, by))
        assert step.refusal is not None
        assert (step.refusal.code, step.refusal.message) == (code, reason)
        assert step.state is state
        assert [request.kind for request in step.requests] == ["REQUEST_INPUT"]


def test_who_has_approved_is_told_how_far_it_is() -> None:
    graph, state = asking(TWO)
    state = apply(graph, state, AnswerGiven(2.0, "a", "yes", "ana")).state
    step = apply(graph, state, AnswerGiven(3.0, "a", "yes", "ana"))
    assert step.refusal is not None
    assert (step.refusal.code, step.refusal.message) == ("approved_before", "'ana' has approved; 1 of 2 so far")
    assert step.state is state
