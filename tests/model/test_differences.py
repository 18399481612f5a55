"""What differs between two versions is told by its name, in a line; and nothing differs exactly where the graphs are equal."""

from __future__ import annotations

import time
from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.compiler.checking import definition
from tests.engine import version_edits
from tests.generators import CHILD, compiled, generate
from tests.searching import searched
from trellis.model.differences import Difference, differences
from trellis.model.graph import Call, Definition, Edge, Field, Graph, Limits, Node, Schedule

BEFORE = """start: a
fields: {x: {type: integer, default: 1}, y: {type: string, optional: true}}
tools: {ops.t: {python: "m:t"}}
states: {One: {auto: true, remove: [Other]}, Other: {auto: true}}
nodes:
  a: {say: "Hello {{ x }}", to: b}
  b: {do: ops.t, with: {k: {j: 1}}, retry: {max_attempts: 3}, timeout: 20s, to: [{if: x > 1, to: c}, {to: d}]}
  c: {all: {p: {do: ops.t}, q: {do: ops.t}}, to: d}
  d: {end: ok}
"""


def told(before: str, *edits: tuple[str, str]) -> list[str]:
    after = before
    for old, new in edits:
        assert before.count(old) == 1, old
        after = after.replace(old, new)
    return [str(difference) for difference in differences(definition(before), definition(after))]


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("max_attempts: 3", "max_attempts: 5", ["~b.retry.max_attempts 3 -> 5"]),
        (", retry: {max_attempts: 3}", "", ["-b.retry {\"max_attempts\":3}"]),
        ("timeout: 20s", "timeout: 1h30m", ["~b.timeout 20s -> 1h30m"]),
        (", timeout: 20s", "", ["-b.timeout 20s"]),
        ("{j: 1}", "{j: '1'}", ['~b.do.with.k.j 1 -> "1"']),
        ("{j: 1}", "{j: true}", ["~b.do.with.k.j 1 -> true"]),
        ("{j: 1}", "{j: 1, i: null}", ["+b.do.with.k.i"]),
        ("Hello {{ x }}", "Hi {{ x }}", ['~a.say "Hello {{ x }}" -> "Hi {{ x }}"']),
        ("if: x > 1", "if: x > 2", ["~edge b -> c if x > 1 -> if x > 2"]),
        ("{if: x > 1, to: c}, {to: d}", "{if: x > 1, to: d}, {to: c}", ["~edge b -> d always -> if x > 1", "~edge b -> c if x > 1 -> always", "~b.to order c, d -> d, c"]),
        ("to: b}", "to: e}\n  e: {say: ok, to: b}", ["-edge a -> b", "+edge a -> e", "+node e"]),
        ("q: {do: ops.t}", "q: {do: ops.t}, r: {say: x}", ["+node c.r"]),
        ("q: {do: ops.t}", "q: {start: s, nodes: {s: {do: ops.t, to: $end}}}", ["-node c.q", "~c.q.start c.q -> c.q.s", "+node c.q.s"]),
        ("p: {do: ops.t}, q: {do: ops.t}", "q: {do: ops.t}, p: {do: ops.t}", ["~c.branches order c.p, c.q -> c.q, c.p"]),
        ("type: integer, default: 1", "type: number, default: 1, check: value > 0", ["~field x.type integer -> number", '+field x.check "value > 0"']),
        ("{type: string, optional: true}}", "{type: string, optional: true}, z: {type: any, optional: true}}", ["+field z"]),
        ("{type: string, optional: true}}", "{type: string, optional: true, secret: true}}", ["+field y.secret"]),
        ("remove: [Other]", "add: [Other]", ["+relation One add Other", "-relation One remove Other"]),
        ("Other: {auto: true}", "Other: {}", ["-state Other.auto"]),
        ("states: {One: {auto: true, remove: [Other]}, Other: {auto: true}}", "states: {Other: {auto: true}, One: {auto: true, remove: [Other]}}", ["~states order One, Other -> Other, One"]),
        ("python: \"m:t\"", "python: \"m:u\", timeout: 3s", ['~tool ops.t.python "m:t" -> "m:u"', "+tool ops.t.timeout 3s"]),
        ("start: a", "start: a\nlimits: {steps: 50, time: 1h}", ["~limit steps 1000 -> 50", "+limit time 1h"]),
        ("start: a", "start: a\nschedules: {nightly: {cron: '0 7 * * *'}}", ["+schedule nightly"]),
        ("start: a", "start: a\nsignals: {go: {}}\nupon: {go: d}", ["+upon.go d", "+signal go"]),
        ("start: a", "start: a\ngroups: {G: [One]}", ["+group G"]),
        ("start: a", "start: a\nversion: 2", ['+version "2"']),
        ("timeout: 20s", "timeout: 20s, catch: {timeout: {say: late}}", ["+b.catch.timeout b~timeout", "+node b~timeout"]),
        ("{end: ok}", "{end: {status: failed, result: x}}", ["~d.end.status ok -> failed", "+d.end.result x"]),
        ("start: a", "# a comment\nstart:   a", []),
    ],
)  # fmt: skip
def test_an_edit_is_told_by_its_name(old: str, new: str, lines: list[str]) -> None:
    assert told(BEFORE, (old, new)) == lines


