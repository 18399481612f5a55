"""What a plan says of graphs that a graph uses: it goes into them, and holds every run that a node may start."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trellis import Dispatcher, run
from trellis.model.graph import Graph
from trellis.planning.build import plan
from trellis.planning.facts import Excluded, Secret, Unbounded
from trellis.project import load

TOOLS = {"t": {"python": "x:t", "timeout": "10s"}, "sh": {"process": ["./x"], "timeout": "3s"}}
BELOW = {
    "trellis": 1,
    "name": "below",
    "start": "make",
    "fields": {
        "n": {"type": "integer", "default": 1},
        "answer": {"type": "integer", "optional": True},
        "key": {"type": "string", "secret": True, "from": "env:KEY"},
        "token": {"type": "string", "secret": True},
    },
    "tools": TOOLS,
    "nodes": {
        "make": {
            "do": "sh",
            "with": {"key": "{{ key }}", "n": "{{ n }}"},
            "undo": {"do": "t"},
            "to": [{"if": "n > 5", "to": "ask"}, {"to": "done"}],
        },
        "ask": {"ask": {"int": "answer"}, "timeout": "1m", "to": "done"},
        "done": {"end": {"status": "ok", "result": "n"}},
    },
}
FIELDS = {"secret": {"type": "string", "secret": True, "from": "env:S"}, "got": {"type": "any", "optional": True}}


def made(folder: Path, nodes: dict[str, Any], **others: dict[str, Any]) -> Graph:
    """A graph of these nodes, with a graph beside it that it may use."""
    whole = {"trellis": 1, "name": "g", "start": "a", "fields": FIELDS, "tools": TOOLS, "nodes": nodes}
    for name, document in {"g": whole, "below": BELOW, **others}.items():
        (folder / f"{name}.yaml").write_bytes(msgspec.json.encode(document))
    return load(str(folder / "g.yaml"), tools=None)


def using(n: object = 2, **more: Any) -> dict[str, Any]:
    return {"use": "below.yaml", "with": {"n": n, "token": "{{ secret }}"}, "save": "got", **more}


def test_a_plan_goes_into_the_graphs_that_are_used_with_what_they_are_given(tmp_path: Path) -> None:
    found = plan(made(tmp_path, {"a": using(2, to="b"), "b": {"do": "t", "to": "$end"}}))
    below = found.graphs[0]
    assert (below.file, below.at) == ("below.yaml", ("a",))
    assert [node.id for node in below.plan.nodes] == ["make", "done"]
    assert below.plan.unreached == (Excluded("ask", "at make `n > 5` does not hold: n is 2"),)
    assert found.questions == ()
    assert {tool.name: (tool.called_at, tool.undoes) for tool in found.tools} == {
        "t": (("b",), ("a.make",)),
        "sh": (("a.make",), ()),
    }
    assert found.permissions == ("process",)
    assert found.secrets == (Secret("secret", "env:S", ("a",)), Secret("a.key", "env:KEY", ("a.make",)))
    assert found.time.seconds == 3 + 10
    assert found.courses[0].tools == ("sh", "t")


def test_a_plan_of_a_graph_that_two_nodes_use_holds_the_runs_of_both(tmp_path: Path) -> None:
    found = plan(made(tmp_path, {"a": using(2, to="b"), "b": using(7, to="$end")}))
    assert found.graphs[0].at == ("a", "b")
    assert [node.id for node in found.graphs[0].plan.nodes] == ["make", "ask", "done"]
    assert [question.node for question in found.questions] == ["a.ask", "b.ask"]
    assert found.nodes[0].time.seconds == 3.0


def test_attempts_of_a_child_and_its_undoing_after_a_timeout_take_their_time(tmp_path: Path) -> None:
    retry = {"max_attempts": 3, "initial_interval": "1s", "backoff_coefficient": 1, "jitter": 0}
    found = plan(made(tmp_path, {"a": using(9, timeout="30s", retry=retry, to="$end")}))
    assert found.nodes[0].time.seconds == 3 * 30 + 2
    assert found.time.seconds == 3 * 30 + 2 + 3 + 10


def test_answers_in_order_go_to_a_child_too_and_none_of_them_is_known_behind_it(tmp_path: Path) -> None:
    b = {"ask": {"int": "got"}, "to": [{"if": "got == 1", "to": "$end"}, {"to": "$fail"}]}
    fields = {**FIELDS, "got": {"type": "integer", "optional": True}}
    graph = made(tmp_path, {"a": using(9, to="b"), "b": b}, g={
        "trellis": 1, "name": "g", "start": "a", "fields": fields, "tools": TOOLS, "nodes": {"a": using(9, to="b"), "b": b}
    })  # fmt: skip
    found = plan(graph, answers=[1, 2])
    assert [(question.node, question.answered) for question in found.questions] == [("b", False), ("a.ask", True)]
    assert [(way.to, way.taken) for way in found.nodes[1].ways] == [("$end", "maybe"), ("$fail", "maybe")]


def test_a_graph_that_uses_itself_is_walked_with_whatever_its_runs_start_with(tmp_path: Path) -> None:
    again = {"use": "g.yaml", "with": {"n": "{{ n + 1 }}"}, "to": "$end"}
    nodes = {
        "a": {"to": [{"if": "n > 3", "to": "b"}, {"to": "c"}]},
        "b": {"do": "t", "to": "$end"},
        "c": again,
    }
    document = {
        "trellis": 1,
        "name": "g",
        "start": "a",
        "fields": {"n": {"type": "integer", "default": 1}},
        "tools": TOOLS,
    }
    found = plan(made(tmp_path, {}, g={**document, "nodes": nodes}))
    assert [node.id for node in found.nodes] == ["a", "c"]
    assert [node.id for node in found.graphs[0].plan.nodes] == ["a", "b", "c"]
    assert [(tool.name, tool.called_at) for tool in found.tools] == [("t", ("c.b",))]
    assert found.time.unbounded == (Unbounded("c.c", "it waits for a run of g.yaml inside of one"),)


def test_graphs_that_use_one_another_many_times_are_planned_at_once(tmp_path: Path) -> None:
    chain = {
        f"g{number}": {
            "trellis": 1, "name": f"g{number}", "start": "a", "tools": TOOLS,
            "nodes": {
                "a": {"use": f"g{number + 1}.yaml", "to": "b"},
                "b": {"use": f"g{number + 1}.yaml", "to": "$end"},
            } if number < 60 else {"a": {"do": "t", "to": "$end"}},
        }
        for number in range(61)
    }  # fmt: skip
    made(tmp_path, {"a": {"say": "x", "to": "$end"}}, **chain)
    began = time.perf_counter()
    found = plan(load(str(tmp_path / "g0.yaml"), tools=None))
    assert time.perf_counter() - began < 2
    assert len(found.graphs) == 60
    assert all(len(used.at) <= 6 for used in found.graphs)
    assert [tool.name for tool in found.tools] == ["t"]


@pytest.mark.parametrize("failing", [False, True])
def test_a_run_of_a_graph_that_uses_another_does_what_its_plan_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: bool
) -> None:
    monkeypatch.setenv("KEY", "k")
    monkeypatch.setenv("S", "s")
    graph = made(tmp_path, {"a": using(2, to="b"), "b": {"do": "t", "to": "$end"}})
    tools = Dispatcher()
    called: list[str] = []

    def act(**given: object) -> int:
        called.append("t" if "n" not in given else "sh")
        if failing and called == ["sh"]:
            raise ValueError("no")
        return 1

    tools.register("t", act)
    tools.register("sh", act)
    found = plan(graph)
    outcome = run(graph, dispatcher=tools)
    assert called == (["sh"] if failing else ["sh", "t"])
    assert set(called) <= {tool.name for tool in found.tools if tool.called_at}
    assert outcome.status in {ending.status for ending in found.endings}
