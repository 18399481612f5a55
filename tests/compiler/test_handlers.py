"""Bodies in `catch` and `upon`: nodes beside the one they stand in, checked as all others, with its ways on."""

from __future__ import annotations

from tests.compiler.checking import definition, problems
from trellis.model.graph import Edge


def test_a_body_is_a_node_beside_the_one_it_stands_in_and_has_its_ways_on() -> None:
    nodes = definition("""start: a
signals: {fault: {}}
states: {Up: {auto: true}}
fields: {n: {type: integer, default: 0}}
catch: {"*": {say: graph}}
nodes:
  a:
    do: t
    catch: {http.404: {say: gone}, boom: {start: p, nodes: {p: {say: p, to: $end}}}}
    upon: {fault: {do: u, catch: {"*": {say: deep}}}, states: {Up: {say: up, end: ok}}}
    to: [{if: n > 0, to: b}, {to: $end}]
  b: {all: {x: {do: t, catch: {boom: {say: x}}}}, to: c}
  c: {end: {status: ok, result: 1 / n}, catch: {expression: {say: c}}}
""").nodes
    on = (Edge("b", "n > 0"), Edge("$end"))
    assert {name: (node.region, node.to) for name, node in nodes.items()} == {
        "a": ("", on),
        "a~http.404": ("", on),
        "a~boom": ("", on),
        "a~boom.p": ("a~boom", (Edge("$end"),)),
        "a@fault": ("", on),
        "a@fault~*": ("", on),
        "a%Up": ("", ()),
        "b": ("", (Edge("c"),)),
        "b.x": ("b.x", ()),
        "b.x~boom": ("b.x", ()),
        "c": ("", ()),
        "c~expression": ("", (Edge("$end"),)),
        "~*": ("", (Edge("$end"),)),
    }


def test_a_body_is_checked_where_it_stands() -> None:
    text = """start: a
fields: {got: {type: {id: string}}, n: {type: integer, default: 0}}
nodes:
  a:
    do: t
    save: got
    catch:
      "*": {say: "{{ error.cod }} {{ signal.name }} {{ x }}", catch: {no_edge: {say: y}}}
      timeout: {start: p, nodes: {p: {say: hi, to: b}, q: {say: "{{ error.code }}", to: $end}}}
      deadline: {do: u}
      boom: {say: "{{ got.id }}"}
      bang: {with: {a: 1}, say: x}
    to: [{if: got.id == "7", to: b}, {if: m > 0, to: b}]
  b: {do: v, to: $end}
"""
    found = [line.partition(" (")[0] for line in problems(text)]
    assert found == [
        "8:18: E211 'signal' is only known in a node that `upon` leads to",
        "8:18: E211 no field named 'x'",
        "8:18: E402 `error` has no key 'cod'",
        "9:52: E204 no node named 'b' in the body 'a~timeout'",
        "9:56: E301 nothing leads to node 'a~timeout.q'",
        "10:7: E217 no error has the code deadline",
        "12:14: E217 `with` goes with `do` or `use`, and 'a~bang' only says something",
        "13:9: W304 if no condition of 'a' holds, it fails with no_edge",
        "13:15: W303 field 'got' may be unset in 'a~*' on the path a → a~*: a run needs it at start",
        "13:43: E211 no field named 'm'",
    ]


def test_a_body_is_no_node_that_one_may_go_to() -> None:
    assert problems("nodes: {a: {do: t, catch: {boom: {say: x}}, to: a~boom}}") == ["1:49: E204 no node named 'a~boom'"]


def test_an_edge_that_reads_a_secret_is_told_of_once_though_bodies_go_by_it_too() -> None:
    text = """start: a
fields: {key: {type: string, secret: true, optional: true}}
nodes:
  a: {do: t, catch: {boom: {do: u, catch: {bang: {say: "{{ key }}"}}}}, to: [{if: key == "x", to: $end}]}
"""
    assert [line.partition(" (")[0] for line in problems(text)] == [
        "4:77: W304 if no condition of 'a' holds, it fails with no_edge",
        "4:83: E404 secret field 'key' can only be passed on whole, as {{ key }}",
    ]
