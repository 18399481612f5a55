"""E305, W305: loops of nodes that wait for nothing."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_loop_without_a_way_out_is_an_error() -> None:
    text = """start: a
nodes:
  a: {say: a, to: b}
  b: {say: b, to: c}
  c: {say: c, to: a}
"""
    assert problems(text) == [
        "3:19: E305 'a', 'b', 'c' go round for ever: no edge leads out, and nothing in it waits (let one of its edges lead out, or let one of its nodes wait)",
    ]


def test_a_way_out_behind_an_edge_that_is_always_taken_is_none() -> None:
    text = """fields: {n: {type: integer, default: 0}}
nodes:
  y: {set: {fields: {n: n + 1}}, to: [{to: y}, {to: $end}]}
"""
    assert problems(text) == [
        "3:38: E305 'y' goes to itself for ever: no edge leads out, and nothing in it waits (let one of its edges lead out, or let one of its nodes wait)",
        "3:48: W307 this edge of 'y' is never taken: the one before it always is (put the edge without `if` last)",
    ]


def test_a_loop_whose_conditions_nothing_in_it_can_change_is_doubtful() -> None:
    text = """start: a
fields: {n: {type: integer, default: 0}, m: {type: integer, default: 0}}
nodes:
  a: {set: {fields: {m: m + 1}}, to: b}
  b: {to: [{if: n > 3, to: $end}, {to: a}]}
"""
    assert problems(text) == [
        "4:38: W305 'a', 'b' go round for ever unless its first round leads out: nothing in it changes its conditions (let one of its nodes set 'n')",
    ]


def test_a_loop_that_counts_is_fine() -> None:
    text = """start: x
fields: {n: {type: integer, default: 0}}
nodes:
  x: {set: {fields: {n: n + 1}}, to: y}
  y: {to: [{if: n > 3, to: $end}, {to: x}]}
"""
    assert problems(text) == []


def test_a_loop_in_which_something_waits_is_fine() -> None:
    text = """start: a
nodes:
  a: {say: hi, to: b}
  b: {do: t, to: a}
"""
    assert problems(text) == []


def test_a_long_loop_is_not_named_whole() -> None:
    text = """start: a
nodes:
  a: {to: b}
  b: {to: c}
  c: {to: d}
  d: {to: e}
  e: {to: f}
  f: {to: a}
"""
    assert problems(text) == [
        "3:11: E305 'a', 'b', 'c', 'd', 'e' and others go round for ever: no edge leads out, and nothing in it waits (let one of its edges lead out, or let one of its nodes wait)",
    ]


def test_a_loop_that_only_what_is_left_leads_out_of_is_left_by_the_conditions_before_it() -> None:
    text = """start: a
fields: {n: {type: integer, default: 0}}
nodes:
  a: {%sto: b}
  b: {to: [{if: n < 3, to: a}, {to: $end}]}
"""
    assert problems(text % "") == [
        "4:11: W305 'a', 'b' go round for ever unless its first round leads out: nothing in it changes its conditions (let one of its nodes set 'n')",
    ]
    assert problems(text % "set: {fields: {n: n + 1}}, ") == []
