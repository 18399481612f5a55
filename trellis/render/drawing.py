"""A chart in characters: boxes of box drawing, lines that turn between them. Where that gets too wide, an outline.

Every cell of the drawing is one column wide on a terminal; what a font may draw wider counts for two.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise

from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.layout.frames import Arrangement, Padding, arrange
from trellis.render.layout.levels import Point, Rectangle, Spacing
from trellis.render.legend import legend
from trellis.render.look import flat, label_of
from trellis.render.nesting import Nested

WIDEST = 120
"""Columns that a drawing may have; what is wider is told as an outline."""
TEXT = 28
"""Columns of one line of a box."""
SPACING = Spacing(items=3, joints=2, port=2, track=1, above=1, below=2, least=2, label=1, side=2, whole=True)
PADDING = Padding(top=2, sides=2, bottom=1)
_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_LINES = dict(zip(range(16), " │─└││┌├─┘─┴┐┤┬┼", strict=True))
_DOTTED = {1: "┆", 4: "┆", 5: "┆", 2: "┄", 8: "┄", 10: "┄"}
_THICK = {
    1: "┃",
    4: "┃",
    5: "┃",
    2: "━",
    8: "━",
    10: "━",
    3: "┗",
    6: "┏",
    9: "┛",
    12: "┓",
    7: "┣",
    13: "┫",
    14: "┳",
    11: "┻",
    15: "╋",
}
_MARKS = {"visited": "✓", "current": "▶", "failed": "✗", "added": "+", "removed": "-", "changed": "~"}
_TAKEN = "━"


def drawing(chart: Chart) -> str:
    """The drawing, or the outline where the drawing would be wider than WIDEST."""
    places, boxes, labels = placed(chart)
    if places.width > WIDEST:
        return outline(chart)
    return _Canvas(chart, places, boxes, labels).text() + _legend(chart)


def placed(chart: Chart) -> tuple[Arrangement, dict[str, list[str]], dict[str, str]]:
    """Where everything is, in cells; the lines of each part, and what each arrow says."""
    boxes = {part.key: _words(part) for part in chart.parts}
    sizes = {part.key: _size(part, boxes[part.key]) for part in chart.parts}
    names = {part.key: part.node or part.name for part in chart.parts}
    labels = {arrow.key: text for arrow in chart.arrows if (text := _label(arrow))}
    spoken = {key: (float(columns(text) + 2), 1.0) for key, text in labels.items()}
    far = {arrow.key: _sign(arrow, names) for arrow in chart.arrows}
    signs = {key: (float(columns(text) + 2), 1.0) for key, text in far.items()}
    titles = {frame.key: float(columns(_title(frame)) + 2) for frame in chart.frames}
    places = arrange(chart, sizes, spoken, titles, signs, SPACING, PADDING)
    return places, boxes, labels | {key: far[key] for key in places.broken}


def outline(chart: Chart) -> str:
    """A line for each part, and below it one for each way out of it: wide graphs can be read too."""
    names = {part.key: part.node or part.name for part in chart.parts}
    leaving: dict[str, list[Arrow]] = {}
    for arrow in chart.arrows:
        leaving.setdefault(arrow.source, []).append(arrow)
    lines = list(_outlined(Nested(chart), "", "", leaving, names))
    return "\n".join([flat(chart.title), *lines]) + "\n" + _legend(chart, drawn=False)


def _legend(chart: Chart, *, drawn: bool = True) -> str:
    """What the marks in it mean; nothing where there are none. In an outline no way is drawn as taken."""
    told = {mark: words for mark, words in legend(chart).items() if drawn or mark != "taken"}
    line = "   ".join(f"{_MARKS.get(mark, _TAKEN)} {words}" for mark, words in told.items())
    return f"\n{line}\n" if line else ""


def _outlined(
    nested: Nested, key: str, indent: str, leaving: dict[str, list[Arrow]], names: dict[str, str]
) -> Iterator[str]:
    for child in nested.children[key]:
        if isinstance(child, Frame):
            yield f"{indent}{_title(child)}"
            yield from _outlined(nested, child.key, indent + "  ", leaving, names)
        elif child.kind[0] != "$":
            words = [cut(flat(text), 60) for text in (child.does, child.says, *child.notes, child.told) if text]
            mark = _mark(child)
            head = (
                f"{indent}{mark}{flat(child.node or child.name)}"
                if child.kind != "join"
                else f"{indent}join {child.name}"
            )
            yield "  ".join([head, " · ".join(words)]).rstrip()
            for arrow in leaving.get(child.key, ()):
                label = cut(flat(label_of(arrow)), 60)
                way = "⇢" if arrow.kind == "catch" else "⇒" if arrow.kind == "upon" else "→"
                change = f" ({arrow.change})" if arrow.change else ""
                yield f"{indent}  {way} {flat(names[arrow.target])}{f'  [{label}]' if label else ''}{change}"


def columns(text: str) -> int:
    """How many columns a text has on a terminal."""
    return sum(map(_column, text))


def _column(mark: str) -> int:
    if mark < "\x7f":
        return 1
    if unicodedata.combining(mark) or unicodedata.category(mark) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(mark) in "WF" else 1


def cut(text: str, most: int) -> str:
    """The text in at most so many columns."""
    if len(text) <= most and columns(text) <= most:
        return text
    found, wide = "", 0
    for mark in text:
        wide += _column(mark)
        if wide > most - 1:
            break
        found += mark
    return found.rstrip() + "…"


def _words(part: Part) -> list[str]:
    if part.kind in ("fork", "start"):
        return ["●"]
    if part.kind[0] == "$" or part.kind in ("join", "any", "cut"):
        return [cut(f"{_mark(part)}{flat(part.name)}", TEXT)]
    notes = [*part.beside, *part.notes, *([f"undo {part.undo}"] if part.undo else [])]
    words = [f"{_mark(part)}{part.name}", part.does, f"“{part.says}”" if part.says else "", *notes, part.told]
    return [cut(flat(word), TEXT) for word in words if word]


def _mark(part: Part | Frame) -> str:
    return f"{_MARKS[part.change or part.mark]} " if part.change or part.mark else ""


def _size(part: Part, words: list[str]) -> tuple[float, float]:
    wide = max(map(columns, words))
    return (1.0, 1.0) if part.kind in ("fork", "start") else (wide + 4.0, len(words) + 2.0)


def _label(arrow: Arrow) -> str:
    mark = f"{_MARKS[arrow.change]} " if arrow.change else ""
    return cut(f"{mark}{flat(label_of(arrow))}".strip(), TEXT)


def _sign(arrow: Arrow, names: dict[str, str]) -> str:
    return cut(f"{_label(arrow)} → {flat(names[arrow.target])}".strip(), TEXT)


def _title(frame: Frame) -> str:
    return cut(
        f"{_mark(frame)}{flat(frame.title)}{'' if frame.kind == 'body' else f' ({frame.kind})'}{f' {flat(frame.told)}' if frame.told else ''}",
        48,
    )


class _Canvas:
    """Cells: lines first, joined where they meet, then boxes and texts over them."""

    def __init__(self, chart: Chart, places: Arrangement, boxes: dict[str, list[str]], labels: dict[str, str]) -> None:
        self.chart, self.places, self.boxes, self.labels = chart, places, boxes, labels
        self.high = int(places.height)
        self.cells: dict[tuple[int, int], str] = {}
        self.arms: dict[tuple[int, int], int] = {}
        self.kinds: dict[tuple[int, int], str] = {}

    def text(self) -> str:
        for arrow in self.chart.arrows:
            self._line(
                self.places.routes[arrow.key],
                "remove" if arrow.change == "removed" else "taken" if arrow.taken else arrow.kind,
            )
        for cell, arms in self.arms.items():
            kind = self.kinds[cell]
            own = (
                _DOTTED if kind in ("catch", "after", "remove") else _THICK if kind in ("upon", "add", "taken") else {}
            )
            self.cells[cell] = own.get(arms, _LINES[arms])
        for frame in self.chart.frames:
            self._frame(frame)
        for arrow in self.chart.arrows:
            self._head(arrow)
        for part in self.chart.parts:
            self._box(self.places.parts[part.key], self.boxes[part.key], part)
        for key, text in self.labels.items():
            left, top, wide, _ = self.places.labels[key]
            self._write(int(left) + (int(wide) - columns(text)) // 2, int(top), text)
        return "\n".join(self._rows()) + "\n"

    def _rows(self) -> Iterator[str]:
        rows: dict[int, dict[int, str]] = {}
        for (x, y), mark in self.cells.items():
            rows.setdefault(y, {})[x] = mark
        for y in range(max(rows, default=-1) + 1):
            row = rows.get(y, {})
            yield "".join(row.get(x, " ") for x in range(max(row, default=-1) + 1)).rstrip()

    def _line(self, route: list[Point], kind: str) -> None:
        points = [(int(x), int(y)) for x, y in route]
        for (x1, y1), (x2, y2) in pairwise(points):
            across, down = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
            for step in range(max(abs(x2 - x1), abs(y2 - y1))):
                here = x1 + across * step, y1 + down * step
                there = here[0] + across, here[1] + down
                ahead = _RIGHT if across > 0 else _LEFT if across < 0 else _DOWN if down > 0 else _UP
                self._arm(here, ahead, kind)
                self._arm(there, {_RIGHT: _LEFT, _LEFT: _RIGHT, _DOWN: _UP, _UP: _DOWN}[ahead], kind)

    def _arm(self, cell: tuple[int, int], arm: int, kind: str) -> None:
        self.arms[cell] = self.arms.get(cell, 0) | arm
        self.kinds[cell] = kind if self.kinds.get(cell, kind) == kind else "to"

    def _head(self, arrow: Arrow) -> None:
        """The head of an arrow, in the cell before the box that it leads to."""
        route = [(int(x), int(y)) for x, y in self.places.routes[arrow.key]]
        if arrow.key in self.places.broken:
            return
        (x1, y1), (x2, y2) = route[-2], route[-1]
        if y2 > y1:
            self.cells[x2, y2 - 1] = "▼"
        elif x2 < x1:
            self.cells[x2, y2] = "◀"
        elif x2 > x1:
            self.cells[x2 - 1, y2] = "▶"

    def _frame(self, frame: Frame) -> None:
        x, y, wide, high = map(int, self.places.frames[frame.key])
        self._border(x, y, wide, high, "╭╮╰╯┄┆" if frame.kind == "body" else "╭╮╰╯─│")
        self._write(x + 2, y, f" {_title(frame)} ")

    def _box(self, box: Rectangle, words: list[str], part: Part) -> None:
        x, y, wide, high = map(int, box)
        if part.kind in ("fork", "start"):
            self.cells[x, y] = "●"
            return
        for row in range(y, y + high):
            for column in range(x, x + wide):
                self.cells[column, row] = " "
        round_ = part.kind[0] == "$" or part.kind in ("join", "any", "cut")
        strong = bool(part.mark == "current" or part.change)
        self._border(x, y, wide, high, "╭╮╰╯─│" if round_ else "┏┓┗┛━┃" if strong else "┌┐└┘─│")
        for index, word in enumerate(words):
            self._write(x + 2, y + 1 + index, word)

    def _border(self, x: int, y: int, wide: int, high: int, marks: str) -> None:
        right, bottom = x + wide - 1, y + high - 1
        for column in range(x + 1, right):
            for row in (y, bottom):
                self.cells[column, row] = marks[4]
        for row in range(y + 1, bottom):
            for column in (x, right):
                self.cells[column, row] = marks[5]
        for cell, mark in zip(((x, y), (right, y), (x, bottom), (right, bottom)), marks, strict=False):
            self.cells[cell] = mark

    def _write(self, x: int, y: int, text: str) -> None:
        """Text in its cells; one that is two columns wide takes the next cell too, one of no width joins the last."""
        for mark in text:
            wide = _column(mark)
            if wide:
                self.cells[x, y] = mark
                if wide == 2:
                    self.cells[x + 1, y] = ""
                x += wide
            elif (x - 1, y) in self.cells:
                self.cells[x - 1, y] += mark
