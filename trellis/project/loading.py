"""A file becomes a graph, or states, or all its problems. What was compiled before is not compiled again."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from trellis.errors import InvalidGraph
from trellis.model.graph import Definition, Graph
from trellis.model.problems import Problem
from trellis.model.states import DeclaredState
from trellis.project.cache import folder_of, keep, key_of, recall
from trellis.project.files import Unreadable, find_root, read_file
from trellis.project.including import include

INSTEAD = {
    "test": "name the graph that it tests",
    "state schema": "only graphs run: give it `nodes`",
    "tool catalogue": "copy what you need into the `tools:` of a graph",
}
"""Kind of a document that is no graph -> what to do with it."""

if TYPE_CHECKING:
    from trellis.compiler import Compiled
    from trellis.loaders import Reading

UNPROVED = "E306"
"""The code of a field that a node needs and that some path does not write."""
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
    path: PathText, *, tools: Collection[str] | None = None, given: Collection[str] = (), cache: bool = True
) -> Graph:
    """The graph in the file at `path`; its `source` is the absolute path.

    `tools` are the names of actions that a host registers; None: any name may be one. `given` are the fields that the
    start gives, so that a node may need them though nothing else writes them. Raises InvalidGraph with every
    problem, warnings too, where there is an error; the same for a file that is absent or no graph.
    """
    name, source = os.fspath(path), os.path.abspath(path)
    try:
        data = read_file(path)
    except Unreadable as error:
        raise InvalidGraph([error.problem]) from error
    folder = folder_of(find_root(path))
    key = key_of(data, os.path.basename(name), tools) if cache else ""
    graph = recall(folder, key, source) if cache else None
    if graph is not None:
        return graph
    definition, problems, named = _compile(name, data, tools)
    if definition is None and given and all(found.code == UNPROVED for found in problems if found.severity == "error"):
        definition, problems, named = _compile(
            name, data, tools, given=given
        )  # for this start alone, so it is not kept
        cache = False
    if definition is None:
        raise InvalidGraph(problems)
    graph = Graph(definition, source=source)
    if cache:
        keep(folder, key, graph, named)
    return graph


@_uncollected()
def load_states(path: PathText) -> tuple[dict[str, DeclaredState], dict[str, tuple[str, ...]], str]:
    """The states, in order, the groups and the name of the state schema in the file at `path`.

    Raises InvalidGraph with every problem, warnings too, where there is an error; the same for a file that is absent
    or no state schema.
    """
    name = os.fspath(path)
    try:
        data = read_file(path)
    except Unreadable as error:
        raise InvalidGraph([error.problem]) from error
    definition, problems, _ = _compile(name, data, None, wanted="state schema")
    if definition is None:
        raise InvalidGraph(problems)
    return definition.states, definition.groups, definition.name


@_uncollected()
def validate(paths: Iterable[PathText], *, tools: Collection[str] | None = frozenset()) -> list[Problem]:
    """Every problem of these files, sorted, errors and warnings; empty where there is none.

    `tools` are the names that may be called without being declared. Never raises for what is in the files, or for one
    that cannot be read.
    """
    problems: list[Problem] = []
    for path in paths:
        try:
            problems += _compile(os.fspath(path), read_file(path), tools, wanted="any")[1]
        except Unreadable as error:
            problems.append(error.problem)
    return sorted(set(problems))


def _compile(
    path: str,
    data: bytes,
    tools: Collection[str] | None,
    *,
    wanted: Literal["graph", "state schema", "any"] = "graph",
    given: Collection[str] = (),
) -> tuple[Definition | None, list[Problem], dict[str, str]]:
    """The definition in a file, None where it has errors; all problems; and the digests of the files it names.

    Of a state schema only `name`, `states` and `groups` of the definition mean anything, and `needs` nothing.
    """
    from trellis.loaders import kind_of, read  # a graph that was compiled before needs neither them nor the compiler

    if kind_of(path, None) == "test":
        return None, [_other(path, "test", wanted)], {}
    reading = read(path, data)
    document, kind = reading.document, reading.kind
    if document is None:
        return None, sorted(reading.problems), {}
    if kind != wanted and (wanted != "any" or kind == "tool catalogue"):
        # As what it is not it has faults of shape, which nobody wants to read of.
        textual = [found for found in reading.problems if found.code < "E2"]
        return None, sorted([_other(path, kind, wanted), *textual]), {}
    compiled, problems, digests = _alone(path, reading, tools, given)
    if any(site.node.use is not None for site in compiled.view.sites.values()):
        from trellis.project.using import One, use

        def another(name: str, data: bytes) -> One:
            other = read(name, data)
            if kind_of(name, None) == "test" or (other.kind != "graph" and other.document is not None):
                kind = "test" if kind_of(name, None) == "test" else other.kind
                return One(None, (f"'{{}}' is a {kind}, not a graph", INSTEAD[kind]), [], {})
            if other.document is None:
                return One(None, ("", ""), list(other.problems), {})
            made, found, named = _alone(name, other, tools)
            return One(made, ("", ""), found, named)

        using = use(path, One(compiled, ("", ""), problems, digests), compiled, another)
        return using.whole, using.problems, using.digests
    broken = any(problem.severity == "error" for problem in problems)
    return (None if broken else compiled.definition), problems, digests


def _alone(
    path: str, reading: Reading, tools: Collection[str] | None, given: Collection[str] = ()
) -> tuple[Compiled, list[Problem], dict[str, str]]:
    """What a document is without those that it uses; its problems; and the digests of the files it names."""
    from trellis.compiler import compile_document, compile_schema

    assert reading.document is not None
    included = include(path, reading)
    if reading.kind == "state schema":
        compiled = compile_schema(reading.document, pruned=reading.pruned, named=included.named)
    else:
        named = included.named
        compiled = compile_document(reading.document, pruned=reading.pruned, tools=tools, named=named, given=given)
    return compiled, sorted([*reading.problems, *included.problems, *compiled.problems]), included.digests


def _other(path: str, kind: str, wanted: str) -> Problem:
    """That a document is of another kind than what is wanted."""
    if wanted == "state schema":
        hint = "a state schema has `states`, or `extends`, and no `nodes`"
        return Problem(path, 1, 1, "E118", "error", f"this is a {kind}, not a state schema", hint)
    return Problem(path, 1, 1, "E118", "error", f"this is a {kind}, not a graph", INSTEAD[kind])
