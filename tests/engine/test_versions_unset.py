"""A field that is not set: which ways on read it before anything writes it, and what the old version has to say to that."""

from __future__ import annotations

import pytest

from tests.engine.versions_driven import UNSET, Change, Words, driven, edited, graph, verdict
from trellis.engine.versions import compare

SAVED = "b: {do: t, save: x, to: c}"


def told(place: str, field: str = "x") -> tuple[str, ...]:
    return (
        (
            f"field '{field}' is not set, and the new version may read it before anything writes it: {place}; give it a "
            "default, make it optional, or adopt the version when it is set"
        ),
    )


WRITTEN: dict[str, Change] = {
    "by the branch of an all": (SAVED, "b: {all: {y: {do: t, save: x}, z: {do: t}}, to: c}"),
    "by enough branches": (
        SAVED,
        "b: {all: {y: {do: t, save: x}, z: {do: t, save: x}, w: {do: t}}, join: {n: 2}, to: c}",
    ),
    "by whoever wins a race": (SAVED, "b: {race: {y: {do: t, save: x}, z: {ask: {text: x}}}, to: c}"),
    "by the end of a body": (
        SAVED,
        "b: {all: {y: {start: p, nodes: {p: {do: t, to: q}, q: {ask: {text: x}, to: $end}}}}, to: c}",
    ),
    "by a form": (SAVED, "b: {ask: {form: [ok, x]}, to: c}"),
    "by set": (SAVED, "b: {do: t, set: {fields: {x: \"'a'\"}}, to: c}"),
    "before a state comes": (SAVED, "b: {do: t, save: x, set: {add: [Up]}, to: c}"),
}
STATE = ("nodes:\n", 'states: {Up: {entered: {do: t, with: {x: "{{ x }}"}}}, Down: {add: [Up]}}\nnodes:\n')


@pytest.mark.parametrize("change", WRITTEN.values(), ids=WRITTEN)
def test_what_is_written_on_every_way_may_be_read(change: Change) -> None:
    changes = [change, STATE] if "[Up]" in change[1] else [change]
    assert verdict(UNSET, (), changes).reasons == ()


READS: dict[str, tuple[list[Change], str]] = {
    "by one of two branches": (
        [(SAVED, "b: {all: {y: {do: t, save: x}, z: {do: t}}, join: any, to: c}")],
        "node 'c'",
    ),
    "by one branch of a race": (
        [(SAVED, "b: {race: {y: {do: t, save: x}, z: {do: t}}, to: c}")],
        "node 'c'",
    ),
    "by fewer branches than may be missing": (
        [(SAVED, "b: {all: {y: {do: t, save: x}, z: {do: t, save: x}, w: {do: t}}, join: {n: 1}, to: c}")],
        "node 'c'",
    ),
    "by items, of which there may be none": ([(SAVED, 'b: {each: {in: "[1]", do: t, save: x}, to: c}')], "node 'c'"),
    "by branches that may fail": (
        [(SAVED, "b: {all: {y: {do: t, save: x}, z: {do: t}}, join: collect, to: c}")],
        "node 'c'",
    ),
    "where it is caught": ([(SAVED, "b: {do: t, save: x, catch: {failed: c}, to: c}")], "node 'c'"),
    "where the graph catches it": ([("nodes:\n", 'catch: {"*": c}\nnodes:\n')], "node 'c'"),
    "in a body that catches": (
        [(SAVED, "b: {all: {y: {do: t, save: x, catch: {failed: $end}}}, to: c}")],
        "node 'c'",
    ),
    "in the check of another field": (
        [
            ("ok: {", "n: {type: integer, default: 0, check: \"x != ''\"}, ok: {"),
            ("{confirm: ok}, to: b", "{int: n}, to: b"),
        ],
        "node 'a' as it ends",
    ),
    "in the check of a field of a form": (
        [
            ("ok: {", "n: {type: integer, default: 0, check: \"x != ''\"}, ok: {"),
            ("{confirm: ok}, to: b", "{form: [ok, n]}, to: b"),
        ],
        "node 'a' as it ends",
    ),
    "in an undo": (
        [("to: b}\n", 'to: d}\n  d: {do: t, undo: {do: u, with: {x: "{{ x }}"}}, to: b}\n')],
        "node 'd'",
    ),
    "by a state that comes": ([STATE, ("to: b}", "set: {add: [Down]}, to: b}")], "node 'Up.entered'"),
    "by a state that goes": (
        [STATE, ("to: b}", "set: {remove: [Up]}, to: b}"), ("{entered:", "{exited:")],
        "node 'Up.exited'",
    ),
    "by a state that comes by itself": ([STATE, ("Up: {", "Up: {auto: true, ")], "node 'Up.entered'"),
    "by the guard of a state": (
        [
            ("nodes:\n", "states: {Up: {enter_if: \"x == ''\"}}\nnodes:\n"),
            ("to: b}", "set: {add: [Up]}, to: b}"),
        ],
        "node 'a' as it ends",
    ),
}


@pytest.mark.parametrize(("changes", "place"), READS.values(), ids=READS)
def test_what_may_not_be_written_by_then_may_not_be_read(changes: list[Change], place: str) -> None:
    assert verdict(UNSET, (), changes).reasons == told(place)


SPLIT = "b: {all: {y: {do: t, save: x}, z: {do: t}}, to: c}"


