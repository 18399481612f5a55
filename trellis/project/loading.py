"""A file becomes a graph, or states, or all its problems. What was compiled before is not compiled again."""

from __future__ import annotations

import gc
import os
import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from trellis.errors import InvalidGraph
from trellis.model.folders import beside
from trellis.model.graph import Graph
from trellis.model.problems import Problem
from trellis.model.states import DeclaredState
from trellis.project.cache import folder_of, keep, keep_problems, key_of, recall, recall_problems
from trellis.project.files import find_root
from trellis.project.folders import is_folder, named
from trellis.project.loaders import FileLoader, Loader
from trellis.project.readings import Readings
from trellis.project.workspace import UNPROVED as UNPROVED
from trellis.project.workspace import Compilation, Workspace

PathText = str | os.PathLike[str]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: compiling makes much and drops nothing, so each of its rounds is in vain."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@_uncollected()
def load(
    path: PathText,
    *,
    tools: Collection[str] | None = None,
    given: Collection[str] = (),
    cache: bool = True,
    loader: Loader | None = None,
) -> Graph:
    """The graph in the file or folder at `path`; its `source` is the absolute path, that of a folder with `/` behind it.

    `tools` are the names of actions that a host registers; None: any name may be one. `given` are the fields that the
    start gives, so that a node may need them though nothing else writes them. With a `loader`, `path` is a name of
    its, and only what files hold is kept in the cache. Raises InvalidGraph with every problem, warnings too, where
    there is an error; the same for a file that is absent or no graph.
    """
    graph, fresh = _found(path, tools, given, loader, cache=cache)
    if not fresh:
        return graph
    # Its parts lie scattered among all that compiling made, and would hold that memory: taken anew they lie together.
    data, address, source = graph.data, graph.hash, graph.source
    del graph
    return Graph.decode(data, address, source=source)


def _found(
    path: PathText, tools: Collection[str] | None, given: Collection[str], loader: Loader | None, *, cache: bool
) -> tuple[Graph, bool]:
    """The graph, and whether it was compiled here and now."""
    loader, name, called = _reached(path, loader)
    workspace = Workspace(loader, tools=tools, shown=called, warned=False)
    readings = workspace.readings
    known = readings.digest(name) if cache and isinstance(loader, FileLoader) else ""
    if not known or not isinstance(loader, FileLoader):
        return _sound(workspace, name, given)[0], True
    folder = folder_of(Path(loader.root))
    # What it uses is named by the paths from the root, and what has no name is named as its folder.
    key = key_of(known, f"{name} {named(loader, name)}" if name.endswith("/") else name, tools)
    graph = recall(folder, key, loader.place(name), lambda digests: _unchanged(readings, name, digests))
    if graph is not None:
        return graph, False
    graph, made = _sound(workspace, name, given)
    if not made.given and made.documents[name] == known:
        keep(folder, key, graph, _named(name, made.documents))
    return graph, True


def _sound(workspace: Workspace, name: str, given: Collection[str]) -> tuple[Graph, Compilation]:
    """The graph, made without a look at its warnings, which nobody would see. Raises InvalidGraph with them, too."""
    try:
        return workspace.graph(name, given)
    except InvalidGraph:
        workspace.warned = True
        workspace.forget(name)
        return workspace.graph(name, given)


@_uncollected()
def load_states(
    path: PathText, *, loader: Loader | None = None
) -> tuple[dict[str, DeclaredState], dict[str, tuple[str, ...]], str]:
    """The states, in order, the groups and the name of the state schema in the file at `path`, or of that name.

    Raises InvalidGraph with every problem, warnings too, where there is an error; the same for a file that is absent
    or no state schema.
    """
    loader, name, called = _reached(path, loader)
    made = Workspace(loader, tools=None, shown=called).compile(name, "state schema")
    if made.definition is None:
        raise InvalidGraph(made.problems)
    return made.definition.states, made.definition.groups, made.definition.name


@_uncollected()
def validate(
    paths: Iterable[PathText], *, tools: Collection[str] | None = frozenset(), loader: Loader | None = None
) -> list[Problem]:
    """Every problem of these files, sorted, errors and warnings; empty where there is none.

    `tools` are the names that may be called without being declared. Never raises for what is in the files, or for one
    that cannot be read. What several of them name is read once.
    """
    problems: set[Problem] = set()
    workspaces: dict[tuple[str, str], tuple[Workspace, _Called]] = {}
    for path in paths:
        by, name, called = _reached(path, loader)
        # Files that are named in the same way, from the same root, name others in the same way too.
        root = by.root if isinstance(by, FileLoader) else ""
        key = (root, called(""))
        if key not in workspaces:
            workspaces[key] = Workspace(by, tools=tools, shown=called), called
        workspace, known = workspaces[key]
        known.given |= called.given
        problems |= set(_problems(workspace, name, f"{called(name)} {called('')}"))
        workspace.forget(name)
    return sorted(problems)


def _problems(workspace: Workspace, name: str, shown: str) -> Iterable[Problem]:
    """All problems of a document; those of a folder are kept in the cache, for it may hold thousands of files."""
    loader, readings = workspace.readings.loader, workspace.readings
    known = readings.digest(name) if name.endswith("/") and isinstance(loader, FileLoader) else ""
    if not known or not isinstance(loader, FileLoader):
        return workspace.compile(name, "any").problems
    folder, key = folder_of(Path(loader.root)), key_of(known, shown, workspace.tools)
    problems = recall_problems(folder, key, lambda digests: _unchanged(readings, name, digests))
    if problems is None:
        made = workspace.compile(name, "any")
        problems = list(made.problems)
        keep_problems(folder, key, problems, _named(name, made.documents))
    return problems


class _Called:
    """How problems call documents: as they were given, and others as whoever gave the first one would."""

    def __init__(self, name: str, path: str) -> None:
        self.given = {name: path}
        self._around, self._here = os.path.dirname(path), posixpath.dirname(name) or "."

    def __call__(self, name: str) -> str:
        known = self.given.get(name)
        if known is None:
            known = os.path.normpath(os.path.join(self._around, posixpath.relpath(name or ".", self._here)))
            known += "/" if name.endswith("/") else ""
        return known


def _reached(path: PathText, loader: Loader | None) -> tuple[Loader, str, _Called]:
    """The loader, the name of the document with it, and how problems call documents."""
    given = os.fspath(path)
    if loader is not None:
        name = posixpath.normpath(given)
        return loader, name, _Called(name, name)
    files = FileLoader(find_root(path))
    name = files.name(path)
    if is_folder(files, name):
        name, given = f"{name}/", f"{given.rstrip('/')}/"
    return files, name, _Called(name, given)


def _named(name: str, documents: Mapping[str, str]) -> dict[str, str]:
    """All documents but the one called `name`, by path from its folder."""
    around = posixpath.dirname(name) or "."
    return {
        posixpath.relpath(other, around) + ("/" if other.endswith("/") else ""): digest
        for other, digest in documents.items()
        if other != name
    }


def _unchanged(readings: Readings, name: str, digests: Mapping[str, str]) -> bool:
    """Whether the documents that the one called `name` named then are as they were; by path from its folder."""
    return all(readings.digest(beside(name, other)) == before for other, before in digests.items())
