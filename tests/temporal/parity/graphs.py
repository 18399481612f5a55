"""Random graphs that have everything in one: calls with retries and undos, questions, `all`, `each`, `race`, `use`, waits,
declared states, errors that lead somewhere, and times so short that they pass, or so long that they do not.

At most one short time runs at once in a graph, so that no order depends on how long a server takes.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from tests.generators import compiled
from trellis.model.graph import Graph

Data = dict[str, Any]

FIELDS: Data = {
    "n": {"type": "integer", "default": 0},
    "m": {"type": "integer", "default": 1},
    "s": {"type": "string", "default": "a"},
    "env": {"type": "string", "enum": ["staging", "prod"], "default": "staging"},
    "ok": {"type": "boolean", "default": False},
    "xs": {"type": ["integer"], "default": [1, 2]},
    "log": {"type": ["any"], "default": [], "merge": "append"},
    "out": {"type": "any", "optional": True},
    "verdict": {"type": "approval", "optional": True},
    "me": {"type": "string", "default": "nobody"},
}
SIGNALS: Data = {"later": {"buffer": 2}, "fault": {"why": "string"}}
STATES: Data = {"A": {}, "B": {"remove": ["A"]}, "C": {"auto": True, "require": ["A"]}, "D": {"enter_if": "m > 0"}}
EFFECTS = {"t": "idempotent", "u": "at_most_once", "v": "pure", "w": "idempotent"}
"""What the tools of the graphs are; `w` takes back."""
TOOLS: Data = {name: {"python": f"registered:{name}", "effect": effect} for name, effect in EFFECTS.items()}
CODES = ("odd", "failed", "denied", *["*"] * 6)
ERROR = "{{ error.code }} at {{ error.node }}, attempt {{ error.attempt }}: {{ error.message }}"
CONDITIONS = ("n > 1", "m == 1", "s == 'a'", "env == 'prod'", "ok", "len(xs) > 2", "out == 1")
VALUES = {"m": "m + 1", "s": "s + 'b'", "ok": "not ok", "xs": "xs + [m]", "env": "'prod'"}
VERBS = ("do", "do", "ask", "ask", "all", "each", "race", "use", "wait", "emit", "set")
"""What the root of each graph does, in some order."""
SHORT, LONG = "500ms", "2h"
CHILD: Data = {
    "trellis": 1,
    "name": "child",
    "start": "take",
    "tools": TOOLS,
    "fields": {"many": {"type": "integer", "default": 0}, "word": {"type": "string", "default": "a"}},
    "nodes": {
        "take": {"do": "t", "with": {"a": "{{ many }}"}, "undo": {"do": "w"}, "catch": {"odd": "ask"}, "to": "ask"},
        "ask": {"ask": {"text": "word"}, "to": "finish"},
        "finish": {"end": {"status": "ok", "result": "{'many': many + 1, 'word': word}"}},
    },
}
"""The graph that graphs use."""


def graph_of(seed: int) -> Graph:
    """The graph of a seed, compiled."""
    for attempt in range(20):
        try:
            return compiled(generate(Random(f"{seed} {attempt}")), {"child.yaml": CHILD})
        except AssertionError:  # what was drawn contradicts itself, as chance has it
            continue
    raise AssertionError(f"seed {seed} gives no valid graph")


def generate(random: Random) -> Data:
    """The document of one graph. Ways lead forward, but for one that goes back a few times."""
    verbs = random.sample(VERBS, len(VERBS))
    names = [f"n{place}" for place in range(len(verbs))]
    nodes: Data = {}
    for place, verb in enumerate(verbs):
        node = _acting(random, verb, 0, (), alone=True)
        _lead_on(random, node, names[: place + 1], [*names[place + 1 :], "bye"])
        nodes[names[place]] = node
    first = nodes[names[verbs.index("do")]]
    _with_undo(random, first)
    first.setdefault("catch", {})["odd"] = "told"
    nodes["told"] = {"do": "v", "with": {"why": ERROR}, "to": "bye"}
    nodes["bye"] = {"end": {"status": "ok", "result": "{'m': m, 's': s, 'out': out, 'log': log}"}}
    document: Data = {
        "trellis": 1,
        "name": "parity",
        "start": "n0",
        "fields": FIELDS,
        "signals": SIGNALS,
        "tools": TOOLS,
        "nodes": nodes,
    }
    if random.random() < 0.8:
        document["catch"] = {
            random.choice(["*", "*", "*", "odd"]): random.choice(["told", "told", "$rollback", "$rollback", "$fail"])
        }
    if random.random() < 0.4:
        document["upon"] = {random.choice(["interrupt", "fault"]): random.choice(["bye", "$rollback"])}
    if random.random() < 0.5:
        document["states"] = STATES
        for node in nodes.values():
            if "end" not in node and random.random() < 0.4:
                chosen = random.sample("ABD", 2)
                node.setdefault("set", {}).update(
                    random.choice([{"add": chosen[:1]}, {"add": chosen}, {"remove": chosen}])
                )
    return document


def verbs_of(graph: Graph) -> Counter[str]:
    """How many nodes of each verb a graph has, at any depth; how many have an undo, and a way for errors."""
    nodes = graph.definition.nodes.values()
    counts = Counter[str](node.verb for node in nodes)
    return counts + Counter(
        undo=sum(node.undo is not None for node in nodes), catch=sum(bool(node.catch) for node in nodes)
    )


def _lead_on(random: Random, node: Data, before: list[str], later: list[str]) -> None:
    """Give a node of a region its ways: to the next one, sometimes past it, rarely back."""
    edges: list[Data] = []
    if random.random() < 0.25:
        edges.append({"if": random.choice(CONDITIONS), "to": random.choice([*later[:3], "$rollback"])})
    if random.random() < 0.12:
        back: Data = {"if": "n < 2", "to": random.choice(before)}
        if len(before) > 1 and random.random() < 0.5:
            back["undo"] = True
        edges.insert(0, back)
        node.setdefault("set", {}).setdefault("fields", {})["n"] = "n + 1"
    node["to"] = [*edges, {"to": later[0]}] if edges else later[0]
    if _works(node) and random.random() < 0.95:
        codes = ["timeout"] if _times_out(node) and random.random() < 0.5 else []
        node["catch"] = {code: _way(random, node, later) for code in [*codes, random.choice(CODES)]}


def _way(random: Random, node: Data, later: list[str]) -> str | Data:
    """A target, or a body, after which the node goes on."""
    if random.random() < 0.4 or "n" in node.get("set", {}).get("fields", {}):
        return random.choice([*later[:1] * 6, *later[:2], "$rollback", "$fail"])
    return {"do": "v", "with": {"why": ERROR}}


def _works(node: Data) -> bool:
    return not node.keys().isdisjoint(("ask", "do", "all", "race", "each", "use", "wait", "emit"))


def _times_out(node: Data) -> bool:
    return "timeout" in node or "deadline" in node


def _acting(random: Random, verb: str, depth: int, local: tuple[str, ...], *, alone: bool) -> Data:
    """A node without a way on. `alone`: nothing that is timed runs beside it."""
    node: Data = {}
    short = alone and random.random() < (0.15 if depth else 0.25)
    if verb == "do":
        node["do"] = (
            random.choice("ttuv")
            if random.random() < 0.85
            else {"tool": "{{ 't' if ok else 'v' }}", "allow": ["t", "v"]}
        )
        node["with"] = {"a": _text(random, local), "b": [1, {"c": "{{ m }}"}]}
        if random.random() < 0.5:
            node["save"] = random.choice(["out", "out", "out", "out", "log", "m"])
        if random.random() < 0.6:
            node["retry"] = {"max_attempts": random.randint(2, 3), "initial_interval": "20ms"}
            if random.random() < 0.5:
                node["retry"] |= {"non_retryable": ["odd"], "backoff_coefficient": 1}
        if random.random() < 0.5:
            _with_undo(random, node)
    elif verb == "ask":
        kind, field = random.choice(
            [("text", "s"), ("choice", "env"), ("confirm", "ok"), ("int", "m"), ("form", ""), ("approve", "verdict")]
        )
        node["say"] = "{{ m }} of {{ s }}"
        node["ask"] = {"form": ["s", "env", "ok"]} if kind == "form" else {kind: field}
        if kind == "approve" and random.random() < 0.5:
            node["ask"]["quorum"] = 2
        if alone and not short and random.random() < 0.25:
            node["remind"] = {"every": SHORT, "max": random.randint(1, 2), "do": "v", "with": {"a": "{{ m }}"}}
    elif verb == "use":
        node |= {"use": "./child.yaml", "with": {"many": "{{ m }}"}}
        if random.random() < 0.6:
            node["save"] = "out"
        if random.random() < 0.3:
            node["retry"] = {"max_attempts": 2, "initial_interval": "20ms"}
        if random.random() < 0.4:
            _with_undo(random, node)
    elif verb == "wait":
        short = False
        ways: list[Data] = [{"signal": "later"}, {"until": "1970-01-01T00:00:20Z"}]
        node["wait"] = random.choice([{"time": SHORT}, *ways] if alone else ways)
    elif verb == "emit":
        node["emit"] = {"signal": "later", "to": random.choice(["{{ me }}"] * 4 + ["nobody-{{ me }}"])}
        if random.random() < 0.3:
            node["retry"] = {"max_attempts": 2, "initial_interval": "20ms"}
        if random.random() < 0.3:
            _with_undo(random, node)
    elif verb in ("all", "race"):
        inner = alone and not short
        node[verb] = {
            name: _body(random, depth + 1, local, alone=inner and name == "x")
            for name in ("x", "y", "z")[: random.randint(2, 3)]
        }
        if verb == "all":
            _join(random, node, len(node["all"]))
    elif verb == "each":
        item = f"item{depth}"
        node["each"] = {"in": random.choice(["xs", "[1, 2]", "[3, 1, 2]"]), "as": item}
        if random.random() < 0.4:
            node["each"]["max"] = random.randint(1, 2)
        serial = (
            node["each"].get("max") == 1 and random.random() < 0.5
        )  # each time that passes costs a second on a server
        node["each"].update(_body(random, depth + 1, (*local, item, "index"), alone=alone and not short and serial))
        _join(random, node, 2)
    if verb == "set" or random.random() < 0.2:
        field = random.choice(sorted(VALUES))
        node["set"] = {"fields": {field: VALUES[field]}}
    if verb in ("do", "ask", "all", "race", "each", "use"):
        if short:
            node[random.choice(["timeout", "timeout", "deadline"]) if verb in ("do", "use") else "timeout"] = SHORT
        elif random.random() < 0.3:
            node["timeout"] = LONG
        if verb == "do" and random.random() < 0.2:
            node.setdefault("deadline", LONG)
    return node


def _with_undo(random: Random, node: Data) -> None:
    node["undo"] = {"do": "w", "with": {"was": "{{ m }}"}}
    if random.random() < 0.4:
        node["undo"]["retry"] = {"max_attempts": 2, "initial_interval": "20ms"}


def _join(random: Random, node: Data, most: int) -> None:
    join = random.choice([None, "all", "any", "collect", {"n": random.randint(1, most)}])
    if join is not None:
        node["join"] = join
    if random.random() < 0.5:
        node["save"] = "out"


def _body(random: Random, depth: int, local: tuple[str, ...], *, alone: bool) -> Data:
    """One node without a way on, or a region of its own. Signals side by side would be taken in any order."""
    verbs = ["do", "do", "do", "ask", "wait", "set", "use", "use"] + (["all", "race", "each"] if depth < 2 else [])
    if random.random() < 0.6:
        return _acting(random, random.choice(verbs), depth, local, alone=alone)
    nodes: Data = {}
    for name, later in (("p", ["q", "$end"]), ("q", ["$end"])):
        node = _acting(random, random.choice(verbs), depth, local, alone=alone)
        node["to"] = later[0]
        if _works(node) and random.random() < 0.4:
            node["catch"] = {random.choice(CODES): random.choice([*later, "$fail", "$rollback"])}
        nodes[name] = node
    return {"start": "p", "nodes": nodes}


def _text(random: Random, local: tuple[str, ...]) -> str:
    return random.choice(["plain", "s is {{ s }} é", "{{ m }}", "{{ xs }}", *(f"{{{{ {name} }}}}" for name in local)])
