"""What is named where: every name in a document that means a node, field, tool, signal, state, group or file.

The schema says what a text is the name of (`x-names`), what the keys of a map name (`x-keys`) and what they declare
(`x-declares`), so a new place for a name is one word in the schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, get_args

from trellis.editor.shapes import Shape, alternatives, shapes_at
from trellis.editor.sketch import Part
from trellis.model.documents import Step

Role = Literal["node", "field", "tool", "signal", "state", "group", "file"]
ROLES: tuple[Role, ...] = get_args(Role)
Steps = tuple[Step, ...]


class Occurrence:
    """One name at the characters `start` to `end`. `roles` is what it may mean; `declares`: it is said here what it is.

    `region` are the steps of the map of nodes around it, since a node is known only among those. `steps` lead to the
    text, or to the value of the key.
    """

    __slots__ = ("declares", "end", "name", "part", "region", "roles", "start", "steps")

    def __init__(
        self, roles: tuple[Role, ...], name: str, start: int, end: int, steps: Steps, region: Steps, part: Part,
        *, declares: bool = False,
    ) -> None:  # fmt: skip
        self.roles, self.name, self.start, self.end = roles, name, start, end
        self.steps, self.region, self.part, self.declares = steps, region, part, declares

    def means(self, role: str, name: str) -> bool:
        """Whether it may be the name of this."""
        return self.name == name and role in self.roles


def occurrences(root: Part, shape: Shape, region: Steps = ()) -> Iterator[Occurrence]:
    """Every name in a document of this shape, in the order of the text. Never raises."""
    yield from _walk(root, [shape], (), region)


def _walk(part: Part, shapes: list[Shape], steps: Steps, region: Steps) -> Iterator[Occurrence]:
    shapes = [one for shape in shapes for one in alternatives(shape)]
    if part.kind == "map":
        yield from _map(part, shapes, steps, region)
    elif part.kind == "list":
        for place, item in enumerate(part.items):
            below = [shape["items"] for shape in shapes if isinstance(shape.get("items"), dict)]
            if below:
                yield from _walk(item, below, (*steps, place), region)
    elif part.kind == "text":
        roles = roles_of(shapes, "x-names")
        if roles and part.written and not part.written.startswith("$"):
            start = part.start + (part.style in ("'", '"') and part.style != "")
            yield Occurrence(roles, part.written, start, start + len(part.written), steps, region, part)
        elif is_expression(shapes):
            yield from _fields(part.written, part, steps, region, whole=True)
        elif part.written and "{{" in part.written:
            yield from _fields(part.written, part, steps, region, whole=False)


def _map(part: Part, shapes: list[Shape], steps: Steps, region: Steps) -> Iterator[Occurrence]:
    maps = [shape for shape in shapes if "properties" in shape or "patternProperties" in shape]
    if not maps:
        for entry in part.entries:  # data of any shape: only its texts may hold names
            yield from _walk(entry.value, [], (*steps, entry.key), region)
        return
    if any("nodes" in shape.get("properties", {}) for shape in maps) and part.get("nodes") is not None:
        region = (*steps, "nodes")
    keys, declared = roles_of(maps, "x-keys"), roles_of(maps, "x-declares")
    own = {key for shape in maps for key in shape.get("properties", {})}
    for entry in part.entries:
        below = (*steps, entry.key)
        quoted = entry.end - entry.start - len(entry.key) == 2
        start = entry.start + quoted
        if (keys or declared) and entry.key not in own and not entry.half and not entry.key.startswith("x-"):
            yield Occurrence(
                declared or keys, entry.key, start, start + len(entry.key), below, steps if declared == ("node",) else region,
                entry.value, declares=bool(declared),
            )  # fmt: skip
        yield from _walk(
            entry.value, [found for shape in maps for found in shapes_at(shape, (entry.key,))], below, region
        )


def roles_of(shapes: list[Shape], keyword: str) -> tuple[Role, ...]:
    """What the schema says that a name at this place is of."""
    words = [word for shape in shapes for word in str(shape.get(keyword, "")).split(" or ") if word]
    return tuple(role for role in ROLES if role in words)


def is_expression(shapes: list[Shape]) -> bool:
    """Whether a text at this place is an expression."""
    return any(shape.get("format") == "trellis-expression" for shape in shapes)


_WORDS = re.compile(r"""(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<![\w.])(?P<name>[A-Za-z_]\w*)(?!\w*\s*\()""")
_BRACES = re.compile(r"\{\{(?!\{)(.*?)(?:\}\}|$)", re.DOTALL)
_OF_THE_LANGUAGE = frozenset(("and", "or", "not", "in", "is", "if", "else", "for", "true", "false", "null")) | {
    *("True", "False", "None", "item", "index", "value", "args", "error", "signal")
}


def _fields(text: str, part: Part, steps: Steps, region: Steps, *, whole: bool) -> Iterator[Occurrence]:
    """The names in an expression, or in those of a text, where its characters are those of the file."""
    offset = part.start + (1 if part.style in ('"', "'") and part.style else 0)
    written = part.end - part.start - (2 if part.style in ('"', "'") and part.style else 0)
    if part.style in ("|", ">"):
        offset, written = part.end - len(text), len(text)
    if written != len(text):
        return  # it has escapes, or goes over several lines: its places are not told by counting
    for start, expression in [(0, text)] if whole else [(found.start(1), found[1]) for found in _BRACES.finditer(text)]:
        for word in _WORDS.finditer(expression):
            name = word["name"]
            if name is not None and name not in _OF_THE_LANGUAGE:
                at = offset + start + word.start()
                yield Occurrence(("field", "state"), name, at, at + len(name), steps, region, part)
