"""What `compare` says where a run cannot go on as another version, whatever a map says."""

from __future__ import annotations

import pytest

from tests.engine.versions_driven import (
    APPROVED,
    ASKED,
    BACK,
    BUILT,
    CHECKED,
    CHOSEN,
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
    mapped,
    verdict,
)

ONE_DONE = (*CHECKED, "complete fan[0] 1")
ONE_FAILED = (*CHECKED, "fail fan[0]")
OVER = "keep the join, or let the run leave the node first"
BLOCKED: list[Case] = [
    (
        APPROVED,
        ("answer a approve ana",),
        [("by: [ana, ben, cyn], quorum: 3", "by: [ben, cyn], quorum: 2")],
        ["'ana' has approved node 'a', and is no approver of the new version"],
    ),
    (
        APPROVED,
        ("answer a approve ana", "answer a approve cyn"),
        [("quorum: 3", "quorum: 2")],
        [
            "node 'a' has 2 of 3 approvals, and the new version needs no more than 2; let the run leave it first",
        ],
    ),
    (
        GRAPH,
        BUILT,
        [("say: Which one?, ask: {choice: env, options: [staging, prod]}, deadline: 1m", "do: check")],
        [
            "node 'choose' asks, and what takes its place is `do`, not `ask`; let the run leave it first, or keep the verb",
        ],
    ),
    (
        GRAPH,
        (),
        [("do: make", "do: probe")],
        [
            "node 'build' calls tool 'make', and what takes its place calls 'probe'; let the call end first, or keep the tool"
        ],
    ),
    (
        GRAPH,
        (),
        [("do: make", 'do: {tool: "{{ env }}", allow: [probe, check]}')],
        [
            (
                "node 'build' calls tool 'make', and what takes its place calls 'probe' or 'check'; let the call end first, or "
                "keep the tool"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [(', drop: {python: "m:drop"}', "")],
        [
            (
                "tool 'drop' may still be called for node 'build', and the new version does not declare it; keep it until no "
                "run needs it"
            ),
        ],
    ),
    (
        GRAPH,
        RETRYING,
        [("    retry: {max_attempts: 3}\n", "")],
        [
            (
                "node 'build' waits to try again, and the new version does not retry there; keep its `retry`, or let the call "
                "end first"
            ),
        ],
    ),
    (
        GRAPH,
        RETRYING,
        [("max_attempts: 3", "max_attempts: 1")],
        [
            (
                "node 'build' waits for attempt 2, and the new version makes no more than 1; raise `max_attempts`, or let the "
                "call end first"
            ),
        ],
    ),
    (
        GRAPH,
        RETRYING,
        [("    retry: {max_attempts: 3}\n", "    retry: {max_attempts: 0}\n    deadline: 1h\n")],
        [
            (
                "node 'build' would be tried again for ever: this visit began without the deadline that ends it in the new "
                "version; give its `retry` a `max_attempts`"
            ),
        ],
    ),
    (
        GRAPH,
        (),
        [("    timeout: 10s\n", "")],
        [
            (
                "the timeout of node 'build' is running, and the new version has none there; keep one: a visit under way is "
                "not given another length"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [
            (", deadline: 1m", ""),
            ('    undo: {do: drop, with: {id: "{{ server }}"}}\n', ""),
            ("default: 0}", "default: 1, check: value > 0}"),
            ("server: {type: any", "server: {type: {id: string}"),
        ],
        [
            (
                "the deadline of node 'choose' is running, and the new version has none there; keep one: a visit under way is "
                "not given another length"
            ),
            (
                "what node 'build' did may still be taken back, and the new version has no `undo` there; keep it until no run "
                "needs it"
            ),
            "field 'server' holds what the new version does not take: expected {id: string}, found string '7'",
            "field 'tries' holds what the new version does not take: 0 does not pass its check `value > 0`",
        ],
    ),
    (
        GRAPH,
        CHOSEN,
        [("http: {do: check}", "http: {do: check}\n      ping: {do: check}")],
        [
            (
                "the branches of node 'checks' are at work: db, http; the new version has db, http, ping; let the run leave "
                "the node first"
            ),
        ],
    ),
    (
        GRAPH,
        CHOSEN,
        [
            (HTTP, ""),
            ("  done:", "  ping: {do: check, to: done}\n  done:"),
            ("{to: done}", "{to: ping}"),
            mapped("{nodes: {checks.http: ping}}"),
        ],
        [
            "the branches of node 'checks' are at work: db, http; the new version has db; let the run leave the node first",
            (
                "node 'checks.http' is in a body of 'checks', and 'ping', which takes its place, is not in the one that takes "
                "the place of that; map it to a node of the same body"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [
            (GRAPH[GRAPH.index("  choose:") : GRAPH.index("  checks:")], ""),
            ("to: choose", "to: checks"),
            mapped("{nodes: {choose: checks.http}}"),
        ],
        [
            "node 'choose' would become 'checks.http', and the old version has both; map it to a node that is new",
            (
                "node 'choose' is one of the graph itself, and 'checks.http', which takes its place, is in a body; map it to a "
                "node of the graph itself"
            ),
        ],
    ),
    (
        GRAPH,
        CHECKED,
        [("as: host", "as: machine"), ("{{ host }}", "{{ machine }}")],
        [
            (
                "the items of node 'fan' are at work as 'host', the new version calls them 'machine'; keep `as` until no run "
                "is at it"
            ),
        ],
    ),
    (
        RACE,
        (),
        [("{race: {x: {do: t}, y: {start: f, nodes: {f: {do: t, to: $end}}}}", '{each: {in: "[1]", do: t}')],
        [
            "node 'a' has branches at work, and what takes its place is `each`, not `race`; let the run leave it first, or keep the verb",
            "the run is at node 'a.x', and the new version has no node 'a.x'; if it is 'a[]' now, say so: migrate: {nodes: {a.x: \"a[]\"}}",
            "the run is at node 'a.y.f', and the new version has no node 'a.y'; if it is 'a[]' now, say so: migrate: {nodes: {a.y: \"a[]\"}}",
        ],
    ),
    (
        RACE,
        ("fail a.x",),
        [("{race: {", "{all: {")],
        [f"by its join in the new version node 'a' would be over by now, with 0 done and 1 failed of 2; {OVER}"],
    ),
    (
        RACE,
        (),
        [("{x: {do: t}, y", "{x: {do: t}, w: {do: t}, y")],
        ["the branches of node 'a' are at work: x, y; the new version has w, x, y; let the run leave the node first"],
    ),
    (
        GRAPH,
        ONE_DONE,
        [("join: {n: 2}", "join: any")],
        [f"by its join in the new version node 'fan' would be over by now, with 1 done and 0 failed of 3; {OVER}"],
    ),
    (
        GRAPH,
        ONE_FAILED,
        [("join: {n: 2}", "join: all")],
        [f"by its join in the new version node 'fan' would be over by now, with 0 done and 1 failed of 3; {OVER}"],
    ),
    (
        GRAPH,
        BUILT,
        [
            (
                "deadline: 1m, to: checks",
                "deadline: 1m, set: {fields: {env: error.code}}, catch: {timeout: choose}, to: checks",
            )
        ],
        [
            (
                "node 'choose' reads 'error' in the new version, and the run did not come to 'choose' by `catch`; write "
                "default(error, …), or let the run leave the node first"
            ),
        ],
    ),
    (
        GRAPH,
        BUILT,
        [
            ("  tries:", "  zone: {type: string}\n  tries:"),
            ("save: server\n", "save: server\n    set: {fields: {zone: env}}\n"),
            ("  done: {end: ok}", "  done: {end: {status: ok, result: zone}}"),
        ],
        [
            (
                "field 'zone' is not set, and the new version may read it before anything writes it: node 'done'; give it a "
                "default, make it optional, or adopt the version when it is set"
            ),
        ],
    ),
    (
        UNSET,
        (),
        [
            ("start: a", "start: b"),
            ("  a: {ask: {confirm: ok}, to: b}\n", ""),
            ("save: x, to: c}\n", "save: x, to: a}\n  a: {ask: {confirm: ok}, to: c}\n"),
        ],
        [
            (
                "field 'x' is not set, and the new version may read it before anything writes it: node 'c'; give it a default, "
                "make it optional, or adopt the version when it is set"
            ),
        ],
    ),
    (
        STATES,
        (),
        [("  Up: {entered: {do: t}}\n", ""), ("[Up, Late]", "[Late]"), ("remove: [Up]", "remove: [Late]")],
        [
            "node 'Up.entered' is at work, and the new version does nothing there; keep it until it has ended",
            "state 'Up' is active, and the new version does not have it; keep it until no run is in it",
        ],
    ),
    (
        STATES,
        (),
        [("  Late: {}", "  Late: {require: [Spare]}"), ("[Up, Late]", "[Up, Spare, Late]")],
        [
            "state 'Late' is active, and in the new version requires 'Spare'; let the run leave it first, or keep its relations",
        ],
    ),
    (
        STATES,
        (),
        [("  Late: {}", "  Late: {remove: [Up]}"), ("[Up, Late]", "[Up]"), ("Spare: {}", "Spare: {add: [Late]}")],
        [
            (
                "state 'Late' is active, and in the new version removes 'Up', active as well; let the run leave one of them "
                "first, or keep its relations"
            ),
        ],
    ),
    (
        KEPT,
        SIGNALLED,
        [("late: {why: string, buffer: 1}", "later: {}"), ("upon: {late", "upon: {later")],
        [
            "signal 'late' has arrived and waits for a taker, and the new version does not declare it; keep it until it is taken"
        ],
    ),
    (
        KEPT,
        SIGNALLED,
        [("why: string", "when: time")],
        [
            "signal 'late' has arrived and waits for a taker, and carries 'why', which the new version does not know",
            (
                "signal 'late' has arrived and waits for a taker, and its 'when' does not fit the new version: expected time "
                "(ISO 8601 text with a zone), found null"
            ),
        ],
    ),
    (
        KEPT,
        ("complete first 1", "complete second.x 1", "complete second.y 1"),
        [("to: last}", "to: [{if: ok, to: second, undo: true}, {to: last}]}")],
        [
            (
                "an edge of the new version undoes what was done since node 'second' was visited, which the run did not "
                "remember; let it roll back or commit first"
            ),
        ],
    ),
    (
        KEPT,
        ("complete first 1", "fire second"),
        [("x: {do: t, undo: {do: u}}", "x: {do: t}")],
        [
            (
                "what node 'second.x' does may still have to be taken back, and the new version has no `undo` there; keep it "
                "until no run needs it"
            ),
        ],
    ),
    (
        GRAPH,
        GOING_BACK,
        [
            ("    join: {n: 2}\n", "    join: {n: 2}\n    set: {fields: {tries: 1}}\n"),
            ("{do: drop,", "{do: make,"),
            (", drop: {", ", dropped: {"),
        ],
        [
            (
                "tool 'drop' may still be called for node 'build', and the new version does not declare it; keep it until no "
                "run needs it"
            ),
        ],
    ),
    (
        BACK,
        WENT_BACK,
        [("states: {Up", "states: {Upper"), ("add: [Up]", "add: [Upper]"), ("states: [Up]", "states: [Upper]")],
        [
            "the run goes from node 'b' to 'a' once it has undone and sets state 'Up' then, which the new version does not have; keep it",
        ],
    ),
    (
        BACK,
        WENT_BACK,
        [("s: {type: string,", "s: {type: string, enum: [x, y],"), ("\"'long'\"", "\"'y'\"")],
        [
            "the run goes from node 'b' to 'a' once it has undone, and what it then writes to 's' does not fit the new version: expected one of x, y, found string 'long'",
        ],
    ),
    (
        ASKED,
        ("answer a abc",),
        [("type: string, secret: true", "type: string"), ("{secret: key}", "{text: key}")],
        ["field 'key' is set, and would become no secret; take another name for it"],
    ),
    (
        ASKED,
        ("answer a abc",),
        [("{key: {", "{token: {"), ("{secret: key}", "{secret: token}"), mapped("{fields: {key: token}}")],
        ["secret 'key' is set and would become 'token'; a secret that is set keeps its name"],
    ),
    (
        ASKED,
        ("answer a abc",),
        [("key: {type: string, secret: true}, ", ""), ("{secret: key}", "{confirm: ok}")],
        ["secret 'key' is set, and the new version has none of that name; keep it declared until no run has it"],
    ),
    (
        ASKED,
        (),
        [("s: {type: string, default: x}", "s: {type: string, secret: true}"), ("Which, {{ s }}", "Which")],
        ["field 's' is set, and would become a secret, though it was stored in clear; take another name for it"],
    ),
    (
        ASKED,
        (),
        [("Which, {{ s }}", "Which, {{ z }}"), ("fields: {", "fields: {z: {type: string, optional: true}, ")],
        [
            (
                "node 'a' asks, and what the new version says there cannot be said now: cannot evaluate `z`: it is null; "
                "default(…, …) says what to write then"
            ),
        ],
    ),
]


@pytest.mark.parametrize(("text", "words", "changes", "reasons"), BLOCKED)
def test_what_the_run_has_and_the_version_has_not(
    text: str, words: Words, changes: list[Change], reasons: list[str]
) -> None:
    found = verdict(text, words, changes)
    assert (found.status, list(found.reasons)) == ("blocked", reasons)
