"""Compiling as a whole: every problem in one pass, sorted, one for each slip, and nothing that shape has told already."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.compiler.checking import compiled, problems
from trellis.compiler import compile_document, compile_schema
from trellis.compiler.rules import RULES
from trellis.loaders import read
from trellis.model.documents import Document
from trellis.model.problems import Place

BROKEN = """
fields:
  tries: {type: integer, default: many}
  index: {type: string, optional: true}
nodes:
  greet: {say: "Hello {{ nme }}", to: chose}
  choose: {ask: {choice: env}, timeout: 5s, catch: {timeout: by}, to: [{if: tries >, to: build}]}
  build: {do: ops.create, save: server, retry: {jitter: 0.5}, to: chek}
  check: {all: {a: {do: ops.check}, b: {end: ok}}, join: {n: 5}}
  bye: {end: ok}
  island: {say: "{{", to: island}
start: greet
"""


def test_every_problem_is_told_of_in_one_pass_in_the_order_of_the_file() -> None:
    assert problems(BROKEN, tools=[]) == [
        "3:35: E219 the default of field 'tries': expected integer, found string 'many'",
        "4:3: E213 a field cannot be named 'index': it is the place of an item inside an `each` (choose another name)",
        "6:16: E211 no field named 'nme' (declare it: fields: {nme: {type: …}})",
        "6:39: E204 no node named 'chose' (did you mean 'choose'?)",
        "7:26: E211 no field named 'env' (declare it: fields: {env: {type: …}})",
        "7:62: E204 no node named 'by' (did you mean 'bye'?)",
        "7:71: W304 if no condition of 'choose' holds, it fails with no_edge (end the list with {to: …} without `if`)",
        "7:77: E401 cannot read `tries >`: the expression ends too early (at character 8) (if YAML took a part of it away, quote the expression)",
        "8:15: E205 no tool named 'ops.create' (declare it in `tools`)",
        "8:33: E211 no field named 'server' (declare it: fields: {server: {type: …}})",
        "8:41: E210 this retry has no end: nothing says when it gives up (give it max_attempts, or the node a deadline)",
        "8:67: E204 no node named 'chek' (did you mean 'check'?)",
        "9:3: E302 node 'check' has no way on (write to: $end)",
        "9:25: E205 no tool named 'ops.check' (declare it in `tools`)",
        "9:41: E216 `end` would end the run from inside the body 'check.b' (write to: $end to end the body, to: $fail to fail)",
        "9:62: E218 'check' waits for 5 branches and has 2 (n is at most 2)",
        "11:3: E301 nothing leads to node 'island' (the start is 'greet')",
        "11:17: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
        "11:27: E305 'island' goes to itself for ever: no edge leads out, and nothing in it waits (let one of its edges lead out, or let one of its nodes wait)",
    ]
    assert compiled(BROKEN).definition is None


def test_compiling_changes_nothing_in_the_document() -> None:
    reading = read("g.yaml", ("trellis: 1\nname: g\n" + BROKEN).encode())
    assert reading.document is not None
    before = copy.deepcopy(reading.document.data)
    first = compile_document(reading.document).problems
    assert reading.document.data == before
    assert compile_document(reading.document).problems == first


def after_shape(text: str) -> list[str]:
    """The codes and lines of what is told after the loader has left out what has no shape."""
    reading = read("g.yaml", ("trellis: 1\nname: g\n" + text).encode())
    assert reading.problems, "the text was to have a fault of shape"
    assert reading.document is not None
    done = compile_document(reading.document, pruned=reading.pruned, tools=frozenset({"t"}))
    assert done.definition is None
    return [f"{problem.line - 2}: {problem.code}" for problem in done.problems]


def test_a_way_on_that_has_no_shape_is_not_missed_again() -> None:
    text = """start: a
nodes:
  a: {do: t, too: b}
  b: {do: t, to: 5}
  c: {do: t, to: [{if: 1 > 2, too: d}]}
  d: {end: okay}
