"""A graph as a Mermaid flowchart: what is drawn is what is run, every edge of it, and any text renders.

Ids are generated (`n0`, `n1`, … in document order), so that a node called `end` cannot break the picture; texts
stand in quotes with every character that Mermaid or Markdown would read as its own written as an entity.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from trellis.model.durations import format_duration
from trellis.model.graph import END, FAIL, ROLLBACK, TARGETS, Definition, Escalation, Graph, Node, Remind, static_id
from trellis.model.saying import first

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

_CLASSES = {
    "visited": "fill:#d7f0dd,stroke:#2f7d46,color:#14361f",
    "current": "fill:#ffe3b3,stroke:#b35900,color:#3d1f00,stroke-width:3px",
}


def mermaid(graph: Graph, *, visited: Collection[str] = (), current: Collection[str] = ()) -> str:
    """The flowchart of `graph`. `visited` and `current` are paths of nodes as runs have them (`fan[3].fetch`).

    A current node is marked as current only. Paths that name no node of the graph are passed over.
    """
    return "\n".join(_Flowchart(graph.definition).lines(visited, current)) + "\n"


class _Flowchart:
    """The lines of one picture: frames and nodes as they nest, then edges, then classes.

    An `all`, `race` or `each` is a frame that holds a fork (`n`), its bodies and a join (`j`), so that every edge runs between
    plain nodes: edges of frames break some layouts.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.ids = {name: f"n{index}" for index, name in enumerate(definition.nodes)}
        self.members: dict[str, list[Node]] = {}
        self.joins: dict[str, str] = {}
        """Region of a body -> the join that it ends in."""
        for name, node in definition.nodes.items():
            self.members.setdefault(node.region, []).append(node)
            for body in node.bodies:
                self.joins[body.region] = self._exit(name, node)
        self.terminals: dict[str, str] = {}
        self.edges: list[str] = []

    def lines(self, visited: Collection[str], current: Collection[str]) -> Iterator[str]:
        definition = self.definition
        shared = bool(definition.catch or definition.upon or definition.upon_states)
        self._edge("start", "-->", definition.start, "")
        for name, node in definition.nodes.items():
            self._leave(name, node)
        self._routes("any", definition, "")
        acting = [name for name, state in definition.states.items() if state.entered or state.exited]
        for index, name in enumerate(acting):
            for word, body in (
                ("entered", definition.states[name].entered),
                ("exited", definition.states[name].exited),
            ):
                if body is not None:
                    self._edge(f"s{index}", "-->", body, "", word)
        yield "flowchart TD"
        yield '  start(("start"))'
        if shared:
            yield '  any>"any node"]'
        yield from self._region("", "  ")
        for index, name in enumerate(acting):
            yield f'  s{index}>"state {escape(name)}"]'
            for body in (definition.states[name].entered, definition.states[name].exited):
                if body is not None:
                    yield from self._region(body, "  ")
        for target, number in self.terminals.items():
            yield f"  {number}{_TARGET_SHAPES[target].format(target)}"
        for edge in self.edges:
            yield f"  {edge}"
        here = {static_id(path) for path in current}
        been = {static_id(path) for path in visited} - here
        for word, names in (("visited", been), ("current", here)):
            marked = [number for name, number in self.ids.items() if name in names]
            if marked:
                yield f"  classDef {word} {_CLASSES[word]}"
                yield f"  class {','.join(marked)} {word}"

    def _leave(self, name: str, node: Node) -> None:
        """Every way into the bodies of a node and out of the node, and what takes it back."""
        way_out = self._exit(name, node)
        for body in node.bodies:
            self._edge(self.ids[name], "-->", body.start, node.region)
        for edge in node.to:
            words = ([] if edge.when is None else [edge.when]) + (["(undo)"] if edge.undo else [])
            self._edge(way_out, "-->", edge.to, node.region, " ".join(words))
        if not node.to and node.region in self.joins and node.verb != "end":
            self._edge(way_out, "-->", END, node.region)
        self._routes(way_out, node, node.region)
        if node.undo is not None:
            self.edges.append(f'{way_out} -. "undo" .- u{self.ids[name]}')

    def _exit(self, name: str, node: Node) -> str:
        return self.ids[name].replace("n", "j") if node.bodies else self.ids[name]

    def _routes(self, source: str, part: Node | Definition, region: str) -> None:
        for code, target in part.catch.items():
            self._edge(source, "-.->", target, region, f"catch {code}")
        for signal, target in part.upon.items():
            self._edge(source, "==>", target, region, f"upon {signal}")
        for state, target in part.upon_states.items():
            self._edge(source, "==>", target, region, f"upon state {state}")

    def _edge(self, source: str, arrow: str, target: str, region: str, label: str = "") -> None:
        """An edge to a node, to the join of `region` where it ends a body, or to a terminal of the run."""
        text = f'|"{escape(label)}"|' if label else ""
        if target == END and region in self.joins:
            number = self.joins[region]
        elif target == END and region:
            return  # what a state does leads nowhere
        elif target in TARGETS:
            number = self.terminals.setdefault(target, f"t{len(self.terminals)}")
        else:
            number = self.ids[target]
        self.edges.append(f"{source} {arrow}{text} {number}")

    def _region(self, region: str, indent: str) -> Iterator[str]:
        for node in self.members[region]:
            number = self.ids[node.id]
            if node.bodies:
                yield from self._frame(node, number, indent)
            else:
                yield f"{indent}{number}{_shape(node)}"
            if node.undo is not None:
                yield f'{indent}u{number}[["{escape(_short(node.undo.call.tool))}"]]'

    def _frame(self, node: Node, number: str, indent: str) -> Iterator[str]:
        inner = indent + "  "
        yield f'{indent}subgraph f{number} ["{escape(_title(node))}"]'
        yield f'{inner}{number}(("{node.verb}"))'
        for index, body in enumerate(node.bodies):
            if body.name and len(self.members[body.region]) > 1:
                yield f'{inner}subgraph b{number}_{index} ["{escape(body.name)}"]'
                yield from self._region(body.region, inner + "  ")
                yield f"{inner}end"
            else:
                yield from self._region(body.region, inner)
        yield f'{inner}{self._exit(node.id, node)}(("{_enough(node)}"))'
        yield f"{indent}end"


