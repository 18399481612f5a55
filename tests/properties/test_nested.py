"""What must hold of bodies in bodies, all, race and each, in whatever order their calls end."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.generators import compiled, nested
from tests.properties.test_engine import EVENTS, legal, unbroken
from tests.searching import searched
from trellis.engine import State, Step, apply, replay, start
from trellis.model.actions import ActionRequest, Attempted, CallTool, Cancel, RequestInput, StartChild
from trellis.model.codec import decode_event, encode_event
from trellis.model.events import ActionCompleted, ActionFailed, CancelRequested, Event, RunStarted
from trellis.model.graph import Graph

Visit = tuple[str, int]
"""A path and the entry sequence of the token there."""


def begun(graph: Graph) -> tuple[RunStarted, Step]:
    event = RunStarted(1.0, "r", graph.hash)
    return event, start(graph, event)


def answered(state: State, draw: Any) -> Event:
    """One of the events that the run waits for; a call rather completes than fails."""
    events = legal(state, draw)
    good = [event for event in events if isinstance(event, ActionCompleted)]
    return draw(st.sampled_from([*good, *good, *events])) if good else draw(st.sampled_from(events))


def under_way(known: dict[str, bool], requests: tuple[ActionRequest, ...], event: Event | None = None) -> None:
    """Follow, as a host does, what it was asked for and has neither answered nor was told to cancel. True: awaited."""
    if isinstance(event, ActionCompleted | ActionFailed):
        del known[event.request]
    for request in requests:
        if isinstance(request, CallTool | RequestInput | StartChild):
            known[request.id] = False
        elif isinstance(request, Cancel):
            assert request.target in known, "what is cancelled was asked for, and is not answered"
            if request.awaited:
                known[request.target] = True
            else:
                known.pop(request.target)


def parked(state: State, event: Event) -> bool:
    """Whether after the event its call waits for somebody who finds out how it ended."""
    return isinstance(event, ActionFailed) and event.request in state.open and state.open[event.request].uncertain


@searched(few=30, many=3000, document=nested(), data=st.data())
def test_cancelling_after_any_event_leaves_no_call_open_and_replay_equals_the_live_run(
    document: dict[str, Any], data: Any
) -> None:
    graph = compiled(document)
    first, step = begun(graph)
    journal: list[Event] = [first]
    known: dict[str, bool] = {}
    under_way(known, step.requests)
    for _ in range(EVENTS):
        state = step.state
        if state.closed:
            assert all(known.values()), "a call that nobody was told to leave"
            break
        if state.ending is not None:  # what else was awaited is no more
            known = {name: awaited for name, awaited in known.items() if name in state.open}
        assert known == {name: pending.cancelling for name, pending in state.open.items()}
        ended = last = apply(graph, state, CancelRequested(state.at, "enough"))
        unbroken(graph, ended)
        while last.state.ending is not None:
            last = apply(graph, last.state, ActionFailed(state.at, next(iter(last.state.open)), "cancelled"))
            unbroken(graph, last)
        assert last.state.status == "cancelled"
        told = {request.target for request in ended.requests if isinstance(request, Cancel)}
        assert told >= {name for name, awaited in known.items() if not awaited}, "a call that nobody was told to leave"
        event = answered(state, data.draw)
        step = apply(graph, state, event)
        if step.refusal is None:
            journal.append(event)
            under_way(known, step.requests, None if parked(step.state, event) else event)
            unbroken(graph, step)
    assert replay(graph, [decode_event(encode_event(event)) for event in journal]) == step.state


@searched(few=30, many=3000, document=nested(), data=st.data())
def test_what_completed_is_undone_in_exact_reverse_order(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    nodes = graph.definition.nodes
    _, step = begun(graph)
    calls: list[Visit] = []
    """The calls that succeeded and can be undone, as the events tell."""
    ended: list[Visit] = []
    """These, and the nodes around bodies that were done or given up, in the order in which that happened."""
    undone: list[Visit] = []
    for _ in range(EVENTS):
        state = step.state
        if state.closed:
            break
        event = answered(state, data.draw)
        after = apply(graph, state, event)
        if after.refusal is not None:
            continue
        if isinstance(event, ActionCompleted | ActionFailed):
            pending = state.open[event.request]
            assert isinstance(pending.request, Attempted)
            undoes = isinstance(pending.request, CallTool) and pending.request.undo
            # Of a child that is given up nothing is in doubt: it undoes itself.
            doubtful = isinstance(event, ActionFailed) and event.code == "uncertain"
            surely = isinstance(event, ActionCompleted) or (
                doubtful and pending.cancelling and not isinstance(pending.request, StartChild)
            )
            if surely and not undoes and nodes[pending.token.node].undo is not None:
                calls.append((pending.token.path, pending.token.entry))
                ended.append(calls[-1])
        # Of those that end in one turn each is inside the next.
        gone = [token for path, token in state.tokens.items() if token.join and path not in after.state.tokens]
        ended += [(token.path, token.entry) for token in sorted(gone, key=lambda token: -len(token.path))]
        rolling = after.state.rollback
        if (
            any(kind == "undo.started" for kind, _ in after.trace)
            and rolling is not None
            and rolling.current is not None
        ):
            undone.append((rolling.current.path, rolling.current.entry))
        step = after
    assert undone == [visit for visit in reversed(ended) if visit in undone]
    if step.state.status in ("rolled_back", "rollback_failed"):
        assert set(calls) <= set(undone)
    elif step.state.closed:
        assert undone == []


@searched(few=30, many=3000, document=nested(), data=st.data())
def test_a_race_is_an_all_that_the_first_branch_ends(document: dict[str, Any], data: Any) -> None:
    graph, other = compiled(document), compiled(as_all(document))
    (_, step), (_, twin) = begun(graph), begun(other)
    for _ in range(EVENTS):
        assert told(step) == told(twin)
        if step.state.closed:
            break
        event = answered(step.state, data.draw)
        step, twin = apply(graph, step.state, event), apply(other, twin.state, event)


def told(step: Step) -> tuple[object, ...]:
    """All that a step tells, but for the hash of its graph."""
    lines = [(kind, {**facts, "graph": ""}) for kind, facts in step.trace]
    return step.requests, lines, step.refusal, step.state.tokens, step.state.open, step.state.fields, step.state.undo


def as_all(part: Any) -> Any:
    """The same document with `join: any` in the place of each race."""
    if not isinstance(part, dict):
        return part
    written = {("all" if key == "race" else key): as_all(value) for key, value in part.items()}
    return {**written, "join": "any"} if "race" in part else written
