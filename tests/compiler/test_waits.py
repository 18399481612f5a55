"""What a node waits for: a declared signal, a moment, an expression that something can make true."""

from __future__ import annotations

from tests.compiler.checking import definition, node, problems
from trellis.model.graph import Wait

FORMS = """start: a
signals: {go: {}}
fields: {due: {type: time}, n: {type: integer, default: 0}}
nodes:
  a: {wait: {signal: go}, to: b}
  b: {wait: {time: 1h30m}, to: c}
  c: {wait: {until: "{{ due }}"}, to: d}
  d: {all: {x: {wait: {if: n > 3}}, y: {do: t, save: n}}, to: $end}
"""


def test_each_form_is_data() -> None:
    waits = [found.wait for found in definition(FORMS).nodes.values() if found.wait is not None]
    assert waits == [Wait(signal="go"), Wait(time=5400.0), Wait(until="{{ due }}"), Wait(condition="n > 3")]
    assert [wait.shown for wait in waits] == ["signal go", "1h30m", "until {{ due }}", "`n > 3`"]


def test_an_expression_that_yaml_has_read_as_a_value_is_one() -> None:
    assert node("nodes: {n: {wait: {if: true}, to: $end}}\n", "n").wait == Wait(condition="true")


def test_an_unknown_signal_is_told_of_where_it_is_waited_for() -> None:
    text = """start: a
signals: {paid: {}}
nodes:
  a: {wait: {signal: payed}, to: b}
  b: {wait: {signal: other}, to: c}
  c: {wait: {signal: interrupt}, to: $end}
"""
    assert problems(text) == [
        "4:22: E212 no signal named 'payed' (did you mean 'paid'?)",
        "5:22: E212 no signal named 'other' (declare it: signals: {other: {}})",
    ]


def test_a_node_takes_a_signal_by_its_wait_or_by_its_upon() -> None:
    text = """signals: {go: {}, stop: {}}
nodes:
  n: {wait: {signal: go}, upon: {go: $end, stop: $end}, to: $end}
"""
    assert problems(text) == [
        "3:34: E217 'n' waits for signal 'go', so its `upon` never takes it (choose the way on in `to`, or let `upon` alone take 'go')",
    ]


def test_what_a_signal_carries_fits_the_field_that_saves_it() -> None:
    text = """start: a
signals: {paid: {cents: integer, by: {name: string}}, go: {buffer: 2}}
fields:
  n: {type: integer, optional: true}
  some: {type: {cents: integer}, optional: true}
  other: {type: {cents: string}, optional: true}
  more: {type: {cents: integer, note: string}, optional: true}
  less: {type: {cents: integer, note: {type: string, optional: true}}, optional: true}
  every: {type: any, optional: true}
nodes:
  a: {wait: {signal: paid}, save: n, to: b}
  b: {wait: {signal: paid}, save: some, to: c}
  c: {wait: {signal: paid}, save: other, to: d}
  d: {wait: {signal: paid}, save: more, to: e}
  e: {wait: {signal: paid}, save: less, to: f}
  f: {wait: {signal: go}, save: every, to: g}
  g: {wait: {signal: go}, save: some, to: h}
  h: {wait: {time: 5s}, save: every, to: $end}
"""
    assert problems(text) == [
        "11:35: E402 what signal 'paid' carries goes to 'n': expected integer, found {cents: integer, by: {name: string}}",
        "13:35: E402 what signal 'paid' carries goes to 'other': at cents: expected string, found integer",
        "14:35: E402 what signal 'paid' carries goes to 'more': missing key 'note' (string)",
        "17:33: E402 what signal 'go' carries goes to 'some': missing key 'cents' (integer)",
        "18:25: E217 'h' waits for no signal, so there is nothing to save (remove `save`)",
    ]


