"""What moves along with a run, and what does not stand in its way: the corners that a rename or a check could miss."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tests.engine.versions_driven import (
    ASKED,
    BACK,
    CHECKED,
    CHOSEN,
    GOING_BACK,
    GRAPH,
    KEPT,
    RETRYING,
    STATES,
    WENT_BACK,
    driven,
    edited,
    graph,
    mapped,
    verdict,
)
from trellis.engine import State, Step
from trellis.engine.state import UndoFailure
from trellis.engine.versions import Verdict, adopt, compare
from trellis.engine.versions.names import Versions
from trellis.model.events import Adopted
from trellis.model.graph import Graph

WIDE = (("  fan:", "  wide:"), ("to: fan\n", "to: wide\n"), mapped("{nodes: {fan: wide}}"))
CAUGHT = """start: a
fields: {s: {type: string, default: x}, ok: {type: boolean, default: false}}
nodes:
  a: {do: t, catch: {failed: b}, to: c}
  b: {all: {y: {ask: {confirm: ok}}}, to: c}
  c: {ask: {confirm: ok}, to: $end}
"""


def adopted(old: Graph, new: Graph, state: State) -> Step:
    said = compare(old, new, state)
    assert said.reasons == ()
    step = adopt(old, new, state, Adopted(state.at, new.hash, said.nodes, said.fields))
    assert step.refusal is None
    return step


def test_what_is_under_encryption_stays_with_its_field() -> None:
    old, state = driven(ASKED, ("answer a abc",))
    state = replace(state, secrets={"key": "kept"})
    new = graph(edited(ASKED, ("Which, {{ s }}?", "Which?")))
    assert adopted(old, new, state).state.secrets == {"key": "kept"}


def test_undo_that_failed_is_told_of_by_the_new_name() -> None:
    old, state = driven(GRAPH, GOING_BACK)
    assert state.rollback is not None
    failure = (UndoFailure("fan[1]", "failed", "no"),)
    state = replace(state, undo_failures=failure, rollback=replace(state.rollback, failures=failure))
    moved = adopted(old, graph(edited(GRAPH, *WIDE)), state).state
    now = (UndoFailure("wide[1]", "failed", "no"),)
    assert moved.rollback is not None
    assert (moved.undo_failures, moved.rollback.failures) == (now, now)


def test_the_timer_of_an_undo_keeps_the_path_of_its_call() -> None:
    text = edited(GRAPH, ('undo: {do: drop, with: {id: "{{ server }}"}}', "undo: {do: drop, timeout: 5s}"))
    old, state = driven(text, GOING_BACK)
    changes = [
        ("start: build", "start: first"),
        ("to: build,", "to: first,"),
        ("nodes:\n  build:", "migrate: {nodes: {build: first}}\nnodes:\n  first:"),
    ]
    moved = adopted(old, graph(edited(text, *changes)), state).state
    assert [timer.path for timer in moved.timers.values() if timer.entry == 0] == ["build"]
    assert moved.timers == state.timers


def test_visits_that_nothing_undoes_back_to_are_forgotten() -> None:
    old, state = driven(GRAPH, CHECKED)
    assert state.marks == {"build": 1}
    new = graph(edited(GRAPH, ("to: build, undo: true", "to: build")))
    assert adopted(old, new, state).state.marks == {}


def test_visits_matter_only_while_there_is_something_to_undo() -> None:
    old, state = driven(edited(KEPT, ("first: {do: t, undo: {do: u}", "first: {do: t")), ("complete first 1",))
    new = edited(
        KEPT,
        ("first: {do: t, undo: {do: u}", "first: {do: t"),
        ("to: last}", "to: [{if: ok, to: second, undo: true}, {to: last}]}"),
    )
    assert compare(old, graph(new), state).status == "safe"


def test_a_state_that_comes_by_itself_comes_as_the_version_is_adopted() -> None:
    old, state = driven(STATES, ())
    step = adopted(old, graph(edited(STATES, ("  Spare: {}", "  Spare: {auto: true}"))), state)
    assert "Spare" in step.state.active
    assert [facts["added"] for kind, facts in step.trace if kind == "states.changed"] == [["Spare"]]


def test_the_clock_of_a_node_goes_on_under_its_new_name() -> None:
    old, state = driven(STATES, ())
    changes = [("[a]}", "[z]}"), ("to: a}", "to: z}"), ("  a: {ask", "  z: {ask"), mapped("{nodes: {a: z}}")]
    moved = adopted(old, graph(edited(STATES, *changes)), state).state
    assert (moved.active, moved.clock) == (("Up", "Late", "z", "Here"), {"Up": 1, "Late": 1, "z": 1, "Here": 1})


def test_null_is_not_set_where_the_field_may_not_be_null() -> None:
    text = edited(GRAPH, ("env: {type: string, default: staging}", "env: {type: string, optional: true}"))
    text = edited(text, ('with: {env: "{{ env }}"}', 'with: {env: "{{ default(env, 1) }}"}'))
    old, state = driven(text, ())
    assert state.fields["env"] is None
    new = graph(edited(text, ("env: {type: string, optional: true}", "env: {type: string, default: prod}")))
    assert adopted(old, new, state).state.fields["env"] == "prod"


def test_a_check_that_fails_by_now_did_so_before() -> None:
    text = edited(GRAPH, ("default: 0}", 'default: 0, check: env == "staging"}'))
    assert verdict(text, CHOSEN, []) == Verdict("safe")


def test_a_field_that_is_gone_did_not_become_a_secret() -> None:
    changes = [
        ("ok: {type: boolean, default: false}", "pin: {type: string, secret: true}"),
        ("{confirm: ok}", "{secret: pin}"),
    ]
    text = edited(ASKED, ("s: {type: string", "kept: {type: string, default: a}, s: {type: string"))
    new = [*changes, ("kept: {type: string, default: a}, ", "")]
    assert verdict(text, ("answer a abc",), new).status == "safe"


def test_an_edge_that_undoes_leads_into_no_body() -> None:
    text = edited(BACK, ("  c: {wait", "  d: {all: {y: {do: t}}, to: c}\n  c: {wait"), ("{to: c}]", "{to: d}]"))
    old, state = driven(text, WENT_BACK)
    new = edited(
        text,
        ("start: a", "start: d"),
        ("  a: {do: t, undo: {do: u}, to: b}\n", ""),
        ("y: {do: t}}, to: c}", "x: {do: t, undo: {do: u}}}, to: b}"),
        ("{if: ok, to: a,", "{if: ok, to: d,"),
        ("{to: d}]", "{to: c}]"),
        mapped("{nodes: {a: d.x}}"),
    )
    reasons = compare(old, graph(new), state).reasons
    goes = "the run goes from node 'b' to 'a' once it has undone"
    assert reasons == (f"{goes}, and 'd.x', which takes its place, is in a body; map it to a node of the graph",)


def test_what_the_node_of_an_edge_that_undoes_did_may_be_another_thing_now() -> None:
    assert verdict(BACK, WENT_BACK, [("b: {ask: {confirm: ok},", "b: {do: t, save: ok,")]).status == "safe"


def test_a_call_that_waits_to_be_made_again_needs_its_tool() -> None:
    assert verdict(GRAPH, RETRYING, [('make: {python: "m:make"}, ', "")]).reasons == (
        (
            "tool 'make' may still be called for node 'build', and the new version does not declare it; keep it until no run "
            "needs it"
        ),
    )


def test_who_came_by_an_error_may_read_it_and_who_read_it_before_may_still() -> None:
    reads = "set: {fields: {s: error.code}}, to: c}"
    caught = ("b: {all: {y: {ask: {confirm: ok}}}, to: c}", f"b: {{all: {{y: {{ask: {{confirm: ok}}}}}}, {reads}")
    assert verdict(CAUGHT, ("fail a",), [caught]).status == "safe"
    other = edited(CAUGHT, caught, ("catch: {failed: b}, to: c}", "catch: {failed: b}, to: b}"))
    assert verdict(other, ("complete a 1",), []).status == "safe"
    inside = ("y: {ask: {confirm: ok}}", "y: {ask: {confirm: ok}, set: {fields: {s: error.code}}}")
    assert verdict(other, ("complete a 1",), [inside]).reasons[0] == (
        "node 'b.y' reads 'error' in the new version, and the run did not come to 'b' by `catch`; write default(error, …), "
        "or let the run leave the node first"
    )


def test_names_change_by_whole_parts_and_paths_keep_their_depth() -> None:
    def names(nodes: dict[str, str]) -> Versions:
        old = graph(GRAPH)
        migrate: Any = replace(old.definition.migrate, nodes=nodes)
        return Versions(old, Graph(replace(old.definition, migrate=migrate)))

    versions = names({"fan": "wide", "checks.db": "checks.store", "checks": "tests"})
    assert [versions.node(name) for name in ("fan[]", "fans", "checks.db.fetch", "checks.dbs", "checks.http")] == [
        "wide[]", "fans", "checks.store.fetch", "tests.dbs", "tests.http",
    ]  # fmt: skip
    assert versions.path("fan[12]") == "wide[12]"
    assert names({"fan[]": "alone"}).path("fan[3]") == "fan[3]"
    assert names({"gone": "fan"}).nodes == {}
