"""W303, E306: fields that are read before any write."""

from __future__ import annotations

import pytest

from tests.compiler.checking import problems


def test_a_field_that_no_node_writes_is_needed_at_start() -> None:
    text = """start: a
fields: {user: {type: string}}
nodes:
  a: {do: t, to: b}
  b: {say: "Hello {{ user }}", to: $end}
"""
    assert problems(text) == [
        "5:12: W303 'b' reads field 'user', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set user=…)",
    ]


def test_the_path_on_which_nothing_writes_a_field_is_shown() -> None:
    text = """start: a
fields: {out: {type: string}}
nodes:
  a: {do: t, to: [{if: 1 > 2, to: b}, {to: c}]}
  b: {do: t, save: out, catch: {timeout: c}, to: d}
  c: {do: t, to: d}
  d: {say: "{{ out }}", to: $end}
"""
    assert problems(text) == [
        "7:12: W303 field 'out' may be unset in 'd' on the path a → c → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set out=…)",
    ]


def test_a_failure_leaves_before_save() -> None:
    text = """start: a
fields: {out: {type: string}}
nodes:
  a: {do: t, save: out, catch: {timeout: b}, to: $end}
  b: {say: "{{ out }}", to: $end}
"""
    assert problems(text) == [
        "5:12: W303 field 'out' may be unset in 'b' on the path a → b: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set out=…)",
    ]


def test_what_every_path_writes_is_never_unset() -> None:
    text = """start: a
fields: {x: {type: string}, y: {type: any}, z: {type: integer}, w: {type: any}}
nodes:
  a: {ask: {text: x}, say: Who?, to: [{if: x == "a", to: b}, {to: c}]}
  b: {do: t, with: {x: "{{ x }}"}, save: y, undo: {do: u, with: {y: "{{ y }}"}}, set: {fields: {z: len(x)}}, to: d}
  c: {set: {fields: {y: x, z: "1"}}, to: [{if: z > 0 and y == 1, to: d}, {to: d}]}
  d: {all: {p: {do: t, save: w}, q: {do: t}}, to: e}
  e: {say: "{{ y }} {{ z }} {{ w }}", to: $end}
"""
    assert problems(text) == []


def test_the_result_of_a_run_reads_what_its_last_node_sets() -> None:
    text = """start: a
fields: {x: {type: any}, y: {type: any}}
nodes:
  a: {set: {fields: {x: 1}}, end: {status: ok, result: x + y}}
"""
    assert problems(text) == [
        "4:56: W303 'a' reads field 'y', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set y=…)",
    ]


def test_fields_with_a_value_of_their_own_and_soft_reads_are_never_told_of() -> None:
    text = """start: a
fields:
  x: {type: string, optional: true}
  y: {type: string, default: y}
  z: {type: string, secret: true, from: env:Z}
  w: {type: string}
nodes:
  a: {say: "{{ x }} {{ y }} {{ z }} {{ default(w, 'w') }}", to: $end}
"""
    assert problems(text) == []


def test_a_node_reads_before_it_writes() -> None:
    text = """start: a
fields: {n: {type: integer}, m: {type: integer}, o: {type: integer}}
nodes:
  a: {do: t, with: {n: "{{ n }}"}, save: n, set: {fields: {m: m + 1}}, to: [{if: o > 1, to: $end}, {to: b}]}
  b: {set: {fields: {o: "1"}}, to: $end}
"""
    assert problems(text) == [
        "4:24: W303 field 'n' may be unset in 'a', where a run starts: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set n=…)",
        "4:63: W303 field 'm' may be unset in 'a', where a run starts: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set m=…)",
        "4:82: W303 field 'o' may be unset in 'a', where a run starts: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set o=…)",
    ]


def test_what_every_branch_of_a_race_writes_is_written_by_the_winner() -> None:
    text = """start: a
fields: {p: {type: any}, q: {type: any}}
nodes:
  a: {race: {x: {do: t, save: p}, y: {do: t, save: p, set: {fields: {q: 1}}}}, to: b}
  b: {say: "{{ p }}{{ q }}", to: $end}
"""
    assert problems(text) == [
        "5:12: W303 field 'q' may be unset in 'b' on the path a → b: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set q=…)",
    ]


def test_a_race_may_fail_and_then_nobody_has_written() -> None:
    text = """start: a
catch: {"*": b}
fields: {p: {type: any}}
nodes:
  a: {race: {x: {do: t, save: p}}, to: b}
  b: {say: "{{ p }}", to: $end}
"""
    assert problems(text) == [
        "6:12: W303 field 'p' may be unset in 'b' on the path a → b: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set p=…)",
    ]


