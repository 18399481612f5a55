"""The documents that a document names, and those that these name: read once each, none from outside the project."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from trellis.model.problems import Problem
from trellis.model.values import digest
from trellis.project.files import Unreadable, find_root, read_file

if TYPE_CHECKING:
    from trellis.compiler import Source
    from trellis.loaders import Reading
    from trellis.model.documents import Step

MOST = 100
"""How many documents one may name, by whatever way."""


class Included:
    """What a document names: `named`, as the compiler takes it; the `problems` of what was read for it, sorted; and
    `digests` of that by path, from the folder of the document."""

    __slots__ = ("digests", "named", "problems")

    def __init__(self) -> None:
        self.named: Mapping[tuple[Step, ...], Source | str | None] = {}
        self.problems: list[Problem] = []
        self.digests: dict[str, str] = {}


def include(path: str, reading: Reading) -> Included:
    """Read all documents that the one at `path` names. Raises nothing: what cannot be read is told where it is named."""
    from trellis.compiler import Source
    from trellis.loaders import files_named, read

    assert reading.document is not None
    included, root = Included(), str(find_root(path))
    first = Source(reading.document, reading.kind, reading.pruned)
    known: dict[str, Source | str | None] = {os.path.abspath(path): first}
    waiting = [first]
    for source in waiting:
        here = os.path.dirname(source.document.path)
        for steps, written in files_named(source.document.data):
            name = os.path.normpath(os.path.join(here, written))
            place = os.path.abspath(name)
            if place not in known:
                if len(known) > MOST:
                    source.named[steps] = f"more than {MOST} documents are named, by whatever way"
                    continue
                try:
                    data = read_file(name, root)
                except Unreadable as error:
                    known[place] = error.reason
                else:
                    included.digests[os.path.relpath(place, os.path.dirname(os.path.abspath(path)))] = digest(data)
                    found = read(name, data)
                    included.problems += found.problems
                    known[place] = None
                    if found.document is not None:
                        other = known[place] = Source(found.document, found.kind, found.pruned)
                        waiting.append(other)
            source.named[steps] = known[place]
    included.named = first.named
    included.problems.sort()
    return included


def unchanged(path: str, digests: Mapping[str, str]) -> bool:
    """Whether the files that the document at `path` named then are as they were."""
    here, root = os.path.dirname(path), str(find_root(path))
    try:
        return all(digest(read_file(os.path.join(here, name), root)) == before for name, before in digests.items())
    except Unreadable:
        return False
