"""A graph shows itself in a notebook. The model knows nobody who draws, so the project, which knows both, tells it how."""

from __future__ import annotations

from trellis.model.graph import Graph


def _svg(graph: Graph) -> str:
    """The graph as an SVG; notebooks call it `_repr_svg_`."""
    from trellis.render.svg import svg_of  # only who looks at a graph pays for drawing it

    return svg_of(graph)


Graph._repr_svg_ = _svg  # type: ignore[attr-defined]
