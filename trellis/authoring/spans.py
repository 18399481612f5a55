"""Which characters of a file a part of a value takes, whatever quotes, escapes and lines it is written with."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

from trellis.authoring.names import Occurrence
from trellis.loaders.markdown import front_of
from trellis.loaders.tree import Part, Tree, build_tree, meaning
from trellis.model.documents import Step


class Unplaced(ValueError):
    """It cannot be told which characters of the file a name is. The text says why."""


class Written:
    """One file: its text as it is on the disk, and where each part of it stands."""

    def __init__(self, path: str, data: bytes) -> None:
        self.path, self.original = path, data.decode()
        text = self.original.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.text = text if text.endswith("\n") else text + "\n"
        self.front = front_of(self.text) if path.endswith(".md") else None
        self._tree: Tree | None = None
        self._mark = int(self.original.startswith("\ufeff"))
        # A line break of two characters is one in the text: of each, its place there.
        pairs = enumerate(re.finditer("\r\n", self.original))
        self._pairs = [match.start() - self._mark - before for before, match in pairs]

    @property
    def tree(self) -> Tree:
        """Where the parts are; made once it is asked for."""
        if self._tree is None:
            yaml = self.text if self.front is None or self.front.yaml is None else self.front.yaml
            self._tree = build_tree(yaml, meaning(yaml))
        return self._tree

    def span(self, name: Occurrence) -> tuple[int, int]:
        """The characters of a name in the file as it is on the disk. Raises Unplaced."""
        start, end = self._span(name)
        return self._on_disk(start), self._on_disk(end)

    def _span(self, name: Occurrence) -> tuple[int, int]:
        part = self.tree.at(name.steps, key=name.key)
        if part is None and name.steps == ("say",) and self.front is not None and not name.key:
            body = self._body()
            return body + name.start, body + name.end
        if part is None or part.kind == "alias":
            raise Unplaced(f"{self.path}: {_shown(name.steps)} is repeated by an alias; write it out first")
        places = [*_characters(self.text, part)]
        if "".join(character for character, _, _ in places) != "".join(part.value.split()):
            raise Unplaced(f"{self.path}: {_shown(name.steps)} is written in a way in which no name can be found")
        before = len("".join(part.value[: name.start].split()))
        length = len("".join(part.value[name.start : name.end].split()))
        return places[before][1], places[before + length - 1][2]

    def _body(self) -> int:
        assert self.front is not None
        offset = 0
        for _ in range(self.front.place.line - 1):
            offset = self.text.index("\n", offset) + 1
        return offset

    def _on_disk(self, offset: int) -> int:
        """The place in the file of a character of the text, which has line feeds alone and no byte order mark."""
        return self._mark + offset + bisect_left(self._pairs, offset)


def _shown(steps: tuple[Step, ...]) -> str:
    return ".".join(map(str, steps)) or "the document"


_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b", " ": " ", '"': '"',
    "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029", "\t": "\t", "\n": "",
}  # fmt: skip
_LENGTHS = {"x": 2, "u": 4, "U": 8}


def _characters(text: str, part: Part) -> Iterator[tuple[str, int, int]]:
    """Each character of a scalar that is no blank, and where it is written. Only blanks come and go between the lines."""
    position, stop = part.body, part.end
    if part.style in ("|", ">"):
        position = text.index("\n", position)
    elif part.style:
        position, stop = position + 1, stop - 1
    while position < stop:
        end = position + 1
        character = text[position]
        if part.style == "'" and character == "'":
            end += 1
        elif part.style == '"' and character == "\\":
            mark = text[end]
            if mark in _LENGTHS:
                end += 1 + _LENGTHS[mark]
                character = chr(int(text[position + 2 : end], 16))
            else:
                end += 1
                character = _ESCAPES[mark]
        if character.strip():
            yield character, position, end
        position = end
