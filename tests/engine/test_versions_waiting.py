"""A run that waits for people goes on with another version: who is reminded, who may approve, and how much it may use."""

from __future__ import annotations

from typing import Any

from tests.compiler.checking import definition
from trellis.engine import State, apply, replay, start
from trellis.engine.versions import adopt, compare
from trellis.model.actions import RequestInput
from trellis.model.events import Adopted, Event, RunStarted, TimerFired
from trellis.model.graph import Graph

WAITING = """start: go
limits: {time: 30d}
fields: {verdict: {type: approval, optional: true}}
nodes:
  go:
    ask: {approve: verdict, by: [ana]}
    timeout: 20d
    remind: {every: 1h, do: mail}
    escalate: [{after: 5h, by: [ben]}, {after: 9h, by: [cyn]}]
    to: $end
"""


class Waiting:
    """A run of a text, whose timers fire by their purpose, and which may adopt another text."""

    def __init__(self, text: str) -> None:
        self.graph = first = Graph(definition(text))
        self.graphs = {first.hash: first}
        self.events: list[Event] = [RunStarted(0.0, "r", first.hash)]
        self.state: State = start(first, self.events[0]).state  # type: ignore[arg-type]

    def fire(self, purpose: str) -> list[tuple[str, float | None]]:
        """What is wanted when that timer is due: kinds, and when a timer is due."""
        name, timer = next((name, timer) for name, timer in self.state.timers.items() if timer.purpose == purpose)
        return self._take(apply(self.graph, self.state, TimerFired(timer.due, name)), TimerFired(timer.due, name))

    def adopt(self, text: str) -> list[tuple[str, float | None]]:
        after = Graph(definition(text))
        event = Adopted(self.state.at, after.hash)
        step = adopt(self.graph, after, self.state, event)
        assert step.refusal is None, step.refusal
        self.graph = self.graphs[after.hash] = after
        return self._take(step, event)

    def _take(self, step: Any, event: Event) -> list[tuple[str, float | None]]:
        self.state = step.state
        self.events.append(event)
        return [(request.kind, getattr(request, "due", None)) for request in step.requests]

    @property
    def approvers(self) -> tuple[str, ...]:
        (question,) = [one.request for one in self.state.open.values() if isinstance(one.request, RequestInput)]
        return question.by

    def replayed(self) -> State:
        return replay(self.graphs[self.events[0].graph], self.events, self.graphs.__getitem__)  # type: ignore[union-attr]


def test_reminders_go_on_by_the_new_version_and_end_where_it_has_none() -> None:
    run = Waiting(WAITING)
    assert run.fire("remind") == [("CALL_TOOL", None), ("START_TIMER", 7200.0)]
    run.adopt(WAITING.replace("{every: 1h, do: mail}", "{every: 2h, say: Well?, max: 2}"))
    assert run.fire("remind") == [("CANCEL", None), ("RENDER_CONTENT", None)]
    run = Waiting(WAITING)
    run.adopt(WAITING.replace("    remind: {every: 1h, do: mail}\n", ""))
    assert run.fire("remind") == []
    assert run.replayed() == run.state


def test_who_may_approve_is_who_the_new_version_says_by_the_steps_that_were_taken() -> None:
    run = Waiting(WAITING)
    run.fire("escalate")
    assert run.approvers == ("ana", "ben")
    assert run.adopt(WAITING.replace("[ana]", "[amy]").replace("[ben]", "[bob]")) == [("REQUEST_INPUT", None)]
    assert run.approvers == ("amy", "bob")
    run.adopt(WAITING.replace(", {after: 9h, by: [cyn]}", ""))
    assert (run.approvers, run.fire("escalate"), run.approvers) == (("ana", "ben"), [], ("ana", "ben"))
    assert run.replayed() == run.state


def test_the_limits_of_the_new_version_hold_and_the_time_is_that_of_the_start() -> None:
    run = Waiting(WAITING)
    run.adopt(WAITING.replace("time: 30d", "time: 90d"))
    assert max(timer.due for timer in run.state.timers.values()) == 30 * 86_400.0
    run.adopt(WAITING.replace("limits: {time: 30d}\n", ""))
    assert run.fire("time") == []
    small = Graph(definition(WAITING.replace("time: 30d", "journal: 150B")))
    assert compare(run.graph, small, run.state).reasons == (
        "the journal has 200 bytes, and `limits.journal` of the new version is 150B; raise it",
    )
    run.adopt(WAITING.replace("time: 30d", "journal: 250B"))
    assert [kind for kind, _ in run.fire("timeout")] == ["CANCEL"]
    assert (run.state.status, run.state.error and run.state.error.code) == ("failed", "journal_limit")
    assert run.replayed() == run.state