def _shape(node: Node) -> str:
    """A node's shape and label: its name, then what it does, then what it says."""
    words = [_name(node)]
    if node.verb == "ask" and node.ask is not None:
        by = f" by {', '.join(node.ask.by)}" if node.ask.by else ""
        of = f", {node.ask.quorum} of them" if node.ask.quorum > 1 else ""
        words.append(f"ask {node.ask.kind}: {', '.join(node.ask.fields)}{by}{of}")
    elif node.verb == "do" and node.do is not None:
        words.append(f"do {node.do.tool}")
    elif node.verb == "use" and node.use is not None:
        words.append(f"use {node.use.path}")
    elif node.verb == "end" and node.end is not None:
        words.append(f"end {node.end.status}")
    elif node.verb == "wait" and node.wait is not None:
        words.append(f"wait {node.wait.shown}" if node.wait.condition is None else f"wait if {node.wait.condition}")
    elif node.verb == "emit" and node.emit is not None:
        words.append(f"emit {node.emit.signal} to {node.emit.to}")
    elif node.verb == "pass" and (node.set or node.adds or node.removes):
        states = [*(f"+{state}" for state in node.adds), *(f"-{state}" for state in node.removes)]
        words.append(f"set {', '.join([*node.set, *states])}")
    if node.remind is not None:
        words.append(f"remind every {format_duration(node.remind.every)}{_notice(node.remind)}")
    for step in node.escalate:
        also = f" also {', '.join(step.by)}" if step.by else ""
        words.append(f"after {format_duration(step.after)}{also}{_notice(step)}")
    if node.say is not None:
        words.append(first(node.say))
    return _SHAPES[node.verb].format("<br/>".join(escape(_short(word)) for word in words))


def _notice(notice: Remind | Escalation) -> str:
    """What is called beside a node that waits."""
    return f": {notice.call.tool}" if notice.call is not None else ""


def _title(node: Node) -> str:
    """The heading of an `all`, `race` or `each`: its name, and what there is a body for."""
    return _name(node) if node.each is None else f"{_name(node)}: {node.each.item} in {_short(node.each.items)}"


def _enough(node: Node) -> str:
    """What a join waits for."""
    if node.join is None or node.join.mode != "count":
        return node.join.mode if node.join else "all"
    return "any" if node.join.count == 1 else f"{node.join.count}"


def _name(node: Node) -> str:
    """A node's own name: its id without the path of the body it is in."""
    name = node.id.removeprefix(node.region).removeprefix(".")
    return name if name and name[0].isalnum() else node.region.rpartition(".")[2] + name


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1].rstrip() + "…"


def escape(text: str) -> str:
    """`text` as one line that may stand between quotes; what cannot be printed becomes a blank."""
    line = "".join(mark if mark.isprintable() else " " for mark in " ".join(text.split()))
    line = _TIGHT_STAR.sub("\u2217", _BREAK.sub(_INVISIBLE, line))
    return line.translate(_ALIKE).translate(_ENTITIES)
