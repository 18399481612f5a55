"""Turns on their way into the file: judged by what is known of the runs that are held, then written in one go.

An owner knows the last event of each run it holds, since nobody else may write there; so judging a turn reads nothing.
That it still is the owner is asked by the insert itself, in the transaction: whoever was displaced inserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apsw
import msgspec

from trellis.errors import Conflict, RunOwned, StoreError
from trellis.stores.base import Turn
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.fields import changes
from trellis.stores.sqlite.reading import COLUMNS, HELD, SELDOM, Reading, columns, decode_fields

# The name is asked for too: the key of a deleted run may be another's by now.
_INSERT_EVENT = """
    INSERT INTO events (run, seq, event)
    SELECT id, ?, ? FROM runs WHERE id = ? AND run = ? AND owner = ? AND epoch = ?"""
_UPDATE_ROW = f"UPDATE runs SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE id = ?"
_UPDATE_OFTEN = f"UPDATE runs SET {', '.join(f'{column} = ?' for column in COLUMNS[SELDOM:])} WHERE id = ?"
_FREE = "UPDATE runs SET owner = NULL WHERE id = ?"
_KEEP_SNAPSHOT = """
    INSERT INTO snapshots (run, seq, data) VALUES (?, ?, ?)
    ON CONFLICT (run) DO UPDATE SET seq = excluded.seq, data = excluded.data"""
_FIELDS = COLUMNS.index("fields")


class Claim:
    """A run that this owner holds: its key in the file, its last event (-1: look), and its COLUMNS as they stand there."""

    __slots__ = ("columns", "epoch", "key", "revision")

    def __init__(self, key: int, epoch: int, revision: int, columns: tuple[Any, ...]) -> None:
        self.key, self.epoch, self.revision, self.columns = key, epoch, revision, columns


def claimed(held: tuple[Any, ...]) -> Claim:
    """What is known of a run that is owned here, from its row as HELD has it."""
    key, _, _, epoch, revision, *rest = held
    return Claim(key, epoch, revision, tuple(rest))


class Displaced(Exception):
    """Fewer events were inserted than meant; leaving the transaction with it takes them back."""


class Plan:
    """What turns come to: what is to be written, and the last event of each run then."""

    __slots__ = ("definitions", "ended", "events", "heads", "refused", "rows", "snapshots")

    def __init__(self) -> None:
        self.events: list[tuple[int, bytes, int, str, str, int]] = []
        self.rows: dict[str, tuple[Any, ...]] = {}
        self.snapshots: list[tuple[int, int, bytes]] = []
        self.definitions: list[tuple[int, str, bytes]] = []
        self.heads: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.refused: dict[str, StoreError] = {}


class Writing:
    """`claims` holds the runs of this owner. The transaction around what is written is the caller's."""

    def __init__(
        self, connection: apsw.Connection, owner: OwnerLock, reading: Reading, claims: dict[str, Claim]
    ) -> None:
        self._connection, self._owner, self._reading = connection, owner, reading
        self.claims = claims

    def judge(self, plan: Plan, turns: Iterable[Turn]) -> list[StoreError | None]:
        """Add the turns to the plan, but for those that are refused; the answer to each."""
        answers: list[StoreError | None] = []
        token, heads, refused, claims = self._owner.token, plan.heads, plan.refused, self.claims
        for turn in turns:
            run = turn.run
            error = refused.get(run) if refused else None
            if error is None:
                claim = claims.get(run)
                if run in plan.ended:
                    error = refused[run] = RunOwned(run, "nobody")
                elif claim is None or claim.epoch != turn.epoch:
                    error = refused[run] = self._not_held(turn)
                else:
                    last = heads.get(run) or self._revision(claim)
                    if turn.seq != last + 1:
                        error = refused[run] = Conflict(run, turn.seq, last)
                    else:
                        heads[run] = turn.seq
                        plan.events.append((turn.seq, turn.event, claim.key, run, token, claim.epoch))
                        if turn.row is not None:
                            plan.rows[run] = columns(turn.row)
                        if turn.snapshot is not None:
                            plan.snapshots.append((claim.key, turn.seq, turn.snapshot))
                        if turn.definition is not None:
                            graph = plan.rows.get(run, claim.columns)[0]
                            plan.definitions.append((claim.key, graph, turn.definition))
                        if turn.last:
                            plan.ended[run] = claim.key
            answers.append(error)
        return answers

    def write(self, plan: Plan) -> None:
        """Raises Displaced or ConstraintError where some run is not as it was thought to be."""
        many, before = self._connection.executemany, self._connection.total_changes()
        many(_INSERT_EVENT, plan.events)
        if self._connection.total_changes() - before != len(plan.events):
            raise Displaced
        if plan.rows:
            self._write_rows(plan.rows)
        if plan.snapshots:
            many(_KEEP_SNAPSHOT, plan.snapshots)
        for key, digest, data in plan.definitions:
            self.need(key, digest, data)
        if plan.ended:
            many(_FREE, [(key,) for key in plan.ended.values()])

    def written(self, plan: Plan) -> None:
        """The plan was committed."""
        for run, row in plan.rows.items():
            self.claims[run].columns = row
        for run, seq in plan.heads.items():
            self.claims[run].revision = seq
        for run in plan.ended:
            del self.claims[run]

    def doubt(self, plan: Plan) -> None:
        """Nearly always nothing of it was written; but who trusts a commit that failed?"""
        for run in plan.heads:
            if run in self.claims:
                self.claims[run].revision = -1

    def look(self, runs: Iterable[str]) -> None:
        """Learn anew what is held, and up to which event."""
        for run in set(runs) & self.claims.keys():
            held = self._reading.one(f"{HELD} WHERE run = ?", (run,))
            if held is not None and held[2] == self._owner.token:
                self.claims[run] = claimed(held)
            else:
                del self.claims[run]

    def need(self, key: int, digest: str, data: bytes | None) -> None:
        """Link a run to a definition, which is kept where it is not yet; None: only where it is."""
        execute, before = self._connection.execute, self._connection.total_changes()
        execute("INSERT OR IGNORE INTO needs SELECT ?, id FROM definitions WHERE hash = ?", (key, digest))
        if self._connection.total_changes() == before and data is not None:
            execute("INSERT OR IGNORE INTO definitions (hash, data) VALUES (?, ?)", (digest, data))
            execute("INSERT OR IGNORE INTO needs SELECT ?, id FROM definitions WHERE hash = ?", (key, digest))

    def index(self, key: int, before: str, after: str) -> None:
        """Bring the index from some fields to others, both as JSON."""
        try:
            known = decode_fields(before)
        except msgspec.MsgspecError:  # somebody spoilt the row that is written over now
            known = {}
            self._connection.execute("DELETE FROM indexed WHERE run = ?", (key,))
        for statement, values in changes(key, known, decode_fields(after)):
            self._connection.execute(statement, values)

    def keep_snapshot(self, key: int, seq: int, data: bytes) -> None:
        self._connection.execute(_KEEP_SNAPSHOT, (key, seq, data))

    def _write_rows(self, rows: dict[str, tuple[Any, ...]]) -> None:
        # A statement that names a column rewrites its indexes, though the value is the same.
        often, seldom = [], []
        for run, row in rows.items():
            claim = self.claims[run]
            known = claim.columns
            if row[:SELDOM] == known[:SELDOM]:
                often.append((*row[SELDOM:], claim.key))
            else:
                seldom.append((*row, claim.key))
            if row[_FIELDS] != known[_FIELDS]:
                self.index(claim.key, known[_FIELDS], row[_FIELDS])
        if often:
            self._connection.executemany(_UPDATE_OFTEN, often)
        if seldom:
            self._connection.executemany(_UPDATE_ROW, seldom)

    def _revision(self, claim: Claim) -> int:
        if claim.revision < 0:
            found = self._reading.one(f"{HELD} WHERE id = ?", (claim.key,))
            claim.revision, claim.columns = (found[4], found[5:]) if found else (0, claim.columns)
        return claim.revision

    def _not_held(self, turn: Turn) -> StoreError:
        found = self._reading.one("SELECT owner FROM runs WHERE run = ?", (turn.run,))
        if found is None:
            return Conflict(turn.run, turn.seq, 0)
        owner = found[0]
        return RunOwned(turn.run, "nobody" if owner is None or not self._owner.alive(owner) else owner)
