"""Whatever the graph and wherever its run is: an edit beside the run is safe and changes nothing, one under it is not."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.engine.version_edits import copied, regions, renamed, reordered, reworded, rewritten, with_another_node
from tests.generators import compiled, graphs
from tests.properties.test_engine import legal, settled, unbroken
from tests.searching import searched
from trellis.engine import State, Step, apply, replay, start
from trellis.engine.versions import adopt, compare
from trellis.engine.versions.names import Versions
from trellis.model.codec import decode_event, encode_event
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    Adopted,
    AnswerGiven,
    Event,
    RunStarted,
    SignalReceived,
    TimerFired,
)
from trellis.model.graph import Graph

EVENTS = 25


def adopted(old: Graph, new: Graph, state: State) -> tuple[Adopted, Step]:
    """The step of adopting a version that is safe."""
    verdict = compare(old, new, state)
    assert verdict.reasons == ()
    assert verdict.status == "safe"
    event = Adopted(state.at, new.hash, verdict.nodes, verdict.fields, by="op")
    step = adopt(old, new, state, event)
    assert step.refusal is None
    return event, step


def other(event: Event, before: State, state: State, versions: Versions) -> Event:
    """The same event for the run that has adopted: its requests have other numbers, its nodes other names."""
    if isinstance(event, ActionCompleted | ActionFailed):
        return replace(event, request=list(state.open)[list(before.open).index(event.request)])
    if isinstance(event, TimerFired):
        return replace(event, timer=list(state.timers)[list(before.timers).index(event.timer)])
    if isinstance(event, AnswerGiven):
        return replace(event, node=versions.path(event.node))
    assert isinstance(event, SignalReceived)
    return event


def shown(state: State, versions: Versions | None = None) -> Any:
    """What two runs have in common that are at the same place; by the names of the new version."""
    path = versions.path if versions is not None else lambda name: name
    known = versions.old.states if versions is not None else {}
    error = state.error
    return (
        state.status,
        state.fields,
        {path(token): entry for token, entry in state.position.items()},
        [path(pending.request.node) for pending in state.open.values() if not getattr(pending.request, "undo", False)],
        [pending.cancelling for pending in state.open.values()],
        [(timer.due, timer.purpose) for timer in state.timers.values()],
        [(path(entry.path), entry.entry, entry.tool, entry.args) for entry in state.undo or ()],
        {path(node): entry for node, entry in state.marks.items()},
        [name if name in known else path(name) for name in state.active],
        {name if name in known else path(name): tick for name, tick in state.clock.items()},
        state.buffer,
        state.result,
        None if error is None else (error.code, path(error.node), error.attempt),
        len(state.undo_failures),
    )


def edits(document: dict[str, Any], state: State, random: Random) -> dict[str, dict[str, Any]]:
    """Edits that touch no run: some node is renamed, and the map says so."""
    places = [(prefix, name) for prefix, region in regions(document) for name in region["nodes"]]
    prefix, name = random.choice(places)
    return {
        "nothing": copied(document),
        "another node": with_another_node(document),
        "another order": reordered(document, random),
        "other words": reworded(document),
        "another name": renamed(document, prefix, name, "other_name", told=True),
        "more": with_another_node(reworded(renamed(document, prefix, name, "other_name", told=True))),
    }


@searched(few=10, many=500, document=graphs(), data=st.data(), seed=st.integers(0, 2**32))
def test_an_edit_beside_the_run_is_safe_at_every_event_and_the_run_goes_on_as_before(
    document: dict[str, Any], data: Any, seed: int
) -> None:
    graph, random = compiled(document), Random(seed)
    begun = RunStarted(1.0, "r", graph.hash)
    step = start(graph, begun)
    journal: list[Event] = [begun]
    when = data.draw(st.integers(0, 6))
    for _ in range(when):
        if step.state.closed:
            break
        event = data.draw(st.sampled_from(legal(step.state, data.draw)))
        after = apply(graph, step.state, event)
        if after.refusal is None:
            step = after
            journal.append(event)
    assume(not step.state.closed)
    versions_of = {kind: compiled(edited) for kind, edited in edits(document, step.state, random).items()}
    for kind, version in versions_of.items():
        assert compare(graph, version, step.state).reasons == (), kind
    new = versions_of[data.draw(st.sampled_from(sorted(versions_of)))]
    versions = Versions(graph, new)
    event, moved = adopted(graph, new, step.state)
    mine, before, now = [*journal, event], step.state, moved.state
    unbroken(new, moved)
    settled(new, now)
    assert moved.trace[0] == (
        "adopted",
        {"graph": new.hash, "from": graph.hash, "nodes": event.nodes, "fields": event.fields},
    )
    assert (now.graph, now.seq, now.lines) == (new.hash, before.seq + 1, before.lines + len(moved.trace))
    assert [pending.request.idempotency_key for pending in now.open.values()] == [
        pending.request.idempotency_key for pending in before.open.values()
    ]
    assert shown(now) == shown(before, versions)
    for _ in range(EVENTS):
        if before.closed:
            break
        next_event = data.draw(st.sampled_from(legal(before, data.draw)))
        theirs = other(next_event, before, now, versions)
        one, two = apply(graph, before, next_event), apply(new, now, theirs)
        assert (one.refusal is None) == (two.refusal is None)
        if one.refusal is None:
            unbroken(new, two)
            mine.append(theirs)
        before, now = one.state, two.state
        assert shown(now) == shown(before, versions)
    known = {graph.hash: graph, new.hash: new}
    stored = [decode_event(encode_event(event)) for event in mine]
    assert replay(graph, stored, known.__getitem__) == now


@searched(few=20, many=1000, document=graphs(), data=st.data())
def test_a_node_that_the_run_is_at_cannot_go_without_a_word(document: dict[str, Any], data: Any) -> None:
    graph = compiled(document)
    step = start(graph, RunStarted(1.0, "r", graph.hash))
    for _ in range(data.draw(st.integers(0, 8))):
        if step.state.closed:
            break
        event = data.draw(st.sampled_from(legal(step.state, data.draw)))
        after = apply(graph, step.state, event)
        step = after if after.refusal is None else step
    state = step.state
    places = {prefix + name: (prefix, name) for prefix, region in regions(document) for name in region["nodes"]}
    here = [token.node for token in state.tokens.values() if token.node in places]
    assume(here)
    prefix, name = places[data.draw(st.sampled_from(here))]
    new = compiled(renamed(document, prefix, name, "other_name", told=False))
    verdict = compare(graph, new, state)
    assert verdict.status == "needs_map", verdict
    refused = adopt(graph, new, state, Adopted(state.at, new.hash))
    assert refused.refusal is not None
    assert (refused.state is state, refused.requests, refused.trace) == (True, (), ())
    told = compiled(renamed(document, prefix, name, "other_name", told=True))
    assert compare(graph, told, state).status == "safe"
    without_map = adopt(graph, told, state, Adopted(state.at, told.hash))
    assert without_map.refusal is not None and without_map.refusal.code == "other_map"
    assert without_map.state is state


@searched(few=20, many=1000, document=graphs(), another=graphs(), data=st.data(), seed=st.integers(0, 2**32))
def test_whatever_the_other_version_is_the_run_is_whole_where_it_is_adopted(
    document: dict[str, Any], another: dict[str, Any], data: Any, seed: int
) -> None:
    old = compiled(document)
    new = compiled(another if seed % 4 == 0 else rewritten(document, Random(seed)))
    step = start(old, RunStarted(1.0, "r", old.hash))
    for _ in range(data.draw(st.integers(0, 6))):
        if step.state.closed:
            break
        event = data.draw(st.sampled_from(legal(step.state, data.draw)))
        after = apply(old, step.state, event)
        step = after if after.refusal is None else step
    state = step.state
    verdict = compare(old, new, state)
    event = Adopted(state.at, new.hash, verdict.nodes, verdict.fields)
    moved = adopt(old, new, state, event)
    assert (verdict.status == "safe") == (moved.refusal is None) == (not verdict.reasons)
    if moved.refusal is not None:
        assert moved.state is state
        return
    unbroken(new, moved)
    settled(new, moved.state)
    for _ in range(EVENTS):
        if moved.state.closed:
            break
        taken = apply(new, moved.state, data.draw(st.sampled_from(legal(moved.state, data.draw))))
        if taken.refusal is None:
            moved = taken
            unbroken(new, moved)
            settled(new, moved.state)
