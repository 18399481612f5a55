"""E219: declarations that cannot be."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_defaults_and_enums_fit_their_types() -> None:
    text = """fields:
  b: {type: integer, default: x}
  c: {type: string, enum: [a, b], default: c}
  d: {type: boolean, enum: [true]}
  e: {type: integer, enum: [1, 1]}
  f: {type: integer, default: -1, check: value >= 0}
  g: {type: integer, default: 1, check: value >= other}
  h: {type: {a: [string]}, default: {a: [1]}}
  i: {type: integer, default: 3.0, enum: [1, 3]}
  other: {type: integer, default: 0}
nodes:
  n: {to: $end}
"""
    assert problems(text) == [
        "2:31: E219 the default of field 'b': expected integer, found string 'x'",
        "3:44: E219 the default of field 'c': expected one of a, b, found string 'c'",
        "4:28: E219 the enum of field 'd': enum goes with string, integer or number, not with boolean",
        "5:28: E219 the enum of field 'e': integer 1 is there twice",
        "6:31: E219 the default of field 'f' does not pass its own check `value >= 0`",
        "8:37: E219 the default of field 'h': at a[0]: expected string, found integer 1",
    ]


def test_types_are_types() -> None:
    text = """fields:
  a: {type: strng, default: 1, enum: [2]}
  b: {type: [integer, string], optional: true}
  c: {type: {k: int}, optional: true}
signals: {s: {x: bool}}
nodes:
  n: {to: $end}
"""
    assert problems(text) == [
        "2:13: E219 the type of field 'a': unknown type 'strng': did you mean 'string'?",
        "3:13: E219 the type of field 'b': a list type is written [T] with one type in it, found 2",
        "4:13: E219 the type of field 'c': k: unknown type 'int': write `integer`",
        "5:18: E219 the type of signal 's': unknown type 'bool': write `boolean`",
    ]