"""
    assert after_shape(text) == []


def test_what_other_formats_call_a_way_on_counts_as_one() -> None:
    text = """start: a
nodes:
  a: {do: t, next: b}
  b: {do: t, on_error: c, to: $end}
  c: {end: ok}
"""
    assert after_shape(text) == []


def test_a_node_that_has_no_shape_is_a_node_all_the_same() -> None:
    text = """start: a
nodes:
  a: {do: t, to: b}
  b: [1]
  c: {do: t, to: b}
"""
    assert after_shape(text) == []


def test_a_fault_of_shape_hides_no_other_fault() -> None:
    text = """start: a
fields: {x: {type: string, color: red}}
nodes:
  a: {do: u, timeout: 5, to: bb}
  b: {do: t, with: {x: "{{ y }}"}, colour: red, to: $end}
  c: {do: t, retry: {}, to: $end}
  d: {do: t}
"""
    assert after_shape(text) == ["4: E205", "4: E204", "5: E211", "6: E301", "6: E210", "7: E301", "7: E302"]


def test_bodies_that_have_no_shape_may_have_led_on() -> None:
    for verb in ("all", "race", "each"):
        text = f"""start: a
nodes:
  a: {{say: hi, {verb}: 5}}
"""
        assert after_shape(text) == [], verb


def test_a_thousand_faults_of_shape_hide_none_of_a_thousand_names() -> None:
    edges = "".join(f"      - 17\n      - {{if: x{number} > 1, to: b{number}}}\n" for number in range(1_000))
    text = f"trellis: 1\nstart: a\nnodes:\n  a:\n    say: hi\n    to:\n{edges}      - to: $end\n"
    reading = read("g.yaml", text.encode())
    assert reading.document is not None
    assert [str(problem).split(": E")[0] for problem in reading.problems] == [
        f"g.yaml:{2 * number + 7}:9" for number in range(1_000)
    ]
    found = [str(problem) for problem in compile_document(reading.document, pruned=reading.pruned).problems]
    assert found == [
        problem
        for number in range(1_000)
        for problem in (
            f"g.yaml:{2 * number + 8}:14: E211 no field named 'x{number}' (declare it: fields: {{x{number}: {{type: …}}}})",
            f"g.yaml:{2 * number + 8}:{len(str(number)) + 25}: E204 no node named 'b{number}'",
        )
    ]


def test_a_field_that_has_no_shape_is_a_field_all_the_same() -> None:
    text = """start: a
fields: {x: [1], n: 5}
nodes:
  a: {ask: {text: x}, to: b}
  b: {do: t, with: {x: "{{ x }} {{ n + 1 }}"}, set: {fields: {n: x}}, to: $end}
"""
    assert after_shape(text) == []


def test_fields_that_have_no_shape_at_all_hide_unknown_names() -> None:
    assert after_shape("fields: 5\nnodes: {a: {ask: {text: x}, say: '{{ y }}', save: z, to: b}}") == [
        "2: E217",
        "2: E204",
    ]


def test_a_write_that_has_no_shape_may_have_been_any_write() -> None:
    text = """start: a
fields: {x: {type: string}}
nodes:
  a: {do: t, save: [x], to: b}
  b: {say: "{{ x }}", to: $end}