def test_another_start_and_what_must_be_given_at_it_are_told() -> None:
    before = """start: a
fields: {x: {type: integer}}
nodes: {a: {set: {fields: {x: "1"}}, to: b}, b: {say: "{{ x }}", to: c}, c: {wait: {time: 1s}, to: a}}
"""
    assert told(before, ("start: a", "start: b")) == ["~start a -> b", "+needs x"]


def test_a_new_name_that_migrate_tells_of_is_told_as_that_wherever_it_stands() -> None:
    edits = [
        ("to: b}", "to: work}"),
        ("  b: {do", "  work: {do"),
        ("start: a", "start: a\nmigrate: {nodes: {b: work, c: checks}}"),
        ("to: c}", "to: checks}"),
        ("  c: {all", "  checks: {all"),
        ("timeout: 20s", "timeout: 5s"),
    ]
    assert told(BEFORE, *edits) == ["~node b -> work", "~node c -> checks", "~work.timeout 20s -> 5s"]


def test_a_new_name_that_migrate_does_not_tell_of_is_a_node_less_and_one_more() -> None:
    assert told(BEFORE, ("to: b}", "to: work}"), ("  b: {do", "  work: {do")) == [
        "-node b",
        "-edge a -> b",
        "+edge a -> work",
        "+node work",
    ]


def test_what_migrate_says_of_names_that_were_not_there_is_told_itself() -> None:
    assert told(BEFORE, ("start: a", "start: a\nmigrate: {nodes: {old: b}, fields: {w: x}}")) == [
        "+migrate.nodes.old b",
        "+migrate.fields.w x",
    ]


def test_differences_of_a_graph_that_is_used_name_it() -> None:
    document = {**CHILD, "name": "g", "nodes": {"a": {"use": "./child.yaml", "to": "$end"}}}
    other = {**CHILD, "nodes": {"a": {"end": {"status": "failed", "result": "many"}}}}
    before, after = (compiled(document, {"child.yaml": each}).definition for each in (CHILD, other))
    assert [str(difference) for difference in differences(before, after)] == [
        "child.yaml: ~a.end.status ok -> failed",
    ]


def test_a_difference_says_as_data_what_it_is_of() -> None:
    node = Node("a", "pass", to=(Edge("b"),))
    before = Definition("g", "a", {"a": node, "b": Node("b", "end")})
    after = replace(before, nodes={"a": replace(node, to=(Edge("b", "x"), Edge("$end"))), "b": Node("b", "end")})
    assert differences(before, after) == (
        Difference("~", "edge", "a -> b", {"to": "b"}, {"to": "b", "when": "x"}, "a"),
        Difference("+", "edge", "a -> $end", None, {"to": "$end"}, "a"),
    )


def test_a_difference_is_one_short_line_whatever_is_in_it() -> None:
    long = "x" * 500 + "\n\t\u2028" + "y" * 500
    before = Definition("g", "a", {"a": Node("a", "say", say=long, to=(Edge("$end", "z" * 300),))})
    after = Definition("g", "a", {"a": Node("a", "say", say=long + "z", to=(Edge("$end", "z" * 301),))})
    lines = [str(difference) for difference in differences(before, after)]
    assert [line.isprintable() and len(line) <= 130 for line in lines] == [True, True]
    assert lines[0] == f'~a.say …{"y" * 10}" -> …{"y" * 10}z"'


