"""E502: nodes and states share one name space."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_name_is_a_node_or_a_state() -> None:
    text = """start: Ready
extends: [basic]
states: {work: {}}
nodes:
  Ready: {to: work}
  work: {all: {Start: {do: t}}, to: $end}
"""
    assert problems(text) == [
        "5:3: E502 'Ready' is both a node and a state of 'basic' (choose another name for one of them)",
        "6:3: E502 'work' is both a node and a state (choose another name for one of them)",
    ]
