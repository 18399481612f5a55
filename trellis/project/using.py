"""The graphs that a graph uses, and those that these use: compiled once each, none from outside the project."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from trellis.model.graph import Definition, reached_by
from trellis.model.problems import Problem
from trellis.model.values import digest
from trellis.project.files import Unreadable, find_root, read_file

if TYPE_CHECKING:
    from trellis.compiler import Compiled
    from trellis.compiler.uses import Found

MOST = 100
"""How many graphs one may use, by whatever way."""


class One(NamedTuple):
    """A document that was compiled alone: None where it is no graph; why it is none; its problems, and the digests of the
    files that it names for other things, by path from its folder."""

    compiled: Compiled | None
    refusal: tuple[str, str]
    problems: list[Problem]
    digests: dict[str, str]


class Using:
    """A document with all that it uses."""

    __slots__ = ("digests", "problems", "uses", "whole")

    def __init__(self) -> None:
        self.whole: Definition | None = None
        """Its definition, with `uses`; None where anything of it has errors."""
        self.problems: list[Problem] = []
        """Its own, and the errors of what it uses: those have no caller here who could mind their warnings."""
        self.digests: dict[str, str] = {}
        """Of every file but its own, by path from its folder."""


def use(path: str, first: One, compiled: Compiled, compile: Callable[[str, bytes], One]) -> Using:
    """Find all that the document at `path` uses; `compile` is given the path and the octets of each."""
    from trellis.compiler.uses import check, linked, paths

    using, root, here = Using(), str(find_root(path)), os.path.dirname(os.path.abspath(path))
    known: dict[str, One] = {os.path.abspath(path): first}
    found: dict[str, dict[str, Found]] = {}
    waiting = [os.path.abspath(path)]
    using.problems, using.digests = list(first.problems), dict(first.digests)
    for place in waiting:
        one = known[place]
        if one.compiled is None:
            continue
        uses = found[place] = {}
        for node, around, written in paths(one.compiled):
            name = os.path.normpath(os.path.join(os.path.dirname(around), written))
            other = os.path.abspath(name)
            if other not in known:
                if len(known) > MOST:
                    uses[node] = _refused(f"more than {MOST} graphs are used, by whatever way", "")
                    continue
                known[other] = _read(written, name, root, compile, using, here)
                if known[other].compiled is not None:
                    waiting.append(other)
            uses[node] = _found(known[other], written, place, other, root)
        using.problems += check(one.compiled, uses)
    table: dict[str, Definition] = {}
    for place in waiting:
        made = known[place].compiled
        if made is not None and made.definition is not None:
            table[_name(place, root)] = linked(made.definition, found[place])
    using.problems = sorted(set(using.problems))
    if not any(problem.severity == "error" for problem in using.problems) and compiled.definition is not None:
        own = linked(compiled.definition, found[os.path.abspath(path)])
        using.whole = replace(own, uses=reached_by(own, table)) if found[os.path.abspath(path)] else own
    return using


def _read(written: str, name: str, root: str, compile: Callable[[str, bytes], One], using: Using, here: str) -> One:
    try:
        data = read_file(name, root)
    except Unreadable as error:
        hint = "a path begins at the folder of the file that names it"
        if "{{" in written:
            hint = "no data chooses a graph: write the path of each, and choose between nodes in `to`"
        return One(None, (f"cannot read '{written}': {error.reason}", hint), [], {})
    one = compile(name, data)
    using.digests[os.path.relpath(os.path.abspath(name), here)] = digest(data)
    for other, known in one.digests.items():
        around = os.path.join(os.path.dirname(os.path.abspath(name)), other)
        using.digests[os.path.relpath(around, here)] = known
    using.problems += [problem for problem in one.problems if problem.severity == "error"]
    return one


def _found(one: One, written: str, place: str, other: str, root: str) -> Found:
    from trellis.compiler.uses import Found

    if one.refusal[0]:
        return _refused(one.refusal[0].replace("{}", written), one.refusal[1])
    path = os.path.relpath(other, os.path.dirname(place)).replace(os.sep, "/")
    return Found(_name(other, root), path, one.compiled)


def _refused(reason: str, hint: str) -> Found:
    from trellis.compiler.uses import Found

    return Found("", "", None, reason, hint)


def _name(place: str, root: str) -> str:
    return os.path.relpath(place, root).replace(os.sep, "/")
