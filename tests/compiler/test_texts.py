"""E211, E401, E402, E403: what expressions and texts may say where they stand."""

from __future__ import annotations

from tests.compiler.checking import problems


def test_a_text_that_cannot_be_read_is_told_of() -> None:
    text = """fields: {env: {type: string, default: prod}, n: {type: integer, default: 0, check: "value >"}}
tools: {t: {process: ["{{ args.x", "{{ env }}"], env: {A: "{{ args.y }}"}}}
nodes:
  a: {say: "{{ env", do: t, with: {x: ["{{ env + }}"]}, to: [{if: "env ==", to: $fail}, {if: env = "x", to: $fail}, {to: $end}]}
"""
    assert problems(text) == [
        "1:84: E401 cannot read `value >`: the expression ends too early (at character 8) (if YAML took a part of it away, quote the expression)",
        "2:23: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
        "2:36: E211 the words of a tool know `args` alone, not 'env' (give it in the `with` of a node)",
        "4:12: E403 cannot read this text: this {{ is never closed: write }} after the expression, or {{{{ for {{ itself",
        "4:40: E403 cannot read this text: the expression ends too early (at character 9)",
        "4:67: E401 cannot read `env ==`: the expression ends too early (at character 7) (if YAML took a part of it away, quote the expression)",
        '4:94: E401 cannot read `env = "x"`: write == to compare; nothing is assigned in an expression (at character 5)',
    ]


def test_a_name_is_a_field_or_local_to_where_it_stands() -> None:
    text = """start: a
fields: {env: {type: string, default: prod}, xs: {type: [any], default: []}}
nodes:
  a: {do: {tool: "{{ zz }}", allow: [t]}, undo: {do: t, with: {a: "{{ zz }}"}}, with: {x: ["{{ envv }}"], y: "{{ error.code }} {{ default(zz, 1) }}"}, to: b}
  b: {set: {fields: {env: staging}}, to: c}
  c: {say: "{{ item }} {{ index }} {{ value }} {{ args }} {{ signal }}", each: {in: xs, as: x, do: t, with: {a: "{{ x }} {{ index }} {{ item }}"}}, catch: {"*": d}, upon: {interrupt: e}, to: $end}
  d: {all: {p: {do: t, with: {e: "{{ error.message }}"}}}, to: $end}
  e: {say: "{{ signal.name }} {{ signal.data.x }} {{ error }}", to: $end}
"""
    assert problems(text) == [
        "4:18: E211 no field named 'zz' (declare it: fields: {zz: {type: …}})",
        "4:67: E211 no field named 'zz' (declare it: fields: {zz: {type: …}})",
        "4:92: E211 no field named 'envv' (did you mean 'env'?)",
        "4:110: E211 'error' is only known in a node that `catch` leads to",
        "4:110: E211 no field named 'zz' (declare it: fields: {zz: {type: …}})",
        "5:27: E211 no field named 'staging' (to write the text itself, quote it twice: \"'staging'\")",
        "6:12: E211 'args' is only known in the words of a tool",
        "6:12: E211 'index' is only known inside an `each`",
        "6:12: E211 'item' is only known inside an `each`",
        "6:12: E211 'signal' is only known in a node that `upon` leads to",
        "6:12: E211 'value' is only known in the `check` of a field",
        "6:113: E211 'item' is only known inside an `each`",
        "8:12: E211 'error' is only known in a node that `catch` leads to",
    ]


def test_types_are_checked_where_they_are_known() -> None:
    text = """start: a
fields:
  env: {type: string, enum: [staging, prod], default: prod}
  n: {type: integer, default: 0}
  xs: {type: [integer], default: []}
  m: {type: {id: string}, default: {id: x}}
  a: {type: any, default: 1}
nodes:
  a: {do: t, to: [{if: n, to: b}, {if: env == "prd", to: b}, {if: a, to: b}, {to: b}]}
  b: {set: {fields: {n: env, env: n, m: "{'id': 1}", xs: "[1, 'x']", a: n}}, to: c}
  c: {each: {in: n, do: t}, to: d}
  d: {each: {in: xs, do: t, with: {a: "{{ item + 'x' }}", b: "{{ index + 1 }}", c: "{{ m.idd }}"}}, to: e}
  e: {set: {fields: {env: "'staging'"}}, to: f}
  f: {set: {fields: {env: "'stagin'"}}, to: g}
  g: {end: {status: ok, result: m.id + 1}}
"""
    assert problems(text) == [
        "9:24: E402 `n`: expected boolean, found integer",
        "9:40: E402 `env` is never 'prd': it is one of staging, prod (did you mean 'prod'?)",
        "10:25: E402 `env`: expected integer, found string 'staging'",
        "10:35: E402 `n`: expected string (staging, prod), found integer",
        "10:41: E402 `{'id': 1}`: at id: expected string, found integer 1",
        "11:18: E402 `n`: expected [any], found integer",
        "12:39: E402 `+` does not take an integer and a string: write str(…) to make it a text",
        "12:84: E402 `m` has no key 'idd' (did you mean 'id'?)",
        "14:27: E402 `'stagin'`: expected one of staging, prod, found string 'stagin' (did you mean 'staging'?)",
        "15:33: E402 `+` does not take a string and an integer: write str(…) to make it a text",
    ]


def test_what_a_join_gives_fits_the_field_that_takes_it() -> None:
    text = """start: a
fields: {s: {type: string, optional: true}, l: {type: [any], optional: true}, m: {type: {x: any}, optional: true}}
nodes:
  a: {all: {x: {do: t}}, save: s, to: b}
  b: {all: {x: {do: t}}, save: m, to: c}
  c: {each: {in: "[1]", do: t}, save: m, to: d}
  d: {each: {in: "[1]", do: t}, save: l, to: e}
  e: {each: {in: "[1]", do: t}, join: collect, save: l, to: f}
  f: {race: {x: {do: t}}, save: l, to: g}
  g: {race: {x: {do: t}}, save: m, to: $end}
"""
    assert problems(text) == [
        "4:32: E402 'a' gives a map by the names of its branches, and field 's' is string",
        "6:39: E402 'c' gives a list with the value of each item, and field 'm' is {x: any}",
        "8:54: E402 'e' gives a map {done: […], failed: […]}, and field 'l' is [any]",
        "9:33: E402 'f' gives a map by the names of its branches, and field 'l' is [any]",
    ]
