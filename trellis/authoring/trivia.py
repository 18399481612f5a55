"""What stands between the parts of a document: comments and blank lines, in order, each where it was."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from trellis.loaders.tree import Part, Tree


class Comment:
    """A comment, or a blank line where `text` is empty. `own`: nothing but blanks is before it on its line."""

    __slots__ = ("column", "own", "start", "text")

    def __init__(self, start: int, column: int, text: str, *, own: bool) -> None:
        self.start, self.column, self.text, self.own = start, column, text, own


class Lines:
    """Where the lines of a text begin."""

    __slots__ = ("begins",)

    def __init__(self, text: str) -> None:
        self.begins = [0, *(match.end() for match in re.finditer("\n", text))]

    def column(self, offset: int) -> int:
        """How many characters are before this one on its line."""
        return offset - self.begins[bisect_right(self.begins, offset) - 1]

    def line(self, offset: int) -> int:
        """The number of the line that a character is on, from 0."""
        return bisect_right(self.begins, offset) - 1


_COMMENT = re.compile(r"#[^\n]*|\n(?=[ \t]*\n)")
_HEADER_COMMENT = re.compile(r"(?<=[ \t])#[^\n]*")


def trivia(tree: Tree, lines: Lines) -> list[Comment]:
    """All comments of a document, and its blank lines, but for those in its texts and before its head."""
    text, found, position = tree.text, [], tree.head
    if position == 0 and re.match(r"[ \t]*\n", text):
        position = text.index("\n")
    for leaf in [*leaves(tree.root), None]:
        stop = len(text) if leaf is None else leaf.body
        for match in _COMMENT.finditer(text, position, stop):
            if match[0] == "\n":
                found.append(Comment(match.end(), 0, "", own=True))
            elif _begins(text, match.start(), position):
                found.append(_comment(text, match, lines))
        if leaf is None:
            break
        if leaf.style in ("|", ">"):
            header = _HEADER_COMMENT.search(text, leaf.body, text.index("\n", leaf.body))
            if header is not None:
                found.append(_comment(text, header, lines))
        position = leaf.end
    return found


def _begins(text: str, start: int, position: int) -> bool:
    """Whether a comment begins at this `#`, between what ends at `position` and what comes next: it is in no anchor."""
    return start in (0, position) or text[start - 1].isspace() or text[start - 1] in ",[]{}"


def _comment(text: str, match: re.Match[str], lines: Lines) -> Comment:
    start = match.start()
    column = lines.column(start)
    return Comment(start, column, match[0].rstrip(), own=not text[start - column : start].strip())


def leaves(root: Part | None) -> Iterator[Part]:
    """The scalars and aliases below a part, in order; without those of which nothing is written."""
    stack = [] if root is None else [root]
    while stack:
        part = stack.pop()
        if part.kind == "map":
            stack += [each for key, value in reversed(part.entries) for each in (value, key)]
        elif part.kind == "list":
            stack += reversed(part.items)
        elif part.end > part.body:
            yield part
