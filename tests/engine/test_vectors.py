"""Runs the vectors of the engine: what a run does, turn by turn, written down as data that any engine can be held to.

A vector is a graph and a list of steps. A step is one event and all that must follow from it:

    start | complete | fail | fire | answer | signal | cancel     the event; its other keys beside it
    at          its time; the first is at 1000, a timer fires when due, each other a second after the one before
    position    paths of the active tokens in order of entry; where absent, as it was
    fields      the fields that are set, all of them; where absent, as they were
    states      the declared states that are active, in their order; where absent, as they were
    clock       how often each state, and each node that a relation names, came and went, for those that ever did
    requests    all requests, in order; where absent, none
    refused     the code of the refusal; the state is then the very same object
    status      how the run ended, with `result` (absent: null) and `error` (the keys given); where absent, it runs
    undo        paths of the nodes that a rollback would take back, newest first
    trace       the kinds of the trace with the node, in order

A request in short is kind and node, then tool and attempt (`undo` for an undo), run, signal and attempt (EMIT), field
(`again` where the question is asked again), purpose and delay (START_TIMER), `awaited` (a CANCEL whose result still
counts); in long it is a map of the attributes to compare. `complete: b` means the open call of b; `{request: 2}` means
the second CALL_TOOL or EMIT of the run, `{timer: 2}` its second START_TIMER, `{id: x}` any id. ANY stands for any text.

Whatever a vector says, each of its runs also proves that no state is changed in place, that a turn has one outcome,
that ids are unique and well formed, that only open work is cancelled, and once, that an open run waits for something
and a closed one for nothing, that events and states survive their codecs, and that the journal, read back and folded over the
definition read back, gives the live state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml_rs
from msgspec.structs import replace

from trellis.compiler import compile_document
from trellis.compiler.uses import Found, linked, paths
from trellis.engine import State, Step, apply, replay, start
from trellis.engine.program import program_of
from trellis.engine.snapshot import decode_state, encode_state
from trellis.engine.state import IDLE, shown_states
from trellis.loaders import read
from trellis.model.actions import (
    ActionRequest,
    Attempted,
    CallTool,
    Cancel,
    Emit,
    RenderContent,
    RequestInput,
    StartChild,
    StartTimer,
)
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

VECTORS = Path(__file__).parent.parent / "vectors" / "engine"

EVENTS: dict[str, dict[str, str]] = {
    "start": {"root": "root", "locale": "locale"},
    "complete": {"value": "value", "attempt": "attempt"},
    "fail": {"code": "code", "message": "message", "retryable": "retryable", "noise": "noise", "attempt": "attempt"},
    "fire": {"noise": "noise", "attempt": "attempt"},
    "answer": {"value": "value", "by": "by"},
    "signal": {"data": "data", "by": "by"},
    "cancel": {"by": "by"},
}
"""The keys that may stand beside each event."""

EXPECTED = (
    "position",
    "fields",
    "states",
    "clock",
    "requests",
    "refused",
    "status",
    "result",
    "error",
    "undo",
    "trace",
)


class Anything:
    """Equal to every text."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "ANY"


def meant(value: Any) -> Any:
    """An expected value, with ANY standing for any text."""
    if isinstance(value, dict):
        return {key: meant(part) for key, part in value.items()}
    if isinstance(value, list):
        return [meant(part) for part in value]
    return Anything() if value == "ANY" else value


def compiled(authored: dict[str, Any]) -> Graph:
    """The graph as a host would have it, by way of the text that an author would have written.

    `uses` holds the graphs that it uses, by path.
    """
    authored = dict(authored)
    uses = {path: compiled(graph).definition for path, graph in authored.pop("uses", {}).items()}
    document = {"trellis": 1, "name": "vector", **authored}
    reading = read("vector.yaml", json.dumps(document).encode())
    assert reading.document is not None, "\n".join(map(str, reading.problems))
    done = compile_document(reading.document, pruned=reading.pruned)
    problems = [*reading.problems, *done.problems]
    assert done.definition is not None, "\n".join(map(str, problems))
    used = {node: Found(path, path) for node, _, path in paths(done)}
    return Graph(replace(linked(done.definition, used), uses=uses))


def short(request: ActionRequest, now: float) -> str:
    """A request in a few words."""
    words = [request.kind, request.node]
    if isinstance(request, CallTool):
        words += [request.tool, str(request.attempt), *(["undo"] if request.undo else [])]
    elif isinstance(request, Emit):
        words += [request.run, request.name, str(request.attempt)]
    elif isinstance(request, StartChild):
        words += [request.graph, request.child]
    elif isinstance(request, RequestInput):
        words += [request.field or request.ask, *(["again"] if request.reason else [])]
    elif isinstance(request, StartTimer):
        words += [request.purpose, f"{round(request.due - now, 6):g}"]
    elif isinstance(request, Cancel) and request.awaited:
        words += ["awaited", *(["undo"] if request.undo else [])]
    return " ".join(words)


