"""One file is read: its text, its values, its shape, and the places of all that is wrong with them."""

from __future__ import annotations

from typing import Any

import msgspec

from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.kinds import Kind, kind_of
from trellis.loaders.places import Places
from trellis.loaders.shape import check_shape
from trellis.loaders.text import decode
from trellis.model.documents import Document, Step
from trellis.model.problems import Problem


class Reading(msgspec.Struct, frozen=True):
    """What became of one file.

    `document` is None where nothing is readable. Its data has the right shape: what had not was left out, and
    `pruned` holds the steps of each such part as they were in the file. `problems` are sorted by place. `kind` is what
    the document is, as far as it can be told.
    """

    document: Document | None
    problems: tuple[Problem, ...] = ()
    pruned: frozenset[tuple[Step, ...]] = frozenset()
    kind: Kind = "graph"


def read(path: str, data: bytes) -> Reading:
    """Read a document; `path` is its name in problems. Never raises, whatever the bytes are."""
    text, faults = decode(path, data)
    problems = list(faults)
    if not text and faults:
        return Reading(None, tuple(problems))
    value: Any = BROKEN if faults else parse_fast(text)
    places = Places(text)
    broken = False
    if value is BROKEN:
        verdict = judge(path, text)
        places.root = verdict.spot
        problems += verdict.problems
        value, broken = verdict.value, verdict.broken
        if any(problem.code in _UNREADABLE for problem in verdict.problems) or value is BROKEN:
            return Reading(None, tuple(sorted(set(problems))))
    if value is None:
        if not problems:
            problems.append(
                Problem(path, 1, 1, "E108", "error", "the file holds no document", "begin with `trellis: 1`")
            )
        return Reading(None, tuple(sorted(set(problems))))
    document = Document(path, value, places.locate)
    shape = check_shape(document, broken=broken)
    problems += shape.problems
    places.removed = shape.removed
    kind = kind_of(path, value, shape.pruned)
    return Reading(document if shape.usable else None, tuple(sorted(set(problems))), frozenset(shape.pruned), kind)


_UNREADABLE = frozenset(("E101", "E107", "E113", "E116", "E117"))