def test_a_moment_is_a_time_with_a_zone() -> None:
    text = """start: a
fields: {n: {type: integer, default: 1}, ok: {type: boolean, default: true}, long: {type: duration, default: 5s}, due: {type: time, optional: true}, xs: {type: [any], default: []}}
nodes:
  a: {wait: {until: tomorrow}, to: b}
  b: {wait: {until: "2030-01-31T09:30:00"}, to: c}
  c: {wait: {until: 2030-01-31T09:30:00+01:00}, to: d}
  d: {wait: {until: "{{ ok }}"}, to: e}
  e: {wait: {until: "{{ long }}"}, to: f}
  f: {wait: {until: "{{ xs }}"}, to: g}
  g: {wait: {until: "{{ seconds(due) - 3600 }}"}, to: h}
  h: {wait: {until: "{{ due"}, to: i}
  i: {wait: {until: "2030-01-31T0{{ n }}:00:00Z"}, to: j}
  j: {wait: {until: "{{ do }}"}, to: k}
  k: {wait: {until: "{{ default(due, xs) }}"}, to: $end}
"""
    assert problems(text) == [
        "4:21: E207 'until': expected a time such as 2030-01-31T09:30:00Z, found string 'tomorrow'",
        "5:21: E207 'until': expected a time with a zone, found string '2030-01-31T09:30:00': end it with Z or +02:00",
        "7:21: E402 `ok` is boolean, and no moment (a moment is a text such as 2030-01-31T09:30:00Z, or the seconds since 1970)",
        "8:21: E402 `long` is duration, and no moment (to wait so long, write {time: …}, or {until: …} of a time)",
        "9:21: E402 `xs` is [any], and no moment (a moment is a text such as 2030-01-31T09:30:00Z, or the seconds since 1970)",
        "11:21: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
        "13:21: E211 no field named 'do' (declare it: fields: {do: {type: …}})",
    ]


VAIN = """start: a
fields: {n: {type: integer, default: 0}, m: {type: integer, default: 0}, xs: {type: [integer], default: [1]}}
states: {Up: {auto: true, entered: {do: t, save: m}}}
nodes:
  a: {wait: {if: n > 3}, to: b}
  b: {do: t, save: n, to: c}
  c:
    all:
      x: {wait: {if: n > 3}}
      y: {start: p, nodes: {p: {wait: {if: n > 4}, to: q}, q: {do: t, save: n, to: $end}}}
    to: d
  d: {each: {in: xs, do: t, save: n}, to: e}
  e: {each: {in: xs, start: p, nodes: {p: {wait: {if: n > 5}, to: q}, q: {do: t, save: n, to: $end}}}, to: f}
  f: {each: {in: xs, max: 1, start: p, nodes: {p: {wait: {if: n > 6}, to: q}, q: {do: t, save: n, to: $end}}}, to: g}
  g: {wait: {if: m > 7}, to: h}
  h: {wait: {if: 1 > 2}, to: i}
  i: {race: {x: {all: {z: {wait: {if: "default(n, 0) > 8"}}}}, y: {do: t, set: {fields: {n: "3"}}}}, to: $end}
"""


def test_an_expression_that_nothing_can_make_true_is_waited_for_in_vain() -> None:
    assert [line.partition(" (")[0] for line in problems(VAIN) if "W311" in line] == [
        "5:18: W311 'a' waits for `n > 3`, and nothing that may run beside it writes 'n': it goes on at once or never",
        "10:44: W311 'c.y.p' waits for `n > 4`, and nothing that may run beside it writes 'n': it goes on at once or never",
        "14:63: W311 'f[].p' waits for `n > 6`, and nothing that may run beside it writes 'n': it goes on at once or never",
        "16:18: W311 'h' waits for `1 > 2`, and the expression reads no field: it goes on at once or never",
    ]


def test_what_an_expression_of_a_wait_reads_is_known_and_set() -> None:
    text = """fields: {n: {type: integer}, s: {type: string, secret: true}}
nodes:
  n: {all: {x: {wait: {if: n > q}}, y: {do: t, save: n}, z: {wait: {if: "s == 'a'"}}, v: {wait: {until: "{{ s }}"}}}, to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "3:28: E211 no field named 'q'",
        "3:28: W303 field 'n' may be unset in 'n.x' on the path n → n.x: a run needs it at start",
        "3:73: E404 secret field 's' can only be passed on whole, as {{ s }}",
        "3:73: W303 'n.z' reads field 's', which no node writes: a run needs it at start",
        "3:73: W311 'n.z' waits for `s == 'a'`, and nothing that may run beside it writes 's': it goes on at once or never",
        "3:105: E404 secret field 's' can only be passed on whole, as {{ s }}",
    ]


def test_an_expression_of_a_wait_may_name_states_and_no_other_expression_may() -> None:
    text = """start: a
states: {Up: {}, Ready: {auto: true, require: [Up]}}
nodes:
  a: {wait: {if: Up and Reday}, set: {add: [Up]}, to: [{if: Up, to: b}, {to: b}]}
  b: {wait: {if: Ready > 3}, to: c}
  c: {wait: {if: not Ready}, to: $end}
"""
    assert problems(text) == [
        "4:18: E211 no field named 'Reday' (did you mean 'Ready'?)",
        "4:61: E211 no field named 'Up' (declare it: fields: {Up: {type: …}})",
        "5:18: E402 cannot tell whether a boolean > an integer",
    ]
