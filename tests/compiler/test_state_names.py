"""E501, E503: who speaks of a state names one, and nodes are spoken of by `require` alone."""

from __future__ import annotations

from tests.compiler.checking import problems

END = "nodes: {n: {to: $end}}\n"


def test_every_place_that_names_a_state_is_checked() -> None:
    text = """start: a
states:
  Upper: {require: [Uppo], add: [Uppq], remove: [Uppr], after: [Upps]}
groups: {All: [Upper, Uppx]}
upon: {states: {Uppz: a}}
nodes:
  a: {do: t, set: {add: [Uppa], remove: [Uppb]}, upon: {states: {Uppc: b}}, to: b}
  b: {wait: {states: [Upper, Uppd]}, to: $end}
"""
    assert [line for line in problems(text) if " E501 " in line] == [
        "3:21: E501 no state named 'Uppo' (did you mean 'Upper'?)",
        "3:34: E501 no state named 'Uppq' (did you mean 'Upper'?)",
        "3:50: E501 no state named 'Uppr' (did you mean 'Upper'?)",
        "3:65: E501 no state named 'Upps' (did you mean 'Upper'?)",
        "4:23: E501 no state named 'Uppx' (did you mean 'Upper'?)",
        "5:17: E501 no state named 'Uppz' (did you mean 'Upper'?)",
        "7:26: E501 no state named 'Uppa' (did you mean 'Upper'?)",
        "7:42: E501 no state named 'Uppb' (did you mean 'Upper'?)",
        "7:66: E501 no state named 'Uppc' (did you mean 'Upper'?)",
        "8:30: E501 no state named 'Uppd' (did you mean 'Upper'?)",
    ]


def test_a_name_that_is_like_none_is_to_be_declared_or_extended() -> None:
    text = """states: {A: {require: [Zebra], after: [Heartbeat]}}
nodes: {n: {to: $end}}
"""
    assert problems(text) == [
        "1:24: E501 no state named 'Zebra' (declare it: states: {Zebra: {}})",
        "1:40: E501 no state named 'Heartbeat' ('basic' has it: extends: [basic, …])",
    ]


def test_a_mixin_without_what_it_speaks_of_is_told_once_for_each_state() -> None:
    assert problems("extends: [connected, disposed]\n" + END) == [
        "1:11: E501 'connected' speaks of state 'Start', which is not there ('basic' has it: extends: [basic, …])",
        "1:22: E501 'disposed' speaks of state 'Start', which is not there ('basic' has it: extends: [basic, …])",
    ]
    assert problems("extends: [connected, disposed]\nstates: {Start: {}}\n" + END) == []


def test_exception_is_a_state_everywhere() -> None:
    text = """states: {A: {require: [Exception]}, B: {remove: [Exception], after: [Exception]}}
groups: {E: [Exception]}
nodes: {n: {set: {add: [A, Exception], remove: [Exceptio]}, to: $end}}
"""
    assert problems(text) == ["3:49: E501 no state named 'Exceptio' (did you mean 'Exception'?)"]


def test_of_nodes_only_require_speaks_and_only_of_those_of_the_graph_itself() -> None:
    text = """start: work
states:
  A: {require: [work], add: [work], remove: [work], after: [work]}
  B: {require: [inner]}
  C: {require: [fan.y]}
groups: {G: [work]}
nodes:
  work: {set: {add: [A, rest], remove: [work]}, to: fan}
  fan: {all: {x: {start: inner, nodes: {inner: {do: t, to: $end}}}, y: {do: t}}, upon: {states: {rest: rest}}, to: rest}
  rest: {wait: {states: [work]}, to: $end}
"""
    assert [line for line in problems(text) if "E503" in line] == [
        "3:30: E503 'work' is a node, not a state (a state never moves a run, it can only `require` a node)",
        "3:46: E503 'work' is a node, not a state (a state never moves a run, it can only `require` a node)",
        "3:61: E503 'work' is a node, not a state (only states come in an order)",
        "4:17: E503 'inner' is a node inside a body, which no state can require (require the node around it)",
        "5:17: E503 'fan.y' is a node inside a body, which no state can require (require the node around it)",
        "6:14: E503 'work' is a node, not a state (a group is made of states)",
        "8:25: E503 'rest' is a node, not a state (`set` adds and removes states; a node is entered by `to`)",
        "8:41: E503 'work' is a node, not a state (`set` adds and removes states; a node is entered by `to`)",
        "9:98: E503 'rest' is a node, not a state (`upon` reacts to states here)",
        "10:26: E503 'work' is a node, not a state (one waits for states)",
    ]


def test_a_typo_in_require_may_be_meant_for_a_node() -> None:
    text = """states: {A: {require: [wrok]}}
nodes: {work: {to: $end}}
"""
    assert problems(text) == ["1:24: E501 no state named 'wrok' (did you mean 'work'?)"]


def test_a_typo_is_one_problem_and_counts_as_what_was_meant() -> None:
    text = """states: {Ready: {}, Busy: {}}
nodes: {n: {set: {add: [Redy], remove: [Busy]}, to: w}, w: {wait: {states: [Ready]}, to: $end}}
start: n
"""
    assert problems(text) == ["2:25: E501 no state named 'Redy' (did you mean 'Ready'?)"]


def test_a_group_in_a_group_is_told_with_its_states() -> None:
    text = """states: {A: {}, B: {}}
groups: {G: [A, B, A], H: [G], I: [I]}
nodes: {n: {set: {add: [A, B]}, to: $end}}
"""
    assert problems(text) == [
        "2:20: W505 group 'G' names 'A' twice (remove one of them)",
        "2:28: E501 no state named 'G' (it is a group; name states: A, B)",
        "2:36: E501 no state named 'I' (it is a group; name states)",
    ]
