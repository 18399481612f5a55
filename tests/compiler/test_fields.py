"""E211: fields that are written or needed, and not declared."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_each_place_that_writes_an_unknown_field_is_told_of() -> None:
    text = """start: a
fields: {user: {type: string, optional: true}}
nodes:
  a: {ask: {text: usr}, to: b}
  b: {do: t, needs: [uesr], save: out, set: {fields: {usr: 1}}, to: $end}
"""
    assert problems(text) == [
        "4:19: E211 no field named 'usr' (did you mean 'user'?)",
        "5:22: E211 no field named 'uesr' (did you mean 'user'?)",
        "5:35: E211 no field named 'out' (declare it: fields: {out: {type: …}})",
        "5:55: E211 no field named 'usr' (did you mean 'user'?)",
    ]
