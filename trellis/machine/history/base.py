"""What every history does: it watches a machine, keeps what tracking says, and answers from what it kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from trellis.errors import BadHistory
from trellis.machine.body import Body
from trellis.machine.history.query import Bound, Query
from trellis.machine.history.records import MachineRecord, Record, TransitionFacts
from trellis.machine.history.tracking import Tracking
from trellis.machine.transition import Transition
from trellis.model.states import StateDef


def now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


class History(ABC):
    """Watches `machine` from the moment it is made until `close`, or until the machine is disposed.

    `clock` gives human time, with a time zone. Raises BadHistory where tracking does not fit the machine.
    """

    def __init__(
        self, machine: Body[Any], tracking: Tracking | None = None, *, clock: Callable[[], datetime] = now
    ) -> None:
        self.tracking = tracking or Tracking()
        self.tracked = self.tracking.check(machine.relations)
        self._machine, self._clock = machine, clock
        begun = clock()
        known = self._known(machine.id)
        self._record = MachineRecord(
            machine.id,
            begun if known is None else known.first_tracking,
            begun,
            begun,
            tuple(machine.ticks),
            sum(machine.ticks),
            machine.machine_tick,
            1 if known is None else known.next_number,
        )
        self._describe()
        machine.trace(self)

    @property
    def machine_record(self) -> MachineRecord:
        """The machine as it was at the latest record."""
        return self._record

    # What a kind of history does

    @abstractmethod
    def _known(self, machine: str) -> MachineRecord | None:
        """What was kept of that machine earlier."""

    @abstractmethod
    def _keep(self, record: Record) -> None:
        """Keep one more record; `sync` makes sure of it."""

    @abstractmethod
    def sync(self) -> None:
        """Write what was not written yet. Questions do so by themselves."""

    @abstractmethod
    def latest_first(self, start: datetime | None = None, end: datetime | None = None) -> Iterator[Record]:
        """All records from `start` to `end`, inclusive, the latest first."""

    def close(self) -> None:
        """Watch no more, and write what was not written yet."""
        self._machine.untrace(self)
        self.sync()

    # What it is told

    def schema_change(self, machine: Body[Any], _before: Mapping[str, StateDef]) -> None:
        """New states are tracked where all are."""
        self.tracked = self.tracking.check(machine.relations)
        self._describe()

    def transition_end(self, tx: Transition) -> None:
        """Keep it, or not."""
        if tx.check or not (tx.accepted or self.tracking.rejected) or not self.tracking.keeps(tx.called, tx.touched):
            return
        moved, last, after = tx.diff, self._record, tx.time_after
        index = self._machine.relations.index
        ticks = {name: after[index[name]] for name in self.tracked}
        tracked_moved = {name: moved[name] for name in self.tracked if name in moved}
        total, at = sum(after), self._clock()
        self._record = msgspec.structs.replace(
            last,
            last_sync=at,
            ticks=after,
            time_sum=total,
            machine_tick=self._machine.machine_tick,
            next_number=last.next_number + 1,
        )
        self._keep(
            Record(
                last.next_number,
                tx.change.kind,
                at,
                total,
                sum(ticks.values()),
                sum(moved.values()),
                sum(tracked_moved.values()),
                total - last.time_sum,
                self._machine.machine_tick,
                ticks,
                tracked_moved,
                self._facts(tx) if self.tracking.transitions else None,
            )
        )

    def machine_dispose(self, _machine: Body[Any]) -> None:
        """Nothing follows: write what was not written yet."""
        self.sync()

    def _facts(self, tx: Transition) -> TransitionFacts:
        machine, source = self._machine, tx.source
        return TransitionFacts(
            tx.id,
            tx.called,
            tx.accepted,
            tx.auto,
            "" if tx.error is None else repr(tx.error),
            "" if source is None else source.machine,
            "" if source is None else source.transition,
            0 if tx.auto else machine.queue_tick,
            len(machine.queue),
            {name: str(tx.args[name]) for name in self.tracking.args if name in tx.args},
        )

    def _describe(self) -> None:
        if self.tracking.schema:
            relations = self._machine.relations
            self._record = msgspec.structs.replace(self._record, names=relations.names, schema=dict(relations.states))

    # What it can be asked

    def find_latest(self, limit: int = 0, query: Query | None = None) -> list[Record]:
        """The latest records that answer the query, at most `limit` (0: all), the latest first. Raises BadHistory."""
        _refuse(limit, query)
        query = query or Query()
        query.check(self.tracked)
        if limit < 0:
            raise BadHistory([f"limit: expected 0 (all) or more, found {limit}"])
        found = (record for record in self.latest_first(query.start.at, query.end.at) if query.matches(record))
        return list(islice(found, limit or None))

    def activated_between(self, state: str, start: datetime, end: datetime) -> bool:
        """Whether the state was activated at least once, `start` and `end` included."""
        return bool(self.find_latest(1, Query(activated=(state,), start=Bound(at=start), end=Bound(at=end))))

    def deactivated_between(self, state: str, start: datetime, end: datetime) -> bool:
        """Whether the state was deactivated at least once."""
        return bool(self.find_latest(1, Query(deactivated=(state,), start=Bound(at=start), end=Bound(at=end))))

    def active_between(self, state: str, start: datetime, end: datetime) -> bool:
        """Whether the state was active at least for a moment, be it that it had come before `start`."""
        found = self.find_latest(1, Query(active=(state,), start=Bound(at=start), end=Bound(at=end)))
        return bool(found) or self._at_start(state, start, end) is True

    def inactive_between(self, state: str, start: datetime, end: datetime) -> bool:
        """Whether the state was inactive at least for a moment."""
        found = self.find_latest(1, Query(inactive=(state,), start=Bound(at=start), end=Bound(at=end)))
        return bool(found) or self._at_start(state, start, end) is False

    def _at_start(self, state: str, start: datetime, end: datetime) -> bool | None:
        """Whether the state was active when the time began, as far as the history reaches; None: it does not."""
        before = next(self.latest_first(None, start), None)
        if before is not None:
            return before.ticks[state] % 2 == 1 if state in before.ticks and start <= end else None
        first = self._record.first_tracking
        if end < start or end < first:
            return None
        earliest = None
        for earliest in self.latest_first(start, None):  # noqa: B007 - the last one is wanted
            pass
        if earliest is None:
            return self._record.ticks[self._machine.relations.index[state]] % 2 == 1
        if state not in earliest.ticks or (earliest.at > end and earliest.number > 1):
            return None
        return earliest.was_active(state)


def _refuse(limit: object, query: object) -> None:
    if not isinstance(limit, int):
        hint = "; write find_latest(query=…)" if isinstance(limit, Query) else ""
        raise BadHistory([f"limit: expected 0 (all) or more, found {type(limit).__name__}{hint}"])
    if not isinstance(query, Query | None):
        raise BadHistory([f"query: expected a Query, such as Query(active=('A',)), found {query!r}"])
