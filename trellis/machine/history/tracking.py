"""Which transitions a history keeps, and what of them. Checks are never kept."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trellis.engine.relations import Relations
from trellis.errors import BadHistory
from trellis.machine.history.query import not_names
from trellis.model.problems import suggestion


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """`states`: whose ticks are kept; all where none is named, else with those of `called` and `changed`.

    A transition is kept that calls for one of `called` or moves the clock of one of `changed` (any, where both are
    empty), unless it calls for one of `not_called` or moves one of `not_changed`. `rejected`: canceled ones are kept
    too. `transitions`: with TransitionFacts, in which the arguments named by `args` are told. `schema`: the record of
    the machine holds names and schema. `max_records`: older ones are dropped; 0: none.
    """

    states: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    not_called: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    not_changed: tuple[str, ...] = ()
    rejected: bool = False
    transitions: bool = False
    args: tuple[str, ...] = ()
    schema: bool = False
    max_records: int = 1000

    def check(self, relations: Relations) -> tuple[str, ...]:
        """The tracked states, in index order. Raises BadHistory, naming every fault."""
        listed = ("states", "called", "not_called", "changed", "not_changed", "args")
        faults = [f"tracking.{field}: {fault}" for field in listed if (fault := not_names(getattr(self, field)))]
        if faults:
            raise BadHistory(faults)
        faults = [
            f"tracking.{field}: no state named '{name}'{suggestion(name, relations.index)}"
            for field in listed[:-1]
            for name in getattr(self, field)
            if name not in relations.index
        ]
        if self.max_records < 0:
            faults.append(f"tracking.max_records: expected 0 (all) or more, found {self.max_records}")
        if self.args and not self.transitions:
            faults.append("tracking.args: arguments are kept with transitions only; set transitions=True")
        if faults:
            raise BadHistory(faults)
        wanted = {*self.states, *self.called, *self.changed} if self.states else set(relations.names)
        return tuple(name for name in relations.names if name in wanted)

    def keeps(self, called: Iterable[str], changed: Iterable[str]) -> bool:
        """Whether a transition that calls for these and moves those is kept."""
        calls, moves = set(called), set(changed)
        if calls.intersection(self.not_called) or moves.intersection(self.not_changed):
            return False
        wanted = calls.intersection(self.called) or moves.intersection(self.changed)
        return bool(wanted) or not (self.called or self.changed)
