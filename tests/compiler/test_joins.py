"""E218: joins that no outcome could satisfy."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_join_waits_for_no_more_branches_than_there_are() -> None:
    text = """start: a
fields: {xs: {type: [any], default: []}}
nodes:
  a: {all: {x: {do: t}, y: {do: t}}, join: {n: 3}, to: b}
  b: {all: {x: {do: t}, y: {do: t}}, join: {n: 2}, to: c}
  c: {each: {in: xs, do: t}, join: {n: 30}, to: $end}
"""
    assert problems(text) == [
        "4:48: E218 'a' waits for 3 branches and has 2 (n is at most 2)",
    ]


def test_there_is_a_branch_to_wait_for() -> None:
    text = """start: a
nodes:
  a: {all: {}, to: b}
  b: {race: {}, to: c}
  c: {race: {only: {do: t}}, to: $end}
"""
    assert problems(text) == [
        "3:12: E218 'a' has no branch to wait for",
        "4:13: E218 'b' has no branch to wait for",
    ]