def _equal(before: Definition, after: Definition) -> bool:
    plans = [repr(each.schedules) for each in (before, after)]
    return Graph(before) == Graph(after) and plans[0] == plans[1]


def _versions(random: Random) -> list[Definition]:
    """A graph, and what authors make of it."""
    document = generate(random)
    prefix, region = random.choice(list(version_edits.regions(document)))
    name = random.choice(list(region["nodes"]))
    others = [
        version_edits.with_another_node(document),
        version_edits.reordered(document, random),
        version_edits.reworded(document),
        version_edits.rewritten(document, random),
        version_edits.renamed(document, prefix, name, "now", told=random.random() < 0.5),
    ]
    return [compiled(each).definition for each in (document, *others)]


@searched(few=12, many=600, random=st.randoms(use_true_random=False))
def test_nothing_differs_exactly_where_every_run_of_both_does_the_same(random: Random) -> None:
    first, *others = _versions(random)
    for other in (first, *others):
        for before, after in ((first, other), (other, first)):
            found = differences(before, after)
            assert (not found) == _equal(before, after)
            assert found == differences(before, after)
            assert all(str(difference).isprintable() for difference in found)


EVERY = definition(BEFORE)
PARTS = {
    "name": "h",
    "label": "1",
    "start": "b",
    "needs": ("x",),
    "limits": Limits(open=3),
    "catch": {"*": "d"},
    "upon": {"interrupt": "d"},
    "upon_states": {"One": "d"},
    "groups": {"G": ("One",)},
    "schedules": {"s": Schedule(every=3.0)},
    "uses": {"p": Definition("p", "a", {})},
}


@pytest.mark.parametrize("part", Definition.__struct_fields__)
def test_no_part_of_a_definition_is_forgotten(part: str) -> None:
    if part == "format":
        return
    value = PARTS.get(part)
    after = replace(EVERY, **{part: value if part in PARTS else type(getattr(EVERY, part))()})
    assert differences(EVERY, after) or getattr(EVERY, part) == getattr(after, part)
    assert part in ("signals", "migrate") or getattr(EVERY, part) != getattr(after, part)


def _chain(size: int) -> Definition:
    nodes = {f"n{place}": Node(f"n{place}", "pass", to=(Edge(f"n{place + 1}"),)) for place in range(size)}
    return Definition("g", "n0", {**nodes, f"n{size}": Node(f"n{size}", "end")})


def test_time_grows_with_the_size_alone() -> None:
    taken = []
    for size in (500, 5000):
        definitions = _chain(size), replace(_chain(size), nodes=dict(reversed(_chain(size).nodes.items())))
        edited = replace(
            definitions[1], nodes={name: replace(node, commit=True) for name, node in definitions[1].nodes.items()}
        )
        begun = time.perf_counter()
        assert len(differences(definitions[0], edited)) == size + 1
        taken.append(time.perf_counter() - begun)
    assert taken[1] < 40 * taken[0]


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0, False), (0.0, -0.0), ("1", 1), (None, False), ([], {})]
)
def test_values_that_python_takes_for_equal_are_told_apart(one: Any, other: Any) -> None:
    for was, now in ((one, other), (other, one)):
        for before, after in (
            (Field("any", default=was), Field("any", default=now)),
            (Field("any", enum=(was, "b")), Field("any", enum=(now, "b"))),
            (Field({"k": [was]}), Field({"k": [now]})),
        ):
            versions = [Definition("g", "a", {}, fields={"x": field}) for field in (before, after)]
            assert len(differences(*versions)) in (1, 2)


def test_the_order_of_arguments_and_writes_counts_and_that_of_routes_does_not() -> None:
    def version(*keys: str) -> Definition:
        each = dict.fromkeys(keys, "d")
        node = Node("a", "do", do=Call("t", dict(each)), set=each, catch=each, upon=each, upon_states=each)
        return Definition("g", "a", {"a": node}, catch=each, upon=each)

    assert [str(each) for each in differences(version("k", "l"), version("l", "k"))] == [
        "~a.do.with order k, l -> l, k",
        "~a.set.fields order k, l -> l, k",
        "~a.upon.states order k, l -> l, k",
    ]
