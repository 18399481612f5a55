"""Edits of generated documents: what an author changes from one version to the next, and what of it touches no run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.generators import CODES, TOOLS, compiled

Data = dict[str, Any]

BRANCHES = ("all", "race")


def copied(document: Data) -> Data:
    copy: Data = json.loads(json.dumps(document))
    return copy


def regions(document: Data) -> Iterator[tuple[str, Data]]:
    """Every map that has `nodes`, with what the ids of its nodes begin with: the document, and the bodies inside."""
    waiting = [("", document)]
    while waiting:
        prefix, region = waiting.pop()
        yield prefix, region
        for name, node in region["nodes"].items():
            waiting += bodies(prefix + name, node)


def bodies(name: str, node: Data) -> Iterator[tuple[str, Data]]:
    """The bodies of a node that have nodes of their own, at any depth of bodies that have none."""
    inside = [(f"{name}.{branch}", body) for key in BRANCHES for branch, body in node.get(key, {}).items()]
    if "each" in node:
        inside.append((f"{name}[]", node["each"]))
    for path, body in inside:
        if "nodes" in body:
            yield f"{path}.", body
        else:
            yield from bodies(path, {key: body[key] for key in (*BRANCHES, "each") if key in body and body is not node})


def with_another_node(document: Data) -> Data:
    """The same graph with a node more, which an error leads to that never comes."""
    edited = copied(document)
    edited["nodes"]["another"] = {"say": "Never.", "to": "$end"}
    edited.setdefault("catch", {})["never"] = "another"
    return edited


def reordered(document: Data, random: Random) -> Data:
    """The same graph, written in another order."""
    edited = copied(document)
    edited["start"] = document["start"]
    for _, region in regions(edited):
        names = list(region["nodes"])
        random.shuffle(names)
        region["nodes"] = {name: region["nodes"][name] for name in names}
    names = list(edited["fields"])
    random.shuffle(names)
    edited["fields"] = {name: edited["fields"][name] for name in names}
    return edited


def reworded(document: Data) -> Data:
    """The same graph with other words for people."""
    edited = copied(document)
    edited.update(version="2", description="Other words.", trellis=1)
    for _, region in regions(edited):
        for node in region["nodes"].values():
            if node.get("say") == "plain":
                node["say"] = "fancy"
    return edited


def renamed(document: Data, prefix: str, name: str, now: str, *, told: bool) -> Data:
    """The same graph with another name for one node. `told`: with a `migrate` that says so."""
    edited = copied(document)
    region = dict(regions(edited))[prefix]
    region["nodes"] = {now if node == name else node: body for node, body in region["nodes"].items()}
    if region["start"] == name:
        region["start"] = now
    places = [*region["nodes"].values(), *([] if prefix else [edited])]
    for node in places:
        if node.get("to") == name:
            node["to"] = now
        for edge in node["to"] if isinstance(node.get("to"), list) else ():
            if edge["to"] == name:
                edge["to"] = now
        for key in ("catch", "upon"):
            routes = node.get(key, {})
            for word, target in list(routes.items()):
                if word == "states":
                    routes[word] = {state: now if to == name else to for state, to in target.items()}
                elif target == name:
                    routes[word] = now
    if not prefix:
        for state in edited.get("states", {}).values():
            if name in state.get("require", ()):
                state["require"] = [now if other == name else other for other in state["require"]]
    if told:
        edited["migrate"] = {"nodes": {prefix + name: prefix + now}}
    return edited


def rewritten(document: Data, random: Random) -> Data:
    """A version in which some parts are others; the same one where that would be no graph."""
    edited = copied(document)
    for node in [node for _, region in regions(edited) for node in region["nodes"].values()]:
        if random.random() < 0.5:
            continue
        gone = random.choice(
            [
                "timeout",
                "deadline",
                "retry",
                "undo",
                "commit",
                "catch",
                "upon",
                "save",
                "set",
                "say",
                "remind",
                "escalate",
            ]
        )
        node.pop(gone, None)
        if isinstance(node.get("do"), str) and random.random() < 0.2:
            node["do"] = random.choice(TOOLS)
        if "join" in node:
            node["join"] = random.choice(["all", "any", "collect"])
        for key in BRANCHES:
            if key in node and random.random() < 0.5:
                names = list(node[key])
                random.shuffle(names)
                node[key] = {name: node[key][name] for name in names}
        if random.random() < 0.2:
            node["deadline"] = "1h"
    for state in edited.get("states", {}).values():
        gone = random.choice(["auto", "require", "remove", "add", "enter_if", "exit_if", "entered", "exited"])
        if random.random() < 0.4:
            state.pop(gone, None)
    if random.random() < 0.3:
        edited["limits"] = random.choice([{}, {"time": "5s", "open": 2}, {"journal": "1kB", "value": "30B"}])
    if random.random() < 0.3:
        edited["fields"]["m"] = {"type": "integer", "default": 1, "check": "value > 0"}
    try:
        compiled(edited)
    except AssertionError:
        return document
    return edited


assert "never" not in CODES
