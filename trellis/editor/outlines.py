"""What is in a document, as a tree: for the outline of an editor, and for its search over all documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from trellis.editor.completion import VERBS
from trellis.editor.names import Drawn
from trellis.editor.roles import roles_of
from trellis.editor.shapes import Shape, alternatives, shapes_at
from trellis.editor.sketch import Entry, Part


class Symbol(NamedTuple):
    """A declared thing: its characters are `start` to `end`, those of its name `name_start` to `name_end`."""

    name: str
    kind: str
    detail: str
    start: int
    end: int
    name_start: int
    name_end: int
    below: tuple[Symbol, ...] = ()


def symbols(drawn: Drawn) -> list[Symbol]:
    """What a document declares, by its sections; the nodes of a body are below the node it belongs to."""
    if drawn.kind == "other":
        return []
    return list(_below(drawn.root, [drawn.shape]))


def _below(part: Part, shapes: list[Shape]) -> Iterator[Symbol]:
    shapes = [one for shape in shapes for one in alternatives(shape)]
    maps = [shape for shape in shapes if "properties" in shape or "patternProperties" in shape]
    if part.kind == "list":
        for item in part.items:
            yield from _below(item, [shape["items"] for shape in shapes if isinstance(shape.get("items"), dict)])
    if part.kind != "map" or not maps:
        return
    declared = roles_of(maps, "x-declares")
    for entry in part.entries:
        inside = tuple(_below(entry.value, [found for shape in maps for found in shapes_at(shape, (entry.key,))]))
        if declared and not entry.half:
            yield _symbol(entry, declared[0], inside)
        elif inside:
            yield _symbol(entry, "section", inside)


def _symbol(entry: Entry, kind: str, below: tuple[Symbol, ...]) -> Symbol:
    keys = {inner.key for inner in entry.value.entries}
    detail = ", ".join(verb for verb in VERBS if verb in keys) if kind == "node" else ""
    end = max(entry.end, entry.value.end)
    return Symbol(entry.key or "?", kind, detail, entry.start, end, entry.start, entry.end, below)
