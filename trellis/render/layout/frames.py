"""Frames within frames: each is arranged from inside first, and is then one item of the frame around it.

An arrow that comes into a frame from outside, or leaves it, goes through one gate at the top or bottom of it. What leads
to a node with bodies leads to its frame, and what leaves its join leaves the frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from trellis.render.chart import Arrow, Chart, Part
from trellis.render.layout.layers import Size
from trellis.render.layout.levels import Item, Level, Point, Rectangle, Spacing, arranged, simplified

Name = tuple[str, str]
"""What has a place in a frame: ("part", key), ("frame", key), or one of the gates."""
IN, OUT = ("gate", "in"), ("gate", "out")
_PINNED = ("fork", "join", "start")


class Padding(msgspec.Struct, frozen=True):
    """What a frame keeps free inside of its border."""

    top: float
    sides: float
    bottom: float


class Arrangement(msgspec.Struct, frozen=True):
    """Where everything of a chart is, by its keys, in a rectangle of this size that begins at (0, 0)."""

    parts: dict[str, Rectangle]
    frames: dict[str, Rectangle]
    routes: dict[str, list[Point]]
    """Of each arrow, from its source to its target."""
    labels: dict[str, Rectangle]
    width: float
    height: float
    broken: frozenset[str] = frozenset()
    """The arrows that would be too long: each ends at its label, whose size is that of its sign."""


class _Piece(msgspec.Struct, frozen=True):
    """The part of an arrow that runs in one frame. All but the first of an arrow are shared by those that go the same way."""

    frame: str
    source: Name
    target: Name
    arrow: str = ""


class _Inside(msgspec.Struct):
    """What one frame holds, and where in it that is."""

    names: list[Name]
    items: list[Item]
    pieces: list[_Piece]
    level: Level
    shift: float = 0.0
    """How far the content stands right of the padding, where the title is wider."""


def arrange(
    chart: Chart,
    sizes: Mapping[str, Size],
    labels: Mapping[str, Size],
    titles: Mapping[str, float],
    signs: Mapping[str, Size],
    spacing: Spacing,
    padding: Padding,
) -> Arrangement:
    """Where everything is.

    `sizes` are those of parts, `labels` those of arrows that have one, `titles` widths of frames. `signs`: of an arrow that
    may be broken, the size of what then says where it leads.
    """
    return _Nesting(chart, sizes, labels, titles, signs, spacing, padding).arrangement()


class _Nesting:
    def __init__(
        self,
        chart: Chart,
        sizes: Mapping[str, Size],
        labels: Mapping[str, Size],
        titles: Mapping[str, float],
        signs: Mapping[str, Size],
        spacing: Spacing,
        padding: Padding,
    ) -> None:
        self.chart, self.sizes, self.labels, self.titles, self.signs = chart, sizes, labels, titles, signs
        self.spacing, self.padding = spacing, padding
        self.around = {frame.key: frame.frame for frame in chart.frames}
        self.parts: dict[str, Part] = {part.key: part for part in chart.parts}
        self.pieces = {arrow.key: list(self._split(arrow)) for arrow in chart.arrows}
        self.insides: dict[str, _Inside] = {}
        self.frame_items: dict[str, Item] = {}

    def arrangement(self) -> Arrangement:
        within: dict[str, list[Name]] = {key: [] for key in ("", *self.around)}
        for part in self.chart.parts:
            within[part.frame].append(("part", part.key))
        for frame in self.chart.frames:
            within[frame.frame].append(("frame", frame.key))
        running: dict[str, dict[_Piece, None]] = {key: {} for key in within}
        for pieces in self.pieces.values():
            for piece in pieces:
                running[piece.frame][piece] = None
        for key in (*(frame.key for frame in reversed(self.chart.frames)), ""):
            self._arrange(key, within[key], list(running[key]))
        return self._placed()

    def _split(self, arrow: Arrow) -> Iterator[_Piece]:
        """The pieces of an arrow from its source to its target."""
        source, target = self.parts[arrow.source], self.parts[arrow.target]
        start, begin = self._outer("join", source, target)
        end, finish = self._outer("fork", target, source)
        common = 0
        while common < min(len(begin), len(finish)) and begin[common] == finish[common]:
            common += 1
        outward, inward = begin[common:], finish[common:]
        key = arrow.key
        for frame in reversed(outward):
            yield _Piece(frame, start, OUT, key)
            start, key = ("frame", frame), ""
        yield _Piece(begin[common - 1] if common else "", start, ("frame", inward[0]) if inward else end, key)
        for index, frame in enumerate(inward):
            yield _Piece(frame, IN, ("frame", inward[index + 1]) if index + 1 < len(inward) else end)

    def _outer(self, kind: str, part: Part, other: Part) -> tuple[Name, list[str]]:
        """What an arrow touches at one end, and the frames around that from outside: a join or fork stands for its frame."""
        frames = self._frames(part)
        ends = (part.kind == "join" and other.kind == "fork") or (part.kind == "fork" and other.kind == "join")
        inside = part.frame in self._frames(other) and not (ends and part.frame == other.frame)
        if (
            part.kind == kind
            and part.frame
            and not (inside or (kind == "fork" and other.frame == part.frame and not ends))
        ):
            return ("frame", part.frame), frames[:-1]
        return ("part", part.key), frames

    def _frames(self, part: Part) -> list[str]:
        frames = []
        frame = part.frame
        while frame:
            frames.append(frame)
            frame = self.around[frame]
        return frames[::-1]

    def _arrange(self, key: str, names: list[Name], pieces: list[_Piece]) -> None:
        used = {name for piece in pieces for name in (piece.source, piece.target)}
        names = [*([IN] if IN in used else []), *names, *([OUT] if OUT in used else [])]
        place = {name: index for index, name in enumerate(names)}
        items = [self._item(name) for name in names]
        last = [place[name] for name in names if name == OUT or self._is_join(name)]
        edges = [(place[piece.source], place[piece.target]) for piece in pieces]
        labels = [self.labels.get(piece.arrow) for piece in pieces]
        signs = [self.signs.get(piece.arrow) for piece in pieces]
        level = arranged(items, edges, labels, self.spacing, last, signs)
        inside = self.insides[key] = _Inside(names, items, pieces, level)
        if not key:
            return
        padding = self.padding
        wide = max(level.width, self.titles.get(key, 0.0))
        inside.shift = self._half(wide - level.width)
        width = wide + 2 * padding.sides
        left = self._half(width)
        edge = padding.sides + inside.shift - left
        top = edge + level.anchors[place[IN]][0] if IN in place else None
        bottom = edge + level.anchors[place[OUT]][0] if OUT in place else None
        height = padding.top + level.height + padding.bottom
        self.frame_items[key] = Item(left, width - left, height, top, bottom)

    def _is_join(self, name: Name) -> bool:
        return name[0] == "part" and self.parts[name[1]].kind == "join"

    def _half(self, width: float) -> float:
        return width // 2 if self.spacing.whole else width / 2

    def _item(self, name: Name) -> Item:
        if name[0] == "gate":
            return Item(0.0, 0.0, 0.0, 0.0, 0.0)
        if name[0] == "frame":
            return self.frame_items[name[1]]
        width, height = self.sizes[name[1]]
        pin = 0.0 if self.parts[name[1]].kind in _PINNED else None
        left = self._half(width)
        return Item(left, width - left, height, pin, pin)

    def _placed(self) -> Arrangement:
        """Every place from the outermost frame inwards."""
        parts: dict[str, Rectangle] = {}
        frames: dict[str, Rectangle] = {}
        labels: dict[str, Rectangle] = {}
        runs: dict[_Piece, list[Point]] = {}
        broken: set[str] = set()
        origin = {"": (0.0, 0.0)}
        padding = self.padding
        for key in ("", *self.around):
            inside, (left, top) = self.insides[key], origin[key]
            level = inside.level
            for name, item, (x, y) in zip(inside.names, inside.items, level.anchors, strict=True):
                box = (left + x - item.left, top + y, item.left + item.right, item.height)
                if name[0] == "part":
                    parts[name[1]] = box
                elif name[0] == "frame":
                    frames[name[1]] = box
                    shift = padding.sides + self.insides[name[1]].shift
                    origin[name[1]] = (box[0] + shift, box[1] + padding.top)
            broken.update(inside.pieces[place].arrow for place in level.broken)
            for piece, route, label in zip(inside.pieces, level.routes, level.labels, strict=True):
                runs[piece] = [(left + x, top + y) for x, y in route]
                if label is not None:
                    labels[piece.arrow] = (left + label[0], top + label[1], label[2], label[3])
        routes = {
            key: simplified([point for piece in pieces[: 1 if key in broken else None] for point in runs[piece]])
            for key, pieces in self.pieces.items()
        }
        root = self.insides[""].level
        return Arrangement(parts, frames, routes, labels, root.width, root.height, frozenset(broken))
