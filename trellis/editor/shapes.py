"""What the schema says at a place of a document. Where several things may stand there, it says all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from trellis.editor.schemas import graph_schema
from trellis.model.documents import Step

Shape = dict[str, Any]
"""A part of the schema, without `$ref`: what stands beside one wins."""

_FREE = "^x-"


def resolved(part: Shape) -> Shape:
    """A part of the schema with what its `$ref` leads to."""
    while "$ref" in part:
        beside = {key: value for key, value in part.items() if key != "$ref"}
        part = graph_schema()["$defs"][part["$ref"].removeprefix("#/$defs/")] | beside
    return part


def alternatives(part: Shape) -> list[Shape]:
    """What may stand at a part of the schema: itself, or each of its `anyOf`."""
    kept = _alternatives.get(id(part))
    if kept is not None and kept[0] is part:
        return kept[1]
    whole = resolved(part)
    found = [whole]
    if "anyOf" in whole and "properties" not in whole and "type" not in whole:
        found = [each for one in whole["anyOf"] for each in alternatives(one)]
    _alternatives[id(part)] = (part, found)
    return found


_alternatives: dict[int, tuple[Shape, list[Shape]]] = {}
"""Part of the one schema -> what was found for it; each is asked for again with every node of a document."""


def root_shape(*, node: bool = False) -> Shape:
    """The shape of a document, or of a node that has a file of its own."""
    return graph_schema()["$defs"]["node"] if node else graph_schema()


def shapes_at(root: Shape, steps: tuple[Step, ...]) -> list[Shape]:
    """The shape below `root` after these steps, unresolved alternatives resolved; empty where it says nothing."""
    found: list[Shape] = [root]
    for step in steps:
        found = [below for shape in found for one in alternatives(shape) for below in _below(one, step)]
    return found


def _below(shape: Shape, step: Step) -> Iterator[Shape]:
    if isinstance(step, int):
        if isinstance(shape.get("items"), dict):
            yield shape["items"]
        return
    properties = shape.get("properties", {})
    if step in properties:
        yield properties[step]
        return
    member = member_of(shape)
    if member is not None and _pattern(member[0]).search(step):
        yield member[1]


def member_of(shape: Shape) -> tuple[str, Shape] | None:
    """The pattern of the keys of a map whose members are alike, and what these are."""
    for pattern, part in shape.get("patternProperties", {}).items():
        if pattern != _FREE:
            return pattern, part
    return None


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def description_of(shape: Shape) -> str:
    """What the schema says of it to people."""
    text = resolved(shape).get("description", "")
    return str(text)


def kinds_of(shape: Shape) -> set[str]:
    """The kinds of value that may stand there, as JSON Schema calls them."""
    found: set[str] = set()
    for one in alternatives(shape):
        written = one.get("type")
        if written is not None:
            found |= {written} if isinstance(written, str) else set(written)
        elif "enum" in one or "const" in one:
            found |= {"string"}
        elif "properties" in one:
            found |= {"object"}
    return found


def rivals_of(shape: Shape, present: set[str]) -> set[str]:
    """The keys that cannot stand beside those that are present."""
    pairs = [pair["required"] for pair in resolved(shape).get("not", {}).get("anyOf", ())]
    return {one for pair in pairs for one, other in (pair, reversed(pair)) if other in present}
