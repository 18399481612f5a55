"""Characters of a text to the positions of the protocol and back: lines from 0, and units of an encoding in each.

An editor counts UTF-16 units unless it was agreed otherwise, so what stands behind an emoji is one further on. A line ends
with a line feed, a carriage return, or both; nothing else ends one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Literal, NamedTuple

Units = Literal["utf-16", "utf-32", "utf-8"]
_END = re.compile(r"\r\n|\n|\r")


class At(NamedTuple):
    """A position: line and unit in it, both from 0."""

    line: int
    character: int


class Lines:
    """The lines of a text. Positions outside of it are taken for the nearest inside."""

    def __init__(self, text: str, units: Units = "utf-16") -> None:
        self.text, self.units = text, units
        self.starts = [0, *(end.end() for end in _END.finditer(text))]
        self._plain = text.isascii()

    def offset(self, line: int, character: int) -> int:
        """The character at a position; the end of its line where that is shorter."""
        if line < 0:
            return 0
        if line >= len(self.starts):
            return len(self.text)
        start, end = self.starts[line], self._end(line)
        if self._plain or self.units == "utf-32":
            return min(start + max(character, 0), end)
        for place in range(start, end):
            if character <= 0:
                return place
            character -= self._width(self.text[place])
        return end

    def at(self, offset: int) -> At:
        """The position of a character."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect_right(self.starts, offset) - 1
        start = self.starts[line]
        if self._plain or self.units == "utf-32":
            return At(line, offset - start)
        return At(line, sum(map(self._width, self.text[start:offset])))

    def of_problem(self, line: int, column: int) -> int:
        """The character at the line and column of a problem, which count from 1, and no byte order mark."""
        start = self.starts[min(line, len(self.starts)) - 1]
        mark = line == 1 and self.text.startswith("\ufeff")
        return min(start + column - 1 + mark, len(self.text))

    def _end(self, line: int) -> int:
        if line + 1 >= len(self.starts):
            return len(self.text)
        end = self.starts[line + 1] - 1
        return end - 1 if end > self.starts[line] and self.text[end - 1 : end + 1] == "\r\n" else end

    def _width(self, character: str) -> int:
        if self.units == "utf-16":
            return 2 if ord(character) > 0xFFFF else 1
        code = ord(character)
        return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4