"""
    assert after_shape(text) == []


def test_each_rule_is_there_once() -> None:
    assert len(set(RULES)) == len(RULES)
    assert all(rule.__doc__ for rule in RULES)


NAMES = st.sampled_from(["a", "b", "c", "x", "$end", "$fail", "zz"])
TEXTS = st.sampled_from(
    ["x", "x +", "n + 1", "'a'", "item", "error.code", "1 > 2", "{{ x }}", "{{ n", "{{ q.z }}", "", "len(x, 1)"]
)
EDGES = st.one_of(
    NAMES, st.lists(st.builds(lambda to, when: {"to": to, "if": when}, NAMES, TEXTS), min_size=1, max_size=3)
)
WORDS = st.lists(st.sampled_from(["A", "B", "Start", "Exception", "a", "b", "zz"]), max_size=3)
CALLS = st.builds(lambda tool, text: {"do": tool, "with": {"k": [text]}}, NAMES, TEXTS)
LEAVES = st.fixed_dictionaries(
    {},
    optional={
        "say": TEXTS, "ask": st.builds(lambda kind, field: {kind: field}, st.sampled_from(["text", "choice", "int"]), NAMES),
        "do": NAMES, "save": NAMES, "set": st.one_of(
            st.builds(lambda name, text: {"fields": {name: text}}, NAMES, TEXTS),
            st.fixed_dictionaries({}, optional={"add": WORDS, "remove": WORDS}),
        ),
        "wait": st.builds(lambda names: {"states": names}, WORDS),
        "undo": CALLS, "retry": st.just({}), "timeout": st.just("5s"), "to": EDGES, "needs": st.lists(NAMES, max_size=2),
        "catch": st.dictionaries(st.sampled_from(["*", "timeout", "no_edge"]), NAMES, max_size=2),
        "upon": st.one_of(
            st.dictionaries(st.sampled_from(["interrupt", "fault"]), NAMES, max_size=2),
            st.builds(lambda name, to: {"states": {name: to}}, st.sampled_from(["A", "B", "b"]), NAMES),
        ),
        "join": st.sampled_from(["all", "any", "collect", {"n": 2}]),
    },
)  # fmt: skip


def bodies(inner: Any) -> Any:
    nodes = st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, min_size=1, max_size=3)
    region = st.builds(lambda start, inside: {"start": start, "nodes": inside}, NAMES, nodes)
    body = st.one_of(inner, region)
    verbs, branches = st.sampled_from(["all", "race"]), st.dictionaries(NAMES, body, max_size=2)
    return st.one_of(
        st.builds(lambda leaf, verb, inside: {**leaf, verb: inside}, LEAVES, verbs, branches),
        st.builds(lambda leaf, items, inside: {**leaf, "each": {"in": items, **inside}}, LEAVES, TEXTS, body),
    )


NODES = st.recursive(LEAVES, bodies, max_leaves=6)
STATES = st.dictionaries(
    st.sampled_from(["A", "B", "C", "a", "Start"]),
    st.fixed_dictionaries(
        {},
        optional={
            "auto": st.booleans(), "require": WORDS, "add": WORDS, "remove": WORDS, "after": WORDS,
            "enter_if": TEXTS, "exit_if": TEXTS, "entered": LEAVES, "exited": NODES,
        },
    ),
    max_size=4,
)  # fmt: skip
EXTENDS = st.lists(st.sampled_from(["basic", "connected", "pool", "basik", "./x.yaml"]), max_size=2)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), NODES, min_size=1, max_size=3),
    NAMES,
    st.sets(
        st.sampled_from(
            [(), ("fields",), ("nodes", "a"), ("nodes", "a", "to"), ("nodes", "zz"), ("nodes", "b", "too"), ("states",),
             ("states", "A"), ("extends", 0)]
        )
    ),
    STATES,
    EXTENDS,
)  # fmt: skip
def test_nothing_of_the_right_shape_makes_the_compiler_fail(
    nodes: dict[str, Any], start: str, pruned: Any, states: dict[str, Any], extends: list[str]
) -> None:
    fields = {"x": {"type": "string"}, "n": {"type": "integer", "default": 0}}
    data: Any = {"trellis": 1, "start": start, "fields": fields, "nodes": nodes, "states": states, "extends": extends}
    data["groups"] = {"G": ["A", "zz"]}
    document = Document("g", data, lambda *_: Place())
    schema = compile_schema(Document("s", {**data, "nodes": {}}, lambda *_: Place()), pruned=pruned)
    assert schema.problems == sorted(schema.problems)
    done = compile_document(document, pruned=pruned, tools=frozenset({"a"}))
    assert done.problems == sorted(done.problems)
    assert (done.definition is None) == (bool(pruned) or any(problem.severity == "error" for problem in done.problems))
