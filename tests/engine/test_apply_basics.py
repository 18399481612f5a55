"""How a run begins, and what a journal must be to be a run: what no vector can say, since nothing runs yet or any more."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.engine.test_vectors import compiled
from trellis.engine import apply, replay, start
from trellis.engine.chain import Chain
from trellis.engine.retries import delay_before
from trellis.errors import FieldsNeeded, InvalidField, ReplayError
from trellis.model.actions import CallTool, RenderContent, RequestInput
from trellis.model.events import ActionCompleted, AnswerGiven, CancelRequested, Event, RunStarted, TimerFired
from trellis.model.graph import Graph, Retry
from trellis.model.secrets import seal
from trellis.model.values import Value

GRAPH = compiled(
    {
        "start": "greet",
        "fields": {
            "user": {"type": "string"},
            "tries": {"type": "integer", "default": 0, "check": "value >= 0"},
            "env": {"type": "string", "enum": ["staging", "prod"], "optional": True},
        },
        "nodes": {
            "greet": {"say": "Hello {{ user }}", "to": "build"},
            "build": {"do": "make", "with": {"env": "{{ env }}"}, "timeout": "10s", "to": "greet"},
        },
    }
)
BEGUN = RunStarted(at=5.0, run="r-1", graph=GRAPH.hash, fields={"user": "Ana"})


def test_a_start_gives_the_first_requests_in_order() -> None:
    step = start(GRAPH, BEGUN)
    assert step.refusal is None
    assert (step.state.run, step.state.root, step.state.seq, step.state.at) == ("r-1", "r-1", 1, 5.0)
    assert step.requests[:2] == (
        RenderContent(id="r-1:1:0", idempotency_key="r-1/greet/1", node="greet", text="Hello Ana"),
        CallTool(id="r-1:1:1", idempotency_key="r-1/build/2", node="build", tool="make", run="r-1", args={"env": None}),
    )


def test_a_run_is_not_started_without_the_fields_it_reads_first() -> None:
    with pytest.raises(FieldsNeeded) as caught:
        start(GRAPH, RunStarted(at=5.0, run="r", graph=GRAPH.hash))
    assert caught.value.names == ("user",)


@pytest.mark.parametrize(
    ("name", "value"), [("tries", -1), ("tries", "many"), ("env", "production"), ("user", None), ("nobody", 1)]
)
def test_a_run_is_not_started_with_a_value_that_its_field_does_not_take(name: str, value: Value) -> None:
    with pytest.raises(InvalidField) as caught:
        start(GRAPH, RunStarted(at=5.0, run="r", graph=GRAPH.hash, fields={"user": "Ana", name: value}))
    assert caught.value.name == name


def test_a_run_that_has_started_does_not_start_again() -> None:
    state = start(GRAPH, BEGUN).state
    step = apply(GRAPH, state, BEGUN)
    assert step.refusal is not None
    assert (step.state is state, step.requests, step.trace) == (True, (), ())


def test_a_journal_of_nothing_is_no_run() -> None:
    with pytest.raises(ReplayError):
        replay(GRAPH, [])


def test_a_journal_that_does_not_begin_with_a_start_is_no_run() -> None:
    with pytest.raises(ReplayError) as caught:
        replay(GRAPH, [CancelRequested(at=1.0)])
    assert caught.value.seq == 1


@pytest.mark.parametrize(
    "other",
    [
        {"start": "a", "nodes": {"a": {"do": "t", "to": "$end"}}},
        {"start": "a", "fields": {"user": {"type": "string"}}, "nodes": {"a": {"do": "t", "to": "$end"}}},
    ],
    ids=["other fields", "the same fields"],
)
def test_a_journal_of_another_definition_is_no_run_of_this_one(other: dict[str, Any]) -> None:
    with pytest.raises(ReplayError) as caught:
        replay(compiled(other), [BEGUN])
    assert (caught.value.run, caught.value.seq) == ("r-1", 1)


@pytest.mark.parametrize(
    "event",
    [
        ActionCompleted(at=6.0, request="r-1:9:9"),
        TimerFired(at=6.0, timer="r-1:1:2"),
        BEGUN,
    ],
    ids=["stale", "early", "second start"],
)
def test_a_journal_with_an_event_that_its_run_refuses_is_no_run(event: Event) -> None:
    journal: list[Event] = [BEGUN, ActionCompleted(at=5.5, request="r-1:1:1"), event]
    with pytest.raises(ReplayError) as caught:
        replay(GRAPH, journal)
    assert (caught.value.run, caught.value.seq) == ("r-1", 3)


def test_a_journal_that_goes_on_after_the_end_is_no_run() -> None:
    with pytest.raises(ReplayError) as caught:
        replay(GRAPH, [BEGUN, CancelRequested(at=6.0), CancelRequested(at=7.0)])
    assert caught.value.seq == 3


def test_every_part_of_a_journal_is_the_run_as_it_was_then() -> None:
    journal: list[Event] = [BEGUN]
    states = [start(GRAPH, BEGUN).state]
    for turn in range(1, 6):
        (call,) = states[-1].open
        journal.append(ActionCompleted(at=5.0 + turn, request=call, value=turn))
        states.append(apply(GRAPH, states[-1], journal[-1]).state)
    stored = Graph.decode(GRAPH.data, GRAPH.hash)
    assert [replay(stored, journal[:length]) for length in range(1, 7)] == states


def test_a_turn_leaves_room_for_another_outcome_of_the_state_before() -> None:
    before = start(GRAPH, BEGUN).state
    done = apply(GRAPH, before, ActionCompleted(at=6.0, request="r-1:1:1"))
    late = apply(GRAPH, before, TimerFired(at=15.0, timer="r-1:1:2"))
    assert (done.state.status, late.state.status, before.status) == ("running", "timed_out", "running")
    assert apply(GRAPH, before, ActionCompleted(at=6.0, request="r-1:1:1")) == done


def test_a_run_of_ten_thousand_completions_can_be_undone_and_compared() -> None:
    loop = compiled(
        {
            "start": "a",
            "fields": {"n": {"type": "integer", "default": 0}},
            "upon": {"interrupt": "$rollback"},
            "nodes": {"a": {"do": "t", "undo": {"do": "u"}, "to": "a"}},
        }
    )
    state = start(loop, RunStarted(at=0.0, run="r", graph=loop.hash)).state
    for turn in range(10_000):
        (call,) = state.open
        state = apply(loop, state, ActionCompleted(at=float(turn), request=call)).state
    assert state.undo is not None
    assert (len(state.undo), state == state, repr(state.status)) == (10_000, True, "'running'")


SECRET = "correct horse"
SECRETIVE = compiled(
    {
        "start": "a",
        "fields": {
            "key": {"type": "string", "secret": True, "optional": True},
            "other": {"type": "string", "secret": True, "optional": True},
        },
        "nodes": {
            "a": {"ask": {"secret": "key"}, "to": "b"},
            "b": {"do": "t", "with": {"key": "{{ key }}"}, "save": "other", "to": "c"},
            "c": {"say": "with {{ key }} and {{ other }}", "do": "t", "to": "$end"},
        },
    }
)


def test_no_line_of_the_trace_holds_a_secret_that_was_given_at_start() -> None:
    step = start(SECRETIVE, RunStarted(at=0.0, run="r", graph=SECRETIVE.hash, fields={"key": SECRET}))
    assert SECRET not in repr(step.trace)


def test_a_sealed_secret_goes_to_its_tool_and_is_masked_for_people() -> None:
    state = start(SECRETIVE, RunStarted(at=0.0, run="r", graph=SECRETIVE.hash)).state
    answered = apply(SECRETIVE, state, AnswerGiven(at=1.0, node="a", value=seal("key")))
    (call,) = answered.requests
    returned = apply(SECRETIVE, answered.state, ActionCompleted(at=2.0, request=call.id, value=seal("other")))
    said = returned.requests[0]
    assert isinstance(call, CallTool)
    assert isinstance(said, RenderContent)
    assert (call.args, said.text) == ({"key": seal("key")}, "with *** and ***")
    assert "secret:" not in repr(answered.trace) + repr(returned.trace)


def test_no_line_of_the_trace_holds_what_a_tool_returned_into_a_secret_field() -> None:
    state = start(SECRETIVE, RunStarted(at=0.0, run="r", graph=SECRETIVE.hash)).state
    answered = apply(SECRETIVE, state, AnswerGiven(at=1.0, node="a", value=SECRET))
    (call,) = answered.state.open
    returned = apply(SECRETIVE, answered.state, ActionCompleted(at=2.0, request=call, value="battery staple"))
    assert SECRET not in repr(answered.trace)
    assert "battery staple" not in repr([facts for kind, facts in returned.trace if kind != "say"])


def chain(values: list[Any]) -> Chain[Any] | None:
    """The chain of these values, oldest first as given."""
    link: Chain[Any] | None = None
    for value in values:
        link = Chain(value, link)
    return link


def test_chains_are_equal_when_their_values_are_in_the_same_order() -> None:
    assert chain([1, 2, 3]) == Chain(3, Chain(2, Chain(1)))
    assert list(chain([1, 2, 3]) or ()) == [3, 2, 1]
    assert chain([1, 2, 3]) != chain([3, 2, 1])
    assert chain([2, 3]) != chain([1, 2, 3])
    assert chain([1]) != [1]
    assert chain([]) is None


def test_a_chain_has_no_hash_for_its_values_may_have_none() -> None:
    with pytest.raises(TypeError):
        hash(chain([{}]))


def test_a_question_is_told_with_all_that_a_person_needs_and_asked_again_with_the_reason() -> None:
    graph = compiled(
        {
            "start": "a",
            "fields": {"env": {"type": "string", "enum": ["staging", "prod"], "default": "prod"}},
            "nodes": {"a": {"ask": {"choice": "env", "default": "staging"}, "to": "$end"}},
        }
    )
    begun = start(graph, RunStarted(at=0.0, run="r", graph=graph.hash))
    facts = {"node": "a", "field": "env", "kind": "choice", "options": ["staging", "prod"], "default": "staging"}
    assert begun.trace[-1] == ("ask", facts)
    (question,) = begun.requests
    again = apply(graph, begun.state, AnswerGiven(at=1.0, node="a", value="production"))
    (repeated,) = again.requests
    assert isinstance(question, RequestInput)
    assert isinstance(repeated, RequestInput)
    assert repeated.reason
    assert repeated == replace(question, reason=repeated.reason)


def test_the_wait_before_a_late_attempt_is_bounded_and_no_overflow() -> None:
    policy = Retry(initial_interval=2.0, max_interval=60.0)
    assert delay_before(policy, 5_000, "failed", retryable=True, noise=0.5) == 60.0
    assert delay_before(Retry(initial_interval=2.0), 5_000, "failed", retryable=True, noise=0.5) == 200.0
