"""E204: what a target may name, and what is said of one that names nothing."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_typo_in_a_target_is_one_problem_with_the_name_that_was_meant() -> None:
    text = """start: greet
nodes:
  greet: {say: hi, to: cheks}
  checks: {say: ho, to: end}
"""
    assert problems(text) == [
        "3:24: E204 no node named 'cheks' (did you mean 'checks'?)",
        "4:25: E204 no node named 'end' (did you mean '$end'?)",
    ]


def test_a_target_that_is_like_no_name_has_no_hint() -> None:
    text = """nodes:
  a: {to: nowhere}
"""
    assert problems(text) == [
        "2:11: E204 no node named 'nowhere'",
    ]


def test_an_unknown_start_counts_as_its_best_guess() -> None:
    text = """start: aa
nodes:
  a: {do: t, to: b}
  b: {end: ok}
  c: {end: ok}
"""
    assert problems(text) == [
        "1:8: E204 no node named 'aa' (did you mean 'a'?)",
        "5:3: E301 nothing leads to node 'c' (the start is 'a')",
    ]


def test_a_run_starts_at_a_node() -> None:
    text = """start: $end
nodes:
  a: {all: {x: {start: $fail, nodes: {p: {do: t, to: $end}}}}, to: $end}
"""
    assert problems(text) == [
        "1:8: E204 no node named '$end' (it starts at one of its nodes)",
        "3:24: E204 no node named '$fail' in the body 'a.x' (it starts at one of its nodes)",
    ]


def test_every_place_that_names_a_node_is_checked() -> None:
    text = """start: one
upon: {interrupt: onee}
catch: {denied: twoo}
nodes:
  one: {do: t, catch: {"*": twoo}, upon: {interrupt: twwo}, to: [{if: 1 > 2, to: onne}, {to: two}]}
  two: {end: ok}
"""
    assert problems(text) == [
        "2:19: E204 no node named 'onee' (did you mean 'one'?)",
        "3:17: E204 no node named 'twoo' (did you mean 'two'?)",
        "5:29: E204 no node named 'twoo' (did you mean 'two'?)",
        "5:54: E204 no node named 'twwo' (did you mean 'two'?)",
        "5:82: E204 no node named 'onne' (did you mean 'one'?)",
    ]


def test_a_branch_goes_to_nodes_of_its_own_body_and_is_told_where_the_other_one_is() -> None:
    text = """start: a
nodes:
  a:
    all:
      x: {do: t, catch: {"*": b}}
      y: {start: p, nodes: {p: {do: t, to: q}, q: {to: b}}}
    to: p
  b: {end: ok}
  c: {to: q}
"""
    assert problems(text) == [
        "5:31: E204 no node named 'b' in the body 'a.x' ('b' is a node of the graph itself; from here one goes to nodes of the same body, $end, $fail or $rollback)",
        "6:56: E204 no node named 'b' in the body 'a.y' ('b' is a node of the graph itself; from here one goes to nodes of the same body, $end, $fail or $rollback)",
        "7:9: E204 no node named 'p' ('p' is a node of the body 'a.y'; from here one goes to nodes of the graph, $end, $fail or $rollback)",
        "9:3: E301 nothing leads to node 'c' (the start is 'a')",
        "9:11: E204 no node named 'q' ('q' is a node of the body 'a.y'; from here one goes to nodes of the graph, $end, $fail or $rollback)",
    ]


def test_a_body_of_one_node_names_no_node_at_all() -> None:
    text = """nodes:
  a: {all: {x: {do: t, catch: {timeout: y}}}, to: $end}
"""
    assert problems(text) == [
        "2:41: E204 no node named 'y' in the body 'a.x' (a body of one node goes to $end, $fail or $rollback; give it `start` and `nodes` to go on inside)",
    ]


def test_targets_that_are_no_nodes_are_known_everywhere() -> None:
    text = """nodes:
  a: {all: {x: {do: t, catch: {timeout: $end, denied: $fail, "*": $rollback}}}, catch: {"*": $rollback}, to: $fail}
"""
    assert problems(text) == []
