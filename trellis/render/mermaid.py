"""A graph as a Mermaid flowchart: what is drawn is what is run, every edge of it, and any text renders.

Ids are generated (`n0`, `n1`, … in document order), so that a node called `end` cannot break the picture; texts
stand in quotes with every character that Mermaid or Markdown would read as its own written as an entity.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import groupby

from trellis.model.graph import END, FAIL, ROLLBACK, TARGETS, Graph
from trellis.render.chart import Arrow, Chart, Part
from trellis.render.charting import chart_of
from trellis.render.marking import marked

LONGEST = 60
"""Characters of an author's text that a label shows."""

_SHAPES = {
    "say": '("{}")',
    "ask": '[/"{}"/]',
    "do": '["{}"]',
    "use": '[["{}"]]',
    "wait": '[\\"{}"\\]',
    "emit": '>"{}"]',
    "end": '(["{}"])',
    "pass": '{{{{"{}"}}}}',
    "collapsed": '[["{}"]]',
    "fork": '(("{}"))',
    "join": '(("{}"))',
    "start": '(("{}"))',
    "any": '>"{}"]',
    "state": '>"state {}"]',
    "cut": '(["{}"])',
}
_TARGET_SHAPES = {END: '((("{}")))', FAIL: '[\\"{}"/]', ROLLBACK: '[/"{}"\\]'}

# Mermaid decodes entities before some versions of it read Markdown, formulas and icons, so those are broken up by an
# invisible character, or where that does not help written with a mark that looks the same.
_BREAK = re.compile(
    r"^(?=[-+=#>*]|\d+[.)])|(?<=\\)|(?<=\])(?=\()|(?<=:)(?=//|fa-)|(?<=www)(?=\.)|(?<=@)|(?<=\$)(?=\$)"
    r"|(?<!\w)(?=_)|(?<=_)(?!\w)"
)
_INVISIBLE = "\u200b"
_TIGHT_STAR = re.compile(r"\*(?=\S)|(?<=\S)\*")
_ENTITIES = {ord(mark): f"#{ord(mark)};" for mark in "#;<>&%:"} | {ord('"'): "#quot;"}
_ALIKE = {ord("`"): "\u02cb", ord("~"): "\u223c"}

_ARROWS = {"to": "-->", "body": "-->", "catch": "-.->", "upon": "==>"}
_CLASSES = {
    "visited": "fill:#d7f0dd,stroke:#2f7d46,color:#14361f",
    "current": "fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
    "failed": "fill:#ffd9d6,stroke:#b3261e,color:#410e0b,stroke-width:3px",
    "added": "fill:#d7f0dd,stroke:#2f7d46,color:#14361f,stroke-width:3px",
    "removed": "fill:#ffd9d6,stroke:#b3261e,color:#410e0b,stroke-width:2px,stroke-dasharray:6 4",
    "changed": "fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
}
_STROKES = {
    "added": "stroke:#2f7d46,stroke-width:3px",
    "removed": "stroke:#b3261e,stroke-dasharray:6 4",
    "changed": "stroke:#b35900,stroke-width:3px",
    "taken": "stroke:#2f7d46,stroke-width:3px",
}


def mermaid(graph: Graph, *, visited: Collection[str] = (), current: Collection[str] = ()) -> str:
    """The flowchart of `graph`. `visited` and `current` are paths of nodes as runs have them (`fan[3].fetch`).

    A current node is marked as current only. Paths that name no node of the graph are passed over.
    """
    return flowchart(marked(chart_of(graph.definition), visited=visited, current=current))


def flowchart(chart: Chart) -> str:
    """The flowchart of a chart of a graph. The targets of a run are drawn once, however many marks the chart has of them."""
    return "\n".join(_Flowchart(chart).lines()) + "\n"


