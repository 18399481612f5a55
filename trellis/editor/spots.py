"""Where the cursor is: in which map, list or text, behind which keys, and what of a word is there already.

A mark is put where the cursor is, and the sketch of that text says what became of it. So a line that is being written
is a line like any other. Of a long document only the part around the cursor is looked at.
"""

from __future__ import annotations

import re
from typing import Literal

from trellis.editor.sketch import Part, sketch, sketch_markdown
from trellis.model.documents import Step

MARK = "\ue000"
LONG = 20_000
"""From so many characters on a document is looked at in part."""


class Spot:
    """`kind`: in a key of the map at `steps`, or in the value at `steps`.

    `before` is what of the word is written before the cursor; `start` to `end` are the characters of the whole word.
    """

    __slots__ = (
        "alone", "before", "beside", "braced", "chain", "column", "cursor", "end", "expression", "flow", "kind", "start", "steps", "style", "word_end",
    )  # fmt: skip

    def __init__(self, kind: Literal["key", "value"], steps: tuple[Step, ...], chain: list[Part]) -> None:
        self.kind, self.steps = kind, steps
        self.chain = chain
        """From the document down to the map or list that holds it."""
        self.before = ""
        self.start = self.end = self.word_end = self.cursor = self.column = 0
        self.beside: Part | None = None
        """The map that the key is in, or the one that the value is in."""
        self.style = ""
        self.flow = False
        """It stands in brackets."""
        self.alone = False
        """A value that begins its line: it may become the first key of a map."""
        self.expression = ""
        """What is written of the text before the cursor; in braces, behind `{{`."""
        self.braced = False
        """The cursor is behind a `{{` that nothing has closed."""


def spot_at(text: str, offset: int, *, markdown: bool = False) -> Spot | None:
    """Where the cursor before character `offset` is; None where there is nothing to complete, as in a comment."""
    marked = text[:offset] + MARK + text[offset:]
    line = marked.rfind("\n", 0, offset) + 1
    if len(text) > LONG and not markdown:
        section, member = _range(marked, offset)
        if section:
            head = sketch(marked[section[0] : section[1]].split("\n", 1)[0] + "\n x")
            name = head.entries[0].key if head.entries else ""
            outer = Part("map", 0, len(marked))
            around = Part("map", section[0], section[1])
            root = sketch(marked[member[0] : member[1]])
            return _found(root, marked, offset, line, (name,), [outer, around], member[0])
    root = sketch_markdown(marked) if markdown else sketch(marked)
    return _found(root, marked, offset, line, (), [], 0)


def _range(text: str, offset: int) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """The section of a long document around `offset`, such as `nodes`, and the member in it; none where it is in none."""
    begin = offset
    while True:
        begin = text.rfind("\n", 0, begin) + 1
        if begin == 0 or (text[begin] not in " \t\r\n#" and begin <= offset):
            break
        begin -= 1
    following = re.compile(r"^[^ \t\r\n#]", re.MULTILINE).search(text, offset + 1)
    section = begin, following.start() if following else len(text)
    first = re.compile(r"\n( +)[^ \s#]").search(text, begin, section[1])
    if first is None or text[begin] in " #" or offset < first.start():
        return None, (0, 0)
    member = re.compile(rf"^{first[1]}(?! )[^\s#]", re.MULTILINE)
    starts = [found.start() for found in member.finditer(text, first.start(), section[1])]
    inside = [start for start in starts if start <= offset]
    if not inside:
        return None, (0, 0)
    after = [start for start in starts if start > offset]
    return section, (inside[-1], after[0] if after else section[1])


def _found(
    root: Part, text: str, offset: int, line: int, steps: tuple[Step, ...], chain: list[Part], base: int
) -> Spot | None:
    mark = offset - base
    part = root
    while True:
        if part.kind == "map":
            below = None
            for entry in part.entries:
                if entry.start <= mark <= entry.end and (entry.end > entry.start or entry.half):
                    return _key(part, entry.start, entry.end, text, offset, line, steps, [*chain, part], base)
                if entry.value.kind != "none" and entry.value.start <= mark <= entry.value.end:
                    below = entry.key, entry.value
            if below is None:
                return None
            chain, steps, part = [*chain, part], (*steps, below[0]), below[1]
        elif part.kind == "list":
            place = next((place for place, item in enumerate(part.items) if item.start <= mark <= item.end), None)
            if place is None:
                return None
            chain, steps, part = [*chain, part], (*steps, place), part.items[place]
        elif part.kind == "text":
            return _value(part, text, offset, line, steps, chain, base)
        else:
            return None


_WORD = re.compile(r"\w*")
_TAIL = re.compile(r"[\w.$/-]*")


def _key(
    holder: Part, start: int, end: int, text: str, offset: int, line: int, steps: tuple[Step, ...], chain: list[Part], base: int
) -> Spot:  # fmt: skip
    spot = Spot("key", steps, chain)
    spot.beside = holder
    spot.start, spot.flow = start + base, holder.flow
    spot.before = text[spot.start : offset]
    spot.end = min(end + base, _end(text, offset)) - 1
    spot.column, spot.cursor = spot.start - line, offset
    _braces(spot, text, offset, line)
    return spot


def _value(
    part: Part, text: str, offset: int, line: int, steps: tuple[Step, ...], chain: list[Part], base: int
) -> Spot:
    spot = Spot("value", steps, chain)
    spot.beside = chain[-1] if chain and chain[-1].kind == "map" else None
    spot.style, spot.flow = part.style, bool(chain) and chain[-1].flow
    begin = part.start + base + (1 if part.style and part.style in "\"'" else 0)
    spot.start = begin
    spot.expression = text[begin:offset]
    spot.before = spot.expression
    spot.end = _end(text, offset) - 1
    spot.column, spot.cursor = begin - line, offset
    spot.alone = not part.style and begin >= line and not text[line:begin].strip(" -") and "\n" not in part.written
    _braces(spot, text, offset, line)
    return spot


def _end(text: str, offset: int) -> int:
    """The end of the word that the mark at `offset` is in; the mark counts."""
    tail = _TAIL.match(text, offset + 1)
    return offset + 1 if tail is None else tail.end()


def _braces(spot: Spot, text: str, offset: int, line: int) -> None:
    word = _WORD.match(text, offset + 1)
    spot.word_end = offset if word is None else word.end() - 1
    opened = text.rfind("{{", line, offset)
    if spot.kind == "value" and spot.style in ("|", ">", '"', "'") and opened < 0:
        opened = text.rfind("{{", max(spot.start - 1, 0), offset)
    if opened >= 0 and "}}" not in text[opened:offset] and text[opened - 1 : opened] != "{":
        spot.braced = True
        spot.expression = text[opened + 2 : offset]
