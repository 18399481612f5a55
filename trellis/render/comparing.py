"""Two versions of a graph as one chart: what is new, what is gone, and what is another, each drawn where it belongs.

A part is the same where its id is; an arrow where it leads from and to the same parts under the same label. What changed
in a node is told in words that the comparison of definitions has for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from trellis.model.differences import differences, renames, under_new_names
from trellis.model.graph import Definition, Node
from trellis.render.chart import Arrow, Change, Chart, Frame, Part
from trellis.render.charting import chart_of

TOLD = 3
"""So many differences of one node are named."""


def compared(before: Definition, after: Definition) -> Chart:
    """The chart of the later version, with everything that is only in the earlier one beside it, and changes marked."""
    told = _told(before, after)
    said = renames(before, after)
    renamed = set(said.values())
    before = under_new_names(before, said)
    new = chart_of(after)
    old = _apart(chart_of(before), new)
    others = {part.key: part for part in old.parts}
    parts: list[Part] = []
    for part in new.parts:
        if part.key not in others:
            parts.append(replace(part, change="added"))
        elif part.node and (part.node in renamed or _changed(before.nodes[part.node], after.nodes[part.node])):
            parts.append(replace(part, change="changed", told=told.get(part.node, "")))
        elif replace(part, frame="", undo="") != replace(others[part.key], frame="", undo=""):
            parts.append(replace(part, change="changed"))
        else:
            parts.append(part)
    known = {part.key for part in new.parts}
    frames = _frames(old.frames, new.frames, {part.key: part for part in parts})
    parts = list(_woven(parts, old.parts, known))
    return replace(new, parts=tuple(parts), arrows=tuple(_arrows(old.arrows, new.arrows)), frames=tuple(frames))


def _apart(old: Chart, new: Chart) -> Chart:
    """The earlier chart, its arrows and forks so named that a node with bodies may have been one without, or the reverse."""
    now = {part.key: part.kind for part in new.parts}
    was = {part.key: part.kind for part in old.parts}
    lost = {key for key, kind in was.items() if kind == "fork" and now.get(key, kind) != kind}
    gained = {key for key, kind in now.items() if kind == "fork" and was.get(key, kind) != kind}
    parts = tuple(replace(part, key=f"{part.key}|was", node="") if part.key in lost else part for part in old.parts)
    arrows = []
    for arrow in old.arrows:
        source = f"{arrow.source}|join" if arrow.source in gained else arrow.source
        ends = {key: f"{key}|was" if key in lost else key for key in (source, arrow.target)}
        arrows.append(replace(arrow, source=ends[source], target=ends[arrow.target]))
    return replace(old, parts=parts, arrows=tuple(arrows))


def _told(before: Definition, after: Definition) -> dict[str, str]:
    """Node -> what differs in it, in a few words."""
    found: dict[str, list[str]] = {}
    for difference in differences(before, after):
        if difference.node and not difference.graph and difference.part != "edge":
            line = f"was {difference.name}" if difference.part == "node" else str(difference)
            found.setdefault(difference.node, []).append(line.replace(f"{difference.node}.", "", 1))
    return {node: " · ".join(lines[:TOLD] + ["…"] * (len(lines) > TOLD)) for node, lines in found.items()}


def _changed(one: Node, other: Node) -> bool:
    """Whether the node itself is another, whatever ways lead out of it."""
    return _bare(one) != _bare(other)


def _bare(node: Node) -> Node:
    return replace(node, to=(), catch={}, upon={}, upon_states={}, bodies=())


def _woven(parts: Iterable[Part], old: Iterable[Part], known: set[str]) -> Iterator[Part]:
    """All parts, the removed ones behind the part that they came after."""
    behind: dict[str, list[Part]] = {}
    last = ""
    for part in old:
        if part.key in known:
            last = part.key
        else:
            behind.setdefault(last, []).append(replace(part, change="removed"))
    yield from behind.get("", ())
    for part in parts:
        yield part
        yield from behind.get(part.key, ())


def _frames(old: Iterable[Frame], new: Iterable[Frame], forks: dict[str, Part]) -> Iterator[Frame]:
    """All frames, each after the one that it is in."""
    before = {frame.key for frame in old}
    now = {frame.key for frame in new}
    for frame in new:
        fork = forks.get(frame.key)
        change: Change = "added" if frame.key not in before else fork.change if fork is not None else ""
        yield replace(frame, change=change, told=fork.told if fork is not None else "")
    for frame in old:
        if frame.key not in now:
            yield replace(frame, change="removed")


def _arrows(old: Iterable[Arrow], new: Iterable[Arrow]) -> Iterator[Arrow]:
    before = {arrow.key: arrow for arrow in old}
    now = set()
    for arrow in new:
        now.add(arrow.key)
        other = before.get(arrow.key)
        yield replace(arrow, change="added" if other is None else "changed" if other.undo != arrow.undo else "")
    for arrow in old:
        if arrow.key not in now:
            yield replace(arrow, change="removed")