def long(request: ActionRequest, keys: Any) -> dict[str, Any]:
    """The attributes of a request that a vector names."""
    facts = {key: getattr(request, key, "NO SUCH ATTRIBUTE") for key in keys}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in facts.items()}


class Play:
    """One run of one vector."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.stored = Graph.decode(graph.data, graph.hash)
        self.state: State | None = None
        self.events: list[Event] = []
        self.requests: list[ActionRequest] = []
        self.cancelled: set[str] = set()
        self.at = 999.0

    def event(self, step: dict[str, Any]) -> Event:
        """The event that a step names."""
        (kind,) = [kind for kind in EVENTS if kind in step]
        unknown = set(step) - {kind, "at", *EVENTS[kind], *EXPECTED}
        assert not unknown, f"a step cannot have {unknown}"
        subject = step[kind]
        given = {name: step[key] for key, name in EVENTS[kind].items() if key in step}
        at = float(step.get("at", self.at + 1))
        if kind == "start":
            return RunStarted(at=at, run="r", graph=self.graph.hash, fields=subject, **given)
        if kind == "complete":
            return ActionCompleted(at=at, request=self.call(subject), **given)
        if kind == "fail":
            return ActionFailed(at=at, request=self.call(subject), **{"code": "failed", **given})
        if kind == "fire":
            timer, due = self.timer(subject)
            return TimerFired(at=float(step.get("at", due)), timer=timer, **given)
        if kind == "answer":
            return AnswerGiven(at=at, node=subject, **given)
        if kind == "signal":
            return SignalReceived(at=at, name=subject, **given)
        return CancelRequested(at=at, reason=subject, **given)

    def call(self, subject: str | dict[str, Any]) -> str:
        """The id of the call that a step means."""
        if isinstance(subject, dict):
            if "id" in subject:
                return subject["id"]
            return [request for request in self.requests if isinstance(request, Attempted)][subject["request"] - 1].id
        assert self.state is not None
        waiting = [pending.request for pending in self.state.open.values()]
        found = [call.id for call in waiting if isinstance(call, Attempted) and call.node == subject]
        assert len(found) == 1, f"{subject} has {len(found)} open calls: {found}"
        return found[0]

    def timer(self, subject: str | dict[str, Any]) -> tuple[str, float]:
        """The id of the timer that a step means, and when it is due."""
        timers = [request for request in self.requests if isinstance(request, StartTimer)]
        if isinstance(subject, str):
            node, purpose = subject.split(" ")
            timers = [timer for timer in timers if timer.node == node and timer.purpose == purpose]
            assert timers, f"{node} never had a timer for {purpose}"
            return timers[-1].id, timers[-1].due
        if "id" in subject:
            return subject["id"], self.at + 1
        return timers[subject["timer"] - 1].id, timers[subject["timer"] - 1].due

    def step(self, step: dict[str, Any]) -> None:
        """Apply the event of a step, and compare all that follows."""
        before, event = self.state, self.event(step)
        assert decode_event(encode_event(event)) == event
        shown = repr(before)
        done = self.applied(before, event)
        assert repr(before) == shown, "the state before was changed in place"
        assert self.applied(before, event) == done, "the same turn had two outcomes"
        after = self.state = done.state
        assert (done.refusal and done.refusal.code) == step.get("refused"), done.refusal
        if done.refusal is None:
            self.events.append(event)
            self.at = event.at
            assert after.seq == len(self.events)
            assert after.at == max(event.at, before.at if before else event.at)
            assert decode_state(encode_state(after)) == after
            self.check(done.requests, before)
        else:
            assert after is before
            assert done.trace == ()
        if after.closed:
            assert (after.tokens, after.open, after.timers, after.rollback) == ({}, {}, {}, None)
        else:
            waits = [self.graph.definition.nodes[token.node].wait for token in after.tokens.values()]
            assert after.open or after.timers or any(waits), "the run is open and waits for nothing"
            moves = [timer for timer in after.timers.values() if timer.purpose not in IDLE]
            assert after.waiting == (not (after.open or moves))
        self.consistent(after)
        self.requests += [] if done.refusal else done.requests
        self.compare(step, before, done)

    def applied(self, before: State | None, event: Event) -> Step:
        if before is None:
            assert isinstance(event, RunStarted)
            return start(self.graph, event)
        return apply(self.graph, before, event)

    def check(self, requests: tuple[ActionRequest, ...], before: State | None) -> None:
        """What holds of the requests of every turn."""
        known = {request.id: request for request in self.requests}
        for request in requests:
            if isinstance(request, RequestInput) and before is not None and request.id in before.open:
                continue  # a question that is told anew, as it is now
            assert request.id not in known, "an id was given twice"
            known[request.id] = request
            run, seq, index = request.id.split(":")
            assert (run, int(seq), index.isdigit()) == ("r", len(self.events), True)
            if isinstance(request, Cancel):
                assert known[request.target].node == request.node
                assert request.target not in self.cancelled, "a request was cancelled twice"
                assert request.id.startswith(f"r:{request.target.split(':')[1]}:") or (
                    before is not None and request.target in before.open
                ), "what was not open was cancelled"
                self.cancelled.add(request.target)

    def consistent(self, state: State) -> None:
        """What holds of the states after every turn."""
        assert {name for name, tick in state.clock.items() if tick % 2} == set(state.active)
        states = self.graph.definition.states
        for name in state.active:
            if name in states:
                assert set(states[name].require) <= set(state.active), f"{name} lacks what it requires"
            else:
                assert name in state.tokens, f"{name} is active without a token"

    def fields(self, state: State) -> dict[str, Any]:
        """The fields that are set: an optional one that is null is not."""
        declared = self.graph.definition.fields
        return {name: value for name, value in state.fields.items() if value is not None or not declared[name].optional}

    def compare(self, step: dict[str, Any], before: State | None, done: Step) -> None:
        """The state and requests against what the step expects; whole values, all at once."""
        state = done.state
        expected: dict[str, Any] = {"requests": []}
        actual: dict[str, Any] = {
            "position": list(state.position),
            "fields": self.fields(state),
            "states": shown_states(program_of(self.graph), state),
            "status": state.status,
        }
        if before is None:
            expected["states"] = []
        else:
            expected |= {
                "position": list(before.position),
                "fields": self.fields(before),
                "states": shown_states(program_of(self.graph), before),
                "status": before.status,
            }
        expected["status"] = "running" if before is None or not before.closed else before.status
        expected |= {key: meant(step[key]) for key in EXPECTED[:-1] if key in step and key not in ("refused", "error")}
        for_requests = expected["requests"]
        actual["requests"] = [
            long(request, for_requests[place])
            if place < len(for_requests) and isinstance(for_requests[place], dict)
            else short(request, state.at)
            for place, request in enumerate(done.requests)
        ]
        if "status" in step:
            expected.setdefault("result", None)
            actual["result"] = state.result
        if "error" in step:
            facts = None if state.error is None else msgspec.structs.asdict(state.error)
            expected["error"] = meant(step["error"])
            wanted = step["error"]
            actual["error"] = facts if facts is None or wanted is None else {key: facts[key] for key in wanted}
        if "clock" in step:
            actual["clock"] = state.clock
        if "undo" in step:
            actual["undo"] = [entry.path for entry in state.undo or ()]
        if "trace" in step:
            expected["trace"] = step["trace"]
            actual["trace"] = [
                " ".join([kind, facts["node"]] if facts.get("node") else [kind]) for kind, facts in done.trace
            ]
        assert actual == expected

    def finish(self) -> None:
        """What holds at the end of every run: it can be told from its journal alone."""
        journal = [decode_event(encode_event(event)) for event in self.events]
        assert replay(self.graph, journal) == self.state
        assert replay(self.stored, journal) == self.state


FILES: dict[str, Any] = {
    path.stem: yaml_rs.loads(path.read_text("utf-8"), parse_datetime=False) for path in sorted(VECTORS.glob("*.yaml"))
}


def cases() -> list[Any]:
    """Every vector as a parameter, whose id is file::name."""
    return [pytest.param(case, id=f"{name}::{case['name']}") for name, file in FILES.items() for case in file]


@pytest.mark.covers("CH05", "GT05")
@pytest.mark.parametrize("case", cases())
def test_vector(case: dict[str, Any]) -> None:
    assert set(case) == {"name", "graph", "steps"}
    play = Play(compiled(case["graph"]))
    for number, step in enumerate(case["steps"], 1):
        try:
            play.step(step)
        except AssertionError as error:
            error.add_note(f"in step {number}: {step}")
            raise
    play.finish()


def test_every_line_of_the_turn_has_three_vectors() -> None:
    assert {int(name[:2]) for name in FILES} >= {*range(1, 16)}
    assert {name for name, file in FILES.items() if len(file) < 3} == set()


def test_no_two_vectors_of_a_file_have_one_name() -> None:
    for file in FILES.values():
        names = [case["name"] for case in file]
        assert sorted(set(names)) == sorted(names)


def test_a_render_request_is_told_from_another_by_its_short_form() -> None:
    request = RenderContent(id="r:1:0", idempotency_key="r/a/1", node="a", text="hi")
    assert (short(request, 0.0), long(request, ["text"])) == ("RENDER_CONTENT a", {"text": "hi"})
