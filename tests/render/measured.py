"""What must hold of every arrangement, checked on its numbers: boxes apart, children inside, lines and labels off boxes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

from trellis.render.chart import Chart
from trellis.render.layout.frames import Arrangement
from trellis.render.layout.levels import Point, Rectangle


def overlap(one: Rectangle, other: Rectangle, slack: float = 0.01) -> bool:
    return (
        one[0] + one[2] > other[0] + slack
        and other[0] + other[2] > one[0] + slack
        and one[1] + one[3] > other[1] + slack
        and other[1] + other[3] > one[1] + slack
    )


def within(inner: Rectangle, outer: Rectangle) -> bool:
    return (
        inner[0] >= outer[0] - 0.01
        and inner[1] >= outer[1] - 0.01
        and inner[0] + inner[2] <= outer[0] + outer[2] + 0.01
        and inner[1] + inner[3] <= outer[1] + outer[3] + 0.01
    )


def pieces(route: list[Point]) -> Iterator[Rectangle]:
    for (x1, y1), (x2, y2) in pairwise(route):
        yield min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)


def strikes(piece: Rectangle, box: Rectangle) -> bool:
    """Whether a piece of a line runs through the inside of a box."""
    return (
        piece[0] < box[0] + box[2] - 0.5
        and piece[0] + piece[2] > box[0] + 0.5
        and piece[1] < box[1] + box[3] - 0.5
        and piece[1] + piece[3] > box[1] + 0.5
    )


def faults(chart: Chart, places: Arrangement) -> list[str]:
    """Every way in which a picture is wrong."""
    return [*_missing(chart, places), *_boxes(chart, places), *_lines(chart, places)]


def _missing(chart: Chart, places: Arrangement) -> Iterator[str]:
    wanted = {
        "part": ({part.key for part in chart.parts}, set(places.parts)),
        "frame": ({frame.key for frame in chart.frames}, set(places.frames)),
        "arrow": ({arrow.key for arrow in chart.arrows}, set(places.routes)),
    }
    for what, (one, other) in wanted.items():
        if one != other:
            yield f"{what}: {one ^ other}"
    if len({arrow.key for arrow in chart.arrows}) != len(chart.arrows):
        yield "two arrows have one key"


def _boxes(chart: Chart, places: Arrangement) -> Iterator[str]:
    whole = (0.0, 0.0, places.width, places.height)
    boxes: list[tuple[str, Rectangle, str | None]] = [
        (f"part {part.key}", places.parts[part.key], part.frame) for part in chart.parts
    ]
    boxes += [(f"frame {frame.key}", places.frames[frame.key], frame.frame) for frame in chart.frames]
    for name, box, frame in boxes:
        if not within(box, places.frames[frame] if frame else whole):
            yield f"{name} leaves {frame or 'the picture'}"
    labels: list[tuple[str, Rectangle, str | None]] = [
        (f"label {key}", box, None) for key, box in places.labels.items()
    ]
    for (name, box, frame), (other, box2, frame2) in combinations([*boxes, *labels], 2):
        if frame is not None and frame2 is not None and frame != frame2:
            continue  # frames apart keep what is in them apart
        if (frame is None or frame2 is None) and (name.startswith("frame") or other.startswith("frame")):
            continue  # a label may lie in a frame, but not on what is in it
        if overlap(box, box2):
            yield f"{name} lies on {other}"


def _lines(chart: Chart, places: Arrangement) -> Iterator[str]:
    for arrow in chart.arrows:
        route = places.routes[arrow.key]
        if len(route) < 2:
            yield f"{arrow.key} has no line"
        for (x1, y1), (x2, y2) in pairwise(route):
            if abs(x1 - x2) > 0.01 and abs(y1 - y2) > 0.01:
                yield f"{arrow.key} runs aslant"
        for piece in pieces(route):
            for part in chart.parts:
                if strikes(piece, places.parts[part.key]):
                    yield f"{arrow.key} runs through {part.key}"
            for key, label in places.labels.items():
                if key != arrow.key and strikes(piece, label):
                    yield f"{arrow.key} runs through the label of {key}"
