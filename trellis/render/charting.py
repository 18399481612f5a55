"""A graph as a chart: every node and every way of it once, nothing that is not in it.

A node with bodies becomes a frame that holds a fork, its bodies and a join, so that every arrow runs between plain parts.
Targets that are no nodes stand beside each node that leads to them: a hundred lines to one corner tell nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from trellis.model.durations import format_duration
from trellis.model.graph import END, FAIL, ROLLBACK, TARGETS, Definition, Escalation, Node, Remind
from trellis.model.saying import first
from trellis.render.chart import Arrow, ArrowKind, Chart, Frame, FrameKind, Part, PartKind

START, ANY = "|start", "|any"
"""Keys of parts that are no nodes hold a bar, which no name can."""

_Way = tuple[str, str, str, ArrowKind, str, bool]
"""Source, target, the region it is in, kind, label, undo."""


def chart_of(definition: Definition) -> Chart:
    """The chart of a definition. A graph that it uses is one part."""
    return _Drawing(definition).chart()


class _Drawing:
    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.members: dict[str, list[Node]] = {}
        self.joins: dict[str, str] = {}
        """Region of a body -> the join that it ends in."""
        self.frame_of: dict[str, str] = {"": ""}
        """Region -> the frame that its parts lie in."""
        self.parts: list[Part] = []
        self.frames: list[Frame] = []
        for node in definition.nodes.values():
            self.members.setdefault(node.region, []).append(node)
            for body in node.bodies:
                self.joins[body.region] = f"{node.id}|join"

    def chart(self) -> Chart:
        definition = self.definition
        self.parts.append(Part(START, "start", "start"))
        if definition.catch or definition.upon or definition.upon_states:
            self.parts.append(Part(ANY, "any", "any node"))
        self._region("", "")
        acting = {name: state for name, state in definition.states.items() if state.entered or state.exited}
        for name, state in acting.items():
            self.parts.append(Part(f"|state {name}", "state", name, does="state"))
            for body in (state.entered, state.exited):
                if body is not None:
                    self._region(body, "")
        ways: list[_Way] = [(START, definition.start, "", "to", "", False)]
        for node in definition.nodes.values():
            ways += self._ways_of(node)
        ways += _routes(ANY, definition, "")
        for name, state in acting.items():
            for word, body in (("entered", state.entered), ("exited", state.exited)):
                if body is not None:
                    ways.append((f"|state {name}", body, "", "body", word, False))
        arrows = self._arrows(ways)
        return Chart(definition.name, tuple(self.parts), arrows, tuple(self.frames))

    def _region(self, region: str, frame: str) -> None:
        """The parts of a region, and of the regions in it."""
        self.frame_of[region] = frame
        for node in self.members[region]:
            if not node.bodies:
                self.parts.append(part_of(node, frame))
                continue
            title = _title(node)
            kind: FrameKind = "each" if node.each is not None else "race" if node.verb == "race" else "all"
            self.frames.append(Frame(node.id, kind, title, frame, node.id))
            self.parts.append(_described(node, Part(node.id, "fork", node_name(node), node.id, node.id, node.verb)))
            for index, body in enumerate(node.bodies):
                within = node.id
                if body.name and len(self.members[body.region]) > 1:
                    within = f"{node.id}|{index}"
                    self.frames.append(Frame(within, "body", body.name, node.id))
                self._region(body.region, within)
            self.parts.append(Part(f"{node.id}|join", "join", _enough(node), node.id))

    def _ways_of(self, node: Node) -> Iterable[_Way]:
        """Every way into the bodies of a node, and out of it."""
        out = f"{node.id}|join" if node.bodies else node.id
        for body in node.bodies:
            yield node.id, body.start, node.region, "body", "", False
        for edge in node.to:
            yield out, edge.to, node.region, "to", edge.when or "", edge.undo
        if not node.to and node.region in self.joins and node.verb != "end":
            yield out, END, node.region, "to", "", False
        yield from _routes(out, node, node.region)

    def _arrows(self, ways: list[_Way]) -> tuple[Arrow, ...]:
        """The ways between parts; those to targets of the run lead to marks of these, which are added."""
        seen: Counter[str] = Counter()
        known: set[str] = set()
        arrows = []
        for source, target, region, kind, label, undo in ways:
            if target == END and region in self.joins:
                target = self.joins[region]
            elif target == END and region:
                continue  # what a state does leads nowhere
            elif target in TARGETS:
                frame = self.frame_of[region]
                key = f"{target} of {source}"
                if key not in known:
                    known.add(key)
                    self.parts.append(Part(key, _TERMINALS[target], target, frame))
                target = key
            name = f"{source} {kind} {target} {label}".rstrip()
            seen[name] += 1
            again = f" #{seen[name]}" if seen[name] > 1 else ""
            arrows.append(Arrow(name + again, source, target, kind, label, undo))
        return tuple(arrows)


_TERMINALS: dict[str, PartKind] = {END: "$end", FAIL: "$fail", ROLLBACK: "$rollback"}


def _routes(source: str, part: Node | Definition, region: str) -> Iterable[_Way]:
    for code, target in part.catch.items():
        yield source, target, region, "catch", code, False
    for signal, target in part.upon.items():
        yield source, target, region, "upon", signal, False
    for state, target in part.upon_states.items():
        yield source, target, region, "upon", f"state {state}", False


def part_of(node: Node, frame: str) -> Part:
    """A node without bodies as a part."""
    kind: PartKind = "pass" if node.verb in ("all", "race", "each") else node.verb  # type: ignore[assignment]
    return _described(node, Part(node.id, kind, node_name(node), frame, node.id, _does(node)))


def _described(node: Node, part: Part) -> Part:
    """The part with what its node says, and what else holds for it."""
    says = first(node.say) if node.say is not None else ""
    undo = node.undo.call.tool if node.undo is not None else ""
    return msgspec.structs.replace(part, says=says, beside=tuple(_notices(node)), notes=tuple(_notes(node)), undo=undo)


def _does(node: Node) -> str:
    """What a node does, without what it says."""
    if node.verb == "ask" and node.ask is not None:
        by = f" by {', '.join(node.ask.by)}" if node.ask.by else ""
        of = f", {node.ask.quorum} of them" if node.ask.quorum > 1 else ""
        return f"ask {node.ask.kind}: {', '.join(node.ask.fields)}{by}{of}"
    if node.verb == "do" and node.do is not None:
        return f"do {node.do.tool}"
    if node.verb == "use" and node.use is not None:
        return f"use {node.use.path}"
    if node.verb == "end" and node.end is not None:
        return f"end {node.end.status}"
    if node.verb == "wait" and node.wait is not None:
        return f"wait {node.wait.shown}" if node.wait.condition is None else f"wait if {node.wait.condition}"
    if node.verb == "emit" and node.emit is not None:
        return f"emit {node.emit.signal} to {node.emit.to}"
    if node.verb == "pass" and (node.set or node.adds or node.removes):
        states = [*(f"+{state}" for state in node.adds), *(f"-{state}" for state in node.removes)]
        return f"set {', '.join([*node.set, *states])}"
    return ""


def _notices(node: Node) -> Iterable[str]:
    """What is done beside a node while it waits for somebody."""
    if node.remind is not None:
        yield f"remind every {format_duration(node.remind.every)}{_notice(node.remind)}"
    for step in node.escalate:
        also = f" also {', '.join(step.by)}" if step.by else ""
        yield f"after {format_duration(step.after)}{also}{_notice(step)}"


def _notes(node: Node) -> Iterable[str]:
    if node.retry is not None:
        yield f"retry {node.retry.max_attempts}" if node.retry.max_attempts else "retry"
    if node.timeout is not None:
        yield f"timeout {format_duration(node.timeout)}"
    if node.deadline is not None:
        yield f"deadline {format_duration(node.deadline)}"
    if node.commit:
        yield "commit"


def _notice(notice: Remind | Escalation) -> str:
    return f": {notice.call.tool}" if notice.call is not None else ""


def _title(node: Node) -> str:
    """The heading of an `all`, `race` or `each`: its name, and what there is a body for."""
    return node_name(node) if node.each is None else f"{node_name(node)}: {node.each.item} in {node.each.items}"


def _enough(node: Node) -> str:
    """What a join waits for."""
    if node.join is None or node.join.mode != "count":
        return node.join.mode if node.join else "all"
    return "any" if node.join.count == 1 else f"any {node.join.count}"


def node_name(node: Node) -> str:
    """A node's own name: its id without the path of the body it is in."""
    name = node.id.removeprefix(node.region).removeprefix(".")
    return name if name and name[0].isalnum() else node.region.rpartition(".")[2] + name
