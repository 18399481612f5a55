"""Documents that tests read, and YAML as people write it, for hypothesis to choose from."""

from __future__ import annotations

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
