"""W308: `error` and `signal` where they may be absent."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_what_only_some_ways_bring_may_be_absent() -> None:
    text = """start: a
signals: {s: {}}
nodes:
  a: {do: t, catch: {"*": b}, to: b}
  b: {do: t, with: {x: "{{ error.code }}"}, upon: {interrupt: c}, catch: {timeout: c, denied: d, "*": e}, to: f}
  c: {say: "{{ signal.name }}", to: $end}
  d: {say: "{{ error.code }}", to: $end}
  e: {say: "{{ default(error.code, 'x') }}", to: d}
  f: {to: e}
"""
    assert problems(text) == [
        "5:24: W308 'b' reads `error`, which is not there when `to` of 'a' leads there (give it a node of its own for `catch`, or write default(error, …))",
        "6:12: W308 'c' reads `signal`, which is not there when `catch` of 'b' leads there (give it a node of its own for `upon`, or write default(signal, …))",
        "7:12: W308 'd' reads `error`, which is not there when `to` of 'e' leads there (give it a node of its own for `catch`, or write default(error, …))",
    ]


def test_what_the_graph_catches_brings_an_error_too() -> None:
    text = """start: a
upon: {interrupt: c}
catch: {"*": b}
nodes:
  a: {do: t, to: c}
  b: {say: "{{ error.code }}", to: d}
  c: {say: "{{ signal.name }}", to: d}
  d: {say: "{{ default(error.code, 'x') }}", to: $end}
"""
    assert problems(text) == [
        "7:12: W308 'c' reads `signal`, which is not there when `to` of 'a' leads there (give it a node of its own for `upon`, or write default(signal, …))",
        "8:12: E211 'error' is only known in a node that `catch` leads to",
    ]
