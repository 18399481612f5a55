"""A chart in the language of Graphviz: every text in quotes, in which only quotes and backslashes mean anything.

The language: https://graphviz.org/doc/info/lang.html. Frames are clusters; ids are generated.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.colours import ARROWS, CHANGES, KINDS, MARKS
from trellis.render.layout.widths import wrapped
from trellis.render.look import flat, label_of, title_of
from trellis.render.nesting import Nested, numbered

_SHAPES = {
    "say": "note", "ask": "parallelogram", "do": "box", "use": "box3d", "wait": "hexagon", "emit": "cds", "end": "oval",
    "pass": "diamond", "fork": "circle", "join": "oval", "collapsed": "folder", "start": "circle", "any": "cds",
    "state": "tab", "$end": "doublecircle", "$fail": "octagon", "$rollback": "invtrapezium", "cut": "plaintext",
}  # fmt: skip
_STYLES = {"catch": "dashed", "upon": "bold", "after": "dotted", "add": "bold"}


def dot(chart: Chart) -> str:
    """The text that `dot -Tsvg` draws."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    ids = numbered(chart)
    yield f"digraph {quoted(chart.title)} {{"
    yield '  graph [fontname="Helvetica", rankdir=TB, compound=true];'
    yield '  node [fontname="Helvetica", fontsize=11, shape=box, style=rounded];'
    yield '  edge [fontname="Helvetica", fontsize=10];'
    yield from _held(Nested(chart), ids, "", "  ")
    for arrow in chart.arrows:
        yield f"  {ids[arrow.source]} -> {ids[arrow.target]}{_attributes(_of_arrow(arrow))};"
    yield "}"


def _held(nested: Nested, ids: dict[str, str], key: str, indent: str) -> Iterator[str]:
    for child in nested.children[key]:
        if isinstance(child, Part):
            yield f"{indent}{ids[child.key]}{_attributes(_of_part(child))};"
            continue
        name, word = title_of(child)
        yield f"{indent}subgraph cluster_{ids['/' + child.key]} {{"
        yield f"{indent}  graph{_attributes(_of_frame(child, f'{name}  {word}'.strip()))};"
        yield from _held(nested, ids, child.key, indent + "  ")
        yield f"{indent}}}"


def _of_frame(frame: Frame, title: str) -> dict[str, str]:
    found = {
        "label": quoted(title),
        "labeljust": "l",
        "style": quoted("rounded,dashed" if frame.kind == "body" else "rounded"),
    }
    colour = _colour(frame)
    return found | ({"color": quoted(colour), "penwidth": "2"} if colour else {"color": quoted("#94a3b8")})


def _of_part(part: Part) -> dict[str, str]:
    if part.kind in ("fork", "start"):
        return {
            "label": quoted(""),
            "shape": "circle",
            "width": "0.16",
            "style": "filled",
            "fillcolor": quoted("#475569"),
        }
    notes = [*part.beside, *part.notes, *([f"undo {part.undo}"] if part.undo else [])]
    words = [part.name, part.does, part.says and f"“{part.says}”", " · ".join(notes), part.told]
    lines = [line for word in words if word for line in wrapped(flat(word), 260.0, 11.0, 2)]
    found = {"label": quoted("\n".join(lines)), "shape": _SHAPES[part.kind]}
    colour = _colour(part) or KINDS.get(part.kind.replace("$", "to-"), ("",))[0]
    if colour:
        found["color"] = quoted(colour)
    if part.mark or part.change:
        found |= {"penwidth": "3", "style": quoted("rounded,dashed" if part.change == "removed" else "rounded")}
    return found


def _of_arrow(arrow: Arrow) -> dict[str, str]:
    found = {}
    text = label_of(arrow)
    if text:
        found["label"] = quoted("\n".join(wrapped(flat(text), 200.0, 10.0, 3)))
    colour = CHANGES[arrow.change][0] if arrow.change else MARKS["visited"][0] if arrow.taken else ARROWS[arrow.kind][0]
    found["color"] = quoted(colour)
    style = "dashed" if arrow.change == "removed" else _STYLES.get(arrow.kind, "")
    if style:
        found["style"] = style
    if arrow.both:
        found["dir"] = "both"
    if arrow.taken or arrow.change:
        found["penwidth"] = "2.5"
    return found


def _colour(part: Part | Frame) -> str:
    return CHANGES[part.change][0] if part.change else MARKS[part.mark][0] if part.mark else ""


def _attributes(found: dict[str, str]) -> str:
    return f" [{', '.join(f'{name}={value}' for name, value in found.items())}]" if found else ""


def quoted(text: str) -> str:
    """`text` between quotes. Lines stay lines; what else cannot be printed is gone already."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
