"""Which fields that are not set now some way on reads before anything writes them.

A walk from where the run is, over all ways that it may take while the field is not set: a node that surely writes it is
left by what interrupts it alone. What is found is held against the same walk over the old version: where both are the
same, way by way, the new one asks for nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from trellis.engine.state import State, Token
from trellis.engine.versions.names import Versions
from trellis.engine.versions.texts import Reads, brought, guard_reads, undo_reads
from trellis.model.graph import END, TARGETS, Definition, Node

Facts = dict[str, Any]
"""What a walk came by: place -> whether it reads the field there, and where it goes on."""


def check_unset(versions: Versions, before: State, after: State) -> None:
    """Tell of every such field. `after` is the state as the new version has it."""
    new = versions.new
    missing = [name for name in new.fields if name not in after.fields]
    if not missing or not (after.tokens or after.open):
        return
    was = {versions.field(name): name for name in versions.old.fields if name not in before.fields}
    old_reads, new_reads = _Texts(versions.old), _Texts(new)
    for name in missing:
        walk = _Walk(new, new_reads, name, after)
        if not walk.risks:
            continue
        if name in was:
            old = _Walk(versions.old, old_reads, was[name], before)
            if _renamed(old.facts, versions.path) == walk.facts:
                continue
        where = ", ".join(dict.fromkeys(walk.risks))
        versions.findings.blocked(
            f"field '{name}' is not set, and the new version may read it before anything writes it: {where}; give it a "
            "default, make it optional, or adopt the version when it is set"
        )


class _Texts:
    """What the nodes of one version read, looked at once."""

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._known: dict[str, Reads] = {}

    def of(self, node: Node) -> Reads:
        found = self._known.get(node.id)
        if found is None:
            found = self._known[node.id] = Reads(node, self.definition)
        return found


class _Walk:
    def __init__(self, definition: Definition, texts: _Texts, field: str, state: State) -> None:
        self.definition, self.texts, self.field, self.state = definition, texts, field, state
        self.facts: Facts = {}
        self.risks: list[str] = []
        self._gains: dict[str, bool] = {}
        self._waiting: list[str] = []
        self.children: dict[str, list[Token]] = {}
        for token in state.tokens.values():
            self.children.setdefault(token.parent, []).append(token)
        for token in state.tokens.values():
            self._leave(token)
        for pending in state.open.values():
            if pending.cancelling:
                node = definition.nodes[pending.token.node]
                reads = node.save != field and field in undo_reads(node)
                self._fact(f"undo of {pending.token.path}", f"node '{node.id}' as its undo is kept", reads, ())
        if state.tokens:  # else all is taken back, and nothing comes after that
            for routes in (definition.catch, definition.upon, definition.upon_states):
                self._go(routes.values())
            states = definition.states
            self._go(each.exited for each in states.values() if each.exited is not None)
            self._go(self._bodies(name for name, each in states.items() if each.auto))
        while self._waiting:
            self._enter(definition.nodes[self._waiting.pop()])

    def _fact(self, place: str, shown: str, reads: bool, ways: Iterable[str]) -> None:
        self.facts[place] = (reads, *ways)
        if reads:
            self.risks.append(shown)

    def _go(self, targets: Iterable[str]) -> None:
        self._waiting += [name for name in targets if name not in TARGETS and name not in self.facts]

    def _enter(self, node: Node) -> None:
        """The node is entered while the field is not set."""
        if node.id in self.facts:
            return
        acted = self._acted(node)
        reads = self.texts.of(node)
        ways = [*(body.start for body in node.bodies), *self._brought(node, acted), *self._ways(node, acted)]
        hit = self.field in reads.enter or self._reads_later(node, acted)
        self._fact(node.id, f"node '{node.id}'", hit, ways)
        self._go(ways)

    def _leave(self, token: Token) -> None:
        """A visit goes on: what it reads as it is entered was read."""
        node = self.definition.nodes[token.node]
        rolling = self.state.rollback
        if rolling is not None and rolling.back is not None and rolling.back[0].path == token.path:
            _, target, setting = rolling.back
            ways, hit = list(node.catch.values()), False
            if self.field not in setting.fields:
                ways += [target, *self._bodies(setting.adds)]
                hit = self.field in guard_reads(self.definition, setting.adds, setting.removes)
        else:
            acted = self._token_acted(token, node)
            ways = [*self._brought(node, acted), *self._ways(node, acted)]
            hit = self._reads_later(node, acted)
            if token.join is not None and token.join.started < token.join.total:
                ways = [node.bodies[0].start, *ways]
        self._fact(f"visit of {token.path}", f"node '{node.id}' as it ends", hit, ways)
        self._go(ways)

    def _reads_later(self, node: Node, acted: bool) -> bool:
        reads = self.texts.of(node)
        if acted:
            return False
        return self.field in reads.done or (self.field not in node.set and self.field in reads.route)

    def _ways(self, node: Node, acted: bool) -> list[str]:
        """Where one may go from the node while the field is not set."""
        ways = [*node.catch.values(), *node.upon.values(), *node.upon_states.values()]
        if acted or self.field in node.set:
            return ways
        return [*(edge.to for edge in node.to), *ways] if node.to else [END, *ways]

    def _bodies(self, states: Iterable[str]) -> list[str]:
        """What is done when these states come."""
        declared = self.definition.states
        found = [declared[name].entered for name in brought(self.definition, states) if name in declared]
        return [name for name in found if name is not None]

    def _brought(self, node: Node, acted: bool) -> list[str]:
        """What states do that come as the node is left while the field is not set."""
        return [] if acted or self.field in node.set else self._bodies(node.adds)

    def _acted(self, node: Node) -> bool:
        """Whether the field is written once the work of the node has succeeded."""
        if self.field == node.save or (node.ask is not None and self.field in node.ask.fields):
            return True
        return self._joined(node, [self._gain(body.region, body.start) for body in node.bodies])

    def _token_acted(self, token: Token, node: Node) -> bool:
        if token.join is None:
            return self._acted(node)
        if self.field == node.save:
            return True
        gains = [False] * len(node.bodies)
        for inner in self.children.get(token.path, ()):
            if node.each is None:
                holder = self.definition.nodes[inner.node]
                first = self._ways(holder, self._token_acted(inner, holder))
                gains[inner.index] = not self._ends(first)
        return self._joined(node, gains)

    def _joined(self, node: Node, gains: list[bool]) -> bool:
        """Whether the bodies surely write: those of an `each` may be none, those of a `collect` may fail."""
        join = node.join
        if node.each is not None or join is None or join.mode == "collect" or not gains:
            return False
        needed = len(gains) if join.mode == "all" else join.count
        return sum(gains) > len(gains) - needed

    def _gain(self, region: str, start: str) -> bool:
        """Whether every way through a body to its end writes the field."""
        known = self._gains.get(region)
        if known is None:
            known = self._gains[region] = not self._ends([start])
        return known

    def _ends(self, first: list[str]) -> bool:
        """Whether the end of a region can be reached from there while the field is not set."""
        waiting, seen = list(first), set(first)
        while waiting:
            name = waiting.pop()
            if name == END:
                return True
            if name in TARGETS:
                continue
            node = self.definition.nodes[name]
            for to in self._ways(node, self._acted(node)):
                if to not in seen:
                    seen.add(to)
                    waiting.append(to)
        return False


def _renamed(facts: Facts, path: Callable[[str], str]) -> Facts:
    """The facts of the old version in the names of the new one."""

    def place(name: str) -> str:
        kind, between, node = name.rpartition(" ")
        return kind + between + path(node)

    return {
        place(name): (reads, *(to if to in TARGETS else path(to) for to in ways))
        for name, (reads, *ways) in facts.items()
    }
