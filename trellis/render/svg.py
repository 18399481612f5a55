"""A chart as one SVG: no script, no font and no address in it, light and dark by the reader's own choice.

Everything that an author wrote is text in an element or an attribute, escaped there and nowhere else. Each part, frame
and arrow is a group with a title: what a screen reader says, and what a pointer shows.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.model.graph import Graph
from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.charting import chart_of
from trellis.render.colours import MARKERS, STYLE
from trellis.render.icons import ICONS
from trellis.render.layout.levels import Point, Rectangle
from trellis.render.layout.widths import width_of
from trellis.render.legend import legend
from trellis.render.look import DOES, GAP, View, flat, label_of, title_of, view_of

MARGIN = 24.0
SAMPLE = 22.0
"""The width of the sample that stands before what it means."""
CORNER = 7.0
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})


def svg(chart: Chart) -> str:
    """The picture of a chart."""
    return picture_of(view_of(chart)) + "\n"


def picture_of(view: View, *, whole: bool = True) -> str:
    """The picture of a view; where it is not the whole of a file but part of a page, it has the size that the page gives."""
    return "\n".join(_Picture(view, whole).lines())


def svg_of(graph: Graph) -> str:
    """The picture of a graph."""
    return svg(chart_of(graph.definition))


def escaped(text: str) -> str:
    """`text` as it may stand in an element or a quoted attribute; what XML cannot hold becomes a blank."""
    return flat(text).translate(_ESCAPES)


def number(value: float) -> str:
    """A length as short as it can be said: to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


class _Picture:
    def __init__(self, view: View, whole: bool) -> None:
        self.view, self.places, self.whole = view, view.places, whole
        self.names = {part.key: part.node or part.name for part in view.chart.parts}
        self.wide, self.high = self.places.width + 2 * MARGIN, self.places.height + 2 * MARGIN
        self.marks = legend(view.chart)
        if whole and self.marks:
            self.wide, self.high = max(self.wide, legend_width(self.marks) + 2 * MARGIN), self.high + MARGIN

    def lines(self) -> Iterator[str]:
        chart = self.view.chart
        size = f'width="{number(self.wide)}" height="{number(self.high)}" viewBox="0 0 {number(self.wide)} {number(self.high)}"'
        if not self.whole:
            size = ""
        kind = _classes("trellis", "run" if "taken" in self.marks else "")
        # In a page boxes and frames are things to press, which a single image has none of.
        role = "img" if self.whole else "group"
        yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="{role}" aria-labelledby="title desc" class="{kind}">'
        yield f'<title id="title">{escaped(chart.title) or "graph"}</title>'
        yield f'<desc id="desc">{escaped(summary(chart))}</desc>'
        yield f"<style>{STYLE}</style>"
        yield f"<defs>{MARKERS}</defs>"
        yield '<g class="stage">'
        yield f'<rect class="paper" width="{number(self.wide)}" height="{number(self.high)}"/>'
        yield f'<g transform="translate({number(MARGIN)} {number(MARGIN)})">'
        for frame in chart.frames:
            yield from self._frame(frame)
        for arrow in chart.arrows:
            yield self._arrow(arrow)
        for part in chart.parts:
            yield from self._part(part)
        for arrow in chart.arrows:
            if arrow.key in self.places.labels:
                yield from self._label(arrow, self.places.labels[arrow.key])
        if self.whole:
            yield from legend_lines(self.marks, self.places.height + MARGIN / 2)
        yield "</g></g>"
        yield "</svg>"

    def _frame(self, frame: Frame) -> Iterator[str]:
        x, y, wide, high = self.places.frames[frame.key]
        name, word = title_of(frame)
        yield f'<g class="{_classes("frame", frame.kind, frame.mark, frame.change)}" data-frame="{escaped(frame.key)}">'
        yield f"<title>{escaped(f'{frame.title} {word}'.strip())}</title>"
        yield f'<rect x="{number(x)}" y="{number(y)}" width="{number(wide)}" height="{number(high)}" rx="12"/>'
        behind = f' <tspan class="word" dx="4">{escaped(word)}</tspan>' if word else ""
        yield f'<text x="{number(x + 16)}" y="{number(y + 23)}" class="heading">{escaped(name)}{behind}</text>'
        yield "</g>"

    def _part(self, part: Part) -> Iterator[str]:
        box = self.places.parts[part.key]
        x, y, wide, high = box
        yield f'<g class="{_classes("part", _kind(part), part.mark, part.change)}" data-part="{escaped(part.key)}">'
        yield f"<title>{escaped(told(part))}</title>"
        if part.kind in ("fork", "start"):
            yield f'<circle cx="{number(x + wide / 2)}" cy="{number(y + high / 2)}" r="{number(wide / 2)}"/>'
            yield "</g>"
            return
        pill = part.kind[0] == "$" or part.kind in ("join", "any", "cut")
        corner = high / 2 if pill else 9
        yield f'<rect x="{number(x)}" y="{number(y)}" width="{number(wide)}" height="{number(high)}" rx="{number(corner)}"/>'
        icon = ICONS.get(part.kind)
        if icon is not None:
            at = (x + 8, y + 7) if pill else (x + GAP, y + 10)
            yield f'<path class="icon" transform="translate({number(at[0])} {number(at[1])})" d="{icon}"/>'
        for line in self.view.cards[part.key].lines:
            if line.role == "pill":
                left = x + wide / 2 + (7 if icon is not None else 0)
            else:
                left = x + GAP + (18 if line.role == "name" else 0)
            yield f'<text class="{line.role}" x="{number(left)}" y="{number(y + line.down)}">{escaped(line.text)}</text>'
        yield "</g>"

    def _arrow(self, arrow: Arrow) -> str:
        names = _classes(
            "arrow",
            arrow.kind,
            "both" if arrow.both else "",
            "undoing" if arrow.undo else "",
            "taken" if arrow.taken else "",
            arrow.change,
        )
        way = "↔" if arrow.both else "→"
        title = f"{self.names[arrow.source]} {way} {self.names[arrow.target]} {label_of(arrow)}"
        path = rounded(self.places.routes[arrow.key])
        return (
            f'<path class="{names}" data-arrow="{escaped(arrow.key)}" d="{path}"><title>{escaped(title)}</title></path>'
        )

    def _label(self, arrow: Arrow, box: Rectangle) -> Iterator[str]:
        x, y, wide, high = box
        yield f'<g class="{_classes("label", arrow.kind, "taken" if arrow.taken else "", arrow.change)}" data-label="{escaped(arrow.key)}">'
        yield f"<title>{escaped(label_of(arrow))}</title>"
        yield f'<rect x="{number(x)}" y="{number(y)}" width="{number(wide)}" height="{number(high)}" rx="6"/>'
        for index, text in enumerate(self.view.labels[arrow.key]):
            yield f'<text x="{number(x + wide / 2)}" y="{number(y + 14 + 14 * index)}">{escaped(text)}</text>'
        yield "</g>"


