"""How a walked graph may end, and how long it takes at most until then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from trellis.model.graph import ROLLBACK, TARGETS
from trellis.planning.acting import ANY
from trellis.planning.courses import ENDS
from trellis.planning.facts import Ending, time_of
from trellis.planning.failing import STATUS
from trellis.planning.known import Known
from trellis.planning.spans import Span, longest
from trellis.planning.walk import Child, Region, Walk

FAULTS = frozenset(
    ("expression", "invalid", "no_edge", "states_refused", "undo_failed", "limit", "open_limit", "value_limit")
)
"""Codes that say that the graph or its data does not fit, rather than the world."""


class Walked(NamedTuple):
    """What was found of a graph with some inputs."""

    walk: Walk
    root: Region
    states: dict[str, Region]
    """What states do, by the node that begins it."""
    given: Known
    """What is known at the start."""
    missing: tuple[str, ...]
    """Fields that a run has to be given, and that were not."""
    loose: frozenset[str]
    """Fields that were not followed, for there were too many ways."""
    passed: frozenset[str]
    """Fields of a child that every node which starts one gives it."""
    used: Mapping[str, Walked]
    """Every graph that a run of this one may come to use, at any depth, by the name of its document."""

    @property
    def time(self) -> Span:
        """How long a run takes at most, whichever way it ends."""
        return longest((limited(self.walk, self.root.time), *exits_of(self).values()))

    def undoing(self, *, anywhere: bool = False) -> Span:
        """How long a rollback takes, wherever it begins; `anywhere`: also where somebody else begins it."""
        undo = self.root.undo.then(self.walk.left(anywhere=anywhere))
        for region in self.states.values():
            undo = undo.then(region.undo)
        return undo

    def child(self) -> Child:
        """What a run of it is for the node that uses it, which may be left at any time."""
        completes = any(status == "completed" for status, _, _ in exits_of(self))
        return Child(self.time, self.undoing(anywhere=True), completes)


def exits_of(walked: Walked) -> dict[tuple[str, str, bool], Span]:
    """(status, node, whether by a fault of the graph or its data) -> the longest time until the run has ended so."""
    undo, left = walked.undoing(), walked.walk.children_left()
    found: dict[tuple[str, str, bool], Span] = {}
    exits = list(walked.root.exits.items())
    exits += [(one, walked.root.time) for region in walked.states.values() for one in region.stops]
    for one, span in exits:
        span = limited(walked.walk, span)
        statuses = ["completed"]
        if one.how == ROLLBACK:
            statuses, span = ["rolled_back"], span.then(undo)
        else:
            span = span.then(left)
        if one.how == "end":
            end = walked.walk.definition.nodes[one.node].end
            statuses = [ENDS[end.status] if end is not None else "completed"]
        elif one.how in ("error", "$fail"):
            statuses = sorted({status for code in one.codes or ("failed",) for status in _statuses(code)})
        fault = bool(one.codes) and one.codes <= FAULTS
        for status in statuses:
            found[status, one.node, fault] = longest((found.get((status, one.node, fault), Span()), span))
    return found


def limited(walk: Walk, span: Span) -> Span:
    """A time until the run ends or rolls back, within the limit of the run, unless a node goes on where that is over."""
    catch = walk.definition.catch
    target = catch.get("timeout", catch.get("*"))
    return span if target is not None and target not in TARGETS else span.within(walk.definition.limits.time)


def _statuses(code: str) -> tuple[str, ...]:
    return ("failed", "denied", "timed_out") if code == ANY else (STATUS.get(code, "failed"),)


def endings_of(walked: Walked) -> tuple[Ending, ...]:
    groups: dict[str, list[tuple[str, bool, Span]]] = {}
    for (status, node, fault), span in exits_of(walked).items():
        groups.setdefault(status, []).append((node, fault, span))
    order = ["completed", "failed", "denied", "timed_out", "cancelled", "rolled_back"]
    return tuple(_ending(status, groups[status]) for status in order if status in groups)


def _ending(status: str, found: list[tuple[str, bool, Span]]) -> Ending:
    at = tuple(node for node, fault, _ in found if not fault)
    faults = tuple(node for node, fault, _ in found if fault and node not in at)
    return Ending(status, at, time_of(longest(span for _, _, span in found)), faults)
