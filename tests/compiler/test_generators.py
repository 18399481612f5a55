"""The graphs that other tests are run on are what they claim: valid as text and as data, of every kind, and finite."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from tests.generators import ROUNDS, compiled, generate, graphs
from tests.searching import searched
from trellis.loaders import read
from trellis.model.graph import TARGETS, Graph

SEEDS = range(300)


@searched(few=40, many=2_000, document=graphs())
def test_a_generated_graph_is_valid_as_an_author_would_write_it(document: dict[str, Any]) -> None:
    reading = read("g.yaml", json.dumps(document).encode())
    assert reading.problems == ()
    assert compiled(document).definition.needs == ()


@searched(few=40, many=2_000, document=graphs())
def test_a_generated_graph_survives_its_own_bytes(document: dict[str, Any]) -> None:
    graph = compiled(document)
    again = Graph.decode(graph.data, graph.hash)
    assert again.definition == graph.definition
    assert Graph(again.definition).hash == graph.hash


@searched(few=40, many=2_000, document=graphs())
def test_every_way_leads_forward_or_counts(document: dict[str, Any]) -> None:
    nodes = compiled(document).definition.nodes
    places = {name: place for place, name in enumerate(nodes)}
    for node in nodes.values():
        ways: list[tuple[str, str | None]] = [
            (to, None) for routes in (node.catch, node.upon) for to in routes.values()
        ]
        ways += [(edge.to, edge.when) for edge in node.to]
        for to, when in ways:
            if to not in TARGETS and places[to] <= places[node.id]:
                assert when == f"n < {ROUNDS}"
                counting = (
                    nodes[node.bodies[0].start]
                    if node.bodies and not node.bodies[0].name and node.each is None
                    else node
                )
                assert counting.set["n"] == "n + 1"


def test_the_same_seed_gives_the_same_graph() -> None:
    assert generate(Random(7)) == generate(Random(7))
    assert generate(Random(7)) != generate(Random(8))


def test_every_part_of_a_node_turns_up() -> None:
    made = [compiled(generate(Random(seed))).definition for seed in SEEDS]
    nodes = [node for definition in made for node in definition.nodes.values()]
    assert {node.verb for node in nodes} == {
        "say",
        "ask",
        "do",
        "all",
        "race",
        "each",
        "end",
        "pass",
        "wait",
        "emit",
        "use",
    }
    for part in (
        "save",
        "set",
        "catch",
        "upon",
        "retry",
        "timeout",
        "deadline",
        "undo",
        "commit",
        "bodies",
        "adds",
        "removes",
        "upon_states",
    ):
        assert any(getattr(node, part) for node in nodes), part
    assert {node.join.mode for node in nodes if node.join} == {"all", "count", "collect"}
    assert {edge.undo for node in nodes for edge in node.to} == {True, False}
    assert any(node.region.count("[]") == 2 for node in nodes)
    states = [state for definition in made for state in definition.states.values()]
    for part in ("auto", "multi", "require", "add", "remove", "after", "enter_if", "exit_if", "entered", "exited"):
        assert any(getattr(state, part) for state in states), part