def legend_lines(marks: dict[str, str], y: float) -> Iterator[str]:
    """What marks mean, in one row from the left at `y`: a sample of each, and its words."""
    x = 2.0  # half of the thickest border
    for mark, words in marks.items():
        if mark == "taken":
            sample = (
                f'<path class="arrow taken" d="M{number(x)} {number(y + 7)}L{number(x + SAMPLE)} {number(y + 7)}"/>'
            )
        else:
            sample = f'<rect x="{number(x)}" y="{number(y)}" width="{number(SAMPLE)}" height="14" rx="4"/>'
        text = f'<text class="word" x="{number(x + SAMPLE + 6)}" y="{number(y + 11)}">{words}</text>'
        # The words are beside the sample, not in it: what is gone is struck out, what it is called is not.
        yield f'<g class="{_classes("part", "" if mark == "taken" else mark)}">{sample}</g>{text}'
        x += _entry_width(words)


def legend_width(marks: dict[str, str]) -> float:
    return 2.0 + sum(map(_entry_width, marks.values()))


def _entry_width(words: str) -> float:
    return SAMPLE + 6 + width_of(words, DOES) * 1.08 + 18


def summary(chart: Chart) -> str:
    """What the picture shows, in a sentence for who cannot see it."""
    nodes = sum(bool(part.node) for part in chart.parts)
    return f"{nodes} nodes, {len(chart.arrows)} ways between them"


def told(part: Part) -> str:
    """Everything that is known of a part, on one line."""
    return " · ".join(text for text in _known(part) if text)


def _known(part: Part) -> tuple[str, ...]:
    undo = f"undo {part.undo}" if part.undo else ""
    return part.node or part.name, part.does, part.says, *part.beside, *part.notes, undo, part.told


def _kind(part: Part) -> str:
    return part.kind.replace("$", "to-")


def _classes(*names: str) -> str:
    return " ".join(name for name in names if name)


def rounded(points: list[Point]) -> str:
    """The path of a line whose corners are round."""
    first, last = points[0], points[-1]
    found = [f"M{number(first[0])} {number(first[1])}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        one, other = _length(before, corner), _length(corner, after)
        radius = min(CORNER, one / 2, other / 2)
        start = _towards(corner, before, radius, one)
        end = _towards(corner, after, radius, other)
        found.append(f"L{_pair(start)}Q{_pair(corner)} {_pair(end)}")
    found.append(f"L{_pair(last)}")
    return "".join(found)


def _pair(point: Point) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _length(one: Point, other: Point) -> float:
    return abs(one[0] - other[0]) + abs(one[1] - other[1])


def _towards(corner: Point, other: Point, by: float, length: float) -> Point:
    part = by / length if length else 0.0
    return corner[0] + (other[0] - corner[0]) * part, corner[1] + (other[1] - corner[1]) * part
