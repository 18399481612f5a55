"""One file is read: its text, its values, its shape, and the places of all that is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from trellis.loaders.fast import parse_fast
from trellis.loaders.judge import BROKEN, judge
from trellis.loaders.kinds import Kind, kind_of
from trellis.loaders.places import Places
from trellis.loaders.rules import Rule, document_rule
from trellis.loaders.shape import check_shape
from trellis.loaders.text import decode
from trellis.model.documents import Document, Step
from trellis.model.folders import HEADS
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
    if not text and faults:
        return Reading(None, faults)
    reading = document_of(path, values_of(path, text, faults), document_rule())
    if path.endswith(HEADS) and any(problem.message == _HEADLESS for problem in reading.problems):
        found = [replace(each, hint=_FOLDER) if each.message == _HEADLESS else each for each in reading.problems]
        return replace(reading, problems=tuple(found))
    return reading


_HEADLESS = "missing key 'nodes' of a document"
_FOLDER = "where they are in files beside it, name the folder"


class Values:
    """What a text says: `value` is BROKEN where nothing of it can be read, None where there is nothing.

    `broken`: parts of it are BROKEN.
    """

    __slots__ = ("broken", "places", "problems", "value")

    def __init__(self, value: Any, places: Places, problems: list[Problem], *, broken: bool) -> None:
        self.value, self.places, self.problems, self.broken = value, places, problems, broken


def values_of(path: str, text: str, faults: Sequence[Problem] = (), *, sure: bool = False) -> Values:
    """The values of a text; with `faults` among its characters only the judge may tell. `sure`: see `are_sure`."""
    value: Any = BROKEN if faults else parse_fast(text, sure=sure)
    places = Places(text)
    if value is not BROKEN:
        return Values(value, places, [], broken=False)
    verdict = judge(path, text)
    places.root = verdict.spot
    value = BROKEN if any(problem.code in _UNREADABLE for problem in verdict.problems) else verdict.value
    return Values(value, places, [*faults, *verdict.problems], broken=verdict.broken)


def document_of(path: str, values: Values, rule: Rule) -> Reading:
    """The document that holds these values, held to its shape."""
    value, problems = values.value, values.problems
    if value is None and not problems:
        problems.append(Problem(path, 1, 1, "E108", "error", "the file holds no document", "begin with `trellis: 1`"))
    if value is None or value is BROKEN:
        return Reading(None, in_order(problems))
    document = Document(path, value, values.places.locate)
    shape = check_shape(document, broken=values.broken, rule=rule)
    values.places.removed = shape.removed
    kind = kind_of(path, value, shape.pruned)
    found = in_order([*problems, *shape.problems])
    return Reading(document if shape.usable else None, found, frozenset(shape.pruned), kind)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems sorted, each once."""
    return tuple(sorted(set(problems)))


_UNREADABLE = frozenset(("E101", "E107", "E113", "E116", "E117"))
