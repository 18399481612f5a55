"""The lines of a document in the house style: what they say and their order stay, where they stand is decided here.

A map or list in braces stays in them where it fits on its line without comments inside; else it gets a line for each
entry. Values that an author has put under each other stay under each other.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import groupby

from trellis.authoring.scalars import (
    EXPRESSIONS,
    block,
    continued,
    in_block,
    inside_braces,
    on_one_line,
    quoted,
    spans_lines,
)
from trellis.authoring.trivia import Comment, Lines, trivia
from trellis.loaders.tree import Part, Tree

_COLON = re.compile(r"\s*:")
WIDTH = 120
STEP = 2
"""Blanks of one level of indentation."""


class Level:
    """A block map or list that lines stand in: its column in the text as it was, and its indentation now."""

    __slots__ = ("column", "indent")

    def __init__(self, column: int, indent: int) -> None:
        self.column, self.indent = column, indent


class Layout:
    """One document, laid out anew."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.text, self.places = tree, tree.text, Lines(tree.text)
        self.rest = trivia(tree, self.places)
        self.rest.reverse()
        self.commented = sorted(each.start for each in self.rest if each.text)
        self.lines: list[str] = []
        self.ends: dict[int, str] = {}
        """The comments behind lines."""
        self.closed: list[Level] = []
        """The levels that ended since the last entry: a comment may still belong to them."""
        self.solid = 0
        """How many lines no blank line at their end may be taken from: it may be part of a text."""
        self.said = 0
        """How many lines there are up to the end of the last block text, whose last line takes no comment."""
        self.fresh = True
        """A blank line here would open a document or a level."""

    def laid_out(self) -> str:
        """The whole text."""
        root, bottom = self.tree.root, Level(0, 0)
        if self.tree.head:
            self.lines += [line.rstrip() for line in self.text[: self.tree.head].split("\n")]
        if root is not None:
            self.flush(root.start if root.entries or root.items else root.body, bottom)
            self.value(root, bottom, "", None)
        self.flush(len(self.text) + 1, bottom)
        while len(self.lines) > self.solid and not self.lines[-1]:
            self.lines.pop()
        whole = [line + self.ends[place] if place in self.ends else line for place, line in enumerate(self.lines)]
        return "".join(f"{line}\n" for line in whole)

    # What stands between

    def flush(self, stop: int, level: Level) -> None:
        """Write the comments and blank lines before the character `stop`, where something of `level` begins."""
        closed = self.closed
        while self.rest and self.rest[-1].start < stop:
            comment = self.rest.pop()
            if not comment.text:
                if not self.fresh and self.lines and self.lines[-1]:
                    self.lines.append("")
            elif comment.own or not self.lines or not self.trail(comment):
                self.lines.append(" " * self.indentation(comment, level, closed) + comment.text)
                self.fresh = False
        self.closed = []

    def indentation(self, comment: Comment, level: Level, closed: list[Level]) -> int:
        """That of the innermost level which the comment stands in, by its column."""
        if not comment.own:
            return level.indent
        fits = [each for each in closed if level.column < each.column <= comment.column]
        return max(fits, key=lambda each: each.column).indent if fits else level.indent

    def trail(self, comment: Comment, *, moved: bool = False) -> bool:
        """Put a comment behind the last line, in its old column if that can be and it has not moved to another line.
        False: there is one already, or the line is of a text."""
        last = len(self.lines) - 1
        if last in self.ends or last < self.said or not self.lines[last] or self.lines[last].lstrip().startswith("#"):
            return False
        line = self.lines[last]
        line_start = comment.start - comment.column
        before = self.text[line_start : comment.start]
        column = comment.column + (len(line) - len(line.lstrip())) - (len(before) - len(before.lstrip()))
        gap = column - len(line)
        stays = gap >= 1 and not moved and (column <= WIDTH or len(before.rstrip()) < WIDTH)
        self.ends[last] = " " * (gap if stays else STEP) + comment.text
        return True

    def has_comment(self, start: int, end: int) -> bool:
        """Whether a comment stands between these characters."""
        place = bisect_left(self.commented, start)
        return place < len(self.commented) and self.commented[place] < end

    # On one line

    def inline(self, part: Part, *, holder: str = "", flow: bool = False, expression: bool = False) -> str | None:
        """A value as it stands on the line of its key, `holder`; None where it cannot."""
        if part.kind in ("scalar", "alias"):
            if flow:
                written = inside_braces(self.text, part, expression=expression)
            elif spans_lines(self.text, part):
                return None
            else:
                written = in_block(self.text, part)
        elif (not part.flow and (part.entries or part.items)) or self.has_comment(part.start, part.end):
            return None
        elif part.kind == "map":
            pairs = []
            for key, value in part.entries:
                name = key.value
                if value.end == value.start and not _COLON.match(self.text, key.end):
                    pairs.append(self.key(key, flow=True))  # a key alone
                    continue
                inner = self.inline(value, holder=name, flow=True, expression=name in EXPRESSIONS or holder == "fields")
                pairs.append(f"{self.key(key, flow=True)}: {inner}")
            written = "{" + ", ".join(pairs) + "}"
        else:
            written = "[" + ", ".join(str(self.inline(item, flow=True)) for item in part.items) + "]"
        return written if part.anchor is None else f"&{part.anchor} {written}".rstrip()

    def key(self, part: Part, *, flow: bool = False) -> str:
        """A key as it is written."""
        if part.kind == "alias":
            return f"{in_block(self.text, part)} "
        anchor = "" if part.anchor is None else f"&{part.anchor} "
        if flow:
            return anchor + inside_braces(self.text, part, expression=True)
        if spans_lines(self.text, part):
            return anchor + on_one_line(part, plainly=True)
        return anchor + in_block(self.text, part)

    # Line by line

    def value(self, part: Part, level: Level, lead: str, aligned: int | None, holder: str = "") -> None:
        """Write a value behind `lead`, the beginning of its line: a key with its colon, a dash, or nothing.

        `level` is what the key or dash stands in; the value is one level deeper, unless it is the document.
        """
        deeper = level.indent + STEP if lead else level.indent
        commented = below = self.pending(part.body)
        anchor = "" if part.anchor is None else f"&{part.anchor} "
        lines: list[str]
        if part.entries or part.items:
            written = None if commented else self.inline(part, holder=holder)
            if written is None or not self.fits(lead, written, aligned):
                self.collection(part, lead, deeper)
                return
            self.put(lead, written, aligned)
            self.skip(part.end)
            return
        if part.kind in ("map", "list"):
            lines = ["{}" if part.kind == "map" else "[]"]
        elif part.kind == "scalar" and not part.value and not part.style:
            self.put(lead, anchor.rstrip(), aligned)
            return
        elif part.style in ("|", ">") and not part.value.strip(" \n"):
            lines = [quoted(part.value)]
        elif part.style in ("|", ">"):
            lines = block(self.text, part, max(deeper, STEP))
        elif spans_lines(self.text, part):
            lines = continued(self.text, part, max(deeper, STEP))
            below = below or self.is_below(part)
        else:
            lines = [in_block(self.text, part)]
            below = below or (self.is_below(part) and not self.fits(lead, lines[0], aligned))
        if not lead or not below or (part.style in ("|", ">") and not commented):
            self.skip(part.body)
            self.put(lead, anchor + lines[0], aligned)
        else:
            self.put(lead, "", None)
            self.flush(part.body, Level(self.places.column(part.body), deeper))
            self.put("", " " * deeper + anchor + lines[0], None)
        if part.style in ("|", ">") and len(lines) > 1:
            self.flush(self.text.index("\n", part.body), level)
            self.said = len(self.lines) + len(lines) - 1
        self.lines += lines[1:]
        self.solid = len(self.lines)

    def put(self, lead: str, written: str, aligned: int | None) -> None:
        """Write a line."""
        if lead and written:
            lead = lead.ljust(aligned - 1 if aligned else 0) + " "
        self.lines.append(lead + written)
        self.fresh = False

    def collection(self, part: Part, lead: str, deeper: int) -> None:
        """Write a map or list with a line for each entry."""
        first = part.entries[0][0] if part.entries else part.items[0]
        flat = part.flow and not self.pending(part.end)
        column = (
            self.places.column(first.start) if not part.flow and part.kind == "map" else self.places.column(part.body)
        )
        own = Level(-1 if part.flow else column, deeper)
        if part.anchor is not None:
            lead = f"{lead} &{part.anchor}" if lead else f"&{part.anchor}"
        elif lead.endswith("-") and not self.pending(first.start if part.flow else part.body):
            lead += " "  # the first entry stands behind the dash
        if lead and not lead.endswith(" "):
            self.lines.append(lead)
            lead = ""
            if flat:
                self.behind(part.end)
        self.fresh = not lead
        if part.kind == "map":
            columns = [None] * len(part.entries) if part.flow else self.alignment(part, deeper)
            for (key, value), aligned in zip(part.entries, columns, strict=True):
                lead = self.begin(key.start, own, lead)
                self.value(value, own, f"{lead}{self.key(key)}:", aligned, key.value)
                lead = ""
        else:
            position = part.body
            for item in part.items:
                begin = item.start if part.flow else _between(self.text, position)
                lead = self.begin(begin, own, lead)
                self.value(item, own, f"{lead}-", None)
                position, lead = max(item.end, begin + 1), ""
        if part.flow:
            self.flush(part.end, own)
        else:
            self.closed.append(own)

    def begin(self, start: int, level: Level, lead: str) -> str:
        """What the line of an entry begins with, once all that is before it is written."""
        if lead:
            self.skip(start)
            return lead
        self.flush(start, level)
        return " " * level.indent

    def skip(self, stop: int) -> None:
        """Drop the blank lines before a character: what was around them is on one line now."""
        while self.rest and self.rest[-1].start < stop and not self.rest[-1].text:
            self.rest.pop()

    def behind(self, end: int) -> None:
        """The comment behind a map or list that was on one line goes behind the line which that begins with now."""
        stop = self.text.find("\n", end)
        place = next((at for at in range(len(self.rest) - 1, -1, -1) if self.rest[at].start >= end), None)
        if place is not None and self.rest[place].text and self.rest[place].start < stop:
            comment = self.rest[place]
            if not self.text[end : comment.start].strip() and self.trail(comment, moved=True):
                del self.rest[place]

    # Measures

    def fits(self, lead: str, written: str, aligned: int | None) -> bool:
        return max(len(lead) + 1 if lead else 0, aligned or 0) + len(written) <= WIDTH

    def pending(self, stop: int) -> bool:
        """Whether a comment before this character is still to be written."""
        for comment in reversed(self.rest):
            if comment.start >= stop:
                return False
            if comment.text:
                return True
        return False

    def is_below(self, part: Part) -> bool:
        """Whether a value begins on a line of its own."""
        column = self.places.column(part.start)
        return not self.text[part.start - column : part.start].strip() and column > 0

    def alignment(self, part: Part, indent: int) -> list[int | None]:
        """The column of each value that stands under its neighbours, None for all others."""
        entries: list[tuple[int | None, int]] = []
        """Of each: the column in which its value stood, and the length of its key, as `_aligned` takes them."""
        lengths: list[int | None] = []
        """Of each value that goes below its key, or gets lines of its own, where it does not fit: its length."""
        for key, value in part.entries:
            written = self.beside(key, value)
            behind = indent + len(self.key(key)) + 1
            moves = bool(value.entries or value.items) or (bool(value.body < value.end) and self.is_below(value))
            lengths.append(len(written) if written is not None and moves else None)
            if written is None or (moves and behind + 1 + len(written) > WIDTH):
                entries.append((None, behind))
            elif self.places.line(key.start) == self.places.line(value.start):
                entries.append((self.places.column(value.start), behind))
            else:
                entries.append((ANY, behind))
        while True:
            found = _aligned(entries)
            changed = False
            for place, length in enumerate(lengths):
                column = found[place]
                if column is not None and length is not None and column + length > WIDTH:
                    entries[place] = ALONE - place, entries[place][1]
                    changed = True
            if not changed:
                return found

    def beside(self, key: Part, value: Part) -> str | None:
        """What is written behind a key on its line; None where nothing is, or where it takes more lines."""
        if value.end == value.start:
            return None
        if value.kind == "scalar" and value.body == value.end:
            return self.inline(value)  # an anchor alone
        if self.has_comment(key.end, value.body):
            return None
        if value.kind in ("map", "list") and not value.entries and not value.items:
            return "{}" if value.kind == "map" else "[]"
        if value.style in ("|", ">") and not value.value.strip(" \n"):
            return quoted(value.value)
        return self.inline(value, holder=key.value)


