"""The transactions on one SQLite file, each begun IMMEDIATE and whole; one thread at a time calls them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import apsw
from msgspec.structs import replace

from trellis.errors import RunOwned, StoreError, TooManyRuns, UnknownRun
from trellis.stores.base import Due, RunRow, Snapshot, Turn
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.reading import COLUMNS, HELD, Reading, columns
from trellis.stores.sqlite.transaction import Savepoint, Transaction
from trellis.stores.sqlite.writing import Claim, Displaced, Plan, Writing, claimed

T = TypeVar("T")

_INSERT_ROW = f"""
    INSERT INTO runs (run, request, owner, epoch, {", ".join(COLUMNS)})
    VALUES (?, ?, ?, 1, {", ".join("?" * len(COLUMNS))})"""
_INSERT_EVENT = "INSERT INTO events (run, seq, event) VALUES (?, ?, ?)"
_FREE = "UPDATE runs SET owner = NULL WHERE id = ?"
_TAKE = "UPDATE runs SET owner = ?, epoch = ? WHERE id = ?"
_COUNT_OPEN = "SELECT count(*) FROM (SELECT 1 FROM runs WHERE status = 'running' LIMIT ?)"
_ORPHANS = """
    DELETE FROM definitions
    WHERE id = ? AND NOT EXISTS (SELECT 1 FROM needs WHERE needs.definition = definitions.id)"""
_PARTS = ("events", "snapshots", "needs", "indexed")


class Journal:
    """Raises apsw.Error where SQLite does, OSError where the owner's lock file cannot be made, or what `Store` says."""

    def __init__(self, url: str, connection: apsw.Connection, owner: OwnerLock) -> None:
        self._url, self._connection, self._owner = url, connection, owner
        self._execute, self._transaction = connection.execute, Transaction(connection)
        self._savepoint = Savepoint(connection)
        self.reading = Reading(url, connection)
        self.claims: dict[str, Claim] = {}
        self._changes: dict[str, Claim | None] = {}  # what the transaction under way makes of them; None: gone
        self._writing = Writing(connection, owner, self.reading, self.claims)

    def alone(self, call: Callable[[], T]) -> T:
        """Let a call of `create`, `claim`, `release` or `delete` have a transaction of its own."""
        self._changes.clear()
        with self._transaction:
            answer = call()
        for run, claim in self._changes.items():
            if claim is None:
                self.claims.pop(run, None)
            else:
                self.claims[run] = claim
        return answer

    def together(self, calls: Sequence[Callable[[], T]]) -> list[T | Exception]:
        """Let such calls share a transaction, one after the other; what each of them answers, or raises.

        One that raises wrote nothing, and leaves the others alone. Where the transaction itself fails, this raises.
        """
        return self.alone(lambda: [self._apart(call) for call in calls])

    def _apart(self, call: Callable[[], T]) -> T | Exception:
        try:
            with self._savepoint:
                return call()
        except Exception as error:
            if not self._connection.in_transaction:
                raise  # SQLite took all of it back: the full disk of one is that of all
            return error

    def create(
        self, row: RunRow, events: Sequence[bytes], definitions: Mapping[str, bytes], *, last: bool, at_most: int | None
    ) -> tuple[RunRow, int | None]:
        found = self.reading.row(row.run)
        if found is None and row.request:
            found = self.reading.started(row.request)
        if found is not None:
            return found, None
        if at_most is not None and row.status == "running":
            counted = self.reading.one(_COUNT_OPEN, (at_most,))
            if counted is not None and counted[0] >= at_most:
                raise TooManyRuns(at_most)
        values = columns(row)
        self._execute(_INSERT_ROW, (row.run, row.request, None if last else self._owner.token, *values))
        key = self._connection.last_insert_rowid()
        for digest, data in definitions.items():
            self._writing.need(key, digest, data)
        if row.graph not in definitions:
            self._writing.need(key, row.graph, None)
        if row.fields:
            self._writing.index(key, "{}", values[COLUMNS.index("fields")])
        self._connection.executemany(_INSERT_EVENT, [(key, seq, event) for seq, event in enumerate(events, 1)])
        if not last:
            self._changes[row.run] = Claim(key, 1, len(events), values)
        return replace(row, revision=len(events)), 1

    def claim(self, run: str) -> int:
        token = self._owner.token
        key, _, owner, epoch, *rest = self._free(run)
        if owner != token:
            epoch += 1
            self._execute(_TAKE, (token, epoch, key))
        self._changes[run] = claim = claimed((key, run, token, epoch, *rest))
        return claim.epoch

    def release(self, run: str, snapshot: Snapshot | None) -> None:
        held = self.reading.one(f"{HELD} WHERE run = ? AND owner = ?", (run, self._owner.token))
        if held is not None:
            key, revision = held[0], held[4]
            if snapshot is not None and snapshot.seq <= revision:
                self._writing.keep_snapshot(key, snapshot.seq, snapshot.data)
            self._execute(_FREE, (key,))
        self._changes[run] = None

    def delete(self, run: str) -> None:
        key = self._free(run)[0]
        definitions = self.reading.all("SELECT definition FROM needs WHERE run = ?", (key,))
        for part in _PARTS:
            self._execute(f"DELETE FROM {part} WHERE run = ?", (key,))
        self._execute("DELETE FROM runs WHERE id = ?", (key,))
        self._connection.executemany(_ORPHANS, definitions)
        self._changes[run] = None

    def claim_due(self, now: float, limit: int, names: Collection[str] | None, without: Collection[str]) -> Due:
        due = self.reading.due
        dead = [token for token in self.reading.owners() if token != self._owner.token and not self._owner.alive(token)]
        if not dead and not due(now, 1, names, without):
            return Due((), self.reading.next(now))
        token = self._owner.hold()
        with self._transaction:
            for owner in dead:
                self._execute("UPDATE runs SET owner = NULL WHERE owner = ?", (owner,))
            found = [
                (key, run, token, epoch + 1, *rest) for key, run, _, epoch, *rest in due(now, limit, names, without)
            ]
            self._connection.executemany(_TAKE, [(token, epoch, key) for key, _, _, epoch, *_ in found])
            following = self.reading.next(now)
        for held in found:
            self.claims[held[1]] = claimed(held)
        return Due(tuple((held[1], held[3]) for held in found), following)

    def append(self, turns: Sequence[Turn]) -> list[StoreError | None]:
        writing, plan = self._writing, Plan()
        answers = writing.judge(plan, turns)
        if not plan.events:
            return answers
        try:
            try:
                with self._transaction:
                    writing.write(plan)
            except (Displaced, apsw.ConstraintError):
                with self._transaction:
                    writing.look(turn.run for turn in turns)
                    plan = Plan()
                    answers = writing.judge(plan, turns)
                    writing.write(plan)
        except BaseException:
            writing.doubt(plan)
            raise
        writing.written(plan)
        return answers

    def beside(self, connection: apsw.Connection) -> Writing:
        """Turns of the runs that are owned here, written through another connection while this one rests."""
        return Writing(connection, self._owner, Reading(self._url, connection), self.claims)

    def owns(self, run: str) -> bool:
        return run in self.claims

    def owned(self) -> list[str]:
        query = "SELECT run FROM runs WHERE owner = ?"
        return [run for (run,) in self.reading.all(query, (self._owner.token,))]

    def close(self) -> None:
        self.claims.clear()
        try:
            self._connection.close()
        finally:
            self._owner.close()

    def _free(self, run: str) -> tuple[Any, ...]:
        """The row, as HELD has it, of a run that no other living owner holds."""
        held = self.reading.one(f"{HELD} WHERE run = ?", (run,))
        if held is None:
            raise UnknownRun(run)
        owner = held[2]
        if owner not in (None, self._owner.token) and self._owner.alive(owner):
            raise RunOwned(run, owner)
        return held
