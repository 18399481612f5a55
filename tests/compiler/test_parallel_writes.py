"""W306: branches that write one field."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_the_second_branch_that_writes_a_field_is_told_of() -> None:
    text = """start: a
fields: {x: {type: any, optional: true}, y: {type: any, optional: true}, l: {type: [any], merge: append, default: []}}
nodes:
  a:
    all:
      p: {do: t, save: x, set: {fields: {l: "[1]"}}}
      q: {start: r, nodes: {r: {do: t, save: y, to: s}, s: {all: {u: {do: t, save: x}}, set: {fields: {l: "[2]"}}, to: $end}}}
      r: {do: t, save: x}
    to: b
  b: {all: {p: {do: t, save: x}, q: {do: t, save: x}}, to: $end}
"""
    assert problems(text) == [
        "7:84: W306 'p' and 'q' of 'a' both write field 'x', and the last write wins (say how they join, as in x: {merge: append}, or use `save` of the node around them)",
        "10:51: W306 'p' and 'q' of 'b' both write field 'x', and the last write wins (say how they join, as in x: {merge: append}, or use `save` of the node around them)",
    ]


def test_items_that_run_side_by_side_write_too() -> None:
    text = """start: b
fields: {x: {type: integer, optional: true}, xs: {type: [string], default: []}, l: {type: [any], merge: append, default: []}}
nodes:
  b: {each: {in: xs, do: t, set: {fields: {x: index}}}, to: c}
  c: {each: {in: xs, max: 1, do: t, set: {fields: {x: index}}}, to: d}
  d: {each: {in: xs, do: t, save: l}, to: $end}
"""
    assert problems(text) == [
        "4:44: W306 every item of 'b' writes field 'x', and the last write wins (say how they join, as in x: {merge: append}, or use `save` of the node around them)",
    ]


HINT = "(say how they join, as in x: {merge: append}, or use `save` of the node around them)"


def test_what_only_the_first_branch_that_completes_writes_is_no_clash() -> None:
    text = """start: a
fields: {x: {type: any, optional: true}, xs: {type: [any], default: []}}
nodes:
  a:
    race:
      p: {do: t, save: x}
      q: {start: f, nodes: {f: {do: t, to: g}, g: {do: t, save: x, to: $end}}}
      r: {race: {u: {do: t, save: x}, v: {do: t, save: x}}}
    to: b
  b: {all: {p: {do: t, save: x}, q: {do: t, save: x}}, join: any, to: c}
  c: {each: {in: xs, do: t, save: x}, join: {n: 1}, to: $end}
"""
    assert problems(text) == []


def test_what_branches_write_before_one_of_them_has_won_is_told_of() -> None:
    text = """start: a
fields: {x: {type: any, optional: true}, xs: {type: [any], default: []}}
nodes:
  a:
    race:
      p: {start: f, nodes: {f: {do: t, save: x, to: g}, g: {do: t, to: $end}}}
      q: {all: {u: {do: t, save: x}, v: {do: t}}}
      r: {start: f, nodes: {f: {do: t, save: x, to: [{if: x == 1, to: g}, {to: $end}]}, g: {do: t, to: $end}}}
    to: b
  b: {each: {in: xs, start: f, nodes: {f: {do: t, save: x, to: g}, g: {do: t, to: $end}}}, join: any, to: c}
  c: {race: {p: {all: {u: {do: t, save: x}}}, q: {race: {u: {all: {w: {do: t, save: x}}}}}}, to: d}
  d: {all: {p: {race: {u: {do: t, save: x}}}, q: {race: {u: {do: t, save: x}}}}, to: e}
  e:
    race:
      p: {start: f, nodes: {f: {race: {u: {do: t, save: x}}, to: g}, g: {do: t, to: $end}}}
      q: {start: f, nodes: {f: {race: {u: {do: t, save: x}}, to: g}, g: {do: t, to: $end}}}
    to: $end
"""
    assert problems(text) == [
        f"7:34: W306 'p' and 'q' of 'a' both write field 'x', and the last write wins {HINT}",
        f"10:57: W306 every item of 'b' writes field 'x', and the last write wins {HINT}",
        f"11:85: W306 'p' and 'q' of 'c' both write field 'x', and the last write wins {HINT}",
        f"12:75: W306 'p' and 'q' of 'd' both write field 'x', and the last write wins {HINT}",
        f"16:57: W306 'p' and 'q' of 'e' both write field 'x', and the last write wins {HINT}",
    ]
