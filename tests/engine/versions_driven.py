"""A run driven to where a version is to be adopted, by words: `complete build`, `answer choose prod`, `fire build`."""

from __future__ import annotations

from tests.compiler.checking import definition
from trellis.engine import State, Step, apply, start
from trellis.engine.versions import Verdict, compare
from trellis.model.actions import Attempted
from trellis.model.events import (
    ActionCompleted,
    ActionFailed,
    AnswerGiven,
    Event,
    RunStarted,
    SignalReceived,
    TimerFired,
)
from trellis.model.graph import Graph
from trellis.model.values import Value

Words = tuple[str, ...]
Change = tuple[str, str]
Case = tuple[str, Words, list[Change], list[str]]
"""A text, what happens to its run, how the text is changed then, and what is said of that."""

GRAPH = """start: build
fields:
  env: {type: string, default: staging}
  server: {type: any, optional: true}
  tries: {type: integer, default: 0}
signals: {late: {why: string, buffer: 1}}
tools: {make: {python: "m:make"}, drop: {python: "m:drop"}, check: {python: "m:check"}, probe: {python: "m:probe"}}
nodes:
  build:
    do: make
    with: {env: "{{ env }}"}
    save: server
    undo: {do: drop, with: {id: "{{ server }}"}}
    retry: {max_attempts: 3}
    timeout: 10s
    to: choose
  choose: {say: Which one?, ask: {choice: env, options: [staging, prod]}, deadline: 1m, to: checks}
  checks:
    all:
      http: {do: check}
      db: {start: fetch, nodes: {fetch: {do: check, to: $end}}}
    to: fan
  fan:
    each: {in: "[1, 2, 3]", as: host, max: 2, do: probe, with: {host: "{{ host }}"}}
    join: {n: 2}
    to: [{if: tries < 3, to: build, undo: true}, {to: done}]
  done: {end: ok}
"""
UNSET = """start: a
fields: {x: {type: string}, ok: {type: boolean, default: true}}
nodes:
  a: {ask: {confirm: ok}, to: b}
  b: {do: t, save: x, to: c}
  c: {do: t, with: {x: "{{ x }}"}, to: $end}
"""
"""A field that one node writes and a later one reads."""
RACE = """start: a
fields: {got: {type: any, optional: true}}
nodes:
  a: {race: {x: {do: t}, y: {start: f, nodes: {f: {do: t, to: $end}}}}, save: got, to: b}
  b: {do: t, to: $end}
"""
"""Two branches, of which the first that completes wins."""
STATES = """start: first
fields: {ok: {type: boolean, default: false}}
states:
  Up: {entered: {do: t}}
  Down: {remove: [Up]}
  Here: {auto: true, require: [a]}
  Late: {}
  Spare: {}
nodes:
  first: {set: {add: [Up, Late]}, to: a}
  a: {ask: {confirm: ok}, set: {remove: [Late]}, to: b}
  b: {set: {add: [Down, Spare]}, wait: {states: [Late]}, to: $end}
"""
"""States of which one is at work, one is left by a node and one is the node's own."""
KEPT = """start: first
fields: {ok: {type: boolean, default: false}}
signals: {late: {why: string, buffer: 1}}
nodes:
  first: {do: t, undo: {do: u}, to: second}
  second: {all: {x: {do: t, undo: {do: u}}, y: {do: t}}, timeout: 5s, catch: {timeout: $rollback}, to: third}
  third: {ask: {confirm: ok}, to: last}
  last: {ask: {confirm: ok}, upon: {late: $end}, to: $end}
"""
"""Undo, calls that are left, and a signal that waits."""
BACK = """start: a
fields: {ok: {type: boolean, default: false}, s: {type: string, default: x}}
states: {Up: {}}
nodes:
  a: {do: t, undo: {do: u}, to: b}
  b: {ask: {confirm: ok}, set: {add: [Up], fields: {s: "'long'"}}, to: [{if: ok, to: a, undo: true}, {to: c}]}
  c: {wait: {states: [Up]}, to: $end}
"""
"""An edge that undoes, and sets more than it has set yet."""
ASKED = """start: a
fields: {key: {type: string, secret: true}, s: {type: string, default: x}, ok: {type: boolean, default: false}}
nodes:
  a: {say: "Which, {{ s }}?", ask: {secret: key}, to: b}
  b: {ask: {confirm: ok}, to: $end}
"""
"""Questions, one for a secret."""
APPROVED = """start: a
fields: {v: {type: approval, optional: true}, ok: {type: boolean, default: false}}
nodes:
  a: {ask: {approve: v, by: [ana, ben, cyn], quorum: 3}, timeout: 1h, to: $end}
"""
"""An approval by several, of whom one has given it."""
HTTP, DB = "      http: {do: check}\n", "db: {start: fetch, nodes: {fetch: {do: check, to: $end}}}"
RETRYING = ("fail build",)
SIGNALLED = ("signal late",)
WENT_BACK = ("complete a 1", "answer b yes")
BUILT = ("complete build 7",)
CHOSEN = (*BUILT, "answer choose prod")
CHECKED = (*CHOSEN, "complete checks.http 1", "complete checks.db.fetch 2")
GOING_BACK = (*CHECKED, "complete fan[0] 1", "complete fan[1] 1")


def graph(text: str) -> Graph:
    """The graph of a text without its head."""
    return Graph(definition(text))


def edited(text: str, *changes: tuple[str, str]) -> str:
    """The text with parts of it replaced, each of which is there once."""
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def begun(of: Graph, fields: dict[str, Value] | None = None) -> RunStarted:
    return RunStarted(100.0, "r", of.hash, fields or {})


def event(state: State, words: str) -> Event:
    """The event that these words mean now; it comes a second after the last one."""
    kind, node, *value = words.split()
    at = state.at + 1
    if kind == "signal":
        return SignalReceived(at, node, {"why": "x"})
    if kind == "answer":
        return AnswerGiven(at, node, value[0], value[1] if len(value) > 1 else "")
    if kind == "fire":
        name = next(name for name, timer in state.timers.items() if timer.path == node)
        return TimerFired(max(at, state.timers[name].due), name)
    found = next(
        name
        for name, pending in state.open.items()
        if isinstance(pending.request, Attempted) and pending.request.node == node
    )
    if kind == "fail":
        return ActionFailed(at, found, value[0] if value else "failed", "no")
    return ActionCompleted(at, found, value[0] if value else None)


def drive(of: Graph, words: tuple[str, ...], state: State | None = None) -> tuple[Step, list[Event]]:
    """The last step of a run that all this happened to, and its journal."""
    first = begun(of)
    step = start(of, first) if state is None else Step(state)
    journal: list[Event] = [first]
    for each in words:
        happened = event(step.state, each)
        step = apply(of, step.state, happened)
        assert step.refusal is None, (each, step.refusal)
        journal.append(happened)
    return step, journal


def driven(text: str, words: tuple[str, ...]) -> tuple[Graph, State]:
    """The graph of a text, and the state of its run when all this has happened."""
    of = graph(text)
    return of, drive(of, words)[0].state


def mapped(text: str) -> Change:
    """The change that gives a text this `migrate`."""
    return ("nodes:\n  ", f"migrate: {text}\nnodes:\n  ")


def verdict(text: str, words: Words, changes: list[Change]) -> Verdict:
    """What is said of the run and the changed text."""
    old, state = driven(text, words)
    return compare(old, graph(edited(text, *changes)), state)
