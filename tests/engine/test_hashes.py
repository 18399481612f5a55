"""The hash of a graph knows every order that decides what a run does, and forgets the others; its data keeps them all."""

from __future__ import annotations

import pytest

from tests.compiler.checking import definition
from tests.engine.versions_driven import GRAPH
from trellis.engine import start
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.model.values import Value

STATES = "start: a\nstates: {%s}\nnodes: {a: {ask: {text: x}, to: $end}}\nfields: {x: {type: any, optional: true}}\n"
ONE, OTHER = "One: {auto: true, remove: [Other]}", "Other: {auto: true, remove: [One]}"
ROUTES = """start: a
states: {Left: {auto: true}, Right: {auto: true}}
nodes:
  a: {wait: {states: [Left]}, upon: {states: {%s}}, to: $end}
  left: {end: ok}
  right: {end: failed}
"""
GRAPH_ROUTES = """start: a
upon: {states: {%s}}
states: {Left: {auto: true}, Right: {auto: true}}
nodes:
  a: {wait: {states: [Left]}, to: $end}
  left: {end: ok}
  right: {end: failed}
"""
WRITES = """start: a
fields: {p: {type: integer, default: 0}, q: {type: integer, default: 0}, word: {type: any, default: x}}
nodes:
  a: {set: {fields: {%s}}, catch: {expression: left, invalid: right}, to: $end}
  left: {end: ok}
  right: {end: failed}
"""
KEYS = """start: a
fields: {m: {type: any, default: {%s}}}
nodes: {a: {end: {status: ok, result: keys(m)}}}
"""
DECLARED = """start: a
fields: {m: {type: {%s}, default: {}}}
nodes: {a: {set: {fields: {m: m}}, to: b}, b: {end: {status: ok, result: keys(m)}}}
"""
DECIDING = [
    pytest.param(STATES, ONE, OTHER, "running", id="states"),
    pytest.param(ROUTES, "Left: left", "Right: right", "completed", id="upon of a node"),
    pytest.param(GRAPH_ROUTES, "Left: left", "Right: right", "completed", id="upon of the graph"),
    pytest.param(WRITES, "p: 1 // q", "q: word", "completed", id="set"),
    pytest.param(KEYS, "b: 1", "a: 2", "completed", id="default"),
    pytest.param(DECLARED, "b: {type: any, optional: true}", "a: {type: any, optional: true}", "completed", id="type"),
]


def done(graph: Graph) -> tuple[str, tuple[str, ...], Value]:
    """What a run of the graph comes to by its start alone."""
    state = start(graph, RunStarted(0.0, "r", graph.hash)).state
    return state.status, state.active, state.result


@pytest.mark.parametrize(("text", "one", "other", "status"), DECIDING)
def test_two_orders_that_make_a_run_do_otherwise_have_two_hashes(text: str, one: str, other: str, status: str) -> None:
    first, second = (Graph(definition(text % ", ".join(order))) for order in ([one, other], [other, one]))
    assert done(first)[0] == status
    assert done(first) != done(second), "this order decides nothing"
    assert first.hash != second.hash


@pytest.mark.parametrize(("text", "one", "other", "status"), DECIDING)
def test_a_graph_read_back_from_its_data_does_the_same_under_the_same_hash(
    text: str, one: str, other: str, status: str
) -> None:
    for order in ([one, other], [other, one]):
        graph = Graph(definition(text % ", ".join(order)))
        again = Graph.decode(graph.data, graph.hash)
        assert (done(again), Graph(again.definition).hash) == (done(graph), graph.hash)


@pytest.mark.parametrize(
    ("text", "one", "other"),
    [
        ("start: a\nnodes: {%s}\n", "a: {say: x, to: b}", "b: {end: ok}"),
        ("start: a\nnodes: {a: {end: ok}}\nfields: {%s}\n", "p: {type: any, default: 1}", "q: {type: any, default: 2}"),
        ("start: a\nnodes: {a: {ask: {text: p}, to: $end}}\nfields: {p: {type: any, optional: true}}\nsignals: {%s}\nupon: {s: a, t: a}\n", "s: {}", "t: {}"),
        ("start: a\nnodes: {a: {ask: {text: p}, to: $end}}\nfields: {p: {type: any, optional: true}}\nsignals: {s: {}, t: {}}\nupon: {%s}\n", "s: a", "t: a"),
        ("start: a\nnodes: {a: {do: t, to: $end}}\ntools: {%s}\n", 't: {python: "m:t"}', 'u: {python: "m:u"}'),
        ("start: a\nnodes: {a: {do: t, to: $end}, b: {end: ok}}\ncatch: {%s}\n", "timeout: b", "invalid: $fail"),
        ("start: a\nnodes: {a: {do: t, catch: {%s}, to: $end}, b: {end: ok}}\n", "timeout: b", "invalid: $fail"),
        ("start: a\nnodes: {a: {end: ok}}\nstates: {S: {}, T: {}}\ngroups: {%s}\n", "g: [S]", "h: [T]"),
    ],
)  # fmt: skip
def test_an_order_that_decides_nothing_is_no_part_of_the_hash(text: str, one: str, other: str) -> None:
    first, second = (Graph(definition(text % ", ".join(order))) for order in ([one, other], [other, one]))
    assert first.data != second.data, "people read it in the order in which it was written"
    assert first == second


def test_the_hash_of_a_graph_stays_what_it_is_from_one_version_of_the_program_to_the_next() -> None:
    assert Graph(definition(GRAPH)).hash == "d8f6bdb3e871fc61b4f8ff1d2568d94a3c4bcc15743b83800eacb133a0334a55"
