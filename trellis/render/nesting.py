"""Which parts and frames each frame holds, in the author's order, and short ids for formats that want some."""

from __future__ import annotations

from trellis.render.chart import Chart, Frame, Part


class Nested:
    """The children of each frame by its key, those of the picture under the empty one."""

    def __init__(self, chart: Chart) -> None:
        self.children: dict[str, list[Part | Frame]] = {"": []}
        frames = {frame.key: frame for frame in chart.frames}
        for part in chart.parts:
            child: Part | Frame = part
            frame = part.frame
            while frame and frame not in self.children:
                self.children[frame] = [child]
                child, frame = frames[frame], frames[frame].frame
            self.children[frame].append(child)


def numbered(chart: Chart) -> dict[str, str]:
    """Key of a part -> `n0`, `n1`, …; key of a frame behind a slash -> `f0`, `f1`, …"""
    ids = {part.key: f"n{place}" for place, part in enumerate(chart.parts)}
    return ids | {f"/{frame.key}": f"f{place}" for place, frame in enumerate(chart.frames)}
