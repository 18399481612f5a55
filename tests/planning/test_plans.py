"""What a plan says of small graphs: what is decided, what is open, what it needs, and how long it takes at most."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.generators import compiled
from trellis.errors import InvalidField
from trellis.model.graph import Graph
from trellis.planning.build import plan
from trellis.planning.facts import Call, Course, Emits, Excluded, Plan, Question, Together, Unbounded, Undone

TOOLS = {
    "t": {"python": "x:t", "timeout": "10s"},
    "free": {"python": "x:free"},
    "sh": {"process": ["sh", "x.sh", "{{ args.a }}"], "timeout": "3s", "effect": "at_most_once"},
    "gone": {"python": "x:gone", "timeout": "1s"},
}


def graph(nodes: dict[str, Any], start: str = "a", **rest: Any) -> Graph:
    fields = rest.pop("fields", {})
    return compiled(
        {"trellis": 1, "name": "g", "start": start, "fields": fields, "tools": TOOLS, "nodes": nodes, **rest}
    )


def visited(found: Plan) -> list[str]:
    return [node.id for node in found.nodes]


BRANCHING = {
    "a": {"say": "x", "to": [{"if": "env == 'prod' and n > 2", "to": "b"}, {"if": "go", "to": "c"}, {"to": "d"}]},
    "b": {"do": "t", "to": "$end"},
    "c": {"do": "free", "with": {"env": "{{ env }}", "go": "is {{ go }}"}, "to": "$end"},
    "d": {"end": "cancelled"},
}
FIELDS = {
    "env": {"type": "string", "enum": ["staging", "prod"], "default": "staging"},
    "n": {"type": "integer", "default": 3},
    "go": {"type": "boolean"},
}


def test_a_condition_over_known_fields_is_decided_and_what_it_excludes_is_told_why() -> None:
    found = plan(graph(BRANCHING, fields=FIELDS), {"go": False})
    assert visited(found) == ["a", "d"]
    assert found.unreached == (
        Excluded("b", "at a `env == 'prod' and n > 2` does not hold: env is \"staging\", n is 3"),
        Excluded("c", "at a `go` does not hold: go is false"),
    )
    assert visited(plan(graph(BRANCHING, fields=FIELDS), {"go": True, "env": "prod"})) == ["a", "b"]


def test_all_texts_that_a_node_may_say_are_told_in_their_first_language() -> None:
    said = ["one", {"if": "n > 9", "say": {"pt": "dois {{ n }}", "en": "two"}}]
    found = plan(graph({"a": {"say": said, "to": "$end"}}, fields=FIELDS), {})
    assert found.nodes[0].says == "one\ndois 3"


def test_a_field_that_is_not_given_branches_and_the_plan_says_that_a_run_needs_it() -> None:
    found = plan(graph(BRANCHING, fields=FIELDS))
    assert found.missing == ("go",)
    assert found.notes == ("a run has to be given: go; here they are unknown",)
    assert [(way.to, way.by, way.taken, way.unless, way.depends) for way in found.nodes[0].ways] == [
        ("c", "go", "maybe", (), ("go as it is given",)),
        ("d", "", "maybe", ("go",), ("go as it is given",)),
    ]
    assert found.nodes[1].calls == Call(("free",), {"env": "staging", "go": "is {{ go }}"}, complete=False)


def test_a_part_that_decides_a_condition_decides_it_whatever_the_others_are() -> None:
    nodes = {"a": {"to": [{"if": "go and n > 5", "to": "b"}, {"if": "go or n == 3", "to": "c"}, {"to": "d"}]}}
    found = plan(graph(nodes | {name: {"end": "ok"} for name in "bcd"}, fields=FIELDS))
    assert visited(found) == ["a", "c"]


def test_what_nodes_set_on_the_way_is_known_and_what_tools_give_is_not() -> None:
    nodes = {
        "a": {"set": {"fields": {"n": "n + 1"}}, "to": [{"if": "n == 4", "to": "b"}, {"to": "c"}]},
        "b": {"do": "t", "save": "n", "to": [{"if": "n == 4", "to": "c"}, {"to": "$end"}]},
        "c": {"end": "failed"},
    }
    found = plan(graph(nodes, fields=FIELDS | {"go": {"type": "boolean", "default": True}}))
    assert [way.taken for node in found.nodes for way in node.ways] == ["always", "maybe", "maybe"]
    assert found.nodes[1].ways[0].depends == ("what b gives",)


def test_a_loop_over_known_numbers_ends_and_has_a_bound() -> None:
    nodes = {"a": {"do": "t", "set": {"fields": {"n": "n + 1"}}, "to": [{"if": "n < 6", "to": "a"}, {"to": "$end"}]}}
    found = plan(graph(nodes, fields={"n": FIELDS["n"]}))
    assert found.time.seconds == 30.0


def test_a_loop_that_an_answer_decides_is_shown_once_and_has_no_bound() -> None:
    nodes = {
        "a": {"do": "t", "to": "b"},
        "b": {"ask": {"confirm": "go"}, "timeout": "1m", "to": [{"if": "go", "to": "a"}, {"to": "$end"}]},
    }
    found = plan(graph(nodes, fields={"go": {"type": "boolean", "optional": True}}))
    assert found.time.seconds is None
    assert found.time.unbounded == (Unbounded("a", "the loop a → b → a goes round without a bound that is known"),)
    assert [(path.nodes, path.when, path.ending) for path in found.courses] == [
        (("a", "b"), ("b: go",), "back to a"),
        (("a", "b"), ("b: not go",), "completed"),
    ]
    limited = plan(graph(nodes, fields={"go": {"type": "boolean"}}, limits={"visits": 4}))
    assert limited.time.seconds == 4 * (10 + 60)


def test_given_answers_decide_and_those_that_do_not_fit_are_passed_over() -> None:
    nodes = {
        "a": {"ask": {"int": "n"}, "to": [{"if": "n == 7", "to": "b"}, {"to": "c"}]},
        "b": {"ask": {"confirm": "go"}, "to": "$end"},
        "c": {"end": "ok"},
    }
    fields = FIELDS | {"go": {"type": "boolean", "optional": True}}
    sheets: list[Any] = [["many", 7], {"a": ["many", "7"]}]
    for answers in sheets:
        found = plan(graph(nodes, fields=fields), answers=answers)
        assert visited(found) == ["a", "b"]
        assert [(question.node, question.answered) for question in found.questions] == [("a", True), ("b", False)]
        assert [one.node for one in found.time.unbounded] == ["b"]


def test_the_longest_time_counts_attempts_and_waits_and_ends_at_a_deadline() -> None:
    retry = {"max_attempts": 3, "initial_interval": "2s", "backoff_coefficient": 3, "jitter": 0.5}
    call = {"do": "free", "timeout": "4s", "retry": retry, "to": "$end"}
    assert plan(graph({"a": call})).time.seconds == pytest.approx(3 * 4 + 2 * 1.5 + 6 * 1.5)
    assert plan(graph({"a": call | {"deadline": "11s"}})).time.seconds == 11.0
    endless = plan(graph({"a": {"do": "free", "to": "$end"}})).time
    assert (endless.seconds, endless.unbounded) == (None, (Unbounded("a", "tool free has no timeout"),))
    asked = graph({"a": {"ask": {"text": "s"}, "to": "$end"}}, fields={"s": {"type": "string", "optional": True}})
    assert plan(asked).time.unbounded == (Unbounded("a", "it waits for a person without a timeout"),)


def test_the_time_limit_of_the_run_bounds_it_unless_a_node_goes_on_when_it_is_over() -> None:
    def made(**rest: Any) -> Plan:
        nodes = {
            "a": {"do": "free", "undo": {"do": "gone"}, "to": "b"},
            "b": {"do": "free", "to": "c"},
            "c": {"end": "ok"},
        }
        return plan(graph(nodes, limits={"time": "1h"}, **rest))

    assert made().time.seconds == 3600.0
    assert {ending.status for ending in made().endings} == {"completed", "failed", "denied", "timed_out"}
    rolled = made(catch={"timeout": "$rollback"})
    assert [one.why for one in rolled.time.unbounded] == [
        "a rollback waits for a call that was given up: tool free has no timeout"
    ]
    assert made(catch={"timeout": "c"}).time.seconds is None


def test_branches_take_as_long_as_the_longest_and_items_as_many_rounds_as_there_are() -> None:
    both = {"x": {"do": "t"}, "y": {"do": "sh", "with": {"a": 1}}}
    assert plan(graph({"a": {"all": both, "to": "$end"}})).time.seconds == 10.0
    each = {"in": "xs", "as": "x", "max": 2, "do": "t"}
    fields = {"xs": {"type": ["integer"]}}
    assert plan(graph({"a": {"each": each, "to": "$end"}}, fields=fields), {"xs": [1, 2, 3, 4, 5]}).time.seconds == 30.0
    unknown = plan(graph({"a": {"each": each, "to": "$end"}}, fields=fields)).time
    assert unknown.unbounded == (Unbounded("a", "it goes over a list that is not known, 2 at a time"),)
    race = {"x": {"do": "free"}, "y": {"wait": {"time": "5s"}}}
    assert plan(graph({"a": {"race": race, "to": "$end"}})).time.seconds == 5.0


def test_what_parallel_branches_write_is_unknown_to_each_other_and_behind_them() -> None:
    nodes = {
        "a": {
            "all": {
                "x": {"set": {"fields": {"n": "8"}}},
                "y": {"start": "p", "nodes": {"p": {"to": [{"if": "n == 3", "to": "q"}, {"to": "$end"}]}, "q": {"do": "t", "to": "$end"}}},
            },
            "to": [{"if": "n == 3", "to": "b"}, {"to": "$end"}],
        },
        "b": {"end": "ok"},
    }  # fmt: skip
    assert visited(plan(graph(nodes, fields={"n": FIELDS["n"]}))) == ["a", "a.x", "a.y.p", "a.y.q", "b"]


def test_behind_an_error_what_the_node_may_have_written_is_unknown() -> None:
    nodes = {
        "a": {"do": "t", "save": "n", "set": {"fields": {"m": "1 / n"}}, "catch": {"expression": "b"}, "to": "$end"},
        "b": {"to": [{"if": "n == 3", "to": "c"}, {"to": "d"}]},
        "c": {"end": "ok"},
        "d": {"end": "ok"},
    }
    found = plan(graph(nodes, fields={"n": FIELDS["n"], "m": {"type": "number", "default": 0}}))
    assert visited(found) == ["a", "b", "c", "d"]


def test_it_says_which_tools_permissions_secrets_and_answers_it_takes() -> None:
    nodes = {
        "a": {"do": "sh", "with": {"a": "{{ token }}"}, "to": "b"},
        "b": {
            "ask": {"approve": "v", "by": ["ana", "ben"], "quorum": 2},
            "timeout": "1h",
            "upon": {"stop": "$end"},
            "to": "$end",
        },
    }
    fields = {
        "token": {"type": "string", "secret": True, "from": "env:OPS_TOKEN"},
        "v": {"type": "approval", "optional": True},
    }
    found = plan(graph(nodes, fields=fields, signals={"stop": {}}), {"token": "hidden"})
    assert found.permissions == ("process",)
    assert [(tool.name, tool.kind, tool.declared, tool.effect, tool.allow, tool.called_at) for tool in found.tools] == [
        ("sh", "process", "sh x.sh {{ args.a }}", "at_most_once", "process", ("a",))
    ]
    assert [(secret.field, secret.source, secret.read_at) for secret in found.secrets] == [
        ("token", "env:OPS_TOKEN", ("a",))
    ]
    assert found.questions == (
        Question("b", "v", "approve", ("approve", "reject", "back"), None, ("ana", "ben"), 2, within=3600.0),
    )
    assert found.signals == ("stop",)
    assert "hidden" not in str(found)


def test_a_signal_to_another_run_is_told_and_takes_as_long_as_its_timeout_says() -> None:
    send = {"emit": {"signal": "done", "to": "{{ s }}-{{ n }}", "with": {"n": "{{ n }}"}}, "to": "$end"}
    fields = {"n": FIELDS["n"], "s": {"type": "string"}}
    found = plan(graph({"a": send}, fields=fields))
    assert found.nodes[0].emits == Emits("done", "{{ s }}-3", {"n": 3})
    assert found.time.unbounded == (Unbounded("a", "sending a signal has no timeout"),)
    assert plan(graph({"a": send | {"timeout": "4s"}}, fields=fields)).time.seconds == 4.0


def test_a_node_of_a_verb_that_the_plan_does_not_know_may_do_anything() -> None:
    from msgspec.structs import replace

    known = graph(
        {"a": {"do": "t", "save": "n", "catch": {"odd": "c"}, "to": "b"}, "b": {"end": "ok"}, "c": {"end": "ok"}},
        fields={"n": FIELDS["n"]},
    )
    node = replace(known.definition.nodes["a"], verb="conjure", do=None)
    found = plan(Graph(replace(known.definition, nodes={**known.definition.nodes, "a": node})))
    assert visited(found) == ["a", "b", "c"]
    assert found.time.unbounded == (Unbounded("a", "nothing is known of how long conjure takes"),)


def test_a_start_value_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InvalidField, match="go"):
        plan(graph(BRANCHING, fields=FIELDS), {"go": 7})


SAGA = {
    "a": {"do": "t", "undo": {"do": "gone", "with": {"id": "{{ n }}-{{ s }}"}}, "to": [{"if": "go", "to": "b"}, {"to": "c"}]},
    "b": {"do": "t", "undo": {"do": "gone"}, "to": "c"},
    "c": {"all": {"x": {"do": "t", "undo": {"do": "gone"}}, "y": {"do": "t", "undo": {"do": "gone"}}}, "to": "d"},
    "d": {"do": "sh", "with": {"a": 1}, "to": "e"},
    "e": {"do": "t", "retry": {"max_attempts": 3}, "undo": {"do": "gone"}, "catch": {"stale": "f"}, "to": "f"},
    "f": {"do": "t", "commit": True, "to": "h"},
    "h": {"do": "t", "to": "$end"},
}  # fmt: skip
SAGA_FIELDS = {"n": FIELDS["n"], "go": FIELDS["go"], "s": {"type": "string", "default": "x"}}


def saga(**rest: Any) -> Graph:
    return graph(SAGA, fields=SAGA_FIELDS, catch={"*": "$rollback"}, **rest)


def test_what_is_undone_comes_last_first_and_parallel_branches_by_their_completion() -> None:
    failing = plan(saga(), fail_at="e").failing
    assert failing is not None
    assert (failing.ends, failing.attempts, [route.does for route in failing.routes]) == (
        "rolled_back", 3, ["the graph catches it"],
    )  # fmt: skip
    gone = Call(("gone",), {}, complete=True)
    assert failing.undone == (
        Together("branches", (Undone("c.y", gone, sure=False, late=True), Undone("c.x", gone, sure=False, late=True))),
        Undone("b", gone, sure=False),
        Undone("a", Call(("gone",), {"id": "3-x"}, complete=True), sure=True),
    )
    assert {kept.node: kept.why for kept in failing.kept} == {"e": "it has not completed", "d": "no undo declared"}
    assert failing.time is not None and failing.time.seconds == 4 * 1.0 + 10.0


def test_nothing_before_a_commit_is_undone() -> None:
    failing = plan(saga(), fail_at="h").failing
    assert failing is not None
    assert failing.undone == ()
    assert {kept.node: kept.why for kept in failing.kept} == {
        "a": "behind the commit at f", "b": "behind the commit at f", "c": "behind the commit at f",
        "d": "no undo declared", "e": "behind the commit at f", "f": "no undo declared",
    }  # fmt: skip


def test_what_a_state_does_may_fail_whatever_has_completed_beside_it() -> None:
    nodes = {
        "a": {"do": "t", "undo": {"do": "gone"}, "set": {"add": ["S"]}, "to": "b"},
        "b": {"wait": {"time": "1s"}, "to": "$end"},
    }
    states = {"S": {"entered": {"do": "t"}}}
    failing = plan(graph(nodes, states=states, catch={"*": "$rollback"}), fail_at="S.entered").failing
    assert failing is not None
    assert [(step.of, [one.node for one in step.steps]) for step in failing.undone if isinstance(step, Together)] == [
        ("states", ["a"])
    ]


def test_an_error_that_is_caught_undoes_nothing_unless_a_rollback_comes_later() -> None:
    failing = plan(saga(), fail_at="e", code="stale").failing
    assert failing is not None
    assert (failing.goes_on, failing.later) == ("f", ("f", "h"))


def test_an_error_of_a_branch_goes_through_its_join() -> None:
    def routes(join: Any) -> list[str]:
        node = {"all": {"x": {"do": "t"}, "y": {"do": "t"}}, "to": "$end"} | ({"join": join} if join else {})
        failing = plan(graph({"a": node}), fail_at="a.x", code="denied").failing
        assert failing is not None
        return [f"{route.at}: {route.does}" for route in failing.routes] + [failing.ends or failing.goes_on]

    assert routes(None) == ["a: fails with it, the rest is cancelled", ": nothing catches it", "denied"]
    assert routes("collect") == ["a: collects it and goes on", "a"]
    assert routes("any") == ["a: needs 1 of 2: fails only if too few are left", ": nothing catches it", "denied"]


def test_a_node_that_cannot_be_reached_cannot_fail() -> None:
    failing = plan(graph(BRANCHING, fields=FIELDS), {"go": False}, fail_at="c").failing
    assert failing is not None and not failing.reached


def chain() -> Graph:
    nodes: dict[str, Any] = {
        f"n{i}": {"do": "t", "undo": {"do": "gone", "with": {"n": "{{ n }}"}}, "to": f"n{i + 1}"} for i in range(1000)
    }
    return graph({**nodes, "n1000": {"end": "ok"}}, "n0", fields={"n": FIELDS["n"]}, catch={"*": "$rollback"})


def wide() -> Graph:
    branches = {f"b{i}": {"do": "t", "undo": {"do": "gone"}} for i in range(500)}
    return graph({"n0": {"all": branches, "to": "n1"}, "n1": {"do": "t", "to": "$end"}}, "n0", catch={"*": "$rollback"})


def loops() -> Graph:
    """Sixty loops, each inside the next, that count fields up."""
    nodes: dict[str, Any] = {"n0": {"set": {"fields": {"f0": "f0 + 1"}}, "to": "n1"}}
    for i in range(1, 61):
        back = [{"if": f"f{i % 6} < 100000", "to": f"n{i // 2}"}, {"to": f"n{i + 1}"}]
        nodes[f"n{i}"] = {"set": {"fields": {f"f{i % 6}": f"f{i % 6} + 1"}}, "to": back}
    fields = {f"f{i}": {"type": "integer", "default": 0} for i in range(6)}
    return graph({**nodes, "n61": {"do": "t", "to": "$end"}}, "n0", fields=fields)


def diamonds() -> Graph:
    """Thirty forks that join again, each way writing something else: 2 to the power of 30 paths."""
    nodes: dict[str, Any] = {}
    for i in range(30):
        nodes[f"n{i}"] = {"ask": {"confirm": "go"}, "to": [{"if": "go", "to": f"x{i}"}, {"to": f"y{i}"}]}
        nodes[f"x{i}"] = {"set": {"fields": {f"f{i}": "1"}}, "to": f"n{i + 1}"}
        nodes[f"y{i}"] = {"set": {"fields": {f"f{i}": "2"}}, "to": f"n{i + 1}"}
    fields = {f"f{i}": {"type": "integer", "default": 0} for i in range(30)} | {
        "go": {"type": "boolean", "optional": True}
    }
    return graph({**nodes, "n30": {"do": "t", "to": "$end"}}, "n0", fields=fields)


@pytest.mark.parametrize(
    ("made", "count", "fail_at"),
    [(chain, 1001, "n999"), (wide, 502, "n1"), (loops, 62, "n61"), (diamonds, 91, "n30")],
    ids=["chain of 1,000", "all of 500", "nested loops", "2^30 paths"],
)
def test_a_plan_of_a_large_graph_is_made_at_once(made: Any, count: int, fail_at: str) -> None:
    big = made()
    began = time.process_time()
    found = plan(big, fail_at=fail_at)
    took = time.process_time() - began
    assert len(found.nodes) == count
    assert took < 2, f"{took:.2f} s"
    if made is diamonds:
        assert len(found.courses) == 12 and found.more_courses
        assert found.notes[1] == "there are more courses than are listed; every node and every way is"


def test_a_path_names_its_conditions_and_its_tools() -> None:
    found = plan(graph(BRANCHING, fields=FIELDS))
    assert [(path.nodes, path.when, path.tools, path.ending) for path in found.courses] == [
        (("a", "c"), ("a: go",), ("free",), "completed"),
        (("a", "d"), ("a: not go",), (), "cancelled"),
    ]
    assert all(isinstance(path, Course) for path in found.courses)


def test_an_edge_that_undoes_waits_for_a_call_that_was_given_up() -> None:
    nodes = {
        "a": {"do": "t", "timeout": "4s", "undo": {"do": "gone"}, "catch": {"timeout": "b"}, "to": "b"},
        "b": {"to": [{"to": "c", "undo": True}]},
        "c": {"end": "ok"},
    }
    assert plan(graph(nodes)).time.seconds == 4 + 10 + 1


def test_a_field_that_the_environment_may_give_is_not_known_by_its_default() -> None:
    fields = {"n": {"type": "integer", "default": 3, "from": "env:N"}}
    nodes = {"a": {"to": [{"if": "n > 3", "to": "b"}, {"to": "$end"}]}, "b": {"end": "failed"}}
    assert visited(plan(graph(nodes, fields=fields))) == ["a", "b"]
    assert visited(plan(graph(nodes, fields=fields), {"n": 2})) == ["a"]
