"""E302: nodes from which there is no way on."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_node_needs_a_way_on_and_catching_is_none() -> None:
    text = """start: a
nodes:
  a: {all: {x: {start: p, nodes: {p: {do: t}}}, y: {do: t}}, catch: {"*": b}}
  b: {say: hi}
"""
    assert problems(text) == [
        "3:3: E302 node 'a' has no way on (write to: $end; `catch` and `upon` only lead away from what goes wrong or comes between)",
        "3:35: E302 node 'a.x.p' has no way on (write to: $end)",
        "4:3: E302 node 'b' has no way on (write to: $end)",
    ]


def test_neither_the_end_of_a_run_nor_the_only_node_of_a_body_needs_one() -> None:
    text = """start: a
nodes:
  a: {all: {x: {do: t}, y: {each: {in: "[1]", say: hi}}}, to: b}
  b: {end: ok}
"""
    assert problems(text) == []


def test_a_target_that_means_nothing_is_a_way_on_all_the_same() -> None:
    text = """nodes:
  a: {say: hi, to: zzz}
"""
    assert problems(text) == [
        "2:20: E204 no node named 'zzz'",
    ]
