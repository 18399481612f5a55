"""The step of adopting a version: what it changes, what it refuses, and what a journal that holds it folds to."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.versions_driven import (
    APPROVED,
    ASKED,
    BUILT,
    CHECKED,
    CHOSEN,
    GOING_BACK,
    GRAPH,
    KEPT,
    STATES,
    begun,
    drive,
    driven,
    edited,
    graph,
)
from trellis.engine import State, Step, apply, fold, fold_from, replay
from trellis.engine.chain import Chain
from trellis.engine.state import ErrorFacts, Rollback, Setting, UndoEntry
from trellis.engine.versions import adopt, compare
from trellis.errors import ReplayError
from trellis.model.actions import Cancel, Given, RequestInput
from trellis.model.events import ActionCompleted, Adopted, AnswerGiven, CancelRequested, Event
from trellis.model.graph import Graph

RENAMED = edited(
    GRAPH,
    ("start: build", "start: make_it"),
    ("nodes:\n  build:", "nodes:\n  make_it:"),
    ("to: build,", "to: make_it,"),
    ("  fan:", "  wide:"),
    ("to: fan\n", "to: wide\n"),
    ("http:", "web:"),
    ("{start: fetch, nodes: {fetch:", "{start: get, nodes: {get:"),
    ("  server: {", "  machine: {"),
    ("save: server", "save: machine"),
    ("{{ server }}", "{{ machine }}"),
    ("  tries:", "  colour: {type: string, default: red}\n  tries:"),
    (
        "tools:",
        """migrate:
  nodes: {build: make_it, fan: wide, checks.http: checks.web, checks.db.fetch: checks.db.get}
  fields: {server: machine}
