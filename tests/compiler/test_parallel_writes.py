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
