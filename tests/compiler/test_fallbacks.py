"""W304, W307: edges that may all fail, and edges that are never taken."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_conditions_without_a_fallback_may_all_fail() -> None:
    text = """start: a
fields: {n: {type: integer, default: 0}}
nodes:
  a: {do: t, to: [{if: n > 1, to: b}, {if: n < 1, to: b}]}
  b: {do: t, to: [{if: n > 1, to: a}], catch: {no_edge: $end}}
"""
    assert problems(text) == [
        "4:18: W304 if no condition of 'a' holds, it fails with no_edge (end the list with {to: …} without `if`)",
    ]


def test_an_edge_behind_one_without_a_condition_is_never_taken() -> None:
    text = """start: a
fields: {n: {type: integer, default: 0}}
nodes:
  a: {do: t, to: [{if: n > 1, to: b}, {to: $end}, {if: n < 1, to: b}, {to: b}]}
  b: {do: t, to: [{to: $end}]}
"""
    assert problems(text) == [
        "4:51: W307 this edge of 'a' is never taken: the one before it always is (put the edge without `if` last)",
    ]
