"""A run that waits, or sends a signal, goes on as another version where that waits for the same, or sends the same."""

from __future__ import annotations

import pytest

from tests.engine.versions_driven import Change, Words, drive, driven, edited, graph
from trellis.engine.versions import adopt, compare
from trellis.model.actions import Emit
from trellis.model.events import Adopted

WAITS = """start: a
signals: {go: {}, on: {}}
states: {Up: {}, Down: {}}
fields: {n: {type: integer, default: 0}, other: {type: string, default: r-2}, x: {type: string, optional: true}}
nodes:
  a: {ask: {text: x}, to: b}
  b:
    all:
      time: {wait: {time: 5m}}
      until: {wait: {until: "1970-01-02T00:00:00Z"}}
      signal: {wait: {signal: go}}
      states: {wait: {states: [Up]}}
      if: {wait: {if: n > 3}}
      send: {emit: {signal: paid, to: "{{ other }}"}, retry: {max_attempts: 3}}
      do: {do: t, save: n}
    to: $end
"""
THERE: Words = ("answer a x",)
TRYING: Words = (*THERE, "fail b.send not_taken")


@pytest.mark.parametrize(
    "changes",
    [
        [("time: {wait: {time: 5m}}", "time: {wait: {time: 9m}}")],
        [("time: {wait: {time: 5m}}", 'time: {wait: {until: "{{ x }}"}}')],
        [("signal: {wait: {signal: go}}", "signal: {wait: {signal: on}}")],
        [("signal: {wait: {signal: go}}", "signal: {wait: {states: [Down]}}")],
        [("states: {wait: {states: [Up]}}", "states: {wait: {if: n > 9}}")],
        [('to: "{{ other }}"}', "to: r-3, with: {n: 7}}")],
    ],
)
def test_a_wait_under_way_goes_on_where_no_timer_is_missing_or_too_many(changes: list[Change]) -> None:
    for words in (THERE, TRYING):
        old, state = driven(WAITS, words)
        new = graph(edited(WAITS, *changes))
        assert compare(old, new, state).reasons == ()
        moved = adopt(old, new, state, Adopted(state.at, new.hash)).state
        assert moved.timers == state.timers
        call = next(token.call for token in moved.tokens.values() if token.path == "b.send")
        assert isinstance(call, Emit) and call.run == "r-2", "what is sent was read once"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            [("time: {wait: {time: 5m}}", "time: {wait: {signal: go}}")],
            (
                "node 'b.time' waits for a time, and what takes its place for signal go; let the run leave it first, or keep what "
                "it waits for"
            ),
        ),
        (
            [("if: {wait: {if: n > 3}}", "if: {wait: {time: 1s}}")],
            (
                "node 'b.if' waits for `n > 3`, and what takes its place for a time; let the run leave it first, or keep what it "
                "waits for"
            ),
        ),
        (
            [("signal: {wait: {signal: go}}", "signal: {do: t}")],
            "node 'b.signal' waits, and what takes its place is `do`, not `wait`; let the run leave it first, or keep the verb",
        ),
        (
            [("signal: paid", "signal: sold")],
            (
                "node 'b.send' sends signal 'paid', and what takes its place sends 'sold'; let the signal be taken first, or keep "
                "it"
            ),
        ),
        (
            [('emit: {signal: paid, to: "{{ other }}"}', "do: t")],
            (
                "node 'b.send' has a signal to send, and what takes its place is `do`, not `emit`; let the run leave it first, or "
                "keep the verb"
            ),
        ),
        (
            [("fields: {", "fields: {m: {type: integer}, "), ("if: n > 3", "if: m > 3")],
            (
                "field 'm' is not set, and the new version may read it before anything writes it: node 'b.if' as it ends; give it a "
                "default, make it optional, or adopt the version when it is set"
            ),
        ),
    ],
)
def test_a_wait_under_way_stays_what_it_is(changes: list[Change], reason: str) -> None:
    old, state = driven(WAITS, THERE)
    assert compare(old, graph(edited(WAITS, *changes)), state).reasons == (reason,)


def test_a_signal_that_waits_to_be_sent_again_needs_its_retry() -> None:
    old, state = driven(WAITS, TRYING)
    assert compare(old, graph(edited(WAITS, (", retry: {max_attempts: 3}", ""))), state).reasons == (
        (
            "node 'b.send' waits to try again, and the new version does not retry there; keep its `retry`, or let the call end "
            "first"
        ),
    )


def test_what_a_new_version_waits_for_may_be_there_already() -> None:
    old, state = driven(WAITS, THERE)
    new = graph(edited(WAITS, ("if: n > 3", "if: n == 0")))
    step = adopt(old, new, state, Adopted(state.at, new.hash))
    assert "b.if" not in step.state.tokens
    assert drive(new, ("fire b.time",), step.state)[0].refusal is None
