"""The graphs that a graph uses, and those that these use: compiled once each, none from outside the project."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from trellis.errors import Unreadable
from trellis.model.graph import Definition, reached_by
from trellis.model.problems import Problem
from trellis.project.loaders import beside
from trellis.project.readings import Readings

if TYPE_CHECKING:
    from trellis.compiler import Compiled
    from trellis.compiler.uses import Found
    from trellis.loaders import Reading

MOST = 100
"""How many graphs one may use, by whatever way."""


INSTEAD = {
    "test": "name the graph that it tests",
    "state schema": "only graphs run: give it `nodes`",
    "node": "name the folder that it is in",
    "tool catalogue": "copy what you need into the `tools:` of a graph",
}
"""Kind of a document that is no graph -> what to do with it."""


class One(NamedTuple):
    """A document that was compiled alone: None where it is no graph; why it is none; its problems; and it and what it
    names for other things: name -> digest."""

    compiled: Compiled | None
    refusal: tuple[str, str]
    problems: list[Problem]
    documents: dict[str, str]


class Using:
    """A document with all that it uses."""

    __slots__ = ("documents", "problems", "uses", "whole")

    def __init__(self) -> None:
        self.whole: Definition | None = None
        """Its definition, with `uses`; None where anything of it has errors."""
        self.problems: list[Problem] = []
        """Its own, and the errors of what it uses: those have no caller here who could mind their warnings."""
        self.documents: dict[str, str] = {}
        """All that were read for it, itself too: name -> digest."""


def use(readings: Readings, name: str, first: One, alone: Callable[[str, Reading], One]) -> Using:
    """Find all that the document called `name` uses; `alone` compiles each of them, if it was not before."""
    from trellis.compiler.uses import check, linked, paths

    using = Using()
    known: dict[str, One] = {name: first}
    found: dict[str, dict[str, Found]] = {}
    waiting = [name]
    using.problems, using.documents = list(first.problems), dict(first.documents)
    for place in waiting:
        one = known[place]
        if one.compiled is None:
            continue
        uses = found[place] = {}
        called = {readings.shown(each): each for each in one.documents}
        for node, around, written in paths(one.compiled):
            other = readings.called(beside(called[around], written))
            if other not in known:
                if len(known) > MOST:
                    uses[node] = _refused(f"more than {MOST} graphs are used, by whatever way", "")
                    continue
                known[other] = _read(readings, written, other, using, alone)
                if known[other].compiled is not None:
                    waiting.append(other)
            uses[node] = _found(known[other], place, other)
        using.problems += check(one.compiled, uses)
    table: dict[str, Definition] = {}
    for place in waiting:
        made = known[place].compiled
        if made is not None and made.definition is not None:
            table[place] = linked(made.definition, found[place])
    using.problems = sorted(set(using.problems))
    compiled = first.compiled
    assert compiled is not None
    if not any(problem.severity == "error" for problem in using.problems) and compiled.definition is not None:
        own = linked(compiled.definition, found[name])
        using.whole = replace(own, uses=reached_by(own, table)) if found[name] else own
    return using


def _read(readings: Readings, written: str, name: str, using: Using, alone: Callable[[str, Reading], One]) -> One:
    from trellis.loaders import kind_of

    using.documents[name] = readings.digest(name)
    if not using.documents[name] and not name.endswith("/"):
        using.documents[f"{name}/"] = readings.digest(f"{name}/")  # should a folder of that name come
    try:
        reading = readings.reading(name)
    except Unreadable as error:
        hint = (
            error.hint
            if error.hint.startswith("did you mean")
            else "a path begins at the folder of the file that names it"
        )
        if "{{" in written:
            hint = "no data chooses a graph: write the path of each, and choose between nodes in `to`"
        return One(None, (f"cannot read '{written}': {error.reason}", hint), [], {})
    by_name = kind_of(name, None)
    kind = by_name if by_name in ("test", "node") else reading.kind
    if by_name in ("test", "node") or (kind != "graph" and reading.document is not None):
        return One(None, (f"'{written}' is a {kind}, not a graph", INSTEAD[kind]), [], {})
    one = One(None, ("", ""), list(reading.problems), {})
    if reading.document is not None:
        one = alone(name, reading)
    using.documents |= one.documents
    using.problems += [problem for problem in one.problems if problem.severity == "error"]
    return one


def _found(one: One, place: str, other: str) -> Found:
    from trellis.compiler.uses import Found

    if one.refusal[0]:
        return _refused(one.refusal[0], one.refusal[1])
    path = posixpath.relpath(other, posixpath.dirname(place) or ".")
    return Found(other, f"{path}/" if other.endswith("/") else path, one.compiled)


def _refused(reason: str, hint: str) -> Found:
    from trellis.compiler.uses import Found

    return Found("", "", None, reason, hint)
