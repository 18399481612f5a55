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
    if not text.startswith("---") or not _OPENS.match(text):
        return None
    closing = text.find("\n---\n", 3)
    below = closing + 5
    if closing < 0 or "\n---" in text[3:closing]:
        found = _CLOSES.search(text, 3)
        if found is None:
            return Front(None)
        closing, below = found.start(), found.end()
    body = text[below:].strip()
    if not body:
        return Front(text[: closing + 1])
    # The first line keeps its indentation: four blanks mean something in Markdown.
    first = text.rfind("\n", 0, text.index(body, below)) + 1
    line = text.count("\n", 0, first) + 1
    return Front(text[: closing + 1], text[first:].rstrip(), Place(line, 1))
