"""W313: an `undo` that nothing after its node performs; held against runs of random graphs."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.compiler.checking import problems
from tests.generators import compiled
from trellis.compiler import compile_document
from trellis.engine import apply, start
from trellis.engine.state import State
from trellis.model.actions import Attempted
from trellis.model.documents import Document
from trellis.model.events import ActionCompleted, ActionFailed, Event, RunStarted, TimerFired
from trellis.model.problems import Place

HEAD = "tools: {t: {python: m:t}, u: {python: m:u}}\nfields: {x: {type: boolean, default: false}}\n"


def told(text: str) -> list[str]:
    """The nodes whose undo is told to be in vain."""
    found = problems(HEAD + text, in_vain=True)
    assert all(" W313 " in problem or " W315 " in problem for problem in found), found
    return [problem.split("'")[1] for problem in found if " W313 " in problem]


def test_an_undo_without_a_rollback_after_it_is_told_of() -> None:
    assert problems("tools: {t: {python: m:t}}\nnodes: {a: {do: t, undo: {do: t}, to: $end}}\n", in_vain=True) == [
        (
            "2:20: W313 'a' has an `undo`, and nothing after it rolls back (lead what goes wrong there: catch: {\"*\": $rollback};"
            " or remove the `undo`)"
        ),
    ]


UNDONE = "start: a\nnodes:\n  a: {do: t, undo: {do: u}, "


@pytest.mark.parametrize(
    "rest",
    [
        "to: $rollback}",
        "to: b}\n  b: {do: t, catch: {failed: $rollback}, to: $end}",
        "to: b}\n  b: {wait: {time: 1h}, upon: {interrupt: $rollback}, to: $end}",
        "to: b}\n  b: {to: [{if: x, to: a, undo: true}, {to: $end}]}",
        "timeout: 1s, catch: {timeout: b}, to: $end}\n  b: {to: $rollback}",
        "to: $end}\ncatch: {failed: $rollback}",
        "to: $end}\n  b: {to: $rollback}\nupon: {interrupt: b}",
        "to: b}\n  b: {all: {c: {do: t, catch: {failed: $rollback}}}, to: $end}",
        "to: c}\n  c: {do: t, commit: true, catch: {failed: $rollback}, to: $end}",
        "timeout: 1s, catch: {timeout: c}, to: c}\n  c: {do: t, commit: true, to: d}\n  d: {to: $rollback}",
        "to: b}\n  b: {set: {add: [S]}, to: $end}\nstates: {S: {entered: {do: t, catch: {failed: $rollback}}}}",
    ],
)  # fmt: skip
def test_an_undo_before_a_rollback_is_of_use(rest: str) -> None:
    assert told(UNDONE + rest + "\n") == []


@pytest.mark.parametrize(
    "rest",
    [
        "to: $end}",
        "catch: {failed: b}, to: $end}\n  b: {to: $fail}",
        "to: b}\n  b: {do: t, commit: true, to: c}\n  c: {to: [{if: x, to: $rollback}, {to: $end}]}",
        "to: b}\n  b: {all: {c: {do: t}, d: {do: t, catch: {failed: $fail}}}, to: $end}",
    ],
)
def test_a_way_that_only_fails_or_commits_first_undoes_nothing(rest: str) -> None:
    assert told(UNDONE + rest + "\n") == ["a"]


def test_what_comes_before_a_node_does_not_undo_it() -> None:
    text = "start: a\nnodes:\n  a: {do: t, catch: {failed: $rollback}, to: b}\n  b: {do: t, undo: {do: u}, to: $end}\n"
    assert told(text) == ["b"]


def test_a_body_is_undone_by_what_goes_wrong_beside_it_or_after_it() -> None:
    body = "start: a\nnodes:\n  a:\n    all:\n      one: {do: t, undo: {do: u}}\n      two: {do: t%s}\n    to: %s\n"
    assert told(body % (", catch: {failed: $rollback}", "$end")) == []
    assert told(body % ("", "$rollback")) == []
    assert told(body % ("", "$end")) == ["a.one"]


def test_a_node_keeps_its_undo_when_it_commits_itself() -> None:
    text = "start: a\nnodes:\n  a: {do: t, undo: {do: u}, commit: true, to: b}\n  b: {do: t, catch: {failed: $rollback}, to: $end}\n"
    assert told(text) == []


def test_what_is_told_to_be_in_vain_is_never_undone() -> None:
    vain = undone = 0
    for seed in range(400):
        random = Random(seed)
        document = some_graph(random)
        found = compile_document(Document("g", document, lambda *_: Place())).problems
        names = {problem.message.split("'")[1] for problem in found if problem.code == "W313"}
        vain += len(names)
        graph = compiled(document)
        for _ in range(8 if names else 0):
            step = start(graph, RunStarted(0.0, "r", graph.hash))
            while events := _possible(step.state, random):
                step = apply(graph, step.state, random.choice(events))
                begun = {facts["node"] for kind, facts in step.trace if kind == "undo.started"}
                undone += len(begun)
                assert not names & begun, (seed, names, begun)
    assert vain > 100 and undone > 80, (vain, undone)


def some_graph(random: Random) -> dict[str, Any]:
    """Calls one after the other and side by side, most with an undo, few ways of which lead to a rollback."""
    names = [f"n{place}" for place in range(6)]
    nodes: dict[str, Any] = {}
    for place, name in enumerate(names):
        later = [*names[place + 1 :], "$end", "$fail"]
        bodies = {body: _call(random, ["$fail", "$end"]) for body in "ab"}
        nodes[name] = {"all": bodies, "timeout": "1s"} if random.random() < 0.25 else _call(random, later)
        nodes[name]["to"] = [{"if": "x", "to": random.choice(later)}, {"to": later[0]}]
        if random.random() < 0.1 and place:
            nodes[name]["to"].insert(0, {"if": "x", "to": random.choice(names[:place]), "undo": True})
        if random.random() < 0.25:
            nodes[name]["commit"] = True
    data: dict[str, Any] = {"trellis": 1, "name": "g", "start": "n0", "nodes": nodes}
    return data | {"fields": {"x": {"type": "boolean", "default": False}}, "limits": {"steps": 60}}


def _call(random: Random, ways: list[str]) -> dict[str, Any]:
    node: dict[str, Any] = {"do": "t", "timeout": "1s", "set": {"fields": {"x": "not x"}}, "catch": {}}
    for code in ("failed", "timeout"):
        if random.random() < 0.5:
            node["catch"][code] = "$rollback" if random.random() < 0.15 else random.choice(ways)
    if random.random() < 0.7:
        node["undo"] = {"do": "u"}
    return node


def _possible(state: State, random: Random) -> list[Event]:
    at = state.at + 1.0
    events: list[Event] = []
    for name, pending in state.open.items():
        if isinstance(pending.request, Attempted):
            code = random.choice(["failed", "timeout", "denied", "uncertain"])
            events += [ActionCompleted(at, name, 1), ActionFailed(at, name, code, "why")]
    return events + [TimerFired(max(timer.due, at), name) for name, timer in state.timers.items()]
