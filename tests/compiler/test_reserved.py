"""E213: names that would hide another."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_names_with_a_meaning_of_their_own_are_no_names_of_fields() -> None:
    text = """fields:
  item: {type: string, optional: true}
  error: {type: string, optional: true}
  class: {type: string, optional: true}
  "null": {type: string, optional: true}
  count: {type: string, optional: true}
nodes:
  n: {to: $end}
"""
    assert problems(text) == [
        "2:3: E213 a field cannot be named 'item': it is the item inside an `each` (choose another name)",
        "3:3: E213 a field cannot be named 'error': it is what was caught, in the node that `catch` leads to (choose another name)",
        "4:3: E213 a field cannot be named 'class': it is a word of the expression language (choose another name)",
        "5:3: E213 a field cannot be named 'null': it is a word of the expression language (choose another name)",
    ]


def test_the_name_of_an_item_hides_neither_a_field_nor_an_outer_item() -> None:
    text = """start: a
fields:
  xs: {type: [any], default: []}
nodes:
  a: {each: {in: xs, as: xs, do: t}, to: b}
  b: {each: {in: xs, start: c, nodes: {c: {each: {in: item, do: t}, to: $end}}}, to: c}
  c: {each: {in: xs, as: error, do: t}, to: d}
  d: {each: {in: xs, as: x, start: c, nodes: {c: {each: {in: x, as: y, do: t}, to: $end}}}, to: $end}
"""
    assert problems(text) == [
        "5:26: E213 the item of 'a' cannot be named 'xs': there is a field of that name (choose another name)",
        "6:50: E213 the item of 'b[].c' cannot be named 'item': the `each` around it gives that name to its own item (name it with `as`)",
        "7:26: E213 the item of 'c' cannot be named 'error': it is what was caught, in the node that `catch` leads to (choose another name)",
    ]
