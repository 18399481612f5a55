"""What `compare` says of a run and another version of its graph, sentence by sentence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.versions_driven import (
    BACK,
    BUILT,
    CHECKED,
    CHOSEN,
    DB,
    GOING_BACK,
    GRAPH,
    HTTP,
    KEPT,
    RACE,
    RETRYING,
    SIGNALLED,
    STATES,
    UNSET,
    WENT_BACK,
    Case,
    Change,
    Words,
    driven,
    graph,
    mapped,
    verdict,
)
from trellis.engine.versions import Verdict, compare
from trellis.model.graph import Graph


@pytest.mark.parametrize("words", [(), RETRYING, BUILT, CHOSEN, CHECKED, GOING_BACK])
def test_the_same_version_is_safe_wherever_the_run_is(words: Words) -> None:
    assert verdict(GRAPH, words, []) == Verdict("safe")


SAFE: list[tuple[str, Words, list[Change]]] = [
    (GRAPH, BUILT, [("to: fan\n", "to: done\n"), (GRAPH[GRAPH.index("  fan:") : GRAPH.index("  done:")], "")]),
    (GRAPH, (), [("do: make", 'do: {tool: "{{ env }}", allow: [check, make]}')]),
    (GRAPH, (), [("timeout: 10s", "timeout: 20s")]),
    (GRAPH, CHOSEN, [(HTTP, ""), (f"{DB}\n", f"{DB}\n{HTTP}")]),
    (GRAPH, CHOSEN, [("http:", "web:"), mapped("{nodes: {checks.http: checks.web}}")]),
    (
        GRAPH,
        CHOSEN,
        [
            ("http: {do: check}", "http: {start: one, nodes: {one: {do: check, to: $end}}}"),
            mapped("{nodes: {checks.http: checks.http.one}}"),
        ],
    ),
    (GRAPH, CHOSEN, [(DB, "db: {do: check}"), mapped("{nodes: {checks.db.fetch: checks.db}}")]),
    (GRAPH, CHECKED, [("  fan:", "  wide:"), ("to: fan\n", "to: wide\n"), mapped("{nodes: {fan: wide}}")]),
    (
        GRAPH,
        BUILT,
        [("  server: {type: any, optional: true}\n", ""), ("    save: server\n", ""), ("{{ server }}", "7")],
    ),
    (UNSET, (), [("x: {type: string}", "x: {type: string, default: a}"), ("save: x, ", "")]),
    (UNSET, (), [("save: x, ", ""), ("{{ x }}", "{{ default(x, 1) }}")]),
    (UNSET, (), [("b: {do: t, save: x, to: c}", "b: {all: {y: {do: t, save: x}, z: {do: t}}, to: c}")]),
    (RACE, (), [("{race: {", "{join: any, all: {")]),
    (RACE, (), [("start: f, nodes: {f:", "start: g, nodes: {g:"), mapped("{nodes: {a.y.f: a.y.g}}")]),
    (RACE, ("fail a.x",), [("{race: {", "{join: {n: 1}, all: {")]),
    (STATES, (), [("  Spare: {}\n", "  Spare: {auto: true}\n")]),
    (KEPT, SIGNALLED, [("upon: {late: $end}", "upon: {late: first}")]),
]


@pytest.mark.parametrize(("text", "words", "changes"), SAFE)
def test_what_the_run_has_is_there(text: str, words: Words, changes: list[Change]) -> None:
    found = verdict(text, words, changes)
    assert (found.status, found.reasons) == ("safe", ())


NEEDS: list[Case] = [
    (
        GRAPH,
        (),
        [("start: build", "start: builds"), ("nodes:\n  build:", "nodes:\n  builds:"), ("to: build,", "to: builds,")],
        [
            (
                "the run is at node 'build', and the new version has no node 'build'; did you mean 'builds'? say so: "
                "migrate: {nodes: {build: builds}}"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [("start: build", "start: first"), ("nodes:\n  build:", "nodes:\n  first:"), ("to: build,", "to: first,")],
        [
            (
                "what node 'build' did may still be taken back, and the new version has no node 'build'; if it is 'first' "
                "now, say so: migrate: {nodes: {build: first}}"
            ),
        ],
    ),
    (
        GRAPH,
        CHECKED,
        [("  fan:", "  wide:\n    do: make\n    to: fans\n  fans:"), ("to: fan\n", "to: wide\n")],
        [
            (
                "the run is at node 'fan', and the new version has no node 'fan'; did you mean 'fans'? say so: "
                "migrate: {nodes: {fan: fans}}"
            ),
        ],
    ),
    (
        GRAPH,
        CHOSEN,
        [("http:", "web:")],
        [
            (
                "the branches of node 'checks' are at work, and the new version has no node 'checks.http'; did you mean "
                "'checks.web'? say so: migrate: {nodes: {checks.http: checks.web}}"
            ),
        ],
    ),
    (
        GRAPH,
        CHOSEN,
        [("http: {do: check}", "http: {start: one, nodes: {one: {do: check, to: $end}}}"), (DB, "db: {do: check}")],
        [
            (
                "the run is at node 'checks.http', and the new version has no node 'checks.http'; did you mean "
                "'checks.http.one'? say so: migrate: {nodes: {checks.http: checks.http.one}}"
            ),
            (
                "the run is at node 'checks.db.fetch', and the new version has no node 'checks.db.fetch'; did you mean "
                "'checks.db'? say so: migrate: {nodes: {checks.db.fetch: checks.db}}"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [("  server: {", "  machine: {"), ("save: server", "save: machine"), ("{{ server }}", "{{ machine }}")],
        [
            (
                "field 'server' is set, and the new version has no field 'server'; if it is 'machine' now, say so: "
                "migrate: {fields: {server: machine}}; if it is gone for good, keep it declared until no run has it"
            ),
        ],
    ),
    (
        BACK,
        WENT_BACK,
        [(", s: {", ", t: {"), ("{s: ", "{t: ")],
        [
            "the run goes from node 'b' to 'a' once it has undone and writes 's' then, and the new version has no field 's'; if it is 't' now, say so: migrate: {fields: {s: t}}",
        ],
    ),
    (
        KEPT,
        ("complete first 1", "fire second"),
        [("{x: {do: t", "{z: {do: t")],
        [
            (
                "what node 'second.x' does may still have to be taken back, and the new version has no node 'second.x'; did "
                "you mean 'second.z'? say so: migrate: {nodes: {second.x: second.z}}"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("text", "words", "changes", "reasons"), NEEDS)
def test_a_name_that_is_gone_needs_a_map(text: str, words: Words, changes: list[Change], reasons: list[str]) -> None:
    assert verdict(text, words, changes) == Verdict("needs_map", tuple(reasons))


def test_the_maps_of_a_verdict_are_those_parts_that_name_something_of_the_old_version() -> None:
    changes = [
        ("  server: {", "  machine: {"),
        ("save: server", "save: machine"),
        ("{{ server }}", "{{ machine }}"),
        ("http:", "web:"),
        mapped("{nodes: {checks.http: checks.web, long_gone: fan}, fields: {server: machine, other: env}}"),
    ]
    assert verdict(GRAPH, CHOSEN, changes) == Verdict("safe", (), {"checks.http": "checks.web"}, {"server": "machine"})


def test_a_run_that_has_ended_goes_nowhere() -> None:
    words = ("fail build", "fire build") * 2 + ("fail build",)
    assert verdict(GRAPH, words, []) == Verdict("blocked", ("the run has ended: failed",))


def test_another_graph_is_no_version() -> None:
    old, state = driven(GRAPH, BUILT)
    other = graph(f"x-other: 1\n{GRAPH}")
    assert compare(old, other, state).status == "safe"
    named = Graph(replace(other.definition, name="other"))
    assert compare(old, named, state) == Verdict("blocked", ("'other' is no version of 'g': a graph keeps its `name`",))
