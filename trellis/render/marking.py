"""What a run did, on the chart of its graph: where it was and is, how long, and which ways it took."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

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

    `moves`: from node to node, how often; the second may be a target such as `$end`. `causes`: of such a move what brought
    it about, how often: `catch` and the code of an error, `upon` and a signal, or nothing where the node was done.
    """

    stays: dict[str, Stay]
    moves: dict[tuple[str, str], int]
    current: Collection[str] = ()
    failed: Collection[str] = ()
    causes: dict[tuple[str, str], dict[str, int]] = {}


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

    Of several ways from one node to the same other, an error or a signal tells which was taken; which condition held is
    not known, and all of these are marked.
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
    times = _times(chart, owner, trail)
    arrows = tuple(replace(arrow, taken=times[arrow.key]) if arrow.key in times else arrow for arrow in chart.arrows)
    return replace(marked, parts=parts, arrows=arrows, frames=frames)


def _told(stay: Stay, mark: Mark) -> str:
    words = [f"{stay.entries}×"] if stay.entries > 1 else []
    if stay.over and stay.seconds >= 0.0005:
        words.append(format_duration(round(stay.seconds, 3)))
    if mark in ("current", "failed"):
        words.append("is here" if mark == "current" else "failed")
    return " · ".join(words)


def _times(chart: Chart, owner: Mapping[str, str], trail: Trail) -> dict[str, int]:
    """Key of an arrow -> how often it was taken. Routes of the graph are those of a node that has none of its own."""
    ways: dict[tuple[str, str], list[Arrow]] = {}
    anywhere: dict[str, list[Arrow]] = {}
    found: dict[str, int] = {}
    for arrow in chart.arrows:
        target = owner[arrow.target]
        if arrow.source == "|any":
            anywhere.setdefault(target, []).append(arrow)
        elif arrow.source != "|start":
            ways.setdefault((owner[arrow.source], target), []).append(arrow)
        elif target in trail.stays:
            found[arrow.key] = 1
    for (source, target), times in trail.moves.items():
        for cause, often in trail.causes.get((source, target), {"": times}).items():
            own, others = ways.get((source, target), []), anywhere.get(target, [])
            for arrow in _led(own, cause) or _led(others, cause) or own or others:
                found[arrow.key] = found.get(arrow.key, 0) + often
    return found


def _led(arrows: Iterable[Arrow], cause: str) -> list[Arrow]:
    """Those that are taken for this cause: the code itself before `*`."""
    kind, _, name = cause.partition(" ")
    if not kind:
        return [arrow for arrow in arrows if arrow.kind in ("to", "body")]
    of_kind = [arrow for arrow in arrows if arrow.kind == kind]
    return [arrow for arrow in of_kind if arrow.label == name] or [arrow for arrow in of_kind if arrow.label == "*"]
