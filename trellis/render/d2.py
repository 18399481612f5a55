"""A chart in D2: every text in double quotes, in which backslash, quotes, `$` and line breaks are escaped.

The language: https://d2lang.com/tour/strings and https://d2lang.com/tour/connections. Ids are generated.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.render.chart import Arrow, Chart, Frame, Part
from trellis.render.colours import ARROWS, CHANGES, KINDS, MARKS
from trellis.render.layout.widths import wrapped
from trellis.render.look import flat, label_of, title_of
from trellis.render.nesting import Nested, numbered

_SHAPES = {
    "say": "callout", "ask": "parallelogram", "use": "package", "wait": "hexagon", "emit": "step", "end": "oval",
    "pass": "diamond", "fork": "circle", "join": "oval", "collapsed": "package", "start": "circle", "any": "step",
    "state": "page", "$end": "oval", "$fail": "oval", "$rollback": "oval", "cut": "text",
}  # fmt: skip


def d2(chart: Chart) -> str:
    """The text that `d2` draws."""
    return "\n".join(_lines(chart)) + "\n"


def _lines(chart: Chart) -> Iterator[str]:
    nested, ids = Nested(chart), numbered(chart)
    paths: dict[str, str] = {}
    yield f"# {flat(chart.title)}"
    yield "direction: down"
    yield from _held(nested, ids, paths, "", "", "")
    for arrow in chart.arrows:
        yield from _arrow(arrow, paths)


def _held(
    nested: Nested, ids: dict[str, str], paths: dict[str, str], key: str, path: str, indent: str
) -> Iterator[str]:
    for child in nested.children[key]:
        if isinstance(child, Part):
            paths[child.key] = path + ids[child.key]
            yield from _part(child, ids[child.key], indent)
            continue
        number = ids[f"/{child.key}"]
        name, word = title_of(child)
        yield f"{indent}{number}: {quoted(f'{name} {word}'.strip())} {{"
        yield from _style(_frame_style(child), indent + "  ")
        yield from _held(nested, ids, paths, child.key, f"{path}{number}.", indent + "  ")
        yield f"{indent}}}"


def _frame_style(frame: Frame) -> dict[str, str]:
    found = {"border-radius": "8"} | ({"stroke-dash": "3"} if frame.kind == "body" or frame.change == "removed" else {})
    colour = CHANGES[frame.change][0] if frame.change else MARKS[frame.mark][0] if frame.mark else ""
    return found | ({"stroke": quoted(colour), "stroke-width": "3"} if colour else {})


def _part(part: Part, number: str, indent: str) -> Iterator[str]:
    notes = [*part.beside, *part.notes, *([f"undo {part.undo}"] if part.undo else [])]
    words = [part.name, part.does, part.says and f"“{part.says}”", " · ".join(notes), part.told]
    lines = [line for word in words if word for line in wrapped(flat(word), 260.0, 11.0, 2)]
    if part.kind in ("fork", "start"):
        lines = []
    yield f"{indent}{number}: {quoted(chr(10).join(lines))} {{"
    shape = _SHAPES.get(part.kind)
    if shape is not None:
        yield f"{indent}  shape: {shape}"
    if part.kind in ("fork", "start"):
        yield f"{indent}  width: 16"
        yield f"{indent}  height: 16"
    style = {"border-radius": "8"} if shape is None else {}
    colour = CHANGES[part.change][0] if part.change else MARKS[part.mark][0] if part.mark else ""
    if colour:
        style |= {"stroke": quoted(colour), "stroke-width": "3"} | (
            {"stroke-dash": "4"} if part.change == "removed" else {}
        )
    elif part.kind != "cut":
        own = KINDS.get(part.kind.replace("$", "to-"), ("",))[0]
        style |= {"stroke": quoted(own)} if own else {}
    yield from _style(style, indent + "  ")
    yield f"{indent}}}"


def _arrow(arrow: Arrow, paths: dict[str, str]) -> Iterator[str]:
    text = label_of(arrow)
    label = f": {quoted(chr(10).join(wrapped(flat(text), 200.0, 11.0, 3)))}" if text else ":"
    yield f"{paths[arrow.source]} {'<->' if arrow.both else '->'} {paths[arrow.target]}{label} {{"
    colour = CHANGES[arrow.change][0] if arrow.change else MARKS["visited"][0] if arrow.taken else ARROWS[arrow.kind][0]
    style = {"stroke": quoted(colour)}
    if arrow.kind in ("catch", "after") or arrow.change == "removed":
        style["stroke-dash"] = "4"
    if arrow.kind in ("upon", "add") or arrow.taken or arrow.change:
        style["stroke-width"] = "3"
    yield from _style(style, "  ")
    yield "}"


def _style(found: dict[str, str], indent: str) -> Iterator[str]:
    if found:
        yield f"{indent}style: {{ {'; '.join(f'{name}: {value}' for name, value in found.items())} }}"


def quoted(text: str) -> str:
    """`text` between double quotes. `${` begins a substitution there, so a dollar is escaped."""
    for mark in ("\\", '"', "$"):
        text = text.replace(mark, f"\\{mark}")
    return '"' + text.replace("\n", "\\n") + '"'
