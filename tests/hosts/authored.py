"""Graphs for the tests of hosts, written as an author would write them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from trellis.compiler import compile_document
from trellis.loaders import read
from trellis.model.graph import Graph


def graph(text: str, source: str = "") -> Graph:
    """The graph of this YAML. Fails where it has problems."""
    reading = read("test.yaml", text.encode())
    assert reading.document is not None and not reading.problems, reading.problems
    compiled = compile_document(reading.document, pruned=reading.pruned)
    errors = [str(problem) for problem in compiled.problems if problem.severity == "error"]
    assert compiled.definition is not None and not errors, errors
    return Graph(compiled.definition, source=source)


def kinds(lines: list[dict[str, object]]) -> list[str]:
    """The lines in short: type and node."""
    return [" ".join(str(line[key]) for key in ("type", "node", "purpose") if key in line) for line in lines]


class Failing:
    """A store that keeps the contract of the one it holds, but fails where it is told to."""

    def __init__(self, store: object, fails: Callable[[str], BaseException | None]) -> None:
        self._store, self._fails = store, fails

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: object, **kwargs: object) -> object:
            error = self._fails(name)
            if error is not None:
                raise error
            return await found(*args, **kwargs)

        return call


def each_nth(nth: int, error: BaseException) -> Callable[[str], BaseException | None]:
    """Fails the nth append, and no other call."""
    counted: Iterator[int] = iter(range(1, 1_000_000))
    return lambda name: error if name == "append" and next(counted) == nth else None
