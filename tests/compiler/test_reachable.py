"""E301: nodes that nothing leads to."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_of_nodes_that_only_lead_to_each_other_the_first_is_named() -> None:
    text = """start: a
nodes:
  a: {to: $end}
  c: {to: d}
  d: {to: $end}
  b: {to: c}
  e: {do: t, to: f}
  f: {do: t, to: e}
  g: {do: t, to: [{if: 1 > 2, to: g}, {to: $end}]}
"""
    assert problems(text) == [
        "6:3: E301 nothing leads to node 'b', nor to the 2 behind it (the start is 'a')",
        "7:3: E301 nothing leads to node 'e', nor to the one behind it (the start is 'a')",
        "9:3: E301 nothing leads to node 'g' (the start is 'a')",
    ]


def test_every_way_on_leads_somewhere() -> None:
    text = """start: a
upon: {interrupt: e}
catch: {"*": f}
nodes:
  a: {do: t, to: [{if: 1 > 2, to: b}, {to: $end}], catch: {"*": c}, upon: {interrupt: d}}
  b: {to: $end}
  c: {to: $end}
  d: {to: $end}
  e: {to: $end}
  f: {to: $end}
"""
    assert problems(text) == []


def test_each_body_is_looked_at_by_itself() -> None:
    text = """start: a
nodes:
  a: {all: {x: {start: p, nodes: {p: {do: t, to: $end}, q: {do: t, to: p}}}}, to: b}
  b: {each: {in: "[1]", start: p, nodes: {p: {do: t, to: $end}, q: {to: $end}}}, to: $end}
"""
    assert problems(text) == [
        "3:57: E301 nothing leads to node 'a.x.q' (the start is 'p')",
        "4:65: E301 nothing leads to node 'b[].q' (the start is 'p')",
    ]
