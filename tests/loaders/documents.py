"""Documents that tests read, and YAML as people write it, for hypothesis to choose from."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

PROVISION = """\
trellis: 1
name: provision
version: 3                          # a label for people
description: Makes a server.
start: greet
x-owner: {team: ops}
fields:
  user:    {type: string, optional: true, index: true}
  env:     {type: string, enum: [staging, prod], default: staging}
  server:  {type: {id: string, port: integer}, optional: true}
  tries:   {type: integer, default: 0, check: value >= 0, merge: sum}
  token:   {type: string, secret: true, from: env:OPS_TOKEN, description: For the API.}
signals:
  fault: {error: string, buffer: 3}
  sub.signal-2: {}
tools:
  ops.create: {python: "mytools.ops:create", effect: idempotent}
  ops.check-2:  {process: [./check.sh, "{{ args.kind }}"], timeout: 20s, env: {LEVEL: "2"}}
limits: {steps: 1000, visits: 50}
schema: ../schemas/provisioning.yaml
extends: [basic, ./more.yaml]
states:
  Building: {after: [Failed], description: Work goes on.}
  Checked:  {multi: true, require: [Building], exited: {say: Unchecked}}
  Approved: {}
  Ready:    {auto: true, require: [Approved], add: [Checked], remove: [Building], enter_if: tries < 5, entered: {do: ops.create, with: {env: x}}}
  Failed:   {remove: [Building, Ready], tags: [error], exit_if: true}
groups: {Progress: [Building, Checked]}
migrate: {nodes: {make: build, "checks.web": checks.http, "each[].x": fan}, fields: {srv: server}}
upon:  {interrupt: bye, states: {Failed: bye}}
catch: {"*": $rollback}
nodes:
  greet:  {say: "Hello {{ default(user, 'friend') }}", to: choose}
  choose:
    say: Which environment?
    ask: {choice: env, options: [staging, prod], default: staging}
    timeout: 30s
    catch: {timeout: bye}
    to: [{if: env == "prod" and tries > 2, to: bye}, {if: true, to: build, undo: false}, {to: build}]
  build:
    do: ops.create
    with: {env: "{{ env }}", token: "{{ token }}", deep: [{x-y: 1}, null]}
    save: server
    undo: {do: ops.create, with: {id: "{{ server.id }}"}, retry: {max_attempts: 2}, timeout: PT5S}
    retry: {max_attempts: 3, initial_interval: 2s, backoff_coefficient: 2, max_interval: 1m, jitter: 0.2, non_retryable: [denied]}
    timeout: 20s
    deadline: 1h30m
    set: {add: [Building], remove: [Failed], fields: {tries: tries + 1, user: "'x'"}}
    x-note: free
    to: checks
  checks:
    all:
      http: {do: ops.check-2, with: {kind: http}}
      db:
        start: one
        nodes:
          one: {do: {tool: "{{ env }}", allow: [ops.create, ops.check-2]}, to: two}
          two: {set: {fields: {tries: 0}}}
    join: {n: 1}
    to: fan
  fan:
    each: {in: "[1, 2]", as: thing, max: 10, do: ops.create, retry: {max_attempts: 2}}
    join: collect
    commit: true
    needs: [server]
    to: ready
  ready: {wait: {states: [Ready, Checked]}, timeout: 1m, say: Soon, upon: {states: {Failed: bye}}, to: done}
  done: {end: {status: ok, result: server.id}}
  bye: {end: cancelled}
