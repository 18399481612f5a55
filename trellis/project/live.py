"""Graphs that stay live while their documents change: a sound version takes the place of the one before, a broken one does not."""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock
from typing import NamedTuple

from trellis.model.graph import Graph
from trellis.model.problems import Problem
from trellis.project.loaders import Loader, Reload
from trellis.project.workspace import Workspace


class Change(NamedTuple):
    """What a change of documents came to for the graph of one of them.

    `graph` is the version that is live now, `before` the one that was; None where there is none yet. A `broken` change
    leaves it as it is, and `problems` say why; warnings stand there in any case.
    """

    name: str
    before: Graph | None
    graph: Graph | None
    problems: tuple[Problem, ...] = ()
    broken: bool = False


class LiveGraphs:
    """The graphs of these documents, each in its last sound version. May be used from several threads.

    `tools`: names that may be called without being declared, None: any.
    """

    def __init__(self, loader: Loader, *, tools: Collection[str] | None = None) -> None:
        self.loader = loader
        self._workspace = Workspace(loader, tools=tools)
        self._graphs: dict[str, Graph | None] = {}
        self._given: dict[str, tuple[str, ...]] = {}
        self._versions: dict[str, set[str]] = {}
        """Of each document, the hashes of all graphs that were live."""
        self._changes: list[Change] = []
        """What was found and not given yet, since a fault of the loader came between."""
        self._lock = Lock()

    def open(self, name: str, given: Collection[str] = ()) -> Graph:
        """The graph in the document `name`, which is live from now on. Raises InvalidGraph where it has never been sound.

        `given`: the fields that starts give, so that a node may need them though nothing else writes them.
        """
        with self._lock:
            name = self._workspace.readings.called(name)
            known = self._graphs.get(name)
            if known is not None:
                return known
            self._graphs[name], self._given[name] = None, tuple(given)
            return self._live(name, self._workspace.graph(name, given)[0])

    def get(self, name: str) -> Graph | None:
        """The version that is live, if there is one. `name`: with a `/` behind it where it is a folder, or without."""
        return self._graphs.get(name) or self._graphs.get(f"{name}/")

    def versions_beside(self, name: str) -> frozenset[str]:
        """The hashes of graphs that were live for other documents, and never for this one. Never waits for the loader."""
        return frozenset().union(*tuple(self._versions.values())) - self._versions.get(name, set())

    def follow(self, reload: Reload) -> list[Change]:
        """Documents changed: what that comes to, for each live graph that they are part of.

        Raises whatever the loader raises that is no Unreadable; then the next call looks at these documents again, and
        gives what was found until then too.
        """
        with self._lock:
            for name in sorted(self._workspace.changed(reload.names) & self._graphs.keys()):
                self._changes.append(self._change(name))
            changes, self._changes = self._changes, []
            return changes

    def _change(self, name: str) -> Change:
        from trellis.errors import InvalidGraph

        before = self._graphs[name]
        try:
            graph, made = self._workspace.graph(name, self._given[name])
        except InvalidGraph as error:
            return Change(name, before, before, tuple(error.problems), broken=True)  # type: ignore[arg-type]
        return Change(name, before, self._live(name, graph), made.problems)

    def _live(self, name: str, graph: Graph) -> Graph:
        self._graphs[name] = graph
        self._versions.setdefault(name, set()).add(graph.hash)
        return graph
