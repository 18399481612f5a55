"""Random valid graphs: everything an author may combine, and every one of them comes to an end whatever happens.

Ways lead forward, from a node to a later one of its region; the few that lead back count a field up and stop at a
bound. So no sequence of events keeps a run going for ever, and property tests of the engine may send any. Half of them
declare states; such a run may wait for states that never come.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from random import Random
from types import MappingProxyType
from typing import Any

import networkx as nx  # noqa: F401 - the compiler loads it at the first loop, which would be charged to whichever test has it
from hypothesis import strategies as st
from msgspec.structs import replace

from trellis.compiler import Compiled, compile_document
from trellis.compiler.uses import Found, check, linked, paths
from trellis.model.documents import Document
from trellis.model.graph import Definition, Graph, reached_by
from trellis.model.problems import Place

Data = dict[str, Any]

FIELDS: Data = {
    "n": {"type": "integer", "default": 0, "check": "value >= 0"},
    "m": {"type": "integer", "default": 1},
    "s": {"type": "string", "default": "a"},
    "env": {"type": "string", "enum": ["staging", "prod"], "default": "staging"},
    "ok": {"type": "boolean", "default": False},
    "rate": {"type": "number", "default": 0.5},
    "xs": {"type": ["integer"], "default": [1, 2, 3]},
    "log": {"type": ["any"], "default": [], "merge": "append"},
    "out": {"type": "any", "optional": True},
    "word": {"type": "string", "optional": True, "secret": True},
    "verdict": {"type": "approval", "optional": True},
    "some": {"type": [{"type": "string", "enum": ["a", "b"]}], "default": []},
    "day": {"type": "time", "optional": True},
}
"""Every field has a value from the start, so no expression below ever fails for the lack of one."""
SIGNALS: Data = {"fault": {"why": "string"}, "later": {"buffer": 2}}
TOOLS = ("t", "u", "v")
CODES = ("*", "timeout", "denied", "failed", "invalid")
CONDITIONS = ("n > 1", "m == 1", "s == 'a'", "env == 'prod'", "ok", "len(xs) > 2", "rate < 0.3", "out == 1")
VALUES = {
    "m": ("m + 1", "len(xs)", "0"),
    "s": ("s + 'b'", "'a'", "str(m)"),
    "ok": ("not ok", "m > 2"),
    "xs": ("[m, n]", "[]", "xs"),
    "env": ("'prod'", "env"),
}
"""Field -> expressions that always give what it takes."""
ASKED = {
    "text": "s",
    "choice": "env",
    "confirm": "ok",
    "int": "m",
    "number": "rate",
    "secret": "word",
    "approve": "verdict",
    "multi": "some",
    "date": "day",
    "form": "",
}
WAITS = (
    ("signal", "later"), ("signal", "fault"), ("time", "3s"), ("time", "0s"), ("until", "1970-01-01T00:00:20Z"),
    ("until", "{{ default(day, 'soon') }}"), ("until", "{{ m }}"), ("if", "m == 1"), ("if", "len(xs) > 2 or 1 / m > 1"),
)  # fmt: skip
"""What a node may wait for. The expressions may fail, and not every text is a moment."""
CHILD: Data = {
    "trellis": 1,
    "name": "child",
    "fields": {"what": {"type": "any", "optional": True}, "many": {"type": "integer", "default": 0}},
    "nodes": {"a": {"end": {"status": "ok", "result": "many"}}},
}
"""The graph that graphs use."""
DEEPEST = 3
"""How many bodies may hold each other."""
STATES = tuple("ABCDEFG")
ROUNDS = 3
"""How often the ways back of a graph are taken, all together."""


def graphs() -> st.SearchStrategy[Data]:
    """Documents of valid graphs."""
    return st.randoms(use_true_random=False).map(generate)


def generate(random: Random) -> Data:
    """The document of one valid graph; the same for the same seed."""
    nodes = _region(random, "n", 0, random.randint(1, 5), ())
    nodes["bye"] = {"end": random.choice(["ok", "failed", "cancelled", {"status": "ok", "result": "m"}])}
    document: Data = {"trellis": 1, "name": "g", "start": "n0", "fields": FIELDS, "signals": SIGNALS, "nodes": nodes}
    # Only a node that ends, and what is no node, may be led to from everywhere without a way back.
    if random.random() < 0.5:
        document["catch"] = {random.choice(CODES): random.choice(["bye", "$rollback", "$fail"])}
    if random.random() < 0.5:
        document["upon"] = {random.choice(["interrupt", "fault"]): random.choice(["bye", "$rollback"])}
    if random.random() < 0.2:
        few = {"visits": 50, "time": "20s", "open": random.randint(1, 9), "value": "40B", "journal": "2kB"}
        document["limits"] = {key: few[key] for key in random.sample(sorted(few), 2)}
    _lead_to(nodes, "bye")
    return _with_states(random, document) if random.random() < 0.5 else document


def nested() -> st.SearchStrategy[Data]:
    """Documents of graphs that are bodies in bodies: all, race and each, whose calls can all be undone."""
    return st.randoms(use_true_random=False).map(_nested)


def _nested(random: Random) -> Data:
    nodes = {
        "first": {"do": "t", "undo": {"do": "w"}, "to": "n0"},
        "n0": {**_bodies(random, 0), "to": "last"},
        "last": {"do": "t", "undo": {"do": "w"}, "to": random.choice(["$end", "$rollback"])},
    }
    shared: Data = {"catch": {"*": random.choice(["$rollback", "last"])}, "upon": {"interrupt": "$rollback"}}
    return {"trellis": 1, "name": "g", "start": "first", "fields": FIELDS, "nodes": nodes, **shared}


def _bodies(random: Random, depth: int) -> Data:
    """A node with bodies, all of which may have bodies in turn."""
    kind = random.choice(["all", "race", "race", "each"])
    node: Data = {}
    if kind == "each":
        node["each"] = {"in": random.choice(["xs", "[1, 2]"]), "as": f"item{depth}", **_inside(random, depth + 1)}
        if random.random() < 0.3:
            node["each"]["max"] = random.randint(1, 2)
    else:
        node[kind] = {name: _inside(random, depth + 1) for name in ("x", "y", "z")[: random.randint(1, 3)]}
    if kind != "race" and random.random() < 0.5:
        node["join"] = random.choice(["any", "collect"])
    if random.random() < 0.3:
        _with_undo(random, node)
    if random.random() < 0.2:
        node["timeout"] = "5s"
    return node


def _inside(random: Random, depth: int) -> Data:
    """A body: bodies again, a call, or several of these in a row."""

    def one() -> Data:
        if depth < DEEPEST and random.random() < 0.5:
            return _bodies(random, depth)
        node: Data = {"do": random.choice(TOOLS)} if random.random() < 0.75 else {"use": "./child.yaml"}
        _with_undo(random, node)
        if random.random() < 0.2:
            node["retry"] = {"max_attempts": 2}
        return node

    if random.random() < 0.5:
        return one()
    return {"start": "p", "nodes": {"p": {**one(), "to": "q"}, "q": {**one(), "to": "$end"}}}


def compiled(document: Data, used: Mapping[str, Data] = MappingProxyType({"child.yaml": CHILD})) -> Graph:
    """The graph of a document, which may use those of `used`, by their paths. Raises AssertionError with its problems where
    it has errors."""
    table = {path: _compile(other) for path, other in used.items()}
    definitions = {path: _checked(other, table) for path, other in table.items()}
    definition = _checked(_compile(document), table)
    return Graph(replace(definition, uses=reached_by(definition, definitions)))


def _checked(done: Compiled, table: Mapping[str, Compiled]) -> Definition:
    used = {}
    for node, _, path in paths(done):
        name = path.removeprefix("./")
        used[node] = Found(name, name, table[name])
    problems = [*done.problems, *check(done, used)]
    assert done.definition is not None and not any(problem.severity == "error" for problem in problems), problems
    return linked(done.definition, used)


def _compile(document: Data) -> Compiled:
    return compile_document(Document("g.yaml", document, lambda _steps, _key: Place()))


def _with_states(random: Random, document: Data) -> Data:
    """The same graph with declared states; as it is where those that were thought of contradict each other too often."""
    for _ in range(10):
        changed: Data = json.loads(json.dumps(document))
        roots = list(changed["nodes"])
        names = STATES[: random.randint(1, len(STATES))]
        changed["states"] = {name: _state(random, name, names, roots) for name in names}
        for node in _all_nodes(changed["nodes"]):
            _use_states(random, node, names)
        if random.random() < 0.4:
            changed.setdefault("upon", {})["states"] = {random.choice(names): random.choice(["bye", "$rollback"])}
        if not any(problem.severity == "error" for problem in _compile(changed).problems):
            return changed
    return document


def _state(random: Random, name: str, names: tuple[str, ...], roots: list[str]) -> Data:
    others = [other for other in names if other != name]
    earlier = [other for other in others if other < name]
    state: Data = {}
    for flag in ("auto", "multi"):
        if random.random() < 0.3:
            state[flag] = True
    for key, among, chance in (("require", earlier + roots[:1], 0.3), ("add", others, 0.25), ("remove", others, 0.3)):
        taken = {*state.get("require", ()), *state.get("add", ())}
        free = [other for other in among if other not in taken]
        if free and random.random() < chance:
            state[key] = random.sample(free, random.randint(1, min(2, len(free))))
    if earlier and random.random() < 0.2:
        state["after"] = [random.choice(earlier)]
    for guard in ("enter_if", "exit_if"):
        if random.random() < 0.15:
            state[guard] = random.choice(CONDITIONS)
    for body in ("entered", "exited"):
        if random.random() < 0.3:
            state[body] = _reaction(random, [other for other in others if other > name] if body == "entered" else [])
    return state


def _reaction(random: Random, later: list[str]) -> Data:
    """What a state does. It adds later states only, so that what states do comes to an end."""
    node: Data = {"do": random.choice(TOOLS)} if random.random() < 0.7 else {"say": "{{ m }}"}
    if "do" in node:
        if random.random() < 0.4:
            _with_undo(random, node)
        if random.random() < 0.3:
            node["catch"] = {random.choice(CODES): _way(random, node, ["$end", "$fail", "$rollback"], DEEPEST)}
        if random.random() < 0.4:
            node["save"] = "m" if random.random() < 0.5 else "out"
        _with_time(random, node)
    if later and random.random() < 0.4:
        node["set"] = {"add": [random.choice(later)]}
    return node


def _use_states(random: Random, node: Data, names: tuple[str, ...]) -> None:
    """Let a node set states, wait for them where it would only speak, and leave by them where it works."""
    if random.random() < 0.4:
        chosen = random.sample(names, min(len(names), random.randint(1, 2)))
        wanted = {"add": chosen} if random.random() < 0.6 else {"remove": chosen}
        if len(chosen) == 2 and random.random() < 0.4:
            wanted = {"add": chosen[:1], "remove": chosen[1:]}
        node.setdefault("set", {}).update(wanted)
        if random.random() < 0.4:
            node.setdefault("catch", {})["states_refused"] = "$end"
    if not _works(node) and "end" not in node and random.random() < 0.3:
        node["wait"] = {"states": random.sample(names, min(len(names), random.randint(1, 2)))}
        _with_time(random, node)
        _with_reminders(random, node)
    if _works(node) and random.random() < 0.2:
        node.setdefault("upon", {})["states"] = {random.choice(names): random.choice(["$end", "$rollback"])}


def _all_nodes(nodes: Data) -> Iterator[Data]:
    """These nodes and all in their bodies."""
    for node in nodes.values():
        yield node
        bodies = [*node.get("all", {}).values(), *node.get("race", {}).values()] + (
            [node["each"]] if "each" in node else []
        )
        for body in bodies:
            if "nodes" in body:
                yield from _all_nodes(body["nodes"])
            elif body is not node.get("each"):
                yield from _all_nodes({"": body})


def _lead_to(nodes: Data, name: str) -> None:
    """Let the last of the other nodes lead to `name`, so that something does."""
    last = nodes[f"n{len(nodes) - 2}"]
    edges = last["to"] if isinstance(last["to"], list) else [{"to": last["to"]}]
    edges[-1]["to"] = name
    last["to"] = edges


def _region(random: Random, prefix: str, depth: int, size: int, local: tuple[str, ...]) -> Data:
    """`size` nodes that lead forward, the first being the start."""
    names = [f"{prefix}{place}" for place in range(size)]
    nodes: Data = {}
    for place, name in enumerate(names):
        node = _acting(random, f"{name}_", depth, local)
        later = [*names[place + 1 :], "$end"]
        _lead_on(random, node, names[: place + 1], later, depth)
        nodes[name] = node
    return nodes


def _lead_on(random: Random, node: Data, before: list[str], later: list[str], depth: int) -> None:
    ways = [*later, "$fail", "$rollback"]
    edges: list[Data] = [
        {"if": random.choice(CONDITIONS), "to": random.choice(ways)} for _ in range(random.choice([0, 0, 1, 2]))
    ]
    if random.random() < 0.15:
        back: Data = {"if": f"n < {ROUNDS}", "to": random.choice(before)}
        if depth == 0 and random.random() < 0.5:
            back["undo"] = True
        edges.insert(0, back)
        node.setdefault("set", {"fields": {}})["fields"]["n"] = "n + 1"
    fallback = later[0]
    node["to"] = [*edges, {"to": fallback}] if edges else fallback
    if _works(node):
        if random.random() < 0.4:
            codes = random.sample(CODES, random.randint(1, 2))
            node["catch"] = {code: _way(random, node, ways, depth) for code in codes}
        if random.random() < 0.3:
            signals = [name for name in ("interrupt", "fault", "later") if name != node.get("wait", {}).get("signal")]
            node["upon"] = {random.choice(signals): _way(random, node, ways, depth)}


def _way(random: Random, node: Data, ways: list[str], depth: int) -> str | Data:
    """A target, or a body, after which the node goes on: where that may be back, the body counts as the node does."""
    if random.random() < 0.6:
        return random.choice(ways)
    body: Data = random.choice([{"say": "{{ m }}"}, {"do": "t"}, {"do": "u", "undo": {"do": "w"}}])
    body = {**body, "set": {"fields": {"n": "n + 1"}}} if "n" in node.get("set", {}).get("fields", {}) else body
    if depth < DEEPEST and random.random() < 0.4:
        return {"start": "p", "nodes": {"p": {**body, "to": "q"}, "q": {"do": "v", "to": "$end"}}}
    return body


def _works(node: Data) -> bool:
    return not node.keys().isdisjoint(("ask", "do", "all", "race", "each", "use", "wait", "emit"))


def _acting(random: Random, prefix: str, depth: int, local: tuple[str, ...]) -> Data:
    """A node without a way on: what it says, does, saves and sets."""
    kinds = ["say", "ask", "do", "do", "set", "wait", "emit", "use"]
    if depth < DEEPEST:
        kinds += ["all", "race", "each"]
    kind = random.choice(kinds)
    node: Data = {}
    if kind == "say" or random.random() < 0.2:
        node["say"] = _saying(random, local)
    if kind == "ask":
        asked = random.choice(sorted(ASKED))
        node["ask"] = {asked: ASKED[asked]}
        if asked == "form":
            node["ask"] = {"form": random.sample(["s", "env", "ok", "m", "rate", "some", "day"], random.randint(1, 4))}
        if asked == "text" and random.randint(0, 1):
            node["ask"] |= {"lines": True}
        if asked == "approve":
            node["ask"] |= random.choice([{}, {"by": ["ana"]}, {"by": ["ana", "ben"], "quorum": 2}, {"quorum": 2}])
            if random.random() < 0.4:
                more: Data = {"by": ["eve"]} if "by" in node["ask"] else {"say": "{{ m }} waits"}
                node["escalate"] = [{"after": "2s", "do": "u"}, {"after": "3s", **more}]
        _with_time(random, node)
        _with_reminders(random, node)
    elif kind == "do":
        _do(random, node, local)
    elif kind == "use":
        _use(random, node, local)
    elif kind == "wait":
        node["wait"] = dict([random.choice(WAITS)])
        if "signal" in node["wait"] and random.random() < 0.5:
            node["save"] = "out"
        _with_time(random, node)
        _with_reminders(random, node)
    elif kind == "emit":
        node["emit"] = {
            "signal": "later",
            "to": random.choice(["other", "{{ s }}"]),
            "with": {"n": _text(random, local)},
        }
        if random.random() < 0.5:
            node["retry"] = {"max_attempts": 2, "initial_interval": "2s"}
        if random.random() < 0.3:
            _with_undo(random, node)
        _with_time(random, node)
    elif kind in ("all", "race"):
        node[kind] = {
            name: _body(random, f"{prefix}{name}", depth + 1, local) for name in ("x", "y", "z")[: random.randint(1, 3)]
        }
        _join(random, node, len(node[kind]))
    elif kind == "each":
        item = f"item{depth}"
        node["each"] = {"in": random.choice(["xs", "[1, 2]", "[]"]), "as": item}
        if random.random() < 0.5:
            node["each"]["max"] = random.randint(1, 2)
        # Reading `index` in an inner body means the inner one.
        node["each"].update(_body(random, f"{prefix}i", depth + 1, (*local, item, "index")))
        _join(random, node, 2)
    if kind == "set" or random.random() < 0.2:
        field = random.choice(sorted(VALUES))
        node["set"] = {"fields": {field: random.choice(VALUES[field])}}
    if random.random() < 0.1:
        node["commit"] = True
    return node


def _do(random: Random, node: Data, local: tuple[str, ...]) -> None:
    if random.random() < 0.15:
        node["do"] = {"tool": "{{ 't' if ok else 'u' }}", "allow": ["t", "u"]}
    else:
        node["do"] = random.choice(TOOLS)
    if random.random() < 0.5:
        node["with"] = {"a": _text(random, local), "b": [1, {"c": "{{ m }}"}]}
    if random.random() < 0.4:
        node["save"] = random.choice(["out", "out", "log", "m"])
    if random.random() < 0.4:
        node["retry"] = {"max_attempts": random.randint(1, 3), "initial_interval": "2s"}
        if random.random() < 0.5:
            node["retry"] |= {"jitter": 0.5, "non_retryable": ["denied"]}
    if random.random() < 0.5:
        _with_undo(random, node)
    _with_time(random, node)


def _use(random: Random, node: Data, local: tuple[str, ...]) -> None:
    node["use"] = "./child.yaml"
    if random.random() < 0.5:
        node["with"] = {"what": _text(random, local), "many": "{{ m }}"}
    if random.random() < 0.5:
        node["save"] = random.choice(["out", "m"])
    if random.random() < 0.4:
        node["retry"] = {"max_attempts": random.randint(1, 3), "initial_interval": "2s"}
    if random.random() < 0.4:
        _with_undo(random, node)
    _with_time(random, node)


def _with_undo(random: Random, node: Data) -> None:
    node["undo"] = {"do": "w", "with": {"was": "{{ m }}"}}
    if random.random() < 0.3:
        node["undo"] |= {"retry": {"max_attempts": 2}, "timeout": "9s"}


def _with_time(random: Random, node: Data) -> None:
    for key, length in (("timeout", "5s"), ("deadline", "1m")):
        if random.random() < 0.3:
            node[key] = length


def _with_reminders(random: Random, node: Data) -> None:
    if random.random() < 0.3:
        told: list[Data] = [{"do": random.choice(TOOLS), "with": {"n": "{{ m }}"}}, {"say": "{{ 7 // m }}"}]
        node["remind"] = {"every": "1s", "max": random.randint(0, 2), **random.choice(told)}


def _join(random: Random, node: Data, most: int) -> None:
    join = random.choice([None, "all", "any", "collect", {"n": random.randint(1, most)}])
    if join is not None and "race" not in node:
        node["join"] = join
    if random.random() < 0.4:
        node["save"] = "out"
    if random.random() < 0.2:
        _with_undo(random, node)
    _with_time(random, node)


def _body(random: Random, prefix: str, depth: int, local: tuple[str, ...]) -> Data:
    """One node without a way on, or a region of its own."""
    if random.random() < 0.6:
        node = _acting(random, prefix, depth, local)
        if _works(node) and random.random() < 0.2:
            node["catch"] = {random.choice(CODES): random.choice(["$end", "$fail", "$rollback"])}
        return node
    return {"start": f"{prefix}0", "nodes": _region(random, prefix, depth, random.randint(1, 3), local)}


def _text(random: Random, local: tuple[str, ...]) -> str:
    texts = ["plain", "s is {{ s }} of {{ env }}", "{{ m }}", "{{{{ {{ xs }}", *(f"{{{{ {name} }}}}" for name in local)]
    return random.choice(texts)


def _saying(random: Random, local: tuple[str, ...]) -> Any:
    """What a node says: one text, one in two languages, or a list of which some may not hold."""
    if random.random() < 0.7:
        return _text(random, local)
    worded: Any = {"en": _text(random, local), "pt": _text(random, local)}
    if random.random() < 0.5:
        return worded
    return [_text(random, local), {"if": random.choice(CONDITIONS), "say": worded}][random.choice([0, 1]) :]