def test_items_may_be_none_branches_of_collect_may_fail_and_any_is_one_of_them() -> None:
    text = """start: a
fields: {xs: {type: [any], default: []}, p: {type: any}, q: {type: any}, r: {type: any}, s: {type: any}}
nodes:
  a: {each: {in: xs, do: t, save: p, max: 1}, to: b}
  b: {all: {x: {do: t, save: q}}, join: collect, to: c}
  c: {all: {x: {do: t, save: r}, y: {do: t, set: {fields: {s: 1}}}}, join: any, to: d}
  d: {say: "{{ p }}{{ q }}{{ r }}{{ s }}", to: $end}
"""
    assert problems(text) == [
        "7:12: W303 field 'p' may be unset in 'd' on the path a → b → c → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set p=…)",
        "7:12: W303 field 'q' may be unset in 'd' on the path a → b → c → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set q=…)",
        "7:12: W303 field 'r' may be unset in 'd' on the path a → b → c → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set r=…)",
        "7:12: W303 field 's' may be unset in 'd' on the path a → b → c → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set s=…)",
    ]


def test_enough_branches_write_what_each_of_them_writes() -> None:
    text = """start: a
fields: {r: {type: any, merge: last}, s: {type: any, merge: last}}
nodes:
  a:
    all:
      x: {do: t, save: r, set: {fields: {s: 1}}}
      y: {do: t, set: {fields: {s: 1}}}
      z: {do: t, save: r, set: {fields: {s: 1}}}
    join: {n: 2}
    to: b
  b: {say: "{{ r }}{{ s }}", to: $end}
"""
    assert problems(text) == []


def test_a_branch_does_not_see_what_its_sibling_writes() -> None:
    text = """start: a
fields: {x: {type: any}}
nodes:
  a: {all: {p: {do: t, save: x}, q: {start: r, nodes: {r: {do: t, to: s}, s: {say: "{{ x }}", to: $end}}}}, to: b}
  b: {say: "{{ x }}", to: $end}
"""
    assert problems(text) == [
        "4:84: W303 field 'x' may be unset in 'a.q.s' on the path a → a.q.r → a.q.s: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set x=…)",
    ]


def test_signals_and_errors_leave_what_works_before_it_writes() -> None:
    text = """start: a
upon: {interrupt: c}
catch: {"*": d}
fields: {x: {type: any}, y: {type: any}}
nodes:
  a: {do: t, save: x, to: b}
  b: {do: t, save: y, catch: {"*": $fail}, to: $end}
  c: {say: "{{ x }}", to: $end}
  d: {say: "{{ y }}", to: $end}
"""
    assert problems(text) == [
        "8:12: W303 field 'x' may be unset in 'c' on the path a → c: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set x=…)",
        "9:12: W303 field 'y' may be unset in 'd' on the path a → d: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set y=…)",
    ]


def test_a_node_that_waits_for_nothing_is_neither_interrupted_nor_fails() -> None:
    text = """start: a
upon: {interrupt: c}
catch: {"*": c}
fields: {x: {type: any}}
nodes:
  a: {set: {fields: {x: 1}}, to: b}
  b: {do: t, to: c}
  c: {say: "{{ x }}", to: $end}
"""
    assert problems(text) == []


def test_a_long_path_is_cut_in_the_middle() -> None:
    text = """start: a
fields: {x: {type: any}}
nodes:
  a: {to: b}
  b: {to: c}
  c: {to: d}
  d: {to: e}
  e: {to: f}
  f: {to: g}
  g: {to: [{if: 1 > 2, to: h}, {to: i}]}
  h: {do: t, save: x, to: i}
  i: {say: "{{ x }}", to: $end}
"""
    assert problems(text) == [
        "12:12: W303 field 'x' may be unset in 'i' on the path a → b → c → … → f → g → i: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set x=…)",
    ]


def test_a_path_that_is_not_long_is_shown_whole() -> None:
    text = """start: a
fields: {x: {type: any}}
nodes:
  a: {to: b}
  b: {to: c}
  c: {to: d}
  d: {to: e}
  e: {to: f}
  f: {to: [{if: 1 > 2, to: h}, {to: i}]}
  h: {do: t, save: x, to: i}
  i: {say: "{{ x }}", to: $end}
"""
    assert problems(text) == [
        "11:12: W303 field 'x' may be unset in 'i' on the path a → b → c → d → e → f → i: a run needs it at start (write it on that path, give it a default, make it optional, or start with --set x=…)",
    ]


def test_what_a_node_needs_is_proved_on_every_path() -> None:
    text = """start: a
fields: {x: {type: string, optional: true}, y: {type: string}, z: {type: string}, o: {type: any, optional: true}, d: {type: any, default: 1}}
nodes:
  a: {do: t, save: x, catch: {timeout: c}, to: b}
  b: {do: t, save: y, needs: [x], to: c}
  c: {needs: [x, y, z, o, d], do: t, to: $end}
"""
    assert problems(text) == [
        "6:15: E306 'c' needs 'x', which may be unset on the path a → c (write it on that path, or give it a default)",
        "6:18: E306 'c' needs 'y', which may be unset on the path a → c (write it on that path, or give it a default)",
        "6:21: W303 'c' reads field 'z', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set z=…)",
        "6:24: E306 'c' needs 'o', which may be unset on the path a → c (no node writes it: start with --set o=…)",
    ]


