"""W314, W315, W509: approvals without an end, and what is declared and comes to nothing."""

from __future__ import annotations

import pytest

from tests.compiler.checking import problems
from trellis.compiler import compile_document
from trellis.loaders import read

APPROVAL = "start: a\nfields: {v: {type: approval, optional: true}}\n"
WAITS = (
    "W314 '%s' waits for an approval, and nothing says how long (write how long, as in timeout: 24h; unanswered, it is then"
    " a rejection, unless `catch: {timeout: …}` takes it)"
)


def told(text: str) -> list[str]:
    return problems(text, in_vain=True)


def test_an_approval_without_a_time_limit_is_told_of() -> None:
    assert told(APPROVAL + "nodes: {a: {ask: {approve: v}, remind: {every: 1h, say: x}, to: $end}}\n") == [
        "3:13: " + WAITS % "a",
    ]
    text = "nodes: {a: {all: {b: {ask: {approve: v}}, c: {wait: {time: 1h}}}, to: $end}}\n"
    assert told(APPROVAL + text) == ["3:23: " + WAITS % "a.b"]


@pytest.mark.parametrize(
    "nodes",
    [
        "{a: {ask: {approve: v}, timeout: 1h, to: $end}}",
        "{a: {ask: {approve: v}, deadline: 1h, to: $end}}",
        "{a: {all: {b: {ask: {approve: v}}}, timeout: 1h, to: $end}}",
        "{a: {race: {b: {ask: {approve: v}}, c: {wait: {time: 1h}}}, to: $end}}",
        "{a: {all: {b: {ask: {approve: v}}, c: {wait: {time: 1h}}}, join: any, to: $end}}",
        "{a: {ask: {approve: v}, to: $end}}\nlimits: {time: 30d}",
        "{a: {ask: {text: v}, to: $end}}\nfields: {v: {type: string, optional: true}}",
    ],
)
def test_what_ends_by_itself_or_is_left_may_wait_for_an_approval(nodes: str) -> None:
    head = APPROVAL if "fields" not in nodes else "start: a\n"
    assert told(f"{head}nodes: {nodes}\n") == []


def test_a_time_limit_that_cannot_be_read_is_one() -> None:
    text = "trellis: 1\nname: g\n" + APPROVAL + "nodes: {a: {ask: {approve: v}, timeout: 5x, to: $end}}\n"
    reading = read("g.yaml", text.encode())
    assert reading.document is not None
    assert [problem.code for problem in reading.problems] == ["E207"]
    assert compile_document(reading.document, pruned=reading.pruned).problems == []


def test_what_nothing_uses_is_told_of_where_it_is_declared() -> None:
    text = """tools: {used: {python: m:t}, mail.send: {python: m:u}, lost: {python: m:v}, chosen: {python: m:w}}
signals: {stop: {}, late: {buffer: 1}, go: {}}
fields: {a: {type: string, default: x}, b: {type: integer, default: 1, check: value > 0}, c: {type: string, index: true, optional: true}, d: {type: any}}
start: n
nodes:
  n:
    do: {tool: "{{ a }}", allow: [used, chosen]}
    upon: {stop: m}
    remind: {every: 1h, do: mail.send}
    to: m
  m: {wait: {signal: go}, save: d, to: $end}
""".replace("    remind: {every: 1h, do: mail.send}\n", "    undo: {do: mail.send}\n    catch: {failed: $rollback}\n")
    assert told(text) == [
        "1:56: W315 nothing calls tool 'lost' (remove it)",
        "2:21: W315 nothing takes signal 'late' (remove it)",
        "3:41: W315 nothing reads or writes field 'b' (remove it)",
    ]


@pytest.mark.parametrize(
    "use",
    [
        "say: '{{ f }}'",
        "say: \"{{ default(f, 'x') }}\"",
        "say: x, needs: [f]",
        "set: {fields: {f: \"'x'\"}}",
        "ask: {text: f}",
        "do: t, with: {x: '{{ f }}'}",
        "each: {in: '[1]', do: t, with: {x: '{{ f }}'}}",
        "end: {status: ok, result: f}",
        "use: ./g.yaml, with: {x: '{{ f }}'}",
        "wait: {if: f == 'x'}, timeout: 1s",
        "emit: {signal: s, to: '{{ f }}'}",
    ],
)
def test_a_field_that_is_read_or_written_anywhere_is_used(use: str) -> None:
    text = f"fields: {{f: {{type: string, default: x}}}}\nnodes: {{a: {{{use}}}}}\n"
    if "end:" not in use:
        text = text[:-3] + ", to: $end}}\n"
    assert [problem for problem in told(text) if "W315" in problem] == []


def test_a_slip_is_told_of_once() -> None:
    text = (
        "tools: {build: {python: m:b}}\nfields: {user: {type: string, default: x}}\nnodes: {a: {do: biuld, to: $end}}\n"
    )
    assert problems(text, tools=[], in_vain=True) == ["3:17: E205 no tool named 'biuld' (did you mean 'build'?)"]
    assert problems(text, tools=["biuld"], in_vain=True) == [
        "2:10: W315 nothing reads or writes field 'user' (remove it)"
    ]


END = "nodes: {n: {to: $end}}\n"
BRING = " (add it in a `set`, or give it `auto`)"


def test_a_state_that_nothing_brings_is_told_of_once() -> None:
    assert told("states: {A: {}, B: {auto: true, require: [A]}, C: {auto: true}}\n" + END) == [
        "1:10: W509 'A' never becomes active: it is not auto, and nothing adds it" + BRING,
    ]
    assert told("states: {A: {auto: true, add: [B]}, B: {}, C: {auto: true, require: [n]}}\n" + END) == []


def test_a_state_of_a_mixin_is_told_of_where_a_set_adds_it_in_vain() -> None:
    text = "extends: [basic, connected]\nnodes: {n: {set: {add: [Start]}, to: $end}}\n"
    assert told(text) == []
    text = "states: {A: {require: [Start]}, B: {}}\nextends: [basic]\nnodes: {n: {set: {add: [A, B]}, to: $end}}\n"
    assert told(text) == ["1:10: W509 'A' never becomes active: it requires 'Start', which never does"]


def test_what_is_awaited_in_vain_or_contradicts_itself_is_not_told_of_twice() -> None:
    text = "states: {A: {}}\nnodes: {n: {wait: {states: [A]}, to: $end}}\n"
    assert [problem.split()[1] for problem in told(text)] == ["W508"]
    assert [problem.split()[1] for problem in told("states: {A: {require: [B], remove: [B]}, B: {}}\n" + END)] == [
        "E504"
    ]
