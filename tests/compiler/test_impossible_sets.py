"""E505: what a `set` adds in vain, whatever happened before."""

from __future__ import annotations

from tests.compiler.checking import problems

NEVER = "(it would always fail with states_refused)"


def test_a_set_does_not_add_what_it_removes() -> None:
    text = """states: {A: {}, B: {require: [C]}, C: {require: [A]}}
nodes: {n: {set: {add: [A, B], remove: [A]}, to: $end}}
"""
    assert problems(text) == [
        f"2:25: E505 'n' can never add 'A': the same `set` removes it {NEVER}",
        f"2:28: E505 'n' can never add 'B': it requires 'A', which the same `set` removes {NEVER}",
    ]


def test_states_that_one_set_adds_can_be_together() -> None:
    text = """start: n
states: {A: {remove: [B]}, B: {}, C: {require: [B]}, D: {}}
nodes:
  n: {set: {add: [A, D, B]}, to: m}
  m: {set: {add: [C, A]}, to: o}
  o: {set: {add: [A, D]}, to: $end}
"""
    assert problems(text) == [
        f"4:25: E505 'n' can never add 'B': 'A' is added with it, and 'A' removes 'B' {NEVER}",
        f"5:22: E505 'm' can never add 'A': 'C' is added with it, and 'A' removes 'B' {NEVER}",
    ]


def test_a_state_that_requires_a_node_is_added_on_the_way_to_it() -> None:
    text = """start: a
states: {AtA: {require: [a]}, AtB: {require: [Deep]}, Deep: {require: [b]}}
nodes:
  a: {do: t, set: {add: [AtA, AtB, Deep]}, to: b}
  b: {do: t, set: {add: [AtB, AtA]}, to: [{if: 1 > 2, to: b}, {to: $end}]}
"""
    assert problems(text) == [
        f"4:26: E505 'a' can never add 'AtA': it requires the node 'a', which is left then {NEVER}",
        f"5:31: E505 'b' can never add 'AtA': it requires the node 'a', and a run is not there then {NEVER}",
    ]


def test_a_branch_adds_what_requires_the_node_around_it_or_the_next_one() -> None:
    text = """start: fan
states: {Here: {require: [fan]}, Next: {require: [next]}, Far: {require: [far]}}
nodes:
  fan: {all: {x: {do: t, set: {add: [Here, Next, Far]}}}, to: next}
  next: {do: t, to: far}
  far: {do: t, to: $end}
"""
    assert problems(text) == [
        f"4:50: E505 'fan.x' can never add 'Far': it requires the node 'far', and a run is not there then {NEVER}",
    ]


def test_what_a_state_does_may_add_anything_since_the_run_may_be_anywhere() -> None:
    text = """states: {A: {auto: true, entered: {set: {add: [B]}}}, B: {require: [n]}}
nodes: {n: {do: t, to: m}, m: {do: t, to: $end}}
start: n
"""
    assert problems(text) == []


def test_a_state_that_can_never_be_is_told_of_where_it_is_declared() -> None:
    text = """states: {A: {require: [B], remove: [B]}, B: {}}
nodes: {n: {set: {add: [A]}, to: $end}}
"""
    assert [line.split(" ")[1] for line in problems(text)] == ["E504"]


def test_a_contradiction_of_a_state_is_not_told_of_again_at_a_set() -> None:
    text = """states: {A: {require: [B], remove: [B]}, B: {}}
nodes: {n: {set: {add: [A], remove: [B]}, to: $end}}
"""
    assert [line.split(" ")[1] for line in problems(text)] == ["E504"]


def test_a_body_in_what_a_state_does_may_add_anything_too() -> None:
    text = """states: {A: {auto: true, entered: {all: {x: {do: t, set: {add: [B]}}}}}, B: {require: [n]}}
nodes: {n: {do: t, to: m}, m: {do: t, to: $end}}
start: n
"""
    assert problems(text) == []


def test_a_node_without_a_way_on_has_that_problem_alone() -> None:
    text = """states: {A: {require: [n]}}
nodes: {n: {do: t, set: {add: [A]}}}
"""
    assert [line.split(" ")[1] for line in problems(text)] == ["E302"]


def test_what_is_required_round_a_circle_counts() -> None:
    text = """states: {C: {require: [B, E]}, B: {require: [C, D]}, D: {}, E: {}}
nodes: {n: {set: {add: [B, C], remove: [E]}, to: $end}}
"""
    assert [line for line in problems(text) if "E505" in line] == [
        f"2:25: E505 'n' can never add 'B': it requires 'E', which the same `set` removes {NEVER}",
        f"2:28: E505 'n' can never add 'C': it requires 'E', which the same `set` removes {NEVER}",
    ]