tools:""",
    ),
)
NODES = {"build": "make_it", "fan": "wide", "checks.http": "checks.web", "checks.db.fetch": "checks.db.get"}
FIELDS = {"server": "machine"}


def adopted(old: Graph, new: Graph, state: State) -> Step:
    verdict = compare(old, new, state)
    assert verdict.reasons == ()
    step = adopt(old, new, state, Adopted(state.at + 1, new.hash, verdict.nodes, verdict.fields))
    assert step.refusal is None
    return step


def test_everything_in_the_state_takes_its_new_name() -> None:
    old, before = driven(GRAPH, CHOSEN)
    new = graph(RENAMED)
    step = adopted(old, new, before)
    state = step.state
    assert (state.graph, state.seq, state.at) == (new.hash, before.seq + 1, before.at + 1)
    assert state.fields == {"env": "prod", "machine": "7", "tries": 0, "colour": "red"}
    assert state.position == {"checks": 3, "checks.web": 4, "checks.db.get": 5}
    for path, token in state.tokens.items():
        assert (token.path, token.node, token.parent) == (path, path, "checks" if path != "checks" else "")
    assert [(p.request.node, p.token.node, p.request.idempotency_key) for p in state.open.values()] == [
        ("checks.web", "checks.web", "r/checks.http/4"),
        ("checks.db.get", "checks.db.get", "r/checks.db.fetch/5"),
    ]
    assert [token.call.node for token in state.tokens.values() if token.call] == ["checks.web", "checks.db.get"]
    assert state.undo == Chain(UndoEntry("make_it", "make_it", 1, "drop", {"id": "7"}, 1))
    assert state.marks == {"make_it": 1}
    facts = {"graph": new.hash, "from": old.hash, "nodes": NODES, "fields": FIELDS}
    assert (step.requests, step.trace) == ((), (("adopted", facts),))
    assert state.lines == before.lines + 1


def test_a_run_goes_on_as_the_new_version_says() -> None:
    old, before = driven(GRAPH, CHOSEN)
    new = graph(RENAMED)
    step = adopted(old, new, before)
    step, _ = drive(new, ("complete checks.web 1", "complete checks.db.get 2", "complete wide[1] 1"), step.state)
    assert list(step.state.tokens) == ["wide", "wide[0]", "wide[2]"]
    step, _ = drive(new, ("complete wide[0] 1",), step.state)
    assert step.state.rollback is not None
    step, _ = drive(new, ("complete make_it ok",), step.state)
    assert list(step.state.tokens) == ["make_it"]


def test_an_undo_under_way_keeps_the_path_that_its_key_was_made_of() -> None:
    old, before = driven(GRAPH, GOING_BACK)
    new = graph(RENAMED)
    state = adopted(old, new, before).state
    rolling = state.rollback
    assert rolling is not None and rolling.current is not None and rolling.back is not None
    assert (rolling.current.path, rolling.current.node) == ("build", "make_it")
    assert (rolling.back[0].path, rolling.back[1]) == ("wide", "make_it")
    ((request, token),) = [(pending.request, pending.token) for pending in state.open.values()]
    assert (request.node, request.idempotency_key, token.node) == ("build", "r/build/1/undo", "make_it")


def test_facts_of_an_error_take_the_new_names_too() -> None:
    old, before = driven(GRAPH, CHECKED)
    error = ErrorFacts("failed", "no", "fan[1]")
    told: Any = {"code": "failed", "message": "no", "node": "fan[0]", "attempt": 1}
    token = before.tokens["fan"]
    assert token.join is not None
    joining = replace(token.join, failed=Chain((2, error)))
    before = replace(
        before,
        error=error,
        tokens={**before.tokens, "fan": replace(token, locals={"error": told}, join=joining)},
        rollback=Rollback(error=error, back=(token, "build", Setting({"server": 8}))),
    )
    state = adopted(old, graph(RENAMED), before).state
    now = replace(error, node="wide[1]")
    wide = state.tokens["wide"]
    assert (state.error, wide.locals) == (now, {"error": {**told, "node": "wide[0]"}})
    assert wide.join is not None and wide.join.failed == Chain((2, now))
    assert state.rollback is not None and state.rollback.error == now
    assert state.rollback.back is not None and state.rollback.back[1:] == ("make_it", Setting({"machine": 8}))


def test_timers_keep_their_time_and_take_the_new_name() -> None:
    old, before = driven(GRAPH, ())
    state = adopted(old, graph(RENAMED), before).state
    (timer,) = state.timers.values()
    assert timer == replace(next(iter(before.timers.values())), path="make_it")
    assert state.timers.keys() == before.timers.keys()


def test_branches_in_another_order_keep_what_each_of_them_gave() -> None:
    first, second = "      http: {do: check}\n", "      db: {start: fetch, nodes: {fetch: {do: check, to: $end}}}\n"
    text = edited(GRAPH, ("    to: fan\n", "    save: server\n    to: fan\n"))
    old, before = driven(text, (*CHOSEN, "complete checks.http 1"))
    new = graph(edited(text, (first + second, second + first)))
    state = adopted(old, new, before).state
    token = state.tokens["checks"]
    assert token.join is not None and token.join.done == Chain((1, "1"))
    assert state.tokens["checks.db.fetch"].index == 0
    assert drive(new, ("complete checks.db.fetch 2",), state)[0].state.fields["server"] == {"http": "1", "db": "2"}


def test_counted_visits_go_on_under_the_new_name() -> None:
    text = f"limits: {{visits: 2}}\n{GRAPH}"
    old, before = driven(text, BUILT)
    state = adopted(old, graph(f"limits: {{visits: 2}}\n{RENAMED}"), before).state
    assert state.visits.counts() == {"make_it": 1, "choose": 1}


def test_a_question_that_is_another_one_is_asked_again_under_its_id() -> None:
    old, before = driven(ASKED, ())
    changes = [
        ("{secret: key}", "{choice: s, options: [x, y], default: y}"),
        ("Which, {{ s }}?", "Now which, {{ s }}?"),
    ]
    new = graph(edited(ASKED, *changes))
    step = adopted(old, new, before)
    again = RequestInput("r:1:1", "r/a/1", "a", "s", "choice", "Now which, x?", ("x", "y"), "y")
    assert step.requests == (again,)
    assert step.trace[1:] == (
        ("ask", {"node": "a", "field": "s", "kind": "choice", "options": ["x", "y"], "default": "y"}),
    )
    assert step.state.open["r:1:1"].request == again
    answered = apply(new, step.state, AnswerGiven(200.0, "a", "z"))
    assert answered.refusal is not None and answered.refusal.code == "invalid_answer"
    assert apply(new, step.state, AnswerGiven(200.0, "a", "y")).state.fields["s"] == "y"


def test_a_text_that_may_have_lines_now_is_asked_again_as_such() -> None:
    old, before = driven(ASKED, ())
    step = adopted(old, graph(edited(ASKED, ("{secret: key}", "{text: s, lines: true}"))), before)
    assert step.trace[1:] == (("ask", {"node": "a", "field": "s", "kind": "text", "lines": True}),)


def test_an_approval_keeps_who_has_approved_and_another_question_does_not() -> None:
    old, before = driven(APPROVED, ("answer a approve ana",))
    new = graph(edited(APPROVED, ("cyn], quorum: 3", "cyn, dan], quorum: 2")))
    step = adopted(old, new, before)
    (again,) = step.requests
    assert isinstance(again, RequestInput)
    assert (again.by, again.quorum, again.given) == (("ana", "ben", "cyn", "dan"), 2, (Given("ana"),))
    done = apply(new, step.state, AnswerGiven(200.0, "a", "approve", "dan")).state
    assert done.fields["v"] == {
        "ok": True, "choice": "approve", "reason": None, "by": "ana, dan", "at": "1970-01-01T00:03:20.000Z",
    }  # fmt: skip
    (other,) = adopted(
        old, graph(edited(APPROVED, ("approve: v, by: [ana, ben, cyn], quorum: 3", "confirm: ok"))), before
    ).requests
    assert other == RequestInput("r:1:1", "r/a/1", "a", "ok", "confirm")


def test_a_question_that_became_a_form_is_asked_again_as_one() -> None:
    old, before = driven(APPROVED, ())
    new = graph(edited(APPROVED, ("approve: v, by: [ana, ben, cyn], quorum: 3", "form: [ok]")))
    step = adopted(old, new, before)
    assert step.trace[1:] == (
        ("ask", {"node": "a", "kind": "form", "form": [{"field": "ok", "kind": "confirm", "default": False}]}),
    )
    done = apply(new, step.state, AnswerGiven(200.0, "a", {"ok": "yes"})).state
    assert (done.status, done.fields["ok"]) == ("completed", True)


def test_a_question_whose_name_alone_is_another_is_not_asked_again() -> None:
    old, before = driven(ASKED, ("answer a abc",))
    changes = [
        ("ok: {", "yes: {"),
        ("{confirm: ok}", "{confirm: yes}"),
        (", to: b}", ", to: z}"),
        ("  b:", "  z:"),
        ("nodes:\n", "migrate: {nodes: {b: z}, fields: {ok: yes}}\nnodes:\n"),
    ]
    step = adopted(old, graph(edited(ASKED, *changes)), before)
    assert step.requests == ()
    (pending,) = step.state.open.values()
    assert isinstance(pending.request, RequestInput)
    assert (pending.request.node, pending.request.field, pending.token.node) == ("z", "yes", "z")


def test_what_the_new_version_does_at_once_it_does() -> None:
    old, before = driven(STATES, ("answer a yes",))
    new = graph(edited(STATES, ("wait: {states: [Late]}", "wait: {states: [Up]}")))
    step = adopted(old, new, before)
    assert step.state.status == "completed"
    assert [type(request) for request in step.requests] == [Cancel]


def test_a_node_that_states_require_now_is_active_where_the_run_is_at_it() -> None:
    old, before = driven(STATES, ())
    assert (before.active, before.clock) == (("Up", "Late", "a", "Here"), {"Up": 1, "Late": 1, "a": 1, "Here": 1})
    without = graph(edited(STATES, ("  Here: {auto: true, require: [a]}\n", "  Here: {auto: true, enter_if: ok}\n")))
    state = adopted(old, without, before).state
    assert (state.active, state.clock) == (("Up", "Late", "Here"), {"Up": 1, "Late": 1, "Here": 1})
    back = adopted(without, old, state).state
    assert (back.active, back.clock) == (("Up", "Late", "Here", "a"), before.clock)


def test_a_call_that_was_left_is_still_taken_back_under_the_new_name() -> None:
    old, before = driven(KEPT, ("complete first 1", "fire second"))
    changes = [("{x: {do: t", "{z: {do: t"), ("nodes:\n", "migrate: {nodes: {second.x: second.z}}\nnodes:\n")]
    new = graph(edited(KEPT, *changes))
    state = adopted(old, new, before).state
    ((name, pending),) = state.open.items()
    assert (pending.cancelling, pending.request.node, pending.token.node) == (True, "second.z", "second.z")
    step = apply(new, state, ActionCompleted(300.0, name, 1))
    assert [facts["node"] for kind, facts in step.trace if kind == "undo.started"] == ["second.z"]


def refused(old: Graph, new: Graph, state: State, event: Adopted) -> tuple[str, str]:
    step = adopt(old, new, state, event)
    assert step.refusal is not None
    assert (step.state is state, step.requests, step.trace) == (True, (), ())
    return step.refusal.code, step.refusal.message


def test_what_cannot_be_adopted_is_refused_and_nothing_changes() -> None:
    old, state = driven(GRAPH, CHOSEN)
    new = graph(RENAMED)
    event = Adopted(200.0, new.hash, NODES, FIELDS)
    assert refused(old, new, state, replace(event, nodes={})) == (
        "other_map",
        "the map of the event is not the one of the new version",
    )
    assert refused(old, new, state, replace(event, fields={"server": "env"}))[0] == "other_map"
    assert refused(old, new, state, replace(event, nodes={**NODES, "done": "wide"}))[0] == "other_map"
    assert refused(old, new, state, replace(event, graph=old.hash)) == (
        "other_graph",
        f"what is to be adopted is of definition {old.hash[:12]}, found {new.hash[:12]}",
    )
    assert refused(new, old, state, event) == (
        "other_graph",
        f"the run is of definition {old.hash[:12]}, found {new.hash[:12]}",
    )
    gone = graph(edited(GRAPH, ("http:", "web:")))
    code, message = refused(old, gone, state, Adopted(200.0, gone.hash))
    assert (code, message) == ("needs_map", "; ".join(compare(old, gone, state).reasons))
    ended = apply(old, state, CancelRequested(150.0)).state
    assert refused(old, new, ended, event) == ("closed", "run 'r' has ended: cancelled")


def test_an_event_may_carry_the_whole_map_of_the_version_and_tells_of_what_was_used() -> None:
    old, state = driven(GRAPH, BUILT)
    new = graph(edited(RENAMED, ("{build: make_it,", "{long_gone: done, build: make_it,")))
    event = Adopted(200.0, new.hash, new.definition.migrate.nodes, FIELDS)
    assert event.nodes == {"long_gone": "done", **NODES}
    step = adopt(old, new, state, event)
    assert step.refusal is None
    assert step.trace[0][1]["nodes"] == NODES


def journal() -> tuple[Graph, Graph, list[Event], State]:
    """A run that adopts a version in the middle."""
    old, new = graph(GRAPH), graph(RENAMED)
    step, events = drive(old, CHOSEN)
    events.append(Adopted(step.state.at + 1, new.hash, NODES, FIELDS, by="ana"))
    moved = adopted(old, new, step.state).state
    last, more = drive(new, ("complete checks.db.get 2", "complete checks.web 1"), moved)
    return old, new, [*events, *more[1:]], last.state


def test_a_journal_that_adopts_folds_to_the_live_run_from_any_of_its_states() -> None:
    old, new, events, live = journal()
    known = {old.hash: old, new.hash: new}
    steps = list(fold(old, events, known.__getitem__))
    assert steps[-1].state == live == replay(old, events, known.__getitem__)
    assert [step.state.graph for step in steps] == [old.hash] * 3 + [new.hash] * 3
    for place, step in enumerate(steps, start=1):
        rest = list(fold_from(known[step.state.graph], step.state, events[place:], known.__getitem__))
        assert rest == steps[place:]


def test_a_journal_that_adopts_needs_the_definition() -> None:
    old, new, events, _ = journal()
    with pytest.raises(ReplayError) as caught:
        replay(old, events)
    assert (caught.value.seq, caught.value.reason) == (4, f"it adopts definition {new.hash[:12]}, which was not given")
    with pytest.raises(ReplayError) as caught:
        replay(old, events, lambda _: old)
    assert caught.value.reason == f"what is to be adopted is of definition {new.hash[:12]}, found {old.hash[:12]}"
    with pytest.raises(KeyError):
        replay(old, events, {old.hash: old}.__getitem__)
    assert replay(old, [begun(old)]).seq == 1