"""
"""Every key that a graph may have."""

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\ufffe\uffff"),
    max_size=8,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)

SCALARS = (
    "a", "a b", "Which?", "a:b", "x[0]", "a != b", "$end", "a#b", "a # c", "'it''s'", '"\\n\\u00e9\\x41\\U0001F600"', '""', "''",
    "1", "-1", "+1", "010", "0o17", "0x1F", "0xfF", "1e3", "1E-3", ".5", "-.5e2", "1.", "0.1", "-0", "-0.0", "~", "null",
    "Null", "NULL", "nUll", "true", "True", "FALSE", "tRue", "yes", "no", "on", "off", "y", "12:30:00", "12:30", "190:20:30",
    "2001-01-01", "2001-01-01T00:00:00Z", "1_000", "_1", "0b11", "0O17", "0X1F", "+0x1F", "-0o7", "08", "1.2.3", "e3", ".", "-",
    ".inf", ".nan", "1e999", "99999999999999999999", "=", "<<", "&a b", "*a", "!t b", "@a", "`a", "%a", "|x", ">x", "?x", ":x",
    "- a", "a: b", "'a\n  b'", '"a\n\n  b"', '"a\\\n  b"', "a\n  b", "", "é", "😀", "{{ x }}", '"{{ x }}"', "[]", "{}", "\t", "'x' y",
)  # fmt: skip
"""Scalars of every kind, sound and broken, that stand behind `key: `."""

scalars = st.sampled_from(SCALARS)
keys = st.sampled_from(("a", "b c", "k1", "'q'", '"d"', "é", "1", "null", "<<", "a?", "? k", "x_1", "2001-01-01", ""))
comments = st.sampled_from(("", "", "", " # note", "  #", "#x"))
chomps = st.sampled_from(("|", "|-", "|+", ">", ">-", ">+", "|2", ">1", "|2-"))
lines = st.lists(
    st.sampled_from(("x", "y z", "  deeper", "", " ", "- a", "k: v", "# no comment", "{a", "'q", "end ")), max_size=4
)


@st.composite
def _blocks(draw: st.DrawFn, depth: int, indent: int) -> str:
    pad = " " * indent
    kind = draw(st.sampled_from("mmsb" if depth else "b"))
    if kind == "b":
        return draw(scalars | _flows(2)) + draw(comments) + "\n"
    out = ""
    for _ in range(draw(st.integers(1, 3))):
        head = f"{draw(keys)}:" if kind == "m" else "-"
        form = draw(st.sampled_from("iibt"))
        if form == "i":
            out += f"{pad}{head} {draw(scalars | _flows(2))}{draw(comments)}\n"
        elif form == "b":
            out += f"{pad}{head}{draw(comments)}\n{draw(_blocks(depth - 1, indent + draw(st.integers(0, 3))))}"
        else:
            text = "".join(f"{pad}  {line}\n" for line in draw(lines))
            out += f"{pad}{head} {draw(chomps)}{draw(comments)}\n{text}"
    return out


@st.composite
def _flows(draw: st.DrawFn, depth: int) -> str:
    if not depth:
        return draw(scalars)
    parts = draw(st.lists(_flows(depth - 1), max_size=3))
    gap = draw(st.sampled_from((", ", ",", ",\n    ")))
    if draw(st.booleans()):
        return f"[{gap.join(parts)}]"
    colon = draw(st.sampled_from((": ", ": ", ":")))
    return "{" + gap.join(f"{draw(keys)}{colon}{part}" for part in parts) + "}"


yaml_texts = _blocks(3, 0)
"""Texts that are YAML, or nearly."""

PLAIN = (
    "a",
    "b c",
    "Which?",
    "x-y",
    "a:b",
    "n1_000",
    "it's",
    "12:30",
    "1.2.3",
    "e3",
    "a#b",
    "$end",
    "é 😀",
    "{{",
    "yes",
    "a, b",
)
"""Texts that may stand without quotes in block style; in braces some need them."""
notes = st.sampled_from(("", "", " # note", "  #"))
words = st.sampled_from((*PLAIN, "a\nb", "a\nb: c\n", "# a\n- b")) | texts
told: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from((None, True, False, 0, -7, 12, 2**63 - 1, 0.5, -1e300, 2.0)) | words,
    lambda inner: st.lists(inner, min_size=1, max_size=4) | st.dictionaries(words, inner, min_size=1, max_size=4),
    max_leaves=12,
)
"""Values for `written`."""


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """A value as a document, each part of it in one of the ways in which YAML can write it."""
    return _written(draw, value, 0, draw(st.integers(1, 4)))


def _written(draw: st.DrawFn, value: Any, indent: int, step: int, *, block: bool = False) -> str:
    pad, out = " " * indent, ""
    if not isinstance(value, dict | list) or not (block or draw(st.integers(0, 3))):
        return f"{pad}{_inline(draw, value, indent)}{draw(notes)}\n"
    for name, part in value.items() if isinstance(value, dict) else enumerate(value):
        out += draw(st.sampled_from(("", "", "", "\n", f"{pad}# note\n", "#: x\n")))
        head = f"{pad}{_inline(draw, name, indent, key=True)}:" if isinstance(value, dict) else f"{pad}-"
        if isinstance(part, dict | list) and draw(st.booleans()):
            deeper = indent + (
                0 if isinstance(value, dict) and isinstance(part, list) and draw(st.booleans()) else step
            )
            below = _written(draw, part, deeper, step, block=deeper == indent)
            if isinstance(value, list) and deeper >= indent + 2 and _begins_at(below, deeper) and draw(st.booleans()):
                out += f"{pad}-{' ' * (deeper - indent - 1)}{below[deeper:]}"
            else:
                out += f"{head}{draw(notes)}\n{below}"
        elif isinstance(part, str) and _may_be_block(part) and draw(st.booleans()):
            end = "" if part.endswith("\n") else "-"
            lines = part.removesuffix("\n").split("\n")
            out += f"{head} |{end}{draw(notes)}\n" + "".join(f"{pad}{' ' * step}{line}\n" for line in lines)
        else:
            out += f"{head} {_inline(draw, part, indent + step)}{draw(notes)}\n"
    return out


def _begins_at(text: str, column: int) -> bool:
    return text.startswith(" " * column) and text[column] not in " #\n"


def _may_be_block(text: str) -> bool:
    return all(line and not line[0].isspace() for line in text.removesuffix("\n").split("\n"))


def _inline(draw: st.DrawFn, value: Any, indent: int, *, key: bool = False, flow: bool = False) -> str:
    gap = st.sampled_from((" ", " ", f"\n{' ' * (indent + 2)}"))
    if isinstance(value, list):
        return "[" + f",{draw(gap)}".join(_inline(draw, part, indent, flow=True) for part in value) + "]"
    if isinstance(value, dict):
        pairs = (
            f"{_inline(draw, name, indent, key=True, flow=True)}: {_inline(draw, part, indent, flow=True)}"
            for name, part in value.items()
        )
        return "{" + f",{draw(gap)}".join(pairs) + "}"
    if not isinstance(value, str):
        return json.dumps(value)
    if value in PLAIN and not (flow and set(value) & set(",{}[]")) and value != "{{" and draw(st.booleans()):
        return value
    if "\n" not in value and draw(st.booleans()):
        quoted = value.replace("'", "''")
        if not key and value.count(" ") == 1 and value[0] != " " != value[-1] and draw(st.booleans()):
            quoted = quoted.replace(" ", f"\n{' ' * (indent + 1)}")
        return f"'{quoted}'"
    return json.dumps(value, ensure_ascii=draw(st.booleans()))
