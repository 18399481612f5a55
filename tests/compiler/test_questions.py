"""E214: questions that nobody could answer."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_choice_has_options_and_each_fits_its_field() -> None:
    text = """start: a
fields:
  env: {type: string, optional: true}
  n: {type: integer, enum: [1, 2], default: 1}
nodes:
  a: {ask: {choice: env}, to: b}
  b: {ask: {choice: n, options: [1, 3, 1]}, to: c}
  c: {ask: {choice: n}, to: d}
  d: {ask: {choice: env, options: [a, b], default: c}, to: $end}
"""
    assert problems(text) == [
        "6:21: E214 'a' offers nothing to choose from (give it options: […], or the field 'env' an enum)",
        "7:37: E214 an option of 'b' does not fit 'n': expected one of 1, 2, found integer 3",
        "7:40: E214 an option of 'b' does not fit 'n': integer 1 is there twice",
        "9:52: E214 the default answer of 'd': string 'c' is none of the options",
    ]


def test_the_kind_of_a_question_fits_the_type_of_its_field() -> None:
    text = """start: a
fields:
  ok: {type: boolean, optional: true}
  env: {type: string, optional: true}
  m: {type: {a: string}, optional: true}
  n: {type: integer, enum: [1, 2], default: 1}
  when: {type: time, optional: true}
nodes:
  a: {ask: {text: ok}, to: b}
  b: {ask: {int: env}, to: c}
  c: {ask: {text: m}, to: d}
  d: {ask: {text: n}, to: e}
  e: {ask: {confirm: ok, default: maybe}, to: f}
  f: {ask: {text: when}, to: g}
  g: {ask: {int: n, default: 2}, to: $end}
"""
    assert problems(text) == [
        "9:13: E214 a question of kind text cannot fill 'ok', which is boolean (write {confirm: ok})",
        "10:13: E214 a question of kind int cannot fill 'env', which is string (write {text: env})",
        "11:13: E214 a question of kind text cannot fill 'm', which is {a: string} (text fills string or time or duration)",
        "12:13: E214 a question of kind text cannot fill 'n', which is integer (1, 2) (write {choice: n})",
        "13:35: E214 the default answer of 'e': expected boolean, found string 'maybe'",
    ]


def test_a_secret_answer_goes_to_a_secret_field() -> None:
    text = """start: a
fields: {p: {type: string, optional: true}, q: {type: string, optional: true, secret: true}}
nodes:
  a: {ask: {secret: p}, to: b}
  b: {ask: {secret: q}, to: $end}
"""
    assert problems(text) == [
        "4:21: W309 the answer to 'a' is kept in clear: field 'p' is no secret (give the field secret: true)",
    ]