class _Flowchart:
    """The lines of one picture: frames and parts as they nest, then edges, then classes."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.ids: dict[str, str] = {}
        self.parts = {part.key: part for part in chart.parts}
        self.held: dict[str, list[str]] = {"": []}
        """Frame -> the keys of parts, and of frames behind a slash, as they come in it."""
        around = {frame.key: frame.frame for frame in chart.frames}
        numbered = others = 0
        terminals: dict[str, str] = {}
        for part in chart.parts:
            if part.kind in TARGETS:
                self.ids[part.key] = terminals.setdefault(part.name, f"t{len(terminals)}")
                continue
            if part.node:
                self.ids[part.key] = f"n{numbered}"
                numbered += 1
            elif part.kind == "join":
                self.ids[part.key] = self.ids.get(part.frame, f"n{part.frame}").replace("n", "j")
            elif part.kind in ("state", "cut"):
                self.ids[part.key] = f"s{others}"
                others += 1
            else:
                self.ids[part.key] = part.kind
            inner, frame = part.key, part.frame
            while frame and frame not in self.held:
                self.held[frame] = [inner]
                inner, frame = f"/{frame}", around[frame]
            self.held[frame].append(inner)
        self.terminals = terminals
        self.frames = {frame.key: frame for frame in chart.frames}

    def lines(self) -> Iterator[str]:
        chart = self.chart
        yield "flowchart TD"
        yield from self._frame("", "  ")
        for target, number in self.terminals.items():
            yield f"  {number}{_TARGET_SHAPES[target].format(target)}"
        strokes: dict[str, list[str]] = {}
        count = 0
        for owner, arrows in groupby(chart.arrows, lambda arrow: self._owner(arrow.source)):
            for arrow in arrows:
                label = _label(arrow)
                text = f'|"{escape(label)}"|' if label else ""
                yield f"  {self.ids[arrow.source]} {_ARROWS[arrow.kind]}{text} {self.ids[arrow.target]}"
                stroke = arrow.change or ("taken" if arrow.taken else "")
                if stroke:
                    strokes.setdefault(stroke, []).append(str(count))
                count += 1
            part = self.parts.get(owner)
            if part is not None and part.undo:
                out = self.ids.get(f"{owner}|join", self.ids[owner])
                yield f'  {out} -. "undo" .- u{self.ids[owner]}'
                count += 1
        for change, places in strokes.items():
            yield f"  linkStyle {','.join(places)} {_STROKES[change]}"
        for word, style in _CLASSES.items():
            named = [
                self.ids[part.key] for part in chart.parts if word in (part.mark, part.change) and part.kind != "join"
            ]
            if named:
                yield f"  classDef {word} {style}"
                yield f"  class {','.join(named)} {word}"

    def _owner(self, key: str) -> str:
        """The node that a way leaves: of a join that of its frame."""
        part = self.parts[key]
        return part.frame if part.kind == "join" else key

    def _frame(self, frame: str, indent: str) -> Iterator[str]:
        for key in self.held[frame]:
            if key[0] != "/":
                part = self.parts[key]
                yield f"{indent}{self.ids[key]}{_shape(part)}"
                if part.kind != "fork":
                    yield from self._undo(part, indent)
                continue
            inner = self.frames[key[1:]]
            node, _, index = inner.key.rpartition("|") if inner.kind == "body" else (inner.key, "", "")
            number = self.ids.get(node, "n" + "_".join(str(ord(mark)) for mark in node))
            name = f"b{number}_{index}" if inner.kind == "body" else f"f{number}"
            yield f'{indent}subgraph {name} ["{escape(_title(inner.title))}"]'
            yield from self._frame(inner.key, indent + "  ")
            yield f"{indent}end"
            if inner.kind != "body" and inner.key in self.parts:
                yield from self._undo(self.parts[inner.key], indent)

    def _undo(self, part: Part, indent: str) -> Iterator[str]:
        if part.undo:
            yield f'{indent}u{self.ids[part.key]}[["{escape(_short(part.undo))}"]]'


def _label(arrow: Arrow) -> str:
    words = f"{arrow.kind} {arrow.label}" if arrow.kind in ("catch", "upon") else arrow.label
    return " ".join([*([words] if words else []), *(["(undo)"] if arrow.undo else [])])


def _title(title: str) -> str:
    name, colon, rest = title.partition(": ")
    return f"{name}{colon}{_short(rest)}"


def _shape(part: Part) -> str:
    """A part's shape and label: its name, then what it does, then what it says."""
    if part.kind in ("fork", "join", "start", "any", "state", "cut"):
        return _SHAPES[part.kind].format(escape(part.does if part.kind == "fork" else part.name))
    words = [part.name, part.does, *part.beside, part.says, part.told]
    return _SHAPES[part.kind].format("<br/>".join(escape(_short(word)) for word in words if word))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def escape(text: str) -> str:
    """`text` as one line that may stand between quotes; what cannot be printed becomes a blank."""
    line = "".join(mark if mark.isprintable() else " " for mark in " ".join(text.split()))
    line = _TIGHT_STAR.sub("\u2217", _BREAK.sub(_INVISIBLE, line))
    return line.translate(_ALIKE).translate(_ENTITIES)
