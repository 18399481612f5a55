"""Declared states in the definition: their order, their relations, what they do, and who looks at fields for them."""

from __future__ import annotations

from tests.compiler.checking import definition, problems
from trellis.compiler import compile_document
from trellis.loaders import read
from trellis.model.graph import Call, Graph, Wait
from trellis.model.mixins import MIXINS
from trellis.model.states import DeclaredState


def test_states_come_in_order_and_a_later_one_takes_the_place_of_an_equal_name() -> None:
    found = definition("""extends: [basic, connected]
states: {Mine: {}, Ready: {auto: true, require: [Connected]}}
groups: {Line: [Connected, Connected, Mine], None_: []}
nodes: {n: {to: $end}}
""")
    assert list(found.states) == [*MIXINS["basic"], *MIXINS["connected"], "Mine"]
    assert found.states["Ready"] == DeclaredState(auto=True, require=("Connected",))
    assert found.states["Disconnected"] == DeclaredState(auto=True, remove=("Connecting", "Connected", "Disconnecting"))
    assert found.groups == {"Line": ("Connected", "Mine"), "None_": ()}


def test_all_of_a_state_is_in_its_definition() -> None:
    found = definition("""start: a
fields: {n: {type: integer, default: 0}}
states:
  A:
    {auto: true, multi: true, require: [B, b], add: [C], remove: [D], after: [B], tags: [x, y], description: For people.,
     enter_if: n < 5, exit_if: true, entered: {do: t, with: {n: "{{ n }}"}}, exited: {all: {p: {do: u}}}}
  B: {}
  C: {}
  D: {}
nodes: {a: {do: t, to: b}, b: {to: $end}}
""")
    assert found.states["A"] == DeclaredState(
        auto=True, multi=True, require=("B", "b"), add=("C",), remove=("D",), after=("B",), tags=("x", "y"),
        enter_if="n < 5", exit_if="true", entered="A.entered", exited="A.exited",
    )  # fmt: skip
    assert list(found.nodes) == ["a", "b", "A.entered", "A.exited", "A.exited.p"]
    entered, exited = found.nodes["A.entered"], found.nodes["A.exited"]
    assert (entered.region, entered.do, entered.to) == ("A.entered", Call("t", {"n": "{{ n }}"}), ())
    assert (exited.region, [body.region for body in exited.bodies]) == ("A.exited", ["A.exited.p"])


def test_nodes_add_remove_wait_and_react() -> None:
    found = definition("""start: a
states: {A: {}, B: {}, C: {}}
upon: {interrupt: b, states: {C: b}}
nodes:
  a: {do: t, set: {add: [A, B, A], remove: [C]}, upon: {interrupt: b, states: {A: b, C: $end}}, to: b}
  b: {say: hi, wait: {states: [A, B]}, timeout: 1m, set: {add: [C]}, to: $end}
""")
    a, b = found.nodes["a"], found.nodes["b"]
    assert (a.adds, a.removes, a.set, a.upon, a.upon_states) == (
        ("A", "B"), ("C",), {}, {"interrupt": "b"}, {"A": "b", "C": "$end"},
    )  # fmt: skip
    assert (b.verb, b.say, b.wait, b.timeout, b.adds) == ("wait", "hi", Wait(("A", "B")), 60.0, ("C",))
    assert (found.upon, found.upon_states) == ({"interrupt": "b"}, {"C": "b"})


def test_exception_is_listed_where_something_names_it() -> None:
    named = "states: {A: {remove: [Exception]}}\nnodes: {n: {to: $end}}\n"
    assert definition(named).states["Exception"] == DeclaredState(multi=True)
    assert list(definition("states: {A: {}}\nnodes: {n: {to: $end}}\n").states) == ["A"]


def test_a_graph_without_states_says_nothing_of_them() -> None:
    graph = Graph(definition("nodes: {n: {to: $end}}\n"))
    assert (
        graph.data
        == b'{"name":"g","start":"n","nodes":{"n":{"id":"n","verb":"pass","to":[{"to":"$end"}]}},"limits":{}}'
    )


