"""The neighbourhood of one part: what is so many ways from it, and a mark wherever the picture was cut."""

from __future__ import annotations

from collections import Counter, deque

from msgspec.structs import replace

from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.collapsing import collapsed

_ENDS = ("$end", "$fail", "$rollback", "any", "start")
"""What so much leads to or from that a way through it says nothing about nearness."""


def focused(chart: Chart, node: str, depth: int) -> Chart:
    """What is at most `depth` ways from the part of a node, in either direction. The fork and join of a frame are one.

    Where ways lead on, a part of kind `cut` says to how many others.
    """
    kept = _near(chart, node, depth)
    empty = [
        frame.node for frame in chart.frames if frame.node and frame.node != node and _is_empty(chart, frame, kept)
    ]
    if empty:  # a frame of which only the border is near is one part
        return focused(collapsed(chart, empty), node, depth)
    parts = [part for part in chart.parts if part.key in kept]
    arrows = [arrow for arrow in chart.arrows if arrow.source in kept and arrow.target in kept]
    cuts, leads = _cuts(chart, kept)
    around = {frame.key: frame.frame for frame in chart.frames}
    shown: set[str] = set()
    for part in (*parts, *cuts):
        frame = part.frame
        while frame and frame not in shown:
            shown.add(frame)
            frame = around[frame]
    frames = tuple(frame for frame in chart.frames if frame.key in shown)
    return replace(chart, parts=(*parts, *cuts), arrows=(*arrows, *leads), frames=frames)


def _is_empty(chart: Chart, frame: Frame, kept: dict[str, int]) -> bool:
    """Whether the fork of a frame is near and nothing else in it."""
    if frame.key not in kept:
        return False
    inside = {frame.key}
    inside.update(other.key for other in chart.frames if other.frame in inside)
    return not any(
        part.key in kept and part.frame in inside for part in chart.parts if part.kind not in ("fork", "join")
    )


def _near(chart: Chart, node: str, depth: int) -> dict[str, int]:
    """The keys of the parts that are near enough, and how near."""
    near: dict[str, set[str]] = {part.key: set() for part in chart.parts}
    for arrow in chart.arrows:
        near[arrow.source].add(arrow.target)
        near[arrow.target].add(arrow.source)
    kinds = {part.key: part.kind for part in chart.parts}
    kept = {node: 0}
    queue = deque([node])
    while queue:
        key = queue.popleft()
        twin = key.removesuffix("|join") if key.endswith("|join") else f"{key}|join"
        if twin in kinds and twin not in kept:
            kept[twin] = kept[key]
            queue.appendleft(twin)
        if kept[key] == depth or (kinds[key] in _ENDS and key != node):
            continue
        for other in sorted(near[key]):
            if other not in kept:
                kept[other] = kept[key] + 1
                queue.append(other)
    return kept


def _cuts(chart: Chart, kept: dict[str, int]) -> tuple[list[Part], list[Arrow]]:
    """The marks where ways lead out of the picture or into it, and an arrow to or from each."""
    frame_of = {part.key: part.frame for part in chart.parts}
    kinds = {part.key: part.kind for part in chart.parts}
    around = {frame.key: frame.frame for frame in chart.frames}
    out: Counter[str] = Counter()
    into: Counter[str] = Counter()
    for arrow in chart.arrows:
        if arrow.source in kept and arrow.target not in kept:
            out[arrow.source] += 1
        elif arrow.target in kept and arrow.source not in kept:
            into[arrow.target] += 1
    parts, arrows = [], []
    for word, counts, outer in (("out", out, "join"), ("in", into, "fork")):
        for key, count in counts.items():
            frame = frame_of[key]
            if kinds[key] == outer and outer == ("join" if word == "out" else "fork"):
                frame = around[frame]
            cut = Part(f"|{word} of {key}", "cut", f"… {count} more", frame)
            parts.append(cut)
            source, target = (key, cut.key) if word == "out" else (cut.key, key)
            arrows.append(Arrow(f"{source} to {target}", source, target))
    return parts, arrows
