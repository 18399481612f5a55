"""What a plan promises for every graph: it holds each run, whatever its calls, answers, signals and clocks do."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.generators import _all_nodes as all_nodes
from tests.generators import compiled, graphs, nested
from tests.properties.test_engine import EVENTS, legal
from trellis.engine import apply, start
from trellis.engine.state import State, Step
from trellis.model.actions import CallTool, Emit
from trellis.model.events import ActionCompleted, ActionFailed, Event, RunStarted, TimerFired
from trellis.model.graph import Graph, static_id
from trellis.planning.build import plan
from trellis.planning.facts import Plan, Together, Undone
from trellis.planning.undoing import Undoing
from trellis.planning.walking import walk_graph

thorough = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
TIMEOUT_S = 7.0
TOOLS = {name: {"python": f"x:{name}", "timeout": "7s"} for name in "tuvw"}


@given(document=st.one_of(graphs(), nested()), data=st.data())
@thorough
def test_a_run_visits_and_calls_only_what_its_plan_has(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    promised = plan(graph)
    nodes = {node.id: node for node in promised.nodes}
    tools = {tool.name: {*tool.called_at} for tool in promised.tools}
    beside = {tool.name: {*tool.beside} for tool in promised.tools}
    undoing = {tool.name: {*tool.undoes} for tool in promised.tools}
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    for _ in range(EVENTS):
        before = step.state
        for kind, facts in step.trace:
            if kind == "node.entered":
                assert static_id(facts["node"]) in nodes
            if kind == "tool.called":
                where = beside if "purpose" in facts else undoing if facts["key"].endswith("/undo") else tools
                assert static_id(facts["node"]) in where[facts["tool"]]
            if kind == "ask":
                assert static_id(facts["node"]) in {question.node for question in promised.questions}
            if kind == "run.finished" and facts["status"] != "rollback_failed":
                assert facts["status"] in {ending.status for ending in promised.endings}
        for request in step.requests:
            if isinstance(request, CallTool) and not request.undo and not _notifies(before, request.id):
                call = nodes[static_id(request.node)].calls
                assert call is not None and (not call.complete or call.args == request.args)
                assert call.attempts is None or request.attempt <= call.attempts
        if before.closed:
            return
        step = apply(graph, before, data.draw(st.sampled_from(legal(before, data.draw))))
        if step.refusal is not None:
            step = Step(step.state)


def _notifies(state: State, request: str) -> bool:
    """Whether the request is no work of its node."""
    return request not in state.open or bool(state.open[request].beside)


@given(document=st.one_of(graphs(), nested()), data=st.data())
@thorough
def test_what_is_undone_comes_in_the_order_that_the_plan_has(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    nodes = graph.definition.nodes
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    last, at, fault = "", "", None
    undone: list[str] = []
    for _ in range(EVENTS):
        before = step.state
        for kind, facts in step.trace:
            entered = kind == "node.entered" and not nodes[static_id(facts["node"])].region
            last = facts["node"] if entered else last
            if kind == "undo.started" and at:
                undone.append(static_id(facts["node"]))
        if before.closed:
            break
        step = apply(graph, before, data.draw(st.sampled_from(_rather_done(legal(before, data.draw)))))
        rolling = step.state.rollback
        if not at and rolling is not None and rolling.back is None:
            if before.rollback is not None:
                return  # an edge was undoing already
            entered_now = [facts["node"] for kind, facts in step.trace if kind == "node.entered"]
            roots = [name for name in entered_now if name in nodes and not nodes[name].region]
            at = roots[-1] if roots else last
            fault = rolling.error
        if step.refusal is not None:
            step = Step(step.state)
    if not at:
        return
    walked = walk_graph(graph, {}, [])
    fits(list(Undoing(walked.walk).before([at], None, frozenset((at,))).undone), undone, whole=step.state.closed)
    found = plan(graph, fail_at=static_id(fault.node), code=fault.code).failing if fault is not None else None
    if found is not None and found.ends == "rolled_back":
        fits(list(found.undone), undone, whole=step.state.closed)


def fits(steps: list[Undone | Together], undone: list[str], *, whole: bool) -> None:
    """Every undo is one of the steps, in their order; those that are late come whenever they like."""
    places: dict[str, set[int]] = {}
    late: set[str] = set()
    for place, step in enumerate(steps):
        for one in step.steps if isinstance(step, Together) else (step,):
            places.setdefault(one.node, set()).add(place)
            if one.late or (isinstance(step, Together) and step.of == "states"):
                late.add(one.node)
    at = 0
    for node in undone:
        assert node in places, f"{node} is no step of {steps}"
        if node not in late:
            assert max(places[node]) >= at, f"{node} is undone out of turn: {undone}, {steps}"
            at = max(at, min(places[node]))
    single = [step.node for step in steps if isinstance(step, Undone) and not step.late]
    for node in single:
        assert undone.count(node) <= 1
    if whole:
        sure = {step.node for step in steps if isinstance(step, Undone) and step.sure}
        assert sure <= {*undone}


@given(document=st.one_of(graphs(), nested()), data=st.data())
@thorough
def test_no_run_takes_longer_than_the_worst_case(document: dict[str, Any], data: Any) -> None:
    bounded(document["nodes"])
    graph = compiled({**document, "tools": TOOLS})
    promised = plan(graph)
    began = 1.0
    step = start(graph, RunStarted(began, "r", graph.hash))
    due: dict[str, float] = {}
    for _ in range(EVENTS):
        state = step.state
        if state.closed:
            break
        for name in state.open:
            if isinstance(state.open[name].request, CallTool | Emit):
                due.setdefault(name, state.at + data.draw(st.sampled_from([0.0, 1.0, TIMEOUT_S, TIMEOUT_S])))
        event = _next(state, due, data.draw)
        if event is None:
            return  # it waits for somebody, and may for ever
        after = apply(graph, state, event)
        step = Step(state) if after.refusal is not None else after
    took = step.state.at - began
    ended = [ending.time.seconds for ending in promised.endings if ending.status == step.state.status]
    if promised.time.seconds is not None:
        assert took <= promised.time.seconds + 1e-6
    if step.state.closed and step.state.status != "rollback_failed" and ended[0] is not None:
        assert took <= ended[0] + 1e-6


def bounded(nodes: dict[str, Any]) -> None:
    """Give every question and every wait a timeout, at any depth."""
    for node in all_nodes(nodes):
        if "ask" in node or "wait" in node:
            node.setdefault("timeout", "5s")


def _next(state: State, due: dict[str, float], draw: Any) -> Event | None:
    """What comes next by the clock: a call that ends, a timer; sometimes somebody answers or signals before."""
    others = [
        event for event in legal(state, draw) if not isinstance(event, ActionCompleted | ActionFailed | TimerFired)
    ]
    moments = [(timer.due, name) for name, timer in state.timers.items()]
    moments += [(moment, name) for name, moment in due.items() if name in state.open]
    if not moments:
        return None
    if others and draw(st.integers(0, 3)) == 0:
        event = draw(st.sampled_from(others))
        return msgspec.structs.replace(event, at=min(max(event.at, state.at), max(min(moments)[0], state.at)))
    moment, name = min(moments)
    moment = max(moment, state.at)
    if name in state.timers:
        return TimerFired(moment, name, draw(st.floats(0, 0.99)))
    if draw(st.booleans()):
        return ActionCompleted(moment, name, draw(st.sampled_from([None, 1, "a"])))
    return ActionFailed(
        moment, name, draw(st.sampled_from(["failed", "timeout", "strange"])), "why", retryable=True, noise=0.99
    )


def _rather_done(events: list[Event]) -> list[Event]:
    good = [event for event in events if isinstance(event, ActionCompleted)]
    return [*good, *good, *events]


def test_a_plan_is_the_same_for_the_same_inputs() -> None:
    graph: Graph = compiled({"trellis": 1, "name": "g", "start": "a", "nodes": {"a": {"say": "x", "to": "$end"}}})
    first, second = plan(graph), plan(graph)
    assert isinstance(first, Plan)
    assert first == second
