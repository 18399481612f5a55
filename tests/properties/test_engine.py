"""What must hold for every graph and every order of events: refusals change nothing, and replay is the run."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.generators import compiled, graphs
from tests.searching import searched
from trellis.engine import State, Step, apply, replay, start
from trellis.engine.program import program_of
from trellis.engine.snapshot import decode_state, encode_state
from trellis.engine.state import shown_states
from trellis.model.actions import Attempted, CallTool, RequestInput, StartChild
from trellis.model.codec import decode_event, encode_event
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    CancelRequested,
    Event,
    RunStarted,
    SignalReceived,
    TimerFired,
)
from trellis.model.graph import Graph

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.sampled_from(["a", "yes", "prod", "7", "2030-01-31", ""])
)
EVENTS = 60
"""How many events one run is driven for at most."""


def legal(state: State, draw: Any) -> list[Event]:
    """Every event that the run waits for now."""
    at = state.at + draw(st.sampled_from([0.0, 1.0]))
    events: list[Event] = []
    for name, pending in state.open.items():
        if isinstance(pending.request, Attempted):
            events.append(ActionCompleted(at, name, draw(VALUES)))
            code = draw(st.sampled_from(["failed", "timeout", "denied", "uncertain", "strange", "rollback_failed"]))
            events.append(ActionFailed(at, name, code, "why", draw(st.booleans()), draw(st.floats(0, 0.99))))
        elif isinstance(pending.request, RequestInput):
            options = pending.request.options
            if pending.request.form:
                parts = {part.field: draw(VALUES) for part in pending.request.form}
                events.append(AnswerGiven(at, pending.request.node, draw(st.sampled_from([parts, {}]))))
                continue
            if pending.request.ask == "approve":
                verdict = draw(st.sampled_from(["approve", "yes: fine", "reject: no", "back", "maybe"]))
                who = draw(st.sampled_from(["ana", "ben", "eve", ""]))
                events.append(AnswerGiven(at, pending.request.node, verdict, who))
                continue
            events.append(
                AnswerGiven(at, pending.request.node, draw(st.sampled_from(options)) if options else draw(VALUES))
            )
    events += [TimerFired(max(timer.due, at), name) for name, timer in state.timers.items()]
    events.append(SignalReceived(at, "interrupt"))
    events.append(SignalReceived(at, "later"))
    events.append(SignalReceived(at, "fault", {"why": "so"}))
    return events


def illegal(state: State, seen: list[str], draw: Any) -> list[Event]:
    """Events that no run may take now, though some look much like the truth."""
    gone = [name for name in seen if name not in state.open and name not in state.timers]
    some = draw(st.sampled_from(gone)) if gone else "r:99:0"
    events: list[Event] = [
        ActionCompleted(state.at, some, 1),
        ActionFailed(state.at, some, "failed"),
        TimerFired(state.at + 1e9, some),
        AnswerGiven(state.at, "nowhere", "x"),
        SignalReceived(state.at, "undeclared"),
        RunStarted(state.at, "r", "another"),
    ]
    # Once the run itself is past a timer's time, no clock that was set back makes it early again.
    events += [TimerFired(timer.due - 0.5, name) for name, timer in state.timers.items() if state.at < timer.due]
    return events


def unbroken(graph: Graph, step: Step) -> None:
    """What holds after every step."""
    state = step.state
    consistent(graph, step)
    for path, token in state.tokens.items():
        assert token.path == path
        assert not token.parent or token.parent in state.tokens
        assert not token.request or token.request in state.open or token.call is not None
        assert all(name in state.timers for name in token.timers)
        assert all(state.open[name].beside for name in token.beside)
    for name, timer in state.timers.items():
        owner = state.tokens.get(timer.path)
        if timer.entry:
            assert owner is not None and owner.entry == timer.entry and name in owner.timers
    for pending in state.open.values():
        if pending.beside:
            assert not pending.uncertain, "nobody waits for the outcome of a reminder"
            assert pending.request.id in state.tokens[pending.request.node].beside
        undoes = isinstance(pending.request, CallTool) and pending.request.undo
        if not (pending.cancelling or undoes):
            assert pending.request.node in state.tokens
    if state.closed:
        assert (state.tokens, state.open, state.timers, state.rollback) == ({}, {}, {}, None)
        assert step.trace[-1][0] == "run.finished"
    else:
        waits = any(graph.definition.nodes[token.node].wait for token in state.tokens.values())
        assert state.open or state.timers or state.rollback is not None or waits, (
            "a run that is open waits for something"
        )
    assert len({request.id for request in step.requests}) == len(step.requests)


def consistent(graph: Graph, step: Step) -> None:
    """What holds of the declared states after every step."""
    state, definition = step.state, graph.definition
    declared, active = definition.states, set(state.active)
    assert len(state.active) == len(active)
    assert {name for name, tick in state.clock.items() if tick % 2} == active
    required = {other for written in declared.values() for other in written.require}
    assert active - set(declared) == {name for name in state.tokens if name in required and name not in declared}
    brought = {other for written in declared.values() for other in written.add}
    for name in active & set(declared):
        assert set(declared[name].require) <= active, "a state lacks what it requires"
        for other in set(declared[name].remove) - set(declared[name].add) - {name}:
            # The reference does not look at what those remove that the last ones bring.
            assert other not in active or name in brought, f"{name} removes {other}"
    for name, written in declared.items():
        assert written.entered not in state.tokens or name in active, "what a state does outlives it"
    told = [facts["states"] for kind, facts in step.trace if kind == "states.changed"]
    if told:
        assert set(told[-1]) == set(shown_states(program_of(graph), state))
    for kind, facts in step.trace:
        if kind == "states.changed":
            assert set(facts["added"]) <= set(facts["states"])
            assert not set(facts["removed"]) & set(facts["states"])


def settled(graph: Graph, state: State) -> None:
    """Nobody waits for states that are there, and nobody stays where a route leads away."""
    if state.closed or state.rollback is not None:
        return
    for token in state.tokens.values():
        node = graph.definition.nodes[token.node]
        wait = node.wait
        if wait is not None and wait.states:
            assert not set(wait.states) <= set(state.active), "a wait is over, and stays"
        if wait is not None and wait.condition is not None:
            holds = program_of(graph).node(token.node).holds
            assert holds is not None and not holds({**state.fields, **token.locals}), (
                "an expression holds, and is waited for"
            )
        if wait is not None and wait.signal:
            assert all(kept.name != wait.signal for kept in state.buffer), "a signal is kept, and waited for"
        assert not set(node.upon_states) & set(state.active), "a route leads away, and is not taken"


@searched(few=60, many=3000, document=graphs(), data=st.data())
def test_a_refused_event_leaves_the_state_and_replay_equals_the_live_run(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    begun = RunStarted(1.0, "r", graph.hash)
    step = start(graph, begun)
    unbroken(graph, step)
    settled(graph, step.state)
    journal: list[Event] = [begun]
    lines = len(step.trace)
    seen = [request.id for request in step.requests]
    for _ in range(EVENTS):
        state = step.state
        if state.closed:
            break
        for event in illegal(state, seen, data.draw):
            refused = apply(graph, state, event)
            assert refused.refusal is not None, event
            assert refused.state is state
        event = data.draw(st.sampled_from(legal(state, data.draw)))
        after = apply(graph, state, event)
        if after.refusal is not None:
            assert after.state is state
            continue
        step = after
        unbroken(graph, step)
        settled(graph, step.state)
        taken_up = decode_state(encode_state(state))
        assert taken_up == state
        assert taken_up is not None
        assert apply(graph, taken_up, event) == step, "a run that is taken up from a snapshot goes on as it would have"
        journal.append(event)
        lines += len(step.trace)
        seen += [request.id for request in step.requests]
    assert step.state.lines == lines
    assert replay(graph, [decode_event(encode_event(event)) for event in journal]) == step.state
    stored = Graph.decode(graph.data, graph.hash)
    assert replay(stored, journal) == step.state, "the definition that a store keeps means the same"


@searched(few=30, many=2000, document=graphs(), data=st.data())
def test_cancelling_at_any_moment_leaves_nothing_open(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    for _ in range(data.draw(st.integers(0, 12))):
        if step.state.closed:
            return
        after = apply(graph, step.state, data.draw(st.sampled_from(legal(step.state, data.draw))))
        step = after if after.refusal is None else step
    if step.state.closed:
        return
    ended = apply(graph, step.state, CancelRequested(step.state.at, "enough"))
    unbroken(graph, ended)
    while ended.state.ending is not None:  # of child runs the end is waited for, and of nothing else
        assert not (ended.state.tokens or ended.state.timers)
        name, pending = next(iter(ended.state.open.items()))
        assert isinstance(pending.request, StartChild)
        assert apply(graph, ended.state, SignalReceived(9.0, "interrupt")).refusal is not None
        ended = apply(graph, ended.state, ActionFailed(ended.state.at, name, "cancelled"))
        unbroken(graph, ended)
    assert ended.state.status == "cancelled"
    assert apply(graph, ended.state, CancelRequested(9.0)).refusal is not None


@searched(few=30, many=2000, document=graphs(), data=st.data())
def test_only_what_completed_is_undone_last_first_and_once(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    undone: list[tuple[str, int]] = []
    for _ in range(EVENTS):
        state = step.state
        if state.closed:
            break
        if state.rollback is not None and state.rollback.back is None and state.rollback.current is None:
            undone = []
        before = [(entry.path, entry.entry) for entry in state.undo or ()]
        after = apply(graph, state, data.draw(st.sampled_from(legal(state, data.draw))))
        if after.refusal is not None:
            continue
        started = [facts["node"] for kind, facts in after.trace if kind == "undo.started"]
        rolling = after.state.rollback
        if started and before and rolling is not None and rolling.current is not None:
            entry = (rolling.current.path, rolling.current.entry)
            assert entry not in undone
            undone.append(entry)
        step = after
    assert len(undone) == len(set(undone))


@searched(few=30, many=2000, document=graphs(), data=st.data())
def test_the_lines_alone_tell_which_states_are_active(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    known: set[str] = set()
    for _ in range(EVENTS):
        for kind, facts in step.trace:
            if kind == "states.changed":
                known = known - set(facts["removed"]) | set(facts["added"])
                assert known == set(facts["states"])
        assert known == set(shown_states(program_of(graph), step.state))
        if step.state.closed:
            return
        after = apply(graph, step.state, data.draw(st.sampled_from(legal(step.state, data.draw))))
        step = after if after.refusal is None else Step(step.state)
