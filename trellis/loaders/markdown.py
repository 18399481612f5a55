"""Markdown with front matter: YAML between two lines `---`, and the text below it. Without front matter it is prose."""

from __future__ import annotations

import re

import msgspec

from trellis.model.problems import Place

_OPENS = re.compile(r"---[ \t]*\n")
_CLOSES = re.compile(r"\n---[ \t]*\n")


class Front(msgspec.Struct, frozen=True):
    """The parts of a Markdown file. `yaml` begins at its first line, so that places in it are places in the file.

    `yaml` is None where the front matter never ends. `body` is the text below it, without the blank lines around it, and
    `place` where that begins.
    """

    yaml: str | None
    body: str = ""
    place: Place = Place()


def front_of(text: str) -> Front | None:
    """The front matter and body of a text whose lines all end with line feeds; None where it has no front matter."""
    if not _OPENS.match(text):
        return None
    closing = _CLOSES.search(text, 3)
    if closing is None:
        return Front(None)
    below = text[closing.end() :]
    body = below.strip()
    if not body:
        return Front(text[: closing.start() + 1])
    # The first line keeps its indentation: four blanks mean something in Markdown.
    first = below.rfind("\n", 0, below.index(body)) + 1
    line = text.count("\n", 0, closing.end() + first) + 1
    return Front(text[: closing.start() + 1], below[first:].rstrip(), Place(line, 1))
