"""Every name in the documents of a graph, as the compiler has resolved it: what it means, and which characters it takes.

Names in expressions and templates are found in the parsed expression, so one that is local to it (`item`, the name after
`for`) is none of these.
"""

from __future__ import annotations

import ast
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args

from trellis.compiler.sites import Site, Steps, Text, View
from trellis.expr.reading import CONSTANTS
from trellis.expr.syntax import Source
from trellis.model.graph import TARGETS
from trellis.model.types import Type

Kind = Literal["node", "field", "state", "signal", "tool"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class Occurrence(NamedTuple):
    """One name in a document: it stands at the characters `start` to `end` of the text at `steps`, or of its key.

    `path` is the file, and `steps` count in it. A key of no steps is the name of the file itself, of a node in a folder.
    `meaning` is the id of a node, `checks.http`, or the name of anything else.
    """

    kind: Kind
    meaning: str
    path: str
    steps: Steps
    key: bool
    start: int
    end: int
    defines: bool


def occurrences(view: View) -> list[Occurrence]:
    """Every name of a view that means something, those in documents that it includes too; in the order of its parts."""
    return list(dict.fromkeys(_Finding(view).all()))


def fields_given(view: View) -> Iterator[tuple[str, str, Occurrence]]:
    """Each field of another graph to which a node that uses it gives a value: the document around, the path, the name."""
    for site in view.sites.values():
        if site.node.use is not None:
            for name in site.node.use.fields:
                steps = (*site.steps, "with", name)
                document, below = view.home(steps)
                found = Occurrence("field", name, document.path, below, key=True, start=0, end=len(name), defines=False)
                yield _around(view, site), site.node.use.path, found


def _around(view: View, site: Site) -> str:
    return view.home(site.steps)[0].path if view.is_included(site.steps) else view.document.path


class _Finding:
    def __init__(self, view: View) -> None:
        self.view = view
        self.data: dict[str, Any] = view.document.data  # type: ignore[assignment]
        self.loops: dict[tuple[str, str], list[tuple[int, str]]] = {}

    def all(self) -> Iterator[Occurrence]:
        yield from self.nodes()
        yield from self.fields()
        yield from self.states()
        yield from self.others()
        for text in self.view.texts:
            yield from self.text(text)
        for site in self.view.sites.values():
            for text in site.texts:
                yield from self.text(text)

    def one(
        self,
        kind: Kind,
        meaning: str,
        steps: Steps,
        name: str,
        *,
        key: bool = False,
        start: int = 0,
        defines: bool = False,
    ) -> Occurrence:
        document, below = self.view.home(steps)
        return Occurrence(kind, meaning, document.path, below, key, start, start + len(name), defines)

    def nodes(self) -> Iterator[Occurrence]:
        for region in self.view.regions.values():
            branch = str(region.steps[-1]) if region.steps else ""
            if region.owner and region.id == f"{region.owner}.{branch}":
                yield self.one("node", region.id, region.steps, branch, key=True, defines=True)
            if not region.single:
                for name, meaning in region.names.items():
                    steps = (*region.steps, "nodes", name)
                    yield self.one("node", meaning, steps, name, key=True, defines=True)
        head: Any = self.view.home(())[0].data
        for reference in self.view.references:
            if reference.steps == ("start",) and "start" not in head:
                continue  # a folder starts at the node of this name where nothing says so
            if reference.found is not None and reference.found not in TARGETS:
                yield self.one("node", reference.found, reference.steps, reference.name)
        for old, now in (self.data.get("migrate") or {}).get("nodes", {}).items():
            for meaning in self.above(now):
                own = meaning.rpartition(".")[2]
                start = len(meaning) - len(own)
                yield self.one("node", meaning, ("migrate", "nodes", old), own, start=start)

    def above(self, path: str) -> Iterator[str]:
        """The ids in the path of a node: of `checks.http` those of the node and of its branch."""
        for end in [*(place for place, mark in enumerate(path) if mark in ".["), len(path)]:
            if path[:end] and not path[:end].endswith("]"):
                yield path[:end]

    def fields(self) -> Iterator[Occurrence]:
        for name in self.data.get("fields") or {}:
            yield self.one("field", name, ("fields", name), name, key=True, defines=True)
        for old, now in (self.data.get("migrate") or {}).get("fields", {}).items():
            yield self.one("field", now, ("migrate", "fields", old), now)
        for schedule, written in (self.data.get("schedules") or {}).items():
            for name in written.get("with") or {}:
                yield self.field(name, ("schedules", schedule, "with", name), key=True)
        for site in self.view.sites.values():
            data = site.data
            if site.node.ask is not None:
                for word, written in data["ask"].items():
                    if written == site.node.ask.field and word == site.node.ask.kind:
                        yield self.field(written, (*site.steps, "ask", word))
                    elif word == "form":
                        for place, name in enumerate(written):
                            yield self.field(name, (*site.steps, "ask", word, place))
            if isinstance(data.get("save"), str):
                yield self.field(data["save"], (*site.steps, "save"))
            for name in (data.get("set") or {}).get("fields") or {}:
                yield self.field(name, (*site.steps, "set", "fields", name), key=True)
            for place, name in enumerate(data.get("needs") or ()):
                yield self.field(name, (*site.steps, "needs", place))

    def field(self, name: str, steps: Steps, *, key: bool = False) -> Occurrence:
        return self.one("field", name, steps, name, key=key)

    def states(self) -> Iterator[Occurrence]:
        for state in self.view.states.values():
            if not state.mixin:
                yield self.one("state", state.name, state.steps, state.name, key=True, defines=True)
        for mention in self.view.mentions:
            if mention.sound and mention.meant is not None and not (mention.holder and mention.holder.mixin):
                is_state = mention.meant in self.view.states
                kind: Kind = "state" if is_state or mention.role != "require" else "node"
                yield self.one(kind, mention.meant, mention.steps, mention.name, key=mention.key)

    def others(self) -> Iterator[Occurrence]:
        for name in self.data.get("signals") or {}:
            yield self.one("signal", name, ("signals", name), name, key=True, defines=True)
        for name in self.data.get("tools") or {}:
            yield self.one("tool", name, ("tools", name), name, key=True, defines=True)
        yield from self.taken(self.data, ())
        for site in self.view.sites.values():
            yield from self.taken(site.data, site.steps)
            signal = site.node.wait.signal if site.node.wait is not None else ""
            if signal:
                yield self.one("signal", signal, (*site.steps, "wait", "signal"), signal)
            yield from self.called(site.data, site.steps)
            for key in ("undo", "remind"):
                if key in site.data:
                    yield from self.called(site.data[key], (*site.steps, key))
            escalate = site.data.get("escalate")
            for place, step in enumerate(escalate if isinstance(escalate, list) else []):
                yield from self.called(step, (*site.steps, "escalate", place))
            if isinstance(escalate, dict):
                yield from self.called(escalate, (*site.steps, "escalate"))

    def taken(self, data: Mapping[str, Any], steps: Steps) -> Iterator[Occurrence]:
        """The signals in an `upon`."""
        for name in data.get("upon") or {}:
            if name != "states":
                yield self.one("signal", name, (*steps, "upon", name), name, key=True)

    def called(self, data: Any, steps: Steps) -> Iterator[Occurrence]:
        """The tools in a `do`."""
        written = data.get("do") if isinstance(data, dict) else None
        here = (*steps, "do")
        if isinstance(written, dict):
            for place, name in enumerate(written.get("allow") or ()):
                yield self.one("tool", name, (*here, "allow", place), name)
            here, written = (*here, "tool"), written.get("tool")
        if isinstance(written, str) and "{{" not in written:
            yield self.one("tool", written, here, written)

    def text(self, text: Text) -> Iterator[Occurrence]:
        """The fields and states that a text reads."""
        for offset, name in self.read(text):
            kind = self.kind(text, name)
            if kind is not None:
                yield self.one(kind, name, text.steps, name, start=offset)

    def kind(self, text: Text, name: str) -> Kind | None:
        """What a name in a text means; None where it is local, or nothing."""
        for names in _layers(text.scope):
            if name in names:
                if names is self.view.fields:
                    return "field"
                return "state" if text.steps[-2:] == ("wait", "if") and name in self.view.states else None
        return None

    def read(self, text: Text) -> list[tuple[int, str]]:
        """Each name that a text reads, and where it begins in it."""
        key = text.kind, text.text
        if key not in self.loops:
            found = []
            for part in text.parsed.parts:
                if not isinstance(part, str):
                    offset, snippet = part
                    found += [(offset + at, name) for at, name in free_names(snippet.text)]
            self.loops[key] = found
        return self.loops[key]


def _layers(scope: Mapping[str, Type]) -> Iterator[Mapping[str, Type]]:
    """The maps that a name is looked for in, innermost first."""
    if isinstance(scope, ChainMap):
        for names in scope.maps:
            yield from _layers(names)
    else:
        yield scope


def free_names(expression: str) -> list[tuple[int, str]]:
    """Each name in an expression that is not its own, and where it begins. Raises ExpressionSyntax."""
    source = Source(expression)
    found: list[tuple[int, str]] = []
    _free(source.tree, frozenset(CONSTANTS), source, found)
    return sorted(found)


def _free(node: ast.AST, own: frozenset[str], source: Source, found: list[tuple[int, str]]) -> None:
    if isinstance(node, ast.Name):
        if node.id not in own:
            found.append((source.offset(node), node.id))
        return
    if isinstance(node, ast.Call):
        for argument in node.args:
            _free(argument, own, source, found)
        return
    if isinstance(node, ast.ListComp | ast.DictComp | ast.GeneratorExp):
        for clause in node.generators:
            _free(clause.iter, own, source, found)
            own |= {each.id for each in ast.walk(clause.target) if isinstance(each, ast.Name)}
            for test in clause.ifs:
                _free(test, own, source, found)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            _free(part, own, source, found)
        return
    for child in ast.iter_child_nodes(node):
        _free(child, own, source, found)
