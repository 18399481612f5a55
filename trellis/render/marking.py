"""What a run did, on the chart of its graph: where it was and is, how long, and which ways it took."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from trellis.model.durations import format_duration
from trellis.model.graph import static_id
from trellis.render.chart import Arrow, Chart, Mark


class Stay(msgspec.Struct):
    """How often a run came to a node, how many of these stays are over, and how many seconds those took together."""

    entries: int = 0
    over: int = 0
    seconds: float = 0.0


class Trail(msgspec.Struct):
    """What a run did. Nodes are static ids.

    `moves`: from node to node, how often; the second may be a target such as `$end`. `left_by`: of such a move the error
    code or signal that caused it, where one did.
    """

    stays: dict[str, Stay]
    moves: dict[tuple[str, str], int]
    current: Collection[str] = ()
    failed: Collection[str] = ()


def marked(chart: Chart, *, visited: Collection[str] = (), current: Collection[str] = ()) -> Chart:
    """The chart with nodes marked by paths as runs have them (`fan[3].fetch`). A current node is marked as current only."""
    here = {static_id(path) for path in current}
    been = {static_id(path) for path in visited}
    marks: dict[str, Mark] = {**dict.fromkeys(been, "visited"), **dict.fromkeys(here, "current")}
    return _with_marks(chart, marks)


def _with_marks(chart: Chart, marks: Mapping[str, Mark]) -> Chart:
    replace = msgspec.structs.replace
    parts = tuple(replace(part, mark=marks[part.node]) if part.node in marks else part for part in chart.parts)
    frames = tuple(replace(frame, mark=marks[frame.node]) if frame.node in marks else frame for frame in chart.frames)
    return replace(chart, parts=parts, frames=frames)


def with_trail(chart: Chart, trail: Trail) -> Chart:
    """The chart with what a run did: marks, how long it stayed, which ways it took how often.

    Where several ways lead from one node to the same other, which of them was taken is not known, and all are marked.
    """
    marks: dict[str, Mark] = dict.fromkeys(trail.stays, "visited")
    marks.update(dict.fromkeys(trail.failed, "failed"))
    marks.update(dict.fromkeys(trail.current, "current"))
    replace = msgspec.structs.replace
    marked = _with_marks(chart, marks)
    parts = tuple(
        replace(part, told=_told(trail.stays[part.node], part.mark)) if part.node in trail.stays else part
        for part in marked.parts
    )
    frames = tuple(
        replace(frame, told=_told(trail.stays[frame.node], frame.mark)) if frame.node in trail.stays else frame
        for frame in marked.frames
    )
    owner = {part.key: part.frame if part.kind == "join" else part.node or part.name for part in chart.parts}
    first = {arrow.target for arrow in chart.arrows if arrow.source == "|start"}
    arrows = tuple(_taken(arrow, owner, trail, first) for arrow in chart.arrows)
    return replace(marked, parts=parts, arrows=arrows, frames=frames)


def _told(stay: Stay, mark: Mark) -> str:
    words = [f"{stay.entries}×"] if stay.entries > 1 else []
    if stay.over and stay.seconds >= 0.0005:
        words.append(format_duration(round(stay.seconds, 3)))
    if mark in ("current", "failed"):
        words.append("is here" if mark == "current" else "failed")
    return " · ".join(words)


def _taken(arrow: Arrow, owner: Mapping[str, str], trail: Trail, first: Collection[str]) -> Arrow:
    source, target = owner[arrow.source], owner[arrow.target]
    times = trail.moves.get((source, target), 0)
    if arrow.source == "|start" and target in trail.stays and arrow.target in first:
        times = 1
    return msgspec.structs.replace(arrow, taken=times) if times else arrow