def judged(before: str, words: Words, after: str, *more: Change) -> tuple[str, ...]:
    """The reasons where node b was one thing and is another now."""
    old, state = driven(edited(UNSET, (SAVED, before)), words)
    return compare(old, graph(edited(UNSET, (SAVED, after), *more)), state).reasons


def test_a_branch_at_work_has_yet_to_write() -> None:
    longer = SPLIT.replace("{all", "{say: Now., all")
    assert judged(SPLIT, ("answer a yes",), longer, ("c: {do", "c: {say: Then., do")) == ()


def test_a_branch_that_has_ended_writes_no_more() -> None:
    other = "b: {all: {y: {do: t}, z: {do: t, save: x}}, to: c}"
    assert judged(SPLIT, ("answer a yes",), other) == ()
    assert judged(SPLIT, ("answer a yes", "complete b.z 1"), other) == told("node 'c'")


def test_items_that_have_yet_to_begin_read_what_their_body_reads() -> None:
    before = 'b: {each: {in: "[1, 2]", max: 1, do: t}, to: d}\n  d: {do: t, save: x, to: c}'
    nodes = 'start: p, nodes: {p: {do: t, to: q}, q: {do: t, with: {x: "{{ x }}"}, to: $end}}'
    after = f'b: {{each: {{in: "[1, 2]", max: 1, {nodes}}}, to: d}}\n  d: {{do: t, save: x, to: c}}'
    with_map = ("nodes:\n  a", 'migrate: {nodes: {"b[]": "b[].p"}}\nnodes:\n  a')
    assert judged(before, ("answer a yes",), after, with_map) == told("node 'b[].q'")
    last = ("answer a yes", "complete b[0] 1", "complete b[1] 1")
    assert judged(before, last, after, with_map) == ()


def test_the_first_node_of_items_that_have_yet_to_begin_reads_too() -> None:
    before = 'b: {each: {in: "[1, 2]", max: 1, do: t}, to: d}\n  d: {do: t, save: x, to: c}'
    after = before.replace("do: t}", 'do: t, with: {x: "{{ x }}"}}', 1)
    assert judged(before, ("answer a yes",), after) == told("node 'b[]'")
    assert judged(before, ("answer a yes", "complete b[0] 1"), after) == ()


BACK = """start: a
fields: {x: {type: string}, s: {type: string, default: y}, ok: {type: boolean, default: true}}
states: {Up: {}}
nodes:
  a: {do: t, undo: {do: u}, to: b}
  b: {ask: {confirm: ok}, set: {add: [Up]}, to: [{if: ok, to: a, undo: true}, {to: c}]}
  c: {do: t, save: x, to: $end}
"""
WENT = ("complete a 1", "answer b yes")


def test_an_edge_that_undoes_leads_on_to_what_reads() -> None:
    assert verdict(BACK, WENT, []).reasons == ()
    assert verdict(BACK, WENT, [("  a: {do: t,", '  a: {do: t, with: {x: "{{ x }}"},')]).reasons == told("node 'a'")
    guarded = [("states: {Up: {}}", "states: {Up: {enter_if: \"x == ''\"}}")]
    assert verdict(BACK, WENT, guarded).reasons == told("node 'b' as it ends, node 'b'")
    written = [("set: {add: [Up]}", "set: {add: [Up], fields: {x: s}}"), ("  a: {do: t,", "  a: {do: t, to: b, ")]
    assert verdict(BACK, ("complete a 1",), written[:1]).reasons == ()


def test_what_an_edge_that_undoes_writes_is_written() -> None:
    text = edited(BACK, ("set: {add: [Up]}", "set: {add: [Up], fields: {x: s}}"))
    old, state = driven(text, WENT)
    assert state.fields.get("x") is None
    assert (
        compare(old, graph(edited(text, ("  a: {do: t,", '  a: {do: t, with: {x: "{{ x }}"},'))), state).reasons == ()
    )


def test_the_undo_of_a_call_that_was_left_is_read_when_it_ends() -> None:
    text = """start: a
fields: {x: {type: string}, ok: {type: boolean, default: true}}
nodes:
  a: {all: {y: {do: t, undo: {do: u}}}, timeout: 5s, catch: {timeout: $rollback}, to: b}
  b: {do: t, save: x, to: $end}
"""
    changes = [("{do: u}", '{do: u, with: {x: "{{ x }}"}}')]
    assert verdict(text, (), changes).reasons == told("node 'a.y' as it ends")
    # Nobody is anywhere once all is taken back; the call that was left is all there is.
    assert verdict(text, ("fire a",), changes).reasons == told("node 'a.y' as its undo is kept")
    assert verdict(text, ("fire a",), []).reasons == ()


def test_what_the_old_version_read_on_the_same_ways_the_new_one_may_read() -> None:
    text = edited(
        UNSET,
        ("ok: {", "n: {type: integer, default: 0, check: \"x != ''\"}, ok: {"),
        ("{confirm: ok}, to: b", "{int: n}, to: b"),
    )
    assert verdict(text, (), []).reasons == ()
    assert (
        verdict(
            text, (), [("nodes:\n  a", "migrate: {nodes: {c: z}}\nnodes:\n  a"), ("  c:", "  z:"), ("to: c", "to: z")]
        ).reasons
        == ()
    )
    assert verdict(text, (), [(SAVED, "b: {do: t, save: x, catch: {failed: c}, to: c}")]).reasons == told(
        "node 'a' as it ends, node 'c'"
    )
