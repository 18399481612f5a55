"""A document as it is written: each part with the characters that it takes, so that all others can stay as they are.

What the judge says of a document holds here too: a tree is only made of a text in which it finds no fault.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.text import decode
from trellis.model.documents import Step
from trellis.model.problems import Problem
from trellis.model.values import Value

Kind = Literal["scalar", "alias", "map", "list"]


class Part:
    """One value or key. `start` and `end` are characters of the text; an anchor stands before `body`, where it begins.

    `value` is the text of a scalar as YAML reads it, or the name of an alias. `style` is the mark that a scalar begins
    with, empty for a plain one. `flow`: a map or list in braces or brackets. A block text ends behind its last line that
    counts, without the line feed.
    """

    __slots__ = ("anchor", "body", "end", "entries", "flow", "items", "kind", "start", "style", "value")

    def __init__(self, kind: Kind, start: int, end: int) -> None:
        self.kind, self.start, self.body, self.end = kind, start, start, end
        self.value = self.style = ""
        self.anchor: str | None = None
        self.flow = False
        self.entries: list[tuple[Part, Part]] = []
        """Of a map: each key with its value."""
        self.items: list[Part] = []
        """Of a list."""


class Tree:
    """The parts of one text. `root` is None where it holds no document; `head` is where what is before it ends: `---`
    with the directives above."""

    __slots__ = ("_entries", "head", "root", "text", "value")

    def __init__(self, text: str, value: Value, root: Part | None, head: int) -> None:
        self.text, self.value, self.root, self.head = text, value, root, head
        self._entries: dict[Part, dict[str, tuple[Part, Part]]] = {}

    def at(self, steps: tuple[Step, ...], *, key: bool = False) -> Part | None:
        """The part at `steps`, or its key; None where there is none, or where it is repeated by an alias."""
        here, name = self.root, None
        for step in steps:
            if here is None:
                return None
            if here.kind == "map":
                if here not in self._entries:
                    self._entries[here] = {key.value: (key, value) for key, value in here.entries}
                name, here = self._entries[here].get(str(step), (None, None))
            elif here.kind == "list" and isinstance(step, int) and step < len(here.items):
                name, here = None, here.items[step]
            else:
                return None
        return name if key else here


def parse_tree(path: str, data: bytes) -> tuple[Tree | None, list[Problem]]:
    """The tree of a document, or None and why it is none. Never raises."""
    text, faults = decode(path, data)
    if faults:
        return None, list(faults)
    value: Any = parse_fast(text)
    if value is BROKEN:
        verdict = judge(path, text)
        if verdict.problems:
            return None, sorted(set(verdict.problems))
        value = verdict.value
    return build_tree(text, value), []


def meaning(text: str) -> Value:
    """The value of a text in which there is no fault."""
    found: Any = parse_fast(text)
    value: Value = judge("", text).value if found is BROKEN else found
    return value


def build_tree(text: str, value: Value) -> Tree:
    """The tree of a text in which there is no fault, and whose value this is."""
    from trellis.loaders.events import events

    root: Part | None = None
    head = 0
    stack: list[tuple[Part, Part | None]] = []
    """Open maps and lists, outermost first; each with the key that waits for its value."""
    for event in events(text, []):
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            head = event.end_mark.index if event.explicit else 0
            continue
        if kind in ("MappingEndEvent", "SequenceEndEvent"):
            done, _ = stack.pop()
            done.end = event.end_mark.index if done.flow else _last(done)
            continue
        if kind not in ("ScalarEvent", "AliasEvent", "MappingStartEvent", "SequenceStartEvent"):
            continue
        part = _part(text, event, kind)
        if not stack:
            root = part
        else:
            holder, key = stack[-1]
            if holder.kind == "list":
                holder.items.append(part)
            elif key is None:
                stack[-1] = holder, part
            else:
                holder.entries.append((key, part))
                stack[-1] = holder, None
        if part.kind in ("map", "list"):
            stack.append((part, None))
    return Tree(text, value, root, head)


def _part(text: str, event: Any, kind: str) -> Part:
    start, end = event.start_mark.index, event.end_mark.index
    if kind == "AliasEvent":
        part = Part("alias", start, end)
        part.value = event.anchor
        return part
    part = Part("scalar" if kind == "ScalarEvent" else "map" if kind == "MappingStartEvent" else "list", start, end)
    part.anchor = event.anchor
    if part.anchor is not None:
        anchor = text.index("&", start)
        behind = anchor + 1 + len(part.anchor)
        between = _BETWEEN.match(text, behind)
        part.start, part.body = anchor, between.end() if between else behind
    if part.kind != "scalar":
        part.flow = bool(event.flow_style)
        return part
    part.value, part.style = event.value, event.style or ""
    if not part.style and not part.value:  # nothing is written
        part.body = part.end = part.start if part.anchor is None else part.start + 1 + len(part.anchor)
    elif part.style in ("|", ">"):
        part.end = _block_end(text, part)
    return part


_BETWEEN = re.compile(r"(?:\s+(?:#[^\n]*)?)*")


def _last(part: Part) -> int:
    """Where a block map or list ends: behind the last thing in it."""
    if part.kind == "map":
        return max(part.entries[-1][0].end, part.entries[-1][1].end)
    return part.items[-1].end


def block_indentation(text: str, part: Part) -> int:
    """How many blanks are before each line of a block text; 0 where all its lines are empty."""
    first = next((line for line in part.value.split("\n") if line.strip(" ")), None)
    if first is None:
        return 0
    begin = text.index("\n", part.body) + 1
    written = _WORDS.search(text, begin)
    assert written is not None
    line = text.rfind("\n", 0, written.start()) + 1
    return written.start() - line - (len(first) - len(first.lstrip(" ")))


_WORDS = re.compile(r"[^ \n]")


def _block_end(text: str, part: Part) -> int:
    """Behind the last line of a block text; with `+` behind the empty lines that follow too."""
    deep = block_indentation(text, part)
    header_end = text.index("\n", part.body)
    keeps = "+" in text[part.body : header_end].partition("#")[0]
    position, end = header_end + 1, header_end
    while position < len(text):
        stop = text.index("\n", position)
        line = text[position:stop]
        blank = not line.strip(" ")
        if not blank and (deep == 0 or line[:deep].strip(" ")):
            break
        if not blank or keeps or (deep and len(line) > deep):
            end = stop
        position = stop + 1
    return end
