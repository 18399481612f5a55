"""What a project's documents come to, kept by content: only what changed is read, only what depends on it compiled.

A workspace believes its loader's word until `changed` says otherwise: what it was not told of is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Literal

from trellis.errors import InvalidGraph, Unreadable
from trellis.model.graph import Definition, Graph
from trellis.model.problems import Problem
from trellis.project.folders import explained
from trellis.project.including import include
from trellis.project.loaders import FileLoader, Loader
from trellis.project.readings import Readings, unreadable
from trellis.project.using import INSTEAD, One, use

if TYPE_CHECKING:
    from trellis.compiler import Compiled
    from trellis.loaders import Reading

Wanted = Literal["graph", "state schema", "any"]
"""What a document is to be; `any`: whichever of them it is."""
UNPROVED = "E306"
"""The code of a field that a node needs and that some path does not write."""


class Compilation:
    """What became of a document and of all that it names.

    `definition` is None where anything of it has errors; of a state schema only its `name`, `states` and `groups` mean
    anything. `problems` are sorted. `documents` are all that were read for it, itself too: name -> digest of the
    octets, "" where it cannot be read; a name that ends in `/` is a folder, with all that its graph may be made of.
    """

    __slots__ = ("_graph", "definition", "documents", "given", "problems", "source")

    def __init__(
        self, definition: Definition | None, problems: Iterable[Problem], documents: Mapping[str, str], source: str
    ) -> None:
        self.definition, self.problems, self.documents = definition, tuple(problems), documents
        self.source = source
        """Where the document is, for people and as the working directory of its tools; empty for other loaders' ones."""
        self.given: tuple[str, ...] = ()
        """The fields that every start has to give, for this to hold."""
        self._graph: Graph | None = None

    @property
    def graph(self) -> Graph | None:
        """The graph, None where there are errors or it is a state schema."""
        if self._graph is None and self.definition is not None and self.definition.nodes:
            self._graph = Graph(self.definition, source=self.source)
        return self._graph


class Workspace:
    """The documents of a loader and what they come to. `tools`: names that may be called without being declared, None:
    any; `shown`: how problems call a document, by default by its name; without `warned`, no warnings are looked for."""

    def __init__(
        self,
        loader: Loader,
        *,
        tools: Collection[str] | None = frozenset(),
        shown: Callable[[str], str] = str,
        warned: bool = True,
    ) -> None:
        self.readings, self.tools, self.warned = Readings(loader, shown), tools, warned
        self._alone: dict[str, One] = {}
        self._made: dict[tuple[str, Wanted], Compilation] = {}

    def compile(self, name: str, wanted: Wanted = "graph", *, given: Collection[str] = ()) -> Compilation:
        """What the document `name` comes to. Never raises for what is in documents, or for one that cannot be read.

        `given` are fields that a start gives; what they prove holds for that start alone, and is not kept.
        """
        name = self.readings.called(name)
        made = self._made.get((name, wanted))
        if made is not None and not given and self.readings.hold(made.documents):
            return made
        made = self._compile(name, wanted, given)
        made.given = tuple(given)
        if not given:
            self._made[name, wanted] = made
        return made

    def graph(self, name: str, given: Collection[str] = ()) -> tuple[Graph, Compilation]:
        """The graph in the document `name`, and what it comes of. Raises InvalidGraph with all problems, warnings too.

        `given`: as in `compile`; it is looked at only where the graph is not good for every start.
        """
        made = self.compile(name)
        if made.definition is None and given:
            errors = [found for found in made.problems if found.severity == "error"]
            if all(found.code == UNPROVED for found in errors):
                made = self.compile(name, given=given)
        if made.graph is None:
            raise InvalidGraph(made.problems)
        return made.graph, made

    def alone(self, name: str) -> Compiled | None:
        """A document by itself, with its view and without what it uses; None where nothing of it is readable."""
        name = self.readings.called(name)
        try:
            reading = self.readings.reading(name)
        except Unreadable:
            return None
        if reading.document is None or reading.kind not in ("graph", "state schema"):
            return None
        return self.one(name, reading).compiled

    def changed(self, names: Iterable[str] = ()) -> frozenset[str]:
        """Documents changed, came or went: these; none: any may have. Which of those that were compiled here come to
        something else now, as far as can be told without compiling them."""
        self.readings.forget(names)
        return frozenset(name for (name, _), made in self._made.items() if not self.readings.hold(made.documents))

    def forget(self, name: str) -> None:
        """Drop what a document came to; how it is written stays, for those who name it."""
        self._alone.pop(name, None)
        for key in [key for key in self._made if key[0] == name]:
            del self._made[key]

    def one(self, name: str, reading: Reading, given: Collection[str] = ()) -> One:
        """A document that is readable, compiled alone; `given`: as in `compile`."""
        known = self._alone.get(name)
        if known is not None and not given and self.readings.hold(known.documents):
            return known
        from trellis.compiler import compile_document, compile_schema

        assert reading.document is not None
        included = include(self.readings, name, reading)
        if reading.kind == "state schema":
            compiled = compile_schema(reading.document, pruned=reading.pruned, named=included.named)
        else:
            compiled = compile_document(
                reading.document,
                pruned=reading.pruned,
                tools=self.tools,
                named=included.named,
                given=given,
                warned=self.warned,
            )
        problems = sorted([*reading.problems, *included.problems, *compiled.problems])
        if name.endswith("/"):
            problems = explained(problems, self.readings.left_out(name))
        one = One(compiled, ("", ""), problems, {name: self.readings.digest(name), **included.documents})
        if not given:
            self._alone[name] = one
        return one

    def _compile(self, name: str, wanted: Wanted, given: Collection[str]) -> Compilation:
        from trellis.loaders import kind_of

        source = self.readings.loader.place(name) if isinstance(self.readings.loader, FileLoader) else ""
        documents = {name: self.readings.digest(name)}
        try:
            reading = self.readings.reading(name)
        except Unreadable as error:
            return Compilation(None, [unreadable(self.readings.shown(name), error)], documents, source)
        if (kind := kind_of(name, None)) in ("test", "node"):
            return Compilation(None, [_other(self.readings.shown(name), kind, wanted)], documents, source)
        document, kind = reading.document, reading.kind
        if document is None:
            return Compilation(None, sorted(reading.problems), documents, source)
        if kind != wanted and (wanted != "any" or kind in ("tool catalogue", "node")):
            # As what it is not it has faults of shape, which nobody wants to read of.
            textual = [found for found in reading.problems if found.code < "E2"]
            problems = sorted([_other(self.readings.shown(name), kind, wanted), *textual])
            return Compilation(None, problems, documents, source)
        one = self.one(name, reading, given)
        compiled = one.compiled
        assert compiled is not None
        if any(site.node.use is not None for site in compiled.view.sites.values()):
            using = use(self.readings, name, one, self.one)
            return Compilation(using.whole, using.problems, using.documents, source)
        broken = any(problem.severity == "error" for problem in one.problems)
        return Compilation(None if broken else compiled.definition, one.problems, one.documents, source)


def _other(path: str, kind: str, wanted: str) -> Problem:
    """That a document is of another kind than what is wanted."""
    path = path.rstrip("/")
    if wanted == "state schema":
        hint = "a state schema has `states`, or `extends`, and no `nodes`"
        return Problem(path, 1, 1, "E118", "error", f"this is a {kind}, not a state schema", hint)
    return Problem(path, 1, 1, "E118", "error", f"this is a {kind}, not a graph", INSTEAD[kind])