_GAP = re.compile(r"(?:[\s:?]+|#[^\n]*)*")


def _between(text: str, position: int) -> int:
    """Where the next dash stands."""
    match = _GAP.match(text, position)
    assert match is not None
    return match.end()


ANY = 0
"""The column of a value that stood on another line than its key, and goes behind it now: the one of its neighbours."""
ALONE = -1
"""From here down: the column of a value that does not fit into the one of its neighbours, and parts them."""


def _aligned(entries: list[tuple[int | None, int]]) -> list[int | None]:
    """For neighbours whose values stood in one column, the column right behind the longest of their keys.

    What is on more lines than one, which has no column, stands between neighbours, and parts none. All else does, so
    that each column that is found is found again in the lines that are made with it.
    """
    found: list[int | None] = [None] * len(entries)
    inline = [(column, place) for place, (column, _) in enumerate(entries) if column is not None]
    last = next((column for column, _ in inline if column != ANY), ANY)
    joined = []
    for column, place in inline:
        last = last if column == ANY else column
        joined.append((last, place))
    for _, run in groupby(joined, key=lambda each: each[0]):
        places = [place for _, place in run]
        if sum(entries[place][0] != ANY for place in places) > 1:
            column = max(entries[place][1] for place in places) + 1
            for place in places:
                found[place] = column
    return found


def laid_out(tree: Tree) -> str:
    """The text of a document in the house style."""
    return Layout(tree).laid_out()
