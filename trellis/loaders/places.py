"""Where things stand, found once somebody asks: by the judge, on as little of the text as will do."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from itertools import pairwise

from trellis.loaders.judge import Spot, judge
from trellis.model.documents import Step
from trellis.model.problems import Place

SMALL = 100_000
"""Up to so many characters a section is judged at once, in about a second."""


class Places:
    """The places of one text. `removed`: for each list that items were left out of, their indices in the file.

    `body`: where the text of a Markdown file begins, which is what its node says.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.body: Place | None = None
        self.root: Spot | None = None
        self.removed: dict[tuple[Step, ...], list[int]] = {}
        self._parts: _Parts | None = None

    def locate(self, steps: tuple[Step, ...], key: bool) -> Place:
        """The place of the value at `steps`, or of its key; of the nearest ancestor where it is absent."""
        if self.body is not None and steps[:1] == ("say",):
            return self.body
        steps = self._original(steps)
        if self.root is None:
            if self._parts is None:
                self._parts = _Parts(self.text)
            place = self._parts.locate(steps, key=key)
            if place is not None:
                return place
        if self.root is None:
            self.root = judge("", self.text).spot
        return _walk(self.root, steps, key=key)

    def _original(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        if not self.removed:
            return steps
        found: tuple[Step, ...] = ()
        for step in steps:
            if isinstance(step, int):
                gaps = self.removed.get(found, ())
                step += bisect_right(range(len(gaps)), step, key=lambda before: gaps[before] - before)
            found = (*found, step)
        return found


def _walk(spot: Spot, steps: tuple[Step, ...], *, key: bool) -> Place:
    for step in steps:
        below = spot.parts.get(step) if spot.parts else None
        if below is None:
            return spot.place
        spot = below
    return spot.key if key else spot.place


_HEAD = re.compile(r"([^ \n#][^\n]*?):(?= |$)", re.MULTILINE)

_BEGINS = re.compile(r"^(?:[^ \n#-]|-(?![ \n]))", re.MULTILINE)
"""A line that is not indented, but for an item of a list, which need not be."""


class _Parts:
    """The parts of a text in block style: its sections, such as `nodes`, and what they hold, such as each node.

    A part is judged alone where just one line of the text can be its beginning; else nobody knows, and the whole text
    has to be judged.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.judged: dict[tuple[int, int], tuple[Spot, int] | None] = {}
        self.sections: dict[str, list[tuple[int, int]]] | None = None
        self.members: dict[str, dict[str, list[tuple[int, int]]]] = {}
        self.ends: list[int] | None = None
        """Where each line ends."""

    def locate(self, steps: tuple[Step, ...], *, key: bool) -> Place | None:
        """The place of the value at `steps`, or of its key, or None."""
        if not steps:
            first = re.compile(r"^[^ \n#]", re.MULTILINE).search(self.text)
            return self._place(first.start()) if first and first[0] not in "-%." else None
        section = self._section(str(steps[0]))
        if section is None:
            return None
        if len(steps) == 1 and key:
            return self._place(section[0])
        if section[1] - section[0] > SMALL and len(steps) == 1:
            return None
        part = section
        if section[1] - section[0] > SMALL:
            ranges = self._members(str(steps[0]), section).get(str(steps[1]), [])
            if len(ranges) != 1:
                return None
            part, steps = ranges[0], steps[1:]
        if part not in self.judged:
            self.judged[part] = self._judge(part, steps[0])
        judged = self.judged[part]
        if judged is None:
            return None
        place = _walk(judged[0], steps[1:], key=key)
        return Place(place.line + judged[1], place.column)

    def _judge(self, part: tuple[int, int], name: Step) -> tuple[Spot, int] | None:
        """The spot of the part, and how many lines are before it."""
        verdict = judge("", self.text[slice(*part)])
        parts = verdict.spot.parts
        if verdict.problems or not isinstance(verdict.value, dict) or list(verdict.value) != [name] or not parts:
            return None
        return parts[name], self._line(part[0])

    def _place(self, offset: int) -> Place:
        return Place(self._line(offset) + 1, offset - self.text.rfind("\n", 0, offset))

    def _line(self, offset: int) -> int:
        """How many lines are before the one that a character stands in."""
        if self.ends is None:
            self.ends = [end.start() for end in re.compile("\n").finditer(self.text)]
        return bisect_left(self.ends, offset)

    def _section(self, name: str) -> tuple[int, int] | None:
        """From the one line that may begin the section to the next at its level."""
        if self.sections is None:
            self.sections = {}
            begins = [line.start() for line in _BEGINS.finditer(self.text)]
            for begin, end in pairwise([*begins, len(self.text)]):
                head = _HEAD.match(self.text, begin)
                if head is not None:
                    self.sections.setdefault(head[1], []).append((begin, end))
        found = self.sections.get(name, [])
        return found[0] if len(found) == 1 else None

    def _members(self, name: str, section: tuple[int, int]) -> dict[str, list[tuple[int, int]]]:
        """Name -> the ranges of a section that may be it."""
        if name not in self.members:
            ranges: dict[str, list[tuple[int, int]]] = {}
            begin = self.text.index("\n", section[0])
            first = re.compile(r"^( +)[^ \n#]", re.MULTILINE).search(self.text, begin, section[1])
            pattern = rf"^{first[1] if first else ' '}(?![ #])([^\n:]*)"
            lines = list(re.compile(pattern, re.MULTILINE).finditer(self.text, begin, section[1]))
            for line, following in zip(lines, [*lines[1:], None], strict=True):
                stop = following.start() if following else section[1]
                ranges.setdefault(line[1].strip("\"'"), []).append((line.start(), stop))
            self.members[name] = ranges
        return self.members[name]
