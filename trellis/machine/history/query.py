"""What may be asked of a history, and whether a record is an answer: all conditions that are given must hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Final, cast

import msgspec

from trellis.errors import BadHistory
from trellis.machine.history.records import Record
from trellis.model.problems import suggestion


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """One end of a range, inclusive; what is None is not bounded at this end.

    `at`: human time, with a time zone. `ticks`: machine time, the tick of each named state. The others are the fields
    of a Record.
    """

    at: datetime | None = None
    ticks: dict[str, int] = {}
    time_sum: int | None = None
    tracked_sum: int | None = None
    diff: int | None = None
    tracked_diff: int | None = None
    record_diff: int | None = None
    machine_tick: int | None = None


_FIELDS: Final = ("at", "time_sum", "tracked_sum", "diff", "tracked_diff", "record_diff", "machine_tick")
_NAMED: Final = ("active", "activated", "inactive", "deactivated")
_OPEN: Final = Bound()


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """Records after which all of `active` were active and none of `inactive`, whose transition activated all of
    `activated` and deactivated all of `deactivated`, from `start` to `end`.
    """

    active: tuple[str, ...] = ()
    activated: tuple[str, ...] = ()
    inactive: tuple[str, ...] = ()
    deactivated: tuple[str, ...] = ()
    start: Bound = _OPEN
    end: Bound = _OPEN

    def check(self, tracked: Collection[str]) -> None:
        """Raises BadHistory, naming every fault."""
        faults = [*self._kinds()]
        if faults:
            raise BadHistory(faults)
        asked = {name: getattr(self, name) for name in _NAMED}
        asked |= {"start.ticks": self.start.ticks, "end.ticks": self.end.ticks}
        faults = [
            f"query.{field}: state '{name}' is not tracked{suggestion(name, tracked)}"
            for field, names in asked.items()
            for name in names
            if name not in tracked
        ]
        for side, bound in (("start", self.start), ("end", self.end)):
            if bound.at is not None and bound.at.tzinfo is None:
                faults.append(f"query.{side}.at: expected a time with a time zone, found {bound.at.isoformat()}")
        if faults:
            raise BadHistory(faults)

    def _kinds(self) -> Iterator[str]:
        """What is not of the kind that is declared, as nobody checked what was given."""
        for field in _NAMED:
            if fault := not_names(getattr(self, field)):
                yield f"query.{field}: {fault}"
        sides: dict[str, object] = {"start": self.start, "end": self.end}
        for side, bound in sides.items():
            where = f"query.{side}"
            if not isinstance(bound, Bound):
                hint = f"; write {side}=Bound(at=…)" if isinstance(bound, str | datetime) else ""
                yield f"{where}: expected a Bound, found {bound!r}{hint}"
                continue
            at, ticks = cast("object", bound.at), cast("object", bound.ticks)
            if not isinstance(at, datetime | None):
                yield f"{where}.at: expected a datetime with a time zone, found {at!r}"
            if not isinstance(ticks, Mapping) or not all(isinstance(tick, int) for tick in ticks.values()):
                yield f"{where}.ticks: expected a tick for each state, such as {{'A': 5}}, found {ticks!r}"
            for field in _FIELDS[1:]:
                value = getattr(bound, field)
                if value is not None and not isinstance(value, int):
                    yield f"{where}.{field}: expected a whole number, found {value!r}"

    def matches(self, record: Record) -> bool:
        """Whether a record is an answer. A state that it does not hold is no answer to anything."""
        ticks, start, end = record.ticks, self.start, self.end
        asked = {*self.active, *self.activated, *self.inactive, *self.deactivated, *start.ticks, *end.ticks}
        return (
            asked <= ticks.keys()
            and all(ticks[state] % 2 for state in self.active)
            and not any(ticks[state] % 2 for state in self.inactive)
            and all(record.activated(state) for state in self.activated)
            and all(record.deactivated(state) for state in self.deactivated)
            and all(ticks[state] >= tick for state, tick in start.ticks.items())
            and all(ticks[state] <= tick for state, tick in end.ticks.items())
            and all(_within(getattr(record, field), getattr(start, field), getattr(end, field)) for field in _FIELDS)
        )


def not_names(names: object) -> str:
    """What is wrong with what should be a tuple of names; nothing where it is empty."""
    if isinstance(names, str):
        return f"expected a tuple of names, write ({names!r},)"
    if not isinstance(names, Collection):
        return f"expected a tuple of names, found {names!r}"
    wrong = [name for name in names if not isinstance(name, str)]
    return f"names are texts, found {wrong[0]!r}" if wrong else ""


def _within(value: datetime | int, low: datetime | int | None, high: datetime | int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)  # type: ignore[operator]
