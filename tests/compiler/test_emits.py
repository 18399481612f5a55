"""What a node sends to another run: data, texts that can be read, and nothing that stays here."""

from __future__ import annotations

from tests.compiler.checking import node, problems
from trellis.model.graph import Emission


def test_an_emit_is_data() -> None:
    text = """fields: {other: {type: string}}
nodes: {n: {emit: {signal: paid, to: "{{ other }}", with: {cents: 7}, x-why: so}, to: $end}}
"""
    assert node(text, "n").emit == Emission(signal="paid", to="{{ other }}", data={"cents": 7})


def test_the_other_run_declares_what_is_sent() -> None:
    assert problems("nodes: {n: {emit: {signal: never.heard-of, to: r}, to: $end}}\n") == []


def test_an_emit_takes_what_goes_with_attempts() -> None:
    text = """fields: {x: {type: any, optional: true}}
nodes:
  n: {emit: {signal: s, to: r}, say: hi, timeout: 1s, deadline: 1m, retry: {max_attempts: 2}, set: {fields: {x: 1}}, undo: {do: t}, commit: true, catch: {unknown_run: $fail}, upon: {interrupt: $end}, save: x, with: {}, join: all, to: $end}
"""
    assert problems(text) == [
        "3:201: E217 `save` goes with `do`, `all`, `race`, `each`, `use` or `wait`, and 'n' has `emit` (a signal gives nothing back; the other run may emit one in turn)",
        "3:210: E217 `with` goes with `do` or `use`, and 'n' has `emit` (what a signal carries stands in `emit`: {signal: …, to: …, with: {…}})",
        "3:220: E217 `join` goes with `all` or `each`, and 'n' has `emit` (remove `join`)",
    ]


def test_texts_of_an_emit_are_read_like_those_of_a_call_and_carry_no_secret() -> None:
    text = """fields: {s: {type: string, secret: true, from: env:S}, r: {type: string, default: r}}
nodes:
  n: {emit: {signal: s, to: "{{ q }}", with: {a: "{{ s }}", b: ["{{ r + 1 }}", "{{"]}}, to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "3:29: E211 no field named 'q'",
        "3:50: E404 secret field 's' cannot be sent: the other run would keep it in clear",
        "3:65: E402 `+` does not take a string and an integer: write str(…) to make it a text",
        "3:80: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
    ]
