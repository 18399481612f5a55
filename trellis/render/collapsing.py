"""A frame as one part: what is in it is not drawn, what leads to it and out of it is."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from trellis.render.chart import Arrow, Chart, Part


def collapsible(chart: Chart) -> list[str]:
    """The nodes that have a frame, by their ids, in the author's order."""
    return [frame.node for frame in chart.frames if frame.node]


def collapsed(chart: Chart, nodes: Collection[str]) -> Chart:
    """The chart with one part for each of these nodes with bodies, and for all that is in them."""
    within: dict[str, str] = {}
    """Frame -> the outermost collapsed one that it is in, or is."""
    for frame in chart.frames:
        if frame.frame in within:
            within[frame.key] = within[frame.frame]
        elif frame.node and frame.node in nodes:
            within[frame.key] = frame.key
    if not within:
        return chart
    titles = {frame.key: frame for frame in chart.frames if within.get(frame.key) == frame.key}
    held = dict.fromkeys(titles, 0)
    for part in chart.parts:
        if part.frame in within and part.node and part.key not in titles:
            held[within[part.frame]] += 1
    parts: list[Part] = []
    instead: dict[str, str] = {}
    for part in chart.parts:
        if part.frame not in within:
            parts.append(part)
            continue
        whole = within[part.frame]
        instead[part.key] = whole
        if part.key == whole:  # the fork: it stands for the frame from now on
            frame = titles[whole]
            does = f"{part.does} · {held[whole]} node{'s' * (held[whole] != 1)}"
            parts.append(replace(part, kind="collapsed", name=frame.title, frame=frame.frame, does=does))
    arrows = tuple(_between(chart.arrows, instead))
    frames = tuple(frame for frame in chart.frames if frame.key not in within)
    return replace(chart, parts=tuple(parts), arrows=arrows, frames=frames)


def _between(arrows: Collection[Arrow], instead: dict[str, str]) -> list[Arrow]:
    """The arrows that are not inside of what is collapsed; one of a node to itself stays."""
    whole = set(instead.values())
    found = []
    for arrow in arrows:
        source, target = instead.get(arrow.source, arrow.source), instead.get(arrow.target, arrow.target)
        again = arrow.source == f"{source}|join" and arrow.target == source  # from the join of a frame back to its fork
        if again or source != target or source not in whole:
            found.append(replace(arrow, source=source, target=target))
    return found
