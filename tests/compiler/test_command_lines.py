"""W316: secrets on the command lines of processes. And no place of a document lets one out in clear."""

from __future__ import annotations

import pytest

from tests.compiler.checking import problems

HEAD = """start: a
fields: {tok: {type: string, secret: true, from: env:TOK}, n: {type: integer, default: 0}, v: {type: approval, optional: true}}
"""


def told(word: str, node: str) -> list[str]:
    tools = f"tools: {{p: {{process: [curl, {word}], env: {{TOKEN: '{{{{ args.token }}}}'}}}}, q: {{process: [ls]}}}}\n"
    return problems(f"{HEAD}{tools}nodes:\n  a: {node}\n")


GIVES = "{do: p, with: {token: '{{ tok }}', n: 1}, to: $end}"


@pytest.mark.parametrize(
    ("word", "node"),
    [
        ("'{{ args.token }}'", GIVES),
        ("'{{ args[\"token\"] }}'", GIVES),
        ("'Bearer {{ upper(args.token) }}'", GIVES),
        ("'{{ args }}'", GIVES),
        ("'{{ [args[k] for k in [\"token\"]] }}'", GIVES),
        ("'{{ args.token }}'", "{do: {tool: '{{ str(n) }}', allow: [q, p]}, with: {token: ['x {{ tok }}']}, to: $end}"),
        ("'{{ args.token }}'", "{do: q, undo: {do: p, with: {token: {a: '{{ tok }}'}}}, to: $rollback}"),
        (
            "'{{ args.token }}'",
            "{ask: {approve: v, by: [x]}, escalate: {after: 1h, do: p, with: {token: '{{ tok }}'}}, timeout: 1d, to: $end}",
        ),
    ],
)
def test_a_secret_on_a_command_line_is_told_of(word: str, node: str) -> None:
    assert told(word, node) == [
        (
            "3:29: W316 tool 'p' would have secret field 'tok', which 'a' gives it, on its command line (a process reads its"
            " arguments as JSON on stdin; or give it in the environment: env: {NAME: …})"
        )
    ]


@pytest.mark.parametrize(
    ("word", "node"),
    [
        ("'{{ args.n }}'", GIVES),
        ("'{{ args.token }}'", "{do: p, with: {token: '{{ n }}'}, to: $end}"),
        ("'{{ args.token }}'", "{do: q, with: {token: '{{ tok }}'}, to: $end}"),
        ("x", GIVES),
    ],
)
def test_other_words_show_no_secret(word: str, node: str) -> None:
    assert told(word, node) == []


@pytest.mark.parametrize(
    "node",
    [
        "{emit: {signal: s, to: '{{ tok }}'}, to: $end}",
        "{emit: {signal: s, to: x, with: {a: ['{{ tok }}']}}, to: $end}",
        "{wait: {if: tok == 'x'}, timeout: 1s, to: $end}",
        "{wait: {until: '{{ tok }}'}, to: $end}",
        "{say: [{say: hi, if: tok == 'x'}], to: $end}",
        "{say: {en: '{{ tok }} {{ upper(tok) }}'}, to: $end}",
        "{ask: {int: n}, remind: {every: 1h, do: {tool: '{{ tok }}', allow: [q]}}, to: $end}",
        "{set: {fields: {n: 'len(tok)'}}, to: $end}",
        "{each: {in: '[tok]', do: q}, to: $end}",
        "{all: {x: {set: {fields: {n: 'len(tok)'}}}}, to: $end}",
        "{catch: {failed: {do: q, with: {x: '{{ tok + tok }}'}}}, do: q, to: $end}",
    ],
)
def test_no_text_of_a_node_lets_a_secret_out(node: str) -> None:
    assert {problem.split()[1] for problem in told("x", node)} - {"W311"} == {"E404"}


@pytest.mark.parametrize(
    "part",
    [
        "states: {S: {auto: true, enter_if: tok == 'x'}}",
        "states: {S: {auto: true, exit_if: tok == 'x'}}",
        "states: {S: {auto: true, entered: {set: {fields: {n: len(tok)}}}}}",
        "upon: {interrupt: {end: {status: ok, result: tok}}}",
    ],
)
def test_no_text_of_a_graph_lets_a_secret_out(part: str) -> None:
    found = problems(f"{HEAD}tools: {{q: {{process: [ls]}}}}\nnodes: {{a: {{do: q, to: $end}}}}\n{part}\n")
    assert [problem.split()[1] for problem in found] == ["E404"]
