"""The graphs that a graph uses: each is walked once for all runs of it, with what is known at the start of every one."""

from __future__ import annotations

from collections.abc import Callable

from trellis.engine.program import program_of
from trellis.model.graph import Graph, Node
from trellis.model.values import Value
from trellis.planning.endings import Walked
from trellis.planning.known import Known, short
from trellis.planning.spans import endless
from trellis.planning.walk import ANSWERS, Child, Walk, common

DEEPEST = 20
"""Graphs that are walked inside each other; what lies deeper is walked by itself, and its time is not followed."""
_UNDOES = "a run inside of one may have things to undo"


class Children:
    """The walks of all graphs that a walk comes to. Where two nodes start runs of one graph, that is walked with what
    both know, so it holds both; `walked` has what came of it in the end, by the name of the graph's document."""

    def __init__(self, explore: Callable[[Graph, Known], Walked], *, listed: bool) -> None:
        self._explore, self._listed = explore, listed
        self.walked: dict[str, Walked] = {}
        self._starts: dict[str, Known] = {}
        self._graphs: dict[str, Graph] = {}
        self._passed: dict[str, frozenset[str]] = {}
        self._under_way: list[str] = []
        self._waiting: dict[str, None] = {}

    def enter(self, walk: Walk, node: Node, known: Known) -> Child:
        """What the child run of a node may come to."""
        use = node.use
        assert use is not None
        name = use.graph
        graph = self._graphs.setdefault(name, walk.graph.used(use))
        self._passed[name] = self._passed.get(name, frozenset(use.fields)) & use.fields.keys()
        start = self._start(graph, walk, node, known)
        before = self._starts.get(name)
        start = self._starts[name] = common(before, start) if before is not None else start
        news = before is None or before.key != start.key
        if name in self._under_way or len(self._under_way) >= DEEPEST:
            if news:
                self._waiting[name] = None
        elif news or name not in self.walked:
            self._walk(name)
        found = self.walked.get(name) if name not in self._under_way and name not in self._waiting else None
        if found is None:
            return Child(endless(node.id, f"it waits for a run of {use.path} inside of one"), endless(node.id, _UNDOES))
        return found.child().inside(node.id)

    def settle(self) -> None:
        """Walk what was left for later."""
        while self._waiting:
            self._walk(next(iter(self._waiting)))
        for name, walked in self.walked.items():
            self.walked[name] = walked._replace(passed=self._passed[name])

    def _walk(self, name: str) -> None:
        self._under_way.append(name)
        while True:
            self._waiting.pop(name, None)
            self.walked[name] = self._explore(self._graphs[name], self._starts[name])
            if name not in self._waiting:  # else a run inside it starts with less that is known
                break
        self._under_way.pop()

    def _start(self, graph: Graph, walk: Walk, node: Node, known: Known) -> Known:
        """What is known of the fields of a child at its start."""
        assert node.use is not None
        fields = program_of(graph).fields
        values: dict[str, Value] = {}
        for name, field in graph.definition.fields.items():
            if field.secret:
                continue
            if name in node.use.fields:
                value, sure = walk.reader.data(node.use.fields[name], known)
                try:
                    if sure and not (value is None and field.source is not None):
                        values[name] = fields[name].fit(value)
                except ValueError:
                    pass  # the child does not start
            elif field.source is None and (field.default is not None or field.optional):
                values[name] = field.default
        if self._listed and ANSWERS in known.values and node.retry is None and "[]" not in node.id:
            values[ANSWERS] = known.values[ANSWERS]
        return Known(short(values))
