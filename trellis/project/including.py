"""The documents that a document names, and those that these name: read once each, none from outside the project."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from trellis.errors import Unreadable
from trellis.model.problems import Problem
from trellis.project.loaders import beside

if TYPE_CHECKING:
    from trellis.compiler import Source
    from trellis.loaders import Reading
    from trellis.model.documents import Step
    from trellis.project.readings import Readings

MOST = 100
"""How many documents one may name, by whatever way."""


class Included:
    """What a document names: `named`, as the compiler takes it; the `problems` of what was read for it, sorted; and
    `documents`: the digest of each by name, "" where it cannot be read."""

    __slots__ = ("documents", "named", "problems")

    def __init__(self) -> None:
        self.named: Mapping[tuple[Step, ...], Source | str | None] = {}
        self.problems: list[Problem] = []
        self.documents: dict[str, str] = {}


def include(readings: Readings, name: str, reading: Reading) -> Included:
    """Read all documents that the one called `name` names. Raises nothing: what cannot be read is told where it is named."""
    from trellis.compiler import Source
    from trellis.loaders import files_named

    assert reading.document is not None
    included = Included()
    first = Source(reading.document, reading.kind, reading.pruned)
    known: dict[str, Source | str | None] = {name: first}
    waiting = [(name, first)]
    for around, source in waiting:
        for steps, written in files_named(source.document.data):
            other = beside(around, written)
            if other not in known:
                if len(known) > MOST:
                    source.named[steps] = f"more than {MOST} documents are named, by whatever way"
                    continue
                included.documents[other] = readings.digest(other)
                try:
                    found = readings.reading(other)
                except Unreadable as error:
                    known[other] = (
                        f"{error.reason}; {error.hint}" if error.hint.startswith("did you mean") else error.reason
                    )
                else:
                    included.problems += found.problems
                    known[other] = None
                    if found.document is not None:
                        beyond = known[other] = Source(found.document, found.kind, found.pruned)
                        waiting.append((other, beyond))
            source.named[steps] = known[other]
    included.named = first.named
    included.problems.sort()
    return included
