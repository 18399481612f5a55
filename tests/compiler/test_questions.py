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


def test_an_approval_can_come_to_a_yes() -> None:
    text = """start: a
fields:
  v: {type: approval, optional: true}
  s: {type: string, optional: true}
  x: {type: any, optional: true}
nodes:
  a: {ask: {approve: v, by: [ana, ben], quorum: 3}, to: b}
  b: {ask: {approve: s}, to: c}
  c: {ask: {text: v}, to: d}
  d: {ask: {approve: v, default: approve, options: [approve]}, to: e}
  e: {ask: {approve: v, by: [ana, " ben", "", ana, "{{ s }}"]}, to: f}
  f: {ask: {text: s, by: [ana], quorum: 1}, to: g}
  g: {ask: {approve: x, by: [ana, ben], quorum: 2}, to: $end}
limits: {time: 30d}
"""
    assert problems(text) == [
        "7:49: E214 'a' waits for 3 approvals, and names 2 who may give them (name more approvers, or wait for fewer)",
        "8:13: E214 a question of kind approve cannot fill 's', which is string (write {text: s})",
        "9:13: E214 a question of kind text cannot fill 'v', which is approval (write {approve: v})",
        "10:25: E214 `default` says nothing to a question of kind approve: silence is no approval (remove `default`)",
        "10:43: E214 `options` says nothing to a question of kind approve: its options are its own (remove `options`)",
        "11:35: E214 an approver of 'e': string ' ben' is no name: it is empty, or has blanks around it",
        "11:43: E214 an approver of 'e': string '' is no name: it is empty, or has blanks around it",
        "11:47: E214 an approver of 'e': string 'ana' is there twice",
        "11:52: E214 an approver of 'e': names of approvers are written as they are, no text is made of data here",
        "12:22: E214 `by` says nothing to a question of kind text: it goes with approve (remove `by`)",
        "12:33: E214 `quorum` says nothing to a question of kind text: it goes with approve (remove `quorum`)",
    ]


def test_only_a_text_has_several_lines() -> None:
    text = """start: a
fields: {s: {type: string, optional: true}, n: {type: integer, optional: true}}
nodes:
  a: {ask: {text: s, lines: true}, to: b}
  b: {ask: {int: n, lines: true}, to: $end}
"""
    assert problems(text) == [
        "5:21: E214 `lines` says nothing to a question of kind int: it goes with text (remove `lines`)",
    ]


def test_several_choices_fill_a_list_and_a_date_what_can_hold_one() -> None:
    text = """start: a
fields:
  xs: {type: [string], default: []}
  ns: {type: [{type: integer, enum: [1, 2]}], default: []}
  s: {type: string, optional: true}
  n: {type: integer, optional: true}
  t: {type: time, optional: true}
nodes:
  a: {ask: {multi: xs}, to: b}
  b: {ask: {multi: s, options: [a]}, to: c}
  c: {ask: {multi: ns, options: [1, 3, 1], default: [2]}, to: d}
  d: {ask: {multi: ns, default: 1}, to: e}
  e: {ask: {text: xs}, to: f}
  f: {ask: {date: n}, to: g}
  g: {ask: {date: s, options: [a], default: soon}, to: h}
  h: {ask: {date: t, default: 2030-01-31}, to: i}
  i: {ask: {date: s, default: 2030-02-30}, to: j}
  j: {ask: {date: t, default: "2030-01-31T10:00:00Z"}, to: k}
  k: {ask: {multi: ns, default: [2]}, to: l}
  l: {ask: {date: s, default: 2030-01-31}, to: $end}
"""
    assert problems(text) == [
        "9:20: E214 'a' offers nothing to choose from (give it options: […], or the field 'xs' the type [{type: string, enum: […]}])",
        "10:13: E214 a question of kind multi cannot fill 's', which is string (write {text: s})",
        "11:37: E214 an option of 'c' does not fit 'ns': expected one of 1, 2, found integer 3",
        "11:40: E214 an option of 'c' does not fit 'ns': integer 1 is there twice",
        "11:53: E214 the default answer of 'c': integer 2 is none of the options",
        "12:33: E214 the default answer of 'd': expected [integer (1, 2)], found integer 1",
        "13:13: E214 a question of kind text cannot fill 'xs', which is [string] (write {multi: xs})",
        "14:13: E214 a question of kind date cannot fill 'n', which is integer (write {int: n})",
        "15:22: E214 `options` says nothing to a question of kind date: any date can be chosen (remove `options`)",
        "15:45: E214 the default answer of 'g': not a date such as 2030-01-31: 'soon'",
        "16:31: E214 the default answer of 'h': expected a time with a zone, found string '2030-01-31': end it with Z or +02:00",
        "17:31: E214 the default answer of 'i': not a date such as 2030-01-31: '2030-02-30'",
    ]


def test_a_form_asks_for_what_its_fields_can_take_from_one_answer() -> None:
    text = """start: a
fields:
  s: {type: string, optional: true}
  env: {type: string, enum: [staging, prod]}
  xs: {type: [string], default: []}
  ns: {type: [{type: integer, enum: [1, 2]}], default: []}
  m: {type: {a: string}, optional: true}
  v: {type: approval, optional: true}
  key: {type: string, secret: true}
nodes:
  a: {ask: {form: [s, env, ns]}, to: b}
  b: {ask: {form: [s, xs, s, m, v, key, envv]}, to: c}
  c: {ask: {form: [s], default: {s: x}, options: [x], by: [ana]}, to: $end}
"""
    assert problems(text) == [
        "12:23: E214 the form of 'b' cannot ask for 'xs', which is [string] (give it the type [{type: string, enum: […]}])",
        "12:27: E214 the form of 'b' asks for 's' twice",
        "12:30: E214 the form of 'b' cannot ask for 'm', which is {a: string} (a form asks for string, duration, any, time, integer, number, boolean, list)",
        "12:33: E214 the form of 'b' cannot ask for 'v', which is approval (ask for it alone: ask: {approve: v})",
        "12:36: E214 the form of 'b' shows its answers, and field 'key' is a secret (ask for it alone: ask: {secret: key})",
        "12:41: E211 no field named 'envv' (did you mean 'env'?)",
        "13:24: E214 `default` says nothing to a question of kind form: that of its fields is taken (remove `default`)",
        "13:41: E214 `options` says nothing to a question of kind form: that of its fields is taken (remove `options`)",
        "13:55: E214 `by` says nothing to a question of kind form: it goes with approve (remove `by`)",
    ]


def test_all_fields_of_a_form_are_written_when_it_is_left() -> None:
    text = """start: a
fields: {s: {type: string}, n: {type: integer}}
nodes:
  a: {ask: {form: [s, n]}, to: b}
  b: {say: "{{ s }} {{ n }}", to: $end}
"""
    assert problems(text) == []
