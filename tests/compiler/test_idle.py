"""E217: what stands at a node and could never be used."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_what_speaks_of_work_needs_work() -> None:
    text = """start: a
fields: {x: {type: any, optional: true}}
nodes:
  a: {say: hi, save: x, retry: {max_attempts: 1}, undo: {do: t}, timeout: 1s, deadline: 1s, upon: {interrupt: b}, join: all, to: b}
  b: {ask: {text: x}, save: x, retry: {max_attempts: 1}, with: {a: 1}, to: c}
  c: {all: {y: {do: t}}, retry: {max_attempts: 1}, to: d}
  d: {each: {in: "[1]", do: t}, retry: {max_attempts: 1}, with: {a: 1}, to: e}
  e: {end: ok, to: a}
"""
    assert problems(text) == [
        "4:16: E217 `save` goes with `do`, `all`, `race`, `each`, `use` or `wait`, and 'a' only says something (remove `save`)",
        "4:25: E217 `retry` goes with `do`, `use` or `emit`, and 'a' only says something (remove `retry`)",
        "4:51: E217 `undo` goes with `do`, `ask`, `all`, `race`, `each`, `use` or `emit`, and 'a' only says something (remove `undo`)",
        "4:66: E217 `timeout` goes with `do`, `ask`, `all`, `race`, `each`, `use`, `wait` or `emit`, and 'a' only says something (remove `timeout`)",
        "4:79: E217 `deadline` goes with `do`, `ask`, `all`, `race`, `each`, `use`, `wait` or `emit`, and 'a' only says something (remove `deadline`)",
        "4:93: E217 `upon` goes with `do`, `ask`, `all`, `race`, `each`, `use`, `wait` or `emit`, and 'a' only says something (remove `upon`)",
        "4:115: E217 `join` goes with `all` or `each`, and 'a' only says something (remove `join`)",
        "5:23: E217 `save` goes with `do`, `all`, `race`, `each`, `use` or `wait`, and 'b' has `ask` (the answer goes to the field that `ask` names)",
        "5:32: E217 `retry` goes with `do`, `use` or `emit`, and 'b' has `ask` (a refused answer is asked again without it)",
        "5:58: E217 `with` goes with `do` or `use`, and 'b' has `ask` (remove `with`)",
        "6:26: E217 `retry` goes with `do`, `use` or `emit`, and 'c' has `all` (put it into the branches)",
        "7:33: E217 `retry` goes with `do`, `use` or `emit`, and 'd' has `each` (put it into the body)",
        "7:59: E217 `with` goes with `do` or `use`, and 'd' has `each` (remove `with`)",
        "8:16: E217 'e' ends the run, so its `to` is never taken (remove one of the two)",
    ]


def test_a_race_has_the_join_of_a_race() -> None:
    text = """start: a
nodes:
  a: {race: {x: {do: t}, y: {do: t}}, join: {n: 3}, to: b}
  b: {race: {x: {do: t}, y: {do: t}}, join: any, retry: {max_attempts: 1}, with: {a: 1}, to: $end}
"""
    assert problems(text) == [
        "3:39: E217 `join` goes with `all` or `each`, and 'a' has `race` (the first branch that completes is enough; write `all` for another join)",
        "4:39: E217 `join` goes with `all` or `each`, and 'b' has `race` (the first branch that completes is enough; write `all` for another join)",
        "4:50: E217 `retry` goes with `do`, `use` or `emit`, and 'b' has `race` (put it into the branches)",
        "4:76: E217 `with` goes with `do` or `use`, and 'b' has `race` (remove `with`)",
    ]


def test_what_cannot_happen_cannot_be_caught() -> None:
    text = """start: c
fields: {x: {type: any, optional: true}}
catch: {visit_limit: d}
nodes:
  c: {catch: {timeout: d, step_limit: d, no_edge: d}, to: d}
  d: {say: hi, catch: {"*": e}, to: e}
  e: {set: {fields: {x: 1}}, catch: {"*": f, invalid: f, denied: f}, to: f}
  f: {end: ok}
"""
    assert problems(text) == [
        "3:9: E217 visit_limit cannot be caught: going on would be more of what was too much (raise it in `limits`, or mend the loop)",
        "5:15: E217 nothing in 'c' can fail with timeout (catch it where something acts)",
        "5:27: E217 step_limit cannot be caught: going on would be more of what was too much (raise it in `limits`, or mend the loop)",
        "6:24: E217 nothing in 'd' can fail in a way that * takes (catch it where something acts)",
        "7:58: E217 nothing in 'e' can fail with denied (catch it where something acts)",
    ]


def test_what_speaks_of_work_may_stand_where_there_is_work() -> None:
    text = """start: a
fields: {x: {type: any, optional: true}}
nodes:
  a: {ask: {text: x}, timeout: 1s, undo: {do: t}, upon: {interrupt: b}, catch: {timeout: b}, to: b}
  b: {do: t, with: {a: 1}, save: x, timeout: 1s, deadline: 1m, retry: {max_attempts: 1}, undo: {do: t}, upon: {interrupt: c}, to: c}
  c: {all: {y: {do: t}}, save: x, timeout: 1s, undo: {do: t}, join: collect, to: d}
  d: {race: {y: {do: t}}, save: x, timeout: 1s, deadline: 1m, undo: {do: t}, upon: {interrupt: b}, catch: {timeout: b}, to: $end}
"""
    assert problems(text) == []


def test_an_exceeded_deadline_is_a_timeout() -> None:
    text = """start: a
catch: {deadline: b}
nodes:
  a: {do: t, deadline: 1s, catch: {deadline: b, timeout: b}, to: b}
  b: {say: hi, to: $end}
"""
    assert problems(text) == [
        "2:9: E217 no error has the code deadline (an exceeded deadline has the code `timeout`)",
        "4:36: E217 no error has the code deadline (an exceeded deadline has the code `timeout`)",
    ]


def test_a_node_that_does_nothing_but_take_back_may_fail_to() -> None:
    text = """start: a
fields: {x: {type: integer, default: 1}}
nodes:
  a: {do: t, undo: {do: t}, to: b}
  b: {say: hi, catch: {undo_failed: d, "*": d, failed: d}, to: [{if: x > 1, to: a, undo: true}, {to: c}]}
  c: {say: hi, catch: {undo_failed: d}, to: d}
  d: {end: ok}
"""
    assert problems(text) == [
        "5:48: E217 nothing in 'b' can fail with failed (catch it where something acts)",
        "6:24: E217 nothing in 'c' can fail with undo_failed (catch it where something acts)",
    ]