def test_what_a_state_does_is_checked_as_a_node() -> None:
    text = """extends: [basic]
fields: {n: {type: integer, default: 0}}
states:
  A: {auto: true, entered: {do: u, with: {x: "{{ m }}"}, save: k, retry: {}, catch: {"*": n}}, exited: {end: ok}}
  B: {auto: true, entered: {ask: {choice: n}}, exited: {say: "{{ signal.name }}", upon: {interrupt: $end}}}
nodes: {n: {do: t, to: $end}}
"""
    assert problems(text, tools=["t"]) == [
        "4:33: E205 no tool named 'u' (declare it in `tools`)",
        "4:46: E211 no field named 'm' (declare it: fields: {m: {type: …}})",
        "4:64: E211 no field named 'k' (declare it: fields: {k: {type: …}})",
        "4:67: E210 this retry has no end: nothing says when it gives up (give it max_attempts, or the node a deadline)",
        "4:91: E204 no node named 'n' in the body 'A.entered' ('n' is a node of the graph itself; from here one goes to nodes of the same body, $end, $fail or $rollback)",
        "4:105: E216 `end` would end the run from inside the body 'A.exited' (write to: $end to end the body, to: $fail to fail)",
        "5:43: E214 'B.entered' offers nothing to choose from (give it options: […], or the field 'n' an enum)",
        "5:62: E211 'signal' is only known in a node that `upon` leads to",
        "5:83: E217 `upon` goes with `do`, `ask`, `all`, `race`, `each`, `use`, `wait` or `emit`, and 'B.exited' only says something (remove `upon`)",
    ]


def test_guards_are_true_or_false_over_the_fields() -> None:
    text = """fields: {n: {type: integer, default: 0}, key: {type: string, secret: true}}
states:
  A: {enter_if: n + 1, exit_if: m > 2}
  B: {enter_if: "n >", exit_if: value}
  C: {enter_if: key == 'x', exit_if: false}
nodes: {n: {to: $end}}
"""
    assert problems(text) == [
        "3:17: E402 `n + 1`: expected boolean, found integer",
        "3:33: E211 no field named 'm' (declare it: fields: {m: {type: …}})",
        "4:17: E401 cannot read `n >`: the expression ends too early (at character 4) (if YAML took a part of it away, quote the expression)",
        "4:33: E211 'value' is only known in the `check` of a field",
        "5:17: E404 secret field 'key' can only be passed on whole, as {{ key }} (its value is known only where a tool is called)",
    ]


def test_a_guard_reads_what_has_been_written_when_a_node_adds_its_state() -> None:
    text = """start: a
fields: {x: {type: integer}, y: {type: integer}, z: {type: integer}}
states: {A: {enter_if: x > 1, add: [B]}, B: {exit_if: y > 1}, C: {enter_if: z > 1}}
nodes:
  a: {set: {add: [A], fields: {x: 1}}, to: b}
  b: {set: {fields: {y: 1}}, to: c}
  c: {set: {add: [C]}, to: $end}
"""
    assert problems(text) == [
        "3:55: W303 the guard of state 'B' reads field 'y', which may be unset in 'a', where a run starts: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set y=…)",
        "3:77: W303 the guard of state 'C' reads field 'z', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set z=…)",
    ]
    assert definition(text).needs == ("y", "z")


def test_an_auto_state_waits_for_what_its_guard_reads() -> None:
    text = """fields: {x: {type: integer}, y: {type: integer}}
states: {A: {auto: true, enter_if: x > 1}, B: {auto: true, enter_if: y > 1}}
nodes: {a: {set: {fields: {x: 1}}, to: $end}}
"""
    assert problems(text) == [
        "2:70: W303 the guard of state 'B' reads field 'y', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set y=…)",
    ]


