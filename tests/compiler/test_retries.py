"""E210: a retry that never gives up."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_retry_without_an_end_is_told_of() -> None:
    text = """start: a
nodes:
  a: {do: t, retry: {initial_interval: 1s}, to: b}
  b: {do: t, retry: {max_attempts: 0}, undo: {do: t, retry: {initial_interval: 1s}}, to: $end}
"""
    assert problems(text) == [
        "3:14: E210 this retry has no end: nothing says when it gives up (give it max_attempts, or the node a deadline)",
        "4:14: E210 this retry has no end: max_attempts 0 is unlimited (give it max_attempts, or the node a deadline)",
        "4:54: E210 this retry has no end: nothing says when it gives up (give it max_attempts of at least 1)",
    ]


def test_a_deadline_or_a_number_of_attempts_ends_a_retry() -> None:
    text = """start: a
nodes:
  a: {do: t, retry: {initial_interval: 1s}, deadline: 1h, to: b}
  b: {do: t, retry: {max_attempts: 2}, undo: {do: t, retry: {max_attempts: 5}}, to: $end}
"""
    assert problems(text) == []
