"""E404: what a secret is, is known where a tool is called and nowhere else. E219, E214: so nothing else tells of it."""

from __future__ import annotations

import pytest

from tests.compiler.checking import compiled, problems

HEAD = """start: a
fields:
  tok: {type: string, secret: true, from: env:TOK}
  other: {type: string, secret: true, optional: true}
  n: {type: any, default: 1}
nodes:
"""
PASSED = "can only be passed on whole, as {{{{ {0} }}}} (its value is known only where a tool is called)"


def told(node: str) -> list[str]:
    """The problems of a node in the line after the head, from its column on."""
    return [problem.removeprefix("7:") for problem in problems(HEAD + node)]


def whole(name: str) -> str:
    return f"E404 secret field '{name}' {PASSED.format(name)}"


def test_a_secret_is_passed_on_whole_in_arguments_and_masked_in_what_is_said() -> None:
    text = """  a:
    say: "with {{ tok }} and {{other}}"
    do: t
    with: {a: "{{ tok }}", b: ["Bearer {{tok}}", {c: "{{ tok }}{{ other }} {{ n }} {{ upper(n) }}"}]}
    undo: {do: t, with: {a: "{{ tok }}"}}
    to: b
  b: {each: {in: "[1]", do: t, with: {a: "{{ tok }} {{ item }}"}}, needs: [tok], to: c}
  c: {do: t, save: other, set: {fields: {other: " null "}}, to: d}
  d: {ask: {secret: other}, set: {fields: {other: "None"}}, to: $end}
"""
    assert problems(HEAD + text) == []


@pytest.mark.parametrize(
    "node",
    [
        """{say: hi, to: [{if: ¦tok == "x", to: $fail}, {to: $end}]}""",
        """{say: hi, to: [{if: ¦len(tok) > 1, to: $fail}, {to: $end}]}""",
        """{each: {in: ¦split(tok), do: t}, to: $end}""",
        """{set: {fields: {n: ¦tok}}, to: $end}""",
        """{set: {fields: {n: ¦"tok[0:3]"}}, to: $end}""",
        """{end: {status: ok, result: ¦tok}}""",
        """{end: {status: ok, result: ¦"{'a': [tok]}"}}""",
        """{say: ¦"{{ upper(tok) }}", to: $end}""",
        """{say: ¦"{{ tok }} {{ len(tok) }}", to: $end}""",
        """{do: t, with: {x: ¦"{{ upper(tok) }}"}, to: $end}""",
        """{do: t, with: {x: [{y: ¦"{{ default(tok, 'x') }}"}]}, to: $end}""",
        """{do: t, with: {x: ¦"{{ [tok] }}"}, to: $end}""",
        """{do: t, undo: {do: t, with: {x: ¦"{{ tok + n }}"}}, to: $end}""",
        """{do: {tool: ¦"{{ tok }}", allow: [t]}, to: $end}""",
        """{do: t, undo: {do: {tool: ¦"{{ tok }}", allow: [t]}}, to: $end}""",
        """{all: {p: {do: t, with: {x: ¦"{{ lower(tok) }}"}}}, to: $end}""",
    ],
)
def test_nothing_is_computed_with_a_secret(node: str) -> None:
    line = f"  a: {node}"
    assert told(line.replace("¦", "")) == [f"{line.index('¦') + 1}: {whole('tok')}"]


def test_each_secret_is_told_of_once_a_text_and_in_order() -> None:
    node = '  a: {say: "{{ tok + other + tok }} {{ upper(other) }} {{ tok }}", to: $end}'
    assert told(node) == [f"12: {whole('other')}", f"12: {whole('tok')}"]


def test_a_local_name_is_no_secret() -> None:
    node = '  a: {do: t, with: {x: "{{ [tok for tok in [n]] }}"}, to: $end}'
    assert told(node) == []


def test_a_check_knows_no_secret() -> None:
    text = """fields:
  tok: {type: string, secret: true, from: env:TOK, check: len(value) > 8}
  own: {type: string, secret: true, from: env:OWN, check: n > 0}
  n: {type: integer, default: 1, check: str(value) != tok}
  m: {type: integer, default: 1, check: value > 0}
nodes:
  a: {say: hi, to: $end}
"""
    assert problems(text) == [f"2:59: {whole('tok')}", f"4:41: {whole('tok')}"]


