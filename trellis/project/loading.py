"""A file becomes a graph, or all its problems. What was compiled before is not compiled again."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from trellis.errors import InvalidGraph
from trellis.model.graph import Definition, Graph
from trellis.model.problems import Problem
from trellis.project.cache import folder_of, keep, key_of, recall
from trellis.project.files import Unreadable, find_root, read_file

TEST = (".test.yaml", ".test.yml")

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
def load(path: PathText, *, tools: Collection[str] | None = None, cache: bool = True) -> Graph:
    """The graph in the file at `path`; its `source` is the absolute path.

    `tools` are the names of actions that a host registers; None: any name may be one. Raises InvalidGraph with every
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
    definition, problems = _compile(name, data, tools)
    if definition is None:
        raise InvalidGraph(problems)
    graph = Graph(definition, source=source)
    if cache:
        keep(folder, key, graph)
    return graph


@_uncollected()
def validate(paths: Iterable[PathText], *, tools: Collection[str] | None = frozenset()) -> list[Problem]:
    """Every problem of these files, sorted, errors and warnings; empty where there is none.

    `tools` are the names that may be called without being declared. Never raises for what is in the files, or for one
    that cannot be read.
    """
    problems: list[Problem] = []
    for path in paths:
        try:
            problems += _compile(os.fspath(path), read_file(path), tools)[1]
        except Unreadable as error:
            problems.append(error.problem)
    return sorted(problems)


def _compile(path: str, data: bytes, tools: Collection[str] | None) -> tuple[Definition | None, list[Problem]]:
    """The definition in a file, None where it has errors, and all its problems."""
    from trellis.compiler import compile_document  # a graph that was compiled before needs neither
    from trellis.loaders import read

    if path.endswith(TEST):
        return None, [_no_graph(path, "a test", "name the graph that it tests")]
    reading = read(path, data)
    document = reading.document
    if document is None:
        return None, sorted(reading.problems)
    other = _other_kind(document.data, reading.pruned)
    if other is not None:
        # As a graph it has faults of shape, which nobody wants to read of.
        return None, sorted([_no_graph(path, *other), *(found for found in reading.problems if found.code < "E2")])
    compiled = compile_document(document, pruned=reading.pruned, tools=tools)
    problems = sorted([*reading.problems, *compiled.problems])
    broken = any(problem.severity == "error" for problem in problems)
    return (None if broken else compiled.definition), problems


def _other_kind(data: object, pruned: Collection[tuple[str | int, ...]]) -> tuple[str, str] | None:
    """What a document without nodes is, and what to do with it; None where it may be a graph."""
    keys = {*data} if isinstance(data, dict) else set()
    keys |= {steps[0] for steps in pruned if steps}
    if "nodes" in keys:
        return None
    if keys & {"states", "components"}:
        return "a state schema", "only graphs run: give it `nodes`"
    if "tools" in keys:
        return "a tool catalogue", "copy what you need into the `tools:` of a graph"
    return None


def _no_graph(path: str, kind: str, hint: str) -> Problem:
    return Problem(path, 1, 1, "E118", "error", f"this is {kind}, not a graph", hint)
