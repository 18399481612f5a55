"""Graphs that keep hosts busy: long lines of calls, fans, questions with time limits, things to take back, and families."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, cast

from tests.generators import CHILD, compiled, generate
from trellis.loaders import read
from trellis.model.graph import Graph

_TEXTS = (
    """
trellis: 1
name: line
fields: {log: {type: any, optional: true}, n: {type: integer, default: 0}}
catch: {"*": again}
limits: {visits: 60}
start: a
nodes:
  a: {do: t, save: log, retry: {max_attempts: 3, initial_interval: 2s, jitter: 0.5}, timeout: 9s, to: b}
  b: {do: u, save: log, timeout: 9s, to: c}
  c: {do: v, save: log, retry: {max_attempts: 4, initial_interval: 1s}, deadline: 20s, to: d}
  d: {do: u, timeout: 5s, catch: {uncertain: e, "*": e}, to: e}
  e: {do: t, save: log, timeout: 9s, set: {fields: {n: "n + 1"}}, to: [{if: n < 3, to: a}, {to: $end}]}
  again: {set: {fields: {n: "n + 1"}}, to: [{if: n < 5, to: a}, {to: $end}]}
""",
    """
trellis: 1
name: fan
fields: {xs: {type: [integer], default: [1, 2, 3, 4]}, out: {type: any, optional: true}, ok: {type: boolean, default: false}}
start: many
nodes:
  many:
    each: {in: xs, as: x, max: 2, do: t, with: {a: "{{ x }}"}, retry: {max_attempts: 2, initial_interval: 1s}, timeout: 8s}
    join: collect
    save: out
    to: more
  more:
    all:
      p: {do: u, timeout: 6s}
      q: {do: v, timeout: 6s}
      r: {ask: {confirm: ok}, timeout: 15s}
    join: collect
    to: last
  last: {do: t, timeout: 9s, catch: {"*": $end}, to: $end}
""",
    """
trellis: 1
name: asking
fields: {s: {type: string, default: ""}, m: {type: integer, default: 0}, n: {type: integer, default: 0}}
signals: {fault: {why: string}, later: {buffer: 2}}
upon: {fault: note}
limits: {visits: 60}
start: who
nodes:
  who: {ask: {text: s}, timeout: 20s, catch: {timeout: many}, to: many}
  many: {ask: {int: m}, timeout: 20s, catch: {timeout: work}, to: work}
  work: {do: u, timeout: 9s, catch: {"*": note}, upon: {later: note}, to: note}
  note: {do: t, timeout: 9s, catch: {"*": next}, to: next}
  next: {set: {fields: {n: "n + 1"}}, to: [{if: n < 4, to: who}, {to: $end}]}
""",
    """
trellis: 1
name: saga
fields: {n: {type: integer, default: 0}, ok: {type: boolean, default: false}}
upon: {interrupt: $rollback}
start: a
nodes:
  a: {do: t, timeout: 9s, retry: {max_attempts: 3, initial_interval: 1s}, undo: {do: w, retry: {max_attempts: 3}, timeout: 9s}, to: b}
  b:
    all:
      x: {do: u, timeout: 9s, undo: {do: w, timeout: 9s}}
      y: {do: t, timeout: 9s, undo: {do: w, timeout: 9s, retry: {max_attempts: 2}}}
    catch: {"*": $rollback}
    to: c
  c: {do: v, timeout: 9s, catch: {"*": $rollback}, to: d}
  d: {ask: {confirm: ok}, timeout: 30s, catch: {timeout: $rollback}, to: [{if: ok, to: $end}, {to: $rollback}]}
""",
    """
trellis: 1
name: family
fields: {out: {type: any, optional: true}, xs: {type: [integer], default: [1, 2, 3]}, ok: {type: boolean, default: false}}
upon: {interrupt: $rollback}
catch: {"*": $rollback}
start: a
nodes:
  a:
    use: ./work.yaml
    with: {many: 1}
    save: out
    timeout: 40s
    retry: {max_attempts: 2, initial_interval: 2s}
    catch: {timeout: b, failed: b}
    undo: {do: w, timeout: 9s}
    to: b
  b:
    race:
      x: {use: ./deep.yaml}
      y: {do: t, timeout: 9s, catch: {"*": $end}, undo: {do: w, timeout: 9s}, to: $end}
    catch: {"*": c}
    to: c
  c:
    each: {in: xs, as: x, max: 2, use: ./work.yaml, with: {many: "{{ x }}"}}
    join: settled
    save: out
    to: d
  d: {ask: {confirm: ok}, timeout: 20s, catch: {timeout: $end}, to: [{if: ok, to: $end}, {to: $rollback}]}
""",
)
_USED = {
    "work.yaml": """
trellis: 1
name: work
fields: {what: {type: any, optional: true}, many: {type: integer, default: 0}, log: {type: any, optional: true}}
start: a
nodes:
  a: {do: t, save: log, timeout: 9s, retry: {max_attempts: 2, initial_interval: 1s}, undo: {do: w, timeout: 9s}, to: b}
  b: {ask: {int: many}, timeout: 5s, catch: {timeout: c}, to: c}
  c: {do: u, save: log, timeout: 9s, undo: {do: w, timeout: 9s}, catch: {timeout: $rollback}, to: d}
  d: {end: {status: ok, result: many}}
""",
    "deep.yaml": """
trellis: 1
name: deep
fields: {what: {type: any, optional: true}, many: {type: integer, default: 0}, out: {type: any, optional: true}}
start: a
nodes:
  a: {use: ./work.yaml, with: {many: "{{ many }}"}, save: out, undo: {do: w, timeout: 9s}, to: b}
  b: {all: {x: {use: ./work.yaml}, y: {do: v, timeout: 5s}}, catch: {"*": $rollback}, to: c}
  c: {end: {status: ok, result: many}}
""",
}
"""The graphs that those above use, and random ones: a run of theirs calls, asks, uses others, and takes back."""


@cache
def authored(place: int) -> Graph:
    return compiled(_data(_TEXTS[place]), {path: _data(text) for path, text in _USED.items()})


@cache
def _data(text: str) -> dict[str, Any]:
    document = read("test.yaml", text.encode()).document
    assert document is not None
    return cast("dict[str, Any]", document.data)


def some_graph(chance: Random, *, secrets: bool = True) -> Graph:
    """One of those above, or a random one with much to do; where wanted, one that asks for no secret."""
    if chance.random() < 0.6:
        return authored(chance.randrange(len(_TEXTS)))
    document = max((_document(chance, secrets) for _ in range(2)), key=_much)
    used = chance.choice((CHILD, *map(_data, _USED.values())))
    return compiled(document, {path: _data(text) for path, text in _USED.items()} | {"child.yaml": used})


def _document(chance: Random, secrets: bool) -> dict[str, Any]:
    while True:
        document = generate(Random(chance.random()))
        if secrets or "'secret': 'word'" not in repr(document):
            return document


def _much(document: dict[str, Any]) -> int:
    """How much the nodes of a graph call, ask and time."""
    return sum(map(repr(document).count, ("'do'", "'ask'", "'timeout'")))
