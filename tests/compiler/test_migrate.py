"""E222 and the lowering of `migrate`: old names become those of this version, and no two become one."""

from __future__ import annotations

import pytest

from tests.compiler.checking import compiled, definition, problems
from trellis.model.graph import Graph, Migrate

GRAPH = """start: build
fields: {server: {type: any, optional: true}}
nodes:
  build: {do: t, save: server, to: checks}
  checks:
    all:
      http: {start: fetch, nodes: {fetch: {do: t, to: $end}}}
      db: {do: t}
    to: fan
  fan: {each: {in: "[1]", do: t}, to: $end}
"""


def test_what_was_renamed_is_kept_in_the_definition() -> None:
    text = 'migrate: {nodes: {make: build, checks.web: checks.http, "each[]": "fan[]"}, fields: {srv: server}}\n'
    assert definition(GRAPH + text).migrate == Migrate(
        {"make": "build", "checks.web": "checks.http", "each[]": "fan[]"}, {"srv": "server"}
    )


def test_the_map_is_part_of_the_hash_and_the_order_of_its_keys_is_not() -> None:
    def graph(text: str) -> Graph:
        return Graph(definition(GRAPH + text))

    one = graph("migrate: {nodes: {make: build, wide: fan}, fields: {srv: server}}\n")
    assert one == graph("migrate: {fields: {srv: server}, nodes: {wide: fan, make: build}}\n")
    assert one != graph("migrate: {nodes: {make: build, wide: fan}}\n")
    assert Graph.decode(one.data, one.hash).definition == one.definition


@pytest.mark.parametrize("text", ["", "migrate: {}\n", "migrate: {nodes: {}, x-why: none, fields: {}}\n"])
def test_a_map_of_nothing_is_none(text: str) -> None:
    assert Graph(definition(GRAPH + text)) == Graph(definition(GRAPH))


def test_a_name_must_be_one_of_this_version() -> None:
    text = """migrate:
  nodes: {make: biuld, old: checks.htp.fetch, other: checks.db, more: "fan[]"}
  fields: {srv: sever, x: build}
"""
    assert problems(text + GRAPH) == [
        "2:17: E222 no node named 'biuld' (did you mean 'build'?)",
        "2:29: E222 no node named 'checks.htp.fetch' (did you mean 'checks.http.fetch'?)",
        "3:17: E222 no field named 'sever' (did you mean 'server'?)",
        "3:27: E222 no field named 'build'",
    ]


def test_no_two_names_become_one() -> None:
    text = "migrate: {nodes: {make: build, create: build}, fields: {a: server, b: server}}\n"
    hint = "(a run of either goes to this version by way of the one in which both were there)"
    assert problems(text + GRAPH) == [
        f"1:40: E222 'make' and 'create' both become 'build' {hint}",
        f"1:71: E222 'a' and 'b' both become 'server' {hint}",
    ]


def test_a_name_of_this_version_becomes_no_other() -> None:
    text = "migrate: {nodes: {fan: build, checks.http: fan}, fields: {server: server}}\n"
    hint = "a name that is gone becomes one that is here: remove it, or rename this"
    assert problems(text + GRAPH) == [
        f"1:19: E222 'fan' is a node of this version ({hint} node)",
        f"1:31: E222 'checks.http' is a node of this version ({hint} node)",
        f"1:59: E222 'server' is a field of this version ({hint} field)",
    ]


def test_a_body_of_one_node_may_become_a_node_inside_it() -> None:
    assert problems(GRAPH + "migrate: {nodes: {checks.http: checks.http.fetch}}\n") == []


def test_names_that_could_not_be_read_are_no_second_fault() -> None:
    text = """start: a
nodes:
  a: {all: {x: {do: t, nodse: 1}}, to: b}
  b: {say: 1, to: $end}
migrate: {nodes: {c: a.x, d: b, e: f}}
"""
    assert [line for line in compiled_lines(text) if " E222 " in line] == ["5:36: E222 no node named 'f'"]


def compiled_lines(text: str) -> list[str]:
    from trellis.compiler import compile_document
    from trellis.loaders import read

    reading = read("g.yaml", ("trellis: 1\nname: g\n" + text).encode())
    assert reading.document is not None
    found = compile_document(reading.document, pruned=reading.pruned).problems
    return [f"{problem.line - 2}:{str(problem).split(':', 2)[2]}" for problem in found]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("migrate: {nodes: {a b: build}}", "E208 'a b' is no name for a node"),
        ("migrate: {nodes: [a]}", "E202 'nodes': expected map, found list of 1"),
        ("migrate: {fields: {a: 1}}", "E202 'a': expected string, found integer 1"),
        ("migrate: {states: {A: B}}", "E201 unknown key 'states' of `migrate`"),
    ],
)
def test_the_section_has_a_shape(text: str, problem: str) -> None:
    from trellis.loaders import read

    reading = read("g.yaml", f"trellis: 1\nname: g\n{text}\n{GRAPH}".encode())
    assert [problem in str(found) for found in reading.problems] == [True], reading.problems


def test_a_schema_of_states_has_no_map() -> None:
    from trellis.loaders import read

    reading = read("s.yaml", b"trellis: 1\nstates: {A: {}}\nmigrate: {nodes: {a: b}}\n")
    assert [str(found) for found in reading.problems] == [
        "s.yaml:1:1: E203 missing key 'nodes' of a document (a graph has nodes, a state schema has states, a catalogue has tools)"
    ]


def test_compiled_without_errors_where_nothing_is_wrong() -> None:
    assert compiled(GRAPH + "migrate: {nodes: {make: build}}\n").problems == []