CAUGHT = "fields: {x: {type: string}, y: {type: integer, default: 0, check: value < 9}, z: {type: number, default: 1}}\ntools: {t: {python: m:t}}\nstart: a\n"
READER = "  c: {say: '{{ x }}', to: $end}\n"


@pytest.mark.parametrize(
    ("catch", "first"),
    [
        ("no_edge", "a: {to: [{if: y > 1, to: b}]}"),
        ("expression", "a: {say: '{{ 1 / y }}', to: b}"),
        ("invalid", "a: {set: {fields: {y: y + 1}}, to: b}"),
        ('"*"', "a: {set: {fields: {y: y + 1}}, to: b}"),
        ("states_refused", "a: {set: {add: [S]}, to: b}"),
        ("undo_failed", "a: {to: [{if: y > 1, to: a, undo: true}, {to: b}]}"),
        ("value_limit", "a: {say: x, to: b}"),
        ("no_edge", "a: {do: t, catch: {'*': $fail}, to: [{if: y > 1, to: b}]}"),
        ("expression", "a: {do: t, catch: {'*': $fail}, to: b}"),
        ("failed", "a: {do: t, to: b}"),
    ],
)
def test_what_a_node_fails_with_is_a_path_though_nothing_acts_in_it(catch: str, first: str) -> None:
    states = "states: {S: {}}\n" if "[S]" in first else ""
    text = f"{CAUGHT}{states}catch: {{{catch}: c}}\nnodes:\n  {first}\n  b: {{do: t, save: x, catch: {{'*': $fail, no_edge: $fail, expression: $fail}}, to: c}}\n{READER}"
    told = [problem.split(": ", 1)[1] for problem in problems(text) if "W303" in problem]
    assert told == [
        (
            "W303 field 'x' may be unset in 'c' on the path a → c: a run needs it at start (write it on that path, give it a"
            " default, make it optional, or start with --set x=…)"
        )
    ]


@pytest.mark.parametrize(
    ("catch", "first"),
    [
        ("no_edge", "a: {to: [{if: y > 1, to: b}, {to: b}]}"),
        ("expression", "a: {say: x, to: b}"),
        ("invalid", "a: {say: '{{ y }}', to: b}"),
        ("failed", "a: {set: {fields: {y: y + 1}}, to: b}"),
        ('"*"', "a: {to: [{if: y > 1, to: b}, {to: b}]}"),
        ('"*"', "a: {set: {fields: {z: y + 1}}, to: b}"),
        ("invalid", "a: {set: {fields: {z: 2.5}}, to: b}"),
        ("failed", "a: {do: t, catch: {'*': $fail}, to: b}"),
    ],
)
def test_what_a_node_cannot_fail_with_is_no_path(catch: str, first: str) -> None:
    text = f"{CAUGHT}catch: {{{catch}: c}}\nnodes:\n  {first}\n  b: {{do: t, save: x, catch: {{'*': $fail, no_edge: $fail, expression: $fail}}, to: c}}\n{READER}"
    assert [problem for problem in problems(text) if "W303" in problem] == []


def test_an_undo_reads_what_its_node_has_written_and_what_was_written_before_it() -> None:
    nodes = "nodes:\n  a: {do: t, save: x, undo: {do: t, with: {x: '{{ x }}'}}, catch: {'*': $rollback}, to: $end}\n"
    assert problems(CAUGHT + nodes) == []
    nodes = "nodes:\n  a: {do: t, undo: {do: t, with: {x: '{{ x }}'}}, to: b}\n  b: {do: t, save: x, catch: {'*': $rollback}, to: $end}\n"
    assert [problem.split(":", 2)[2][:41] for problem in problems(CAUGHT + nodes)] == [
        " W303 field 'x' may be unset in 'a', wher"
    ]


def test_what_an_edge_undoes_writes_no_field_on_the_way_back() -> None:
    nodes = """nodes:
  a: {to: [{if: y > 1, to: c}, {to: b}]}
  b: {do: t, save: x, undo: {do: t}, to: d}
  c: {say: '{{ x }}', to: $end}
  d: {to: [{if: y > 2, to: a, undo: true}, {to: c}]}
"""
    assert [problem.partition("W303")[2][:61] for problem in problems(CAUGHT + nodes)] == [
        " field 'x' may be unset in 'c' on the path a → c: a run needs"
    ]
