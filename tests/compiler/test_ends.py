"""E216: where a run may end."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_body_does_not_end_the_run() -> None:
    text = """start: a
nodes:
  a: {all: {x: {end: ok}, y: {start: p, nodes: {p: {end: {status: failed}}}}}, to: b}
  b: {end: ok}
"""
    assert problems(text) == [
        "3:17: E216 `end` would end the run from inside the body 'a.x' (write to: $end to end the body, to: $fail to fail)",
        "3:53: E216 `end` would end the run from inside the body 'a.y' (write to: $end to end the body, to: $fail to fail)",
    ]