def test_what_a_state_does_reads_what_is_written_before_it_comes() -> None:
    text = """start: a
fields: {x: {type: integer}, y: {type: integer}}
states:
  A: {entered: {do: t, with: {x: "{{ x }}"}}}
  B: {auto: true, entered: {do: t, with: {y: "{{ y }}"}}}
nodes:
  a: {set: {add: [A], fields: {x: 1}}, to: b}
  b: {set: {fields: {y: 1}}, to: $end}
"""
    assert problems(text) == [
        "5:46: W303 field 'y' may be unset in 'B.entered': a run needs it at start (write it on that path, give it a default, make it optional, or start with --set y=…)",
    ]


def test_what_a_state_does_may_be_what_writes_a_field() -> None:
    text = """start: a
fields: {x: {type: integer}}
states: {A: {auto: true, entered: {do: t, save: x}}}
nodes: {a: {wait: {states: [A]}, to: b}, b: {say: "{{ x }}", to: $end}}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:51: W303 field 'x' may be unset in 'b' on the path a → b: a run needs it at start",
    ]


def test_a_wait_and_its_routes_are_ways_on() -> None:
    text = """start: a
states: {A: {auto: true}, B: {auto: true}}
fields: {x: {type: integer}}
upon: {states: {B: c}}
nodes:
  a: {wait: {states: [A]}, upon: {states: {B: b}}, catch: {timeout: e}, set: {fields: {x: 1}}, to: d}
  b: {say: "{{ x }}", to: $end}
  c: {to: a}
  d: {say: "{{ x }}", to: $end}
  e: {say: "{{ error.code }}", to: $end}
  f: {wait: {states: [A]}, upon: {states: {B: f}}}
"""
    assert problems(text) == [
        "7:12: W303 field 'x' may be unset in 'b' on the path a → b: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set x=…)",
        "11:3: E301 nothing leads to node 'f' (the start is 'a')",
        "11:3: E302 node 'f' has no way on (write to: $end; `catch` and `upon` only lead away from what goes wrong or comes between)",
    ]


def test_a_loop_that_waits_for_a_state_is_no_endless_one() -> None:
    text = """start: a
states: {A: {auto: true}}
nodes: {a: {wait: {states: [A]}, to: b}, b: {say: hi, to: a}}
"""
    assert problems(text) == []


def test_a_state_does_not_bring_a_signal() -> None:
    text = """start: a
states: {A: {auto: true}}
nodes:
  a: {do: t, upon: {interrupt: b, states: {A: b}}, to: $end}
  b: {say: "{{ signal.name }}", to: $end}
"""
    assert problems(text) == [
        "5:12: W308 'b' reads `signal`, which is not there when `upon.states` of 'a' leads there (give it a node of its own for `upon`, or write default(signal, …))",
    ]


def test_who_sets_states_may_catch_that_they_are_refused() -> None:
    text = """start: a
states: {A: {}, At: {require: [c]}}
nodes:
  a: {set: {add: [A]}, catch: {states_refused: b, "*": b}, to: b}
  b: {say: hi, catch: {states_refused: c}, to: c}
  c: {say: hi, catch: {states_refused: $end}, to: $end}
"""
    assert problems(text) == [
        "5:24: E217 nothing in 'b' can fail with states_refused (catch it where something acts)",
    ]


def test_no_signal_is_named_states() -> None:
    assert problems("signals: {states: {}}\nnodes: {n: {to: $end}}\n") == [
        "1:11: E213 a signal cannot be named 'states': `upon: {states: …}` is for declared states (choose another name)",
    ]


def test_a_wait_takes_what_goes_with_waiting() -> None:
    text = """fields: {x: {type: any, optional: true}}
states: {A: {auto: true}}
nodes:
  n: {wait: {states: [A]}, say: hi, timeout: 1s, deadline: 1m, set: {fields: {x: 1}}, catch: {timeout: $fail}, upon: {interrupt: $end}, save: x, retry: {max_attempts: 2}, with: {}, undo: {do: t}, join: all, to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:137: E217 'n' waits for no signal, so there is nothing to save",
        "4:146: E217 `retry` goes with `do`, `use` or `emit`, and 'n' has `wait`",
        "4:172: E217 `with` goes with `do` or `use`, and 'n' has `wait`",
        "4:182: E217 `undo` goes with `do`, `ask`, `all`, `race`, `each`, `use` or `emit`, and 'n' has `wait`",
        "4:197: E217 `join` goes with `all` or `each`, and 'n' has `wait`",
    ]


