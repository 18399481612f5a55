"""W508: states that are waited for, and never come."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_what_nothing_brings_is_awaited_in_vain() -> None:
    text = """start: a
states:
  Added: {add: [Brought]}
  Brought: {}
  Auto: {auto: true, add: [ByAuto]}
  ByAuto: {}
  Nobody: {}
  Lame: {auto: true, require: [Nobody]}
upon: {states: {Nobody: b}}
nodes:
  a: {do: t, set: {add: [Added]}, upon: {states: {Nobody: b, Lame: b, Auto: b}}, to: b}
  b: {wait: {states: [Added, Brought, Auto, ByAuto, Nobody, Lame, Exception]}, timeout: 1s, to: $end}
"""
    assert [line for line in problems(text) if "W508" in line] == [
        "9:17: W508 'Nobody' never becomes active: it is not auto, and nothing adds it",
        "11:51: W508 'Nobody' never becomes active: it is not auto, and nothing adds it",
        "11:62: W508 'Lame' never becomes active: it requires 'Nobody', which never does",
        "12:53: W508 'Nobody' never becomes active: it is not auto, and nothing adds it",
        "12:61: W508 'Lame' never becomes active: it requires 'Nobody', which never does",
        "12:67: W508 'Exception' never becomes active: it is not auto, and nothing adds it",
    ]


def test_what_comes_only_with_a_state_that_never_does_is_awaited_in_vain() -> None:
    text = """states: {Never: {require: [Nobody], add: [Brought]}, Nobody: {}, Brought: {}}
nodes: {n: {set: {add: [Never]}, to: w}, w: {wait: {states: [Brought]}, to: $end}}
start: n
"""
    assert problems(text) == ["2:62: W508 'Brought' never becomes active: what brings it never does"]


def test_states_that_require_each_other_come_together() -> None:
    text = """states: {A: {require: [B]}, B: {require: [A]}}
nodes: {n: {set: {add: [A, B]}, to: w}, w: {wait: {states: [A]}, to: $end}}
start: n
"""
    assert [line for line in problems(text) if "W508" in line] == []


def test_states_that_exclude_each_other_are_not_awaited_together() -> None:
    text = """states: {A: {auto: true, remove: [B]}, B: {}, C: {auto: true, require: [B]}}
nodes: {n: {set: {add: [B]}, to: w}, w: {wait: {states: [A, C]}, to: $end}}
start: n
"""
    assert problems(text) == ["2:57: W508 'w' waits for 'A' and 'C' at once, and 'A' removes 'B'"]


def test_what_a_state_does_may_bring_another() -> None:
    text = """states: {A: {auto: true, entered: {all: {x: {do: t, set: {add: [B]}}}}}, B: {exited: {set: {add: [C]}}}, C: {}}
nodes: {w: {wait: {states: [B, C]}, to: $end}}
"""
    assert problems(text) == []


def test_a_typo_is_not_told_of_as_what_it_was_meant_for() -> None:
    text = """states: {Ready: {}}
nodes: {w: {wait: {states: [Redy]}, to: $end}}
"""
    assert [line.split(" ")[1] for line in problems(text)] == ["E501"]


def test_states_that_contradict_themselves_are_told_of_as_that() -> None:
    text = """states: {A: {require: [B], remove: [B]}, B: {}}
nodes: {n: {set: {add: [A, B]}, to: w}, w: {wait: {states: [A, B]}, to: $end}}
start: n
"""
    assert [line.split(" ")[1] for line in problems(text)] == ["E504"]