def test_an_expression_does_not_become_a_secret() -> None:
    def refused(name: str) -> str:
        sources = f"from `ask: {{secret: {name}}}`, from a tool by `save: {name}`, or from the start"
        message = f"secret field '{name}' cannot be set by an expression, whose value is no secret"
        return f"E404 {message} (a secret comes {sources})"

    node = """  a: {set: {fields: {tok: "'abc'", other: tok}}, to: $end}"""
    assert told(node) == [f"22: {refused('tok')}", f"36: {refused('other')}", f"43: {whole('tok')}"]


def test_a_text_that_cannot_be_read_is_told_of_alone() -> None:
    assert told('  a: {say: "{{ tok + }}", to: $end}') == [
        "12: E403 cannot read this text: the expression ends too early (at character 9)",
    ]


def test_a_secret_is_a_text_of_which_nothing_stands_in_the_file() -> None:
    text = """fields:
  a: {type: integer, secret: true, optional: true}
  b: {type: [string], secret: true, optional: true}
  c: {type: any, secret: true, optional: true}
  d: {type: string, secret: true, default: sesame}
  e: {type: string, secret: true, optional: true, enum: [x, y]}
  f: {type: string, secret: true, optional: true, index: true}
  g: {type: string, secret: true, optional: true, merge: max}
  h: {type: string, secret: true, optional: true, merge: last, index: false, default: null}
  i: {type: string, secret: false, default: x, enum: [x], index: true}
  j: {type: time, secret: true, from: TOKEN, optional: true}
  k: {type: strng, secret: true, optional: true}
nodes:
  n: {to: $end}
"""
    assert problems(text) == [
        "2:13: E219 secret field 'a' is integer, and a secret is a text (write type: string)",
        "3:13: E219 secret field 'b' is [string], and a secret is a text (write type: string)",
        "4:13: E219 secret field 'c' is any, and a secret is a text (write type: string)",
        "5:35: E219 secret field 'd' cannot have `default`: it would stand here in clear (read it at the start with from: env:NAME)",
        "6:51: E219 secret field 'e' cannot have `enum`: what it may be would stand here in clear (remove `enum`)",
        "7:51: E219 secret field 'f' cannot have `index`: no run is found by a value that no store keeps (remove `index`)",
        "8:51: E219 secret field 'g' cannot have `merge`: only whole values are passed on (remove `merge`)",
        "11:13: E219 secret field 'j' is time, and a secret is a text (write type: string)",
        "11:39: E219 field 'j' cannot be read from 'TOKEN' (write env:NAME, a variable of the environment)",
        "12:13: E219 the type of field 'k': unknown type 'strng': did you mean 'string'?",
    ]


def test_a_secret_is_asked_for_in_secret() -> None:
    text = """start: a
fields: {q: {type: string, optional: true, secret: true}}
nodes:
  a: {ask: {text: q}, to: b}
  b: {ask: {choice: q, options: [x, y]}, to: c}
  c: {ask: {confirm: q}, to: d}
  d: {ask: {secret: q, default: sesame}, to: e}
  e: {ask: {secret: q}, to: $end}
"""
    kind = "shows its answer, and field 'q' is a secret (ask: {secret: q})"
    assert problems(text) == [
        f"4:13: E214 a question of kind text {kind}",
        f"5:13: E214 a question of kind choice {kind}",
        "5:24: E214 the options of 'b' would show a secret (remove `options`)",
        f"6:13: E214 a question of kind confirm {kind}",
        "7:24: E214 the default answer of 'd' would show a secret (remove `default`)",
    ]


def test_the_environment_gives_what_is_read_from_it_so_nobody_else_needs_to() -> None:
    text = """start: a
fields:
  tok: {type: string, secret: true, from: env:TOK}
  env: {type: string, from: env:DEPLOY_ENV}
  own: {type: string}
  may: {type: string, optional: true, from: env:MAY}
nodes:
  a: {say: "{{ tok }} {{ env }} {{ own }} {{ default(may, '') }}", needs: [tok, env, own], to: b}
  b: {say: hi, needs: [may], to: $end}
"""
    done = compiled(text.replace("needs: [may], ", ""))
    assert done.definition is not None
    assert done.definition.needs == ("own",)
    assert problems(text) == [
        "8:12: W303 'a' reads field 'own', which no node writes: a run needs it at start (give it a default, make it optional, or start with --set own=…)",
        "9:24: E306 'b' needs 'may', which may be unset on the path a → b (no node writes it: start with --set may=…)",
    ]