def test_an_exception_of_ones_own_stays_what_it_is() -> None:
    found = definition("states: {Exception: {tags: [mine]}, A: {remove: [Exception]}}\nnodes: {n: {to: $end}}\n")
    assert found.states["Exception"] == DeclaredState(tags=("mine",))


def test_what_a_state_does_that_another_brings_is_done_at_any_time() -> None:
    text = """start: a
fields: {x: {type: integer}}
states:
  A: {entered: {do: t, with: {x: "{{ x }}"}}}
  B: {auto: true, exited: {all: {y: {do: t, set: {add: [A]}}}}}
nodes:
  a: {set: {add: [A], fields: {x: 1}}, to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:34: W303 field 'x' may be unset in 'A.entered': a run needs it at start",
    ]


def test_routes_of_the_graph_leave_a_wait_before_it_writes() -> None:
    text = """start: a
fields: {x: {type: integer}, y: {type: integer}}
states: {A: {auto: true}, B: {auto: true}}
upon: {states: {B: c}}
catch: {timeout: d}
nodes:
  a: {wait: {states: [A]}, timeout: 1s, set: {fields: {x: 1, y: 1}}, to: b}
  b: {say: "{{ x }} {{ y }}", to: $end}
  c: {say: "{{ x }}", to: $end}
  d: {say: "{{ y }}", to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "9:12: W303 field 'x' may be unset in 'c' on the path a → c: a run needs it at start",
        "10:12: W303 field 'y' may be unset in 'd' on the path a → d: a run needs it at start",
    ]


def test_what_a_state_does_leads_nowhere_in_the_graph() -> None:
    text = """start: a
fields: {x: {type: integer}}
states: {A: {auto: true, entered: {do: t}}}
upon: {interrupt: c}
nodes:
  a: {set: {fields: {x: 1}}, to: b}
  b: {do: t, to: $end}
  c: {say: "{{ x }}", to: $end}
"""
    assert problems(text) == []


def left_after_shape(text: str) -> list[str]:
    """The codes and lines of what is told after the loader has left out what has no shape."""
    reading = read("g.yaml", ("trellis: 1\n" + text).encode())
    assert reading.problems, "the text was to have a fault of shape"
    assert reading.document is not None
    found = compile_document(reading.document, pruned=reading.pruned).problems
    return [f"{problem.line - 1}: {problem.code}" for problem in found]


def test_a_state_that_has_no_shape_is_a_state_all_the_same() -> None:
    assert left_after_shape("states: {A: 5, B: {require: [A]}}\nnodes: {n: {wait: {states: [A, B]}, to: $end}}\n") == []
    assert left_after_shape("states: 5\nnodes: {n: {wait: {states: [A]}, to: $end}}\n") == []


def test_what_has_no_shape_may_have_added_a_state_or_led_to_a_node() -> None:
    text = """start: n
states: {A: {}, At: {require: [n]}}
nodes:
  n: {do: t, set: {add: [5, At]}, to: [5, {to: w}]}
  w: {wait: {states: [A]}, to: $end}
"""
    assert left_after_shape(text) == []


def test_states_that_bring_each_other_by_what_they_do_come_at_any_time() -> None:
    text = """start: a
fields: {x: {type: integer}}
states:
  A: {entered: {do: t, with: {x: "{{ x }}"}, set: {add: [B]}}}
  B: {entered: {do: t, set: {add: [A]}}}
nodes:
  a: {set: {add: [A], fields: {x: 1}}, to: $end}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:34: W303 field 'x' may be unset in 'A.entered': a run needs it at start",
    ]
