"""What the marks in a chart mean: only those that are in it, so that a plain picture of a graph has no legend."""

from __future__ import annotations

from trellis.render.chart import Chart

_MEANINGS = {
    "visited": "was here",
    "current": "is here",
    "failed": "failed here",
    "taken": "way taken",
    "added": "new",
    "changed": "changed",
    "removed": "gone",
}


def legend(chart: Chart) -> dict[str, str]:
    """Mark -> what it means, in the order in which they are told."""
    found: set[str] = {part.mark for part in chart.parts} | {frame.mark for frame in chart.frames}
    found |= {item.change for items in (chart.parts, chart.arrows, chart.frames) for item in items}
    found |= {"taken" for arrow in chart.arrows if arrow.taken}
    told = {mark: words for mark, words in _MEANINGS.items() if mark in found}
    return told | {"current": "active"} if chart.kind == "states" and "current" in told else told
