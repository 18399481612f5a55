"""E212: signals that `upon` may name."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_an_unknown_signal_is_told_of_at_its_key() -> None:
    text = """start: a
signals: {fault: {}}
upon: {interupt: a}
nodes:
  a: {do: t, upon: {fautl: a, interrupt: a, fault: a, other: a}, to: $end}
"""
    assert problems(text) == [
        "3:8: E212 no signal named 'interupt' (did you mean 'interrupt'?)",
        "5:21: E212 no signal named 'fautl' (did you mean 'fault'?)",
        "5:55: E212 no signal named 'other' (declare it: signals: {other: {}})",
    ]
