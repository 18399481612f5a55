"""E215: edges that undo."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_only_edges_of_the_graph_itself_to_a_node_undo() -> None:
    text = """start: a
nodes:
  a: {all: {x: {start: p, nodes: {p: {do: t, to: [{if: 1 > 2, to: p, undo: true}, {to: $end}]}}}}, to: b}
  b: {do: t, to: [{if: 1 > 2, to: a, undo: true}, {to: $end, undo: true}]}
"""
    assert problems(text) == [
        "3:70: E215 an edge inside the body 'a.x' cannot undo (let the body fail, catch that where the body is, and undo from there)",
        "4:62: E215 an edge to $end has nothing to go back to (to undo everything, go to $rollback)",
    ]
