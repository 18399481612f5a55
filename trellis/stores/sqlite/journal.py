"""The transactions on one SQLite file, each begun IMMEDIATE and whole; one thread at a time calls them.

An owner knows the last event of each run it holds, since nobody else may write there; so an append reads nothing. That
it still is the owner is asked by the insert itself, in the transaction: whoever was displaced inserts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from trellis.errors import Conflict, RunOwned, StoreCorrupt, StoreError, UnknownRun
from trellis.stores.base import RunRow, Turn
from trellis.stores.owner import OwnerLock
from trellis.stores.sqlite.transaction import Transaction

_COLUMNS = ("graph", "name", "source", "status", "position", "fields", "wake", "created", "updated")
# The name is asked for too: the key of a deleted run may be another's by now.
_INSERT_EVENT = """
    INSERT INTO journal (run, seq, event)
    SELECT id, ?, ? FROM runs WHERE id = ? AND run = ? AND owner = ? AND epoch = ?"""
_UPDATE_ROW = f"UPDATE runs SET {', '.join(f'{column} = ?' for column in _COLUMNS)} WHERE id = ?"
_FREE = "UPDATE runs SET owner = NULL WHERE id = ?"
_INSERT_ROW = f"""
    INSERT INTO runs (run, owner, epoch, {", ".join(_COLUMNS)}) VALUES (?, ?, 1, {", ".join("?" * len(_COLUMNS))})"""
_LAST = "(SELECT coalesce(max(seq), 0) FROM journal WHERE journal.run = runs.id)"
_SELECT_ROWS = f"SELECT run, {_LAST}, {', '.join(_COLUMNS)} FROM runs"
_SELECT_HELD = f"SELECT id, owner, epoch, {_LAST} FROM runs WHERE run = ?"

_encode = msgspec.json.Encoder().encode
_decode_position = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_fields = msgspec.json.Decoder(dict[str, Any]).decode


class _Claim:
    """A run that this owner holds: its key in the file, and its last event."""

    __slots__ = ("epoch", "key", "revision")

    def __init__(self, key: int, epoch: int, revision: int) -> None:
        self.key, self.epoch, self.revision = key, epoch, revision


class _Plan:
    """What a batch comes to: the answer to each turn, what to write, and the last event of each run then."""

    __slots__ = ("answers", "ended", "events", "heads", "rows")

    def __init__(self) -> None:
        self.answers: list[StoreError | None] = []
        self.events: list[tuple[int, bytes, int, str, str, int]] = []
        self.rows: dict[int, tuple[Any, ...]] = {}
        self.heads: dict[str, int] = {}
        self.ended: dict[str, int] = {}


class Journal:
    """Raises apsw.Error where SQLite does, OSError where the owner's lock file cannot be made, or what `Store` says."""

    def __init__(self, url: str, connection: apsw.Connection, owner: OwnerLock) -> None:
        self._url, self._connection, self._owner = url, connection, owner
        self._execute, self._transaction = connection.execute, Transaction(connection)
        self._claims: dict[str, _Claim] = {}

    def put_definition(self, digest: str, data: bytes) -> None:
        with self._transaction:
            self._put_definition(digest, data)

    def definition(self, digest: str) -> bytes | None:
        found = self._one("SELECT data FROM definitions WHERE hash = ?", (digest,))
        return None if found is None else found[0]

    def create(self, row: RunRow, event: bytes, definition: bytes, *, last: bool = False) -> tuple[RunRow, int | None]:
        owner = self._owner.hold()
        with self._transaction:
            found = self.row(row.run)
            if found is not None:
                return found, None
            self._put_definition(row.graph, definition)
            self._execute(_INSERT_ROW, (row.run, None if last else owner, *_values(row)))
            key = self._connection.last_insert_rowid()
            self._execute("INSERT INTO journal (run, seq, event) VALUES (?, 1, ?)", (key, event))
        if not last:
            self._claims[row.run] = _Claim(key, 1, 1)
        return msgspec.structs.replace(row, revision=1), 1

    def claim(self, run: str) -> int:
        token = self._owner.hold()
        with self._transaction:
            key, owner, epoch, revision = self._free(run)
            if owner != token:
                epoch += 1
                self._execute("UPDATE runs SET owner = ?, epoch = ? WHERE id = ?", (token, epoch, key))
        self._claims[run] = claim = _Claim(key, epoch, revision)
        return claim.epoch

    def release(self, run: str) -> None:
        if run not in self._claims:
            return
        with self._transaction:
            self._execute("UPDATE runs SET owner = NULL WHERE run = ? AND owner = ?", (run, self._owner.token))
        del self._claims[run]

    def append(self, turns: Sequence[Turn]) -> list[StoreError | None]:
        plan = self._plan(turns)
        if not plan.events:
            return plan.answers
        try:
            try:
                with self._transaction:
                    self._write(plan)
            except (_Displaced, apsw.ConstraintError):
                with self._transaction:
                    self._look(turn.run for turn in turns)
                    plan = self._plan(turns)
                    self._write(plan)
        except BaseException:
            # Nearly always nothing was written; but who trusts a commit that failed?
            for run in plan.heads:
                if run in self._claims:
                    self._claims[run].revision = -1
            raise
        for run, seq in plan.heads.items():
            self._claims[run].revision = seq
        for run in plan.ended:
            del self._claims[run]
        return plan.answers

    def read(self, run: str, after: int) -> list[bytes]:
        held = self._one("SELECT id FROM runs WHERE run = ?", (run,))
        if held is None:
            raise UnknownRun(run)
        query = "SELECT seq, event FROM journal WHERE run = ? AND seq > ? ORDER BY seq"
        numbered = self._all(query, (held[0], after))
        missing = next((seq for seq, (found, _) in enumerate(numbered, after + 1) if seq != found), None)
        if missing is None and not numbered and after == 0:
            missing = 1
        if missing is not None:
            raise StoreCorrupt(self._url, f"event {missing} of run '{run}' is missing; restore the file from a backup")
        return [event for _, event in numbered]

    def row(self, run: str) -> RunRow | None:
        found = self._one(f"{_SELECT_ROWS} WHERE run = ?", (run,))
        return None if found is None else self._row(*found)

    def rows(self, status: str | None, graph: str | None) -> list[RunRow]:
        wanted = {"status": status, "graph": graph}
        named = {column: value for column, value in wanted.items() if value is not None}
        where = "WHERE " + " AND ".join(f"{column} = ?" for column in named) if named else ""
        query = f"{_SELECT_ROWS} {where} ORDER BY created DESC, id DESC"
        return [self._row(*found) for found in self._all(query, tuple(named.values()))]

    def delete(self, run: str) -> None:
        with self._transaction:
            key, *_ = self._free(run)
            self._execute("DELETE FROM journal WHERE run = ?", (key,))
            self._execute("DELETE FROM runs WHERE id = ?", (key,))
        self._claims.pop(run, None)

    def close(self) -> None:
        self._claims.clear()
        try:
            self._connection.close()
        finally:
            self._owner.close()

    def _plan(self, turns: Sequence[Turn]) -> _Plan:
        """Judge the turns by what is known of the runs that are held."""
        plan, token = _Plan(), self._owner.token
        heads, refused = plan.heads, dict[str, StoreError]()
        for turn in turns:
            run = turn.run
            error = refused.get(run)
            if error is None:
                claim = self._claims.get(run)
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
                        if turn.last:
                            plan.ended[run] = claim.key
                        if turn.row is not None:
                            plan.rows[claim.key] = (*_values(turn.row), claim.key)
            plan.answers.append(error)
        return plan

    def _write(self, plan: _Plan) -> None:
        """Raises _Displaced or ConstraintError where some run is not as it was thought to be."""
        before = self._connection.total_changes()
        self._connection.executemany(_INSERT_EVENT, plan.events)
        if self._connection.total_changes() - before != len(plan.events):
            raise _Displaced
        if plan.rows:
            self._connection.executemany(_UPDATE_ROW, plan.rows.values())
        if plan.ended:
            self._connection.executemany(_FREE, [(key,) for key in plan.ended.values()])

    def _look(self, runs: Iterable[str]) -> None:
        """Learn anew what is held, and up to which event."""
        for run in set(runs) & self._claims.keys():
            held = self._one(_SELECT_HELD, (run,))
            if held is not None and held[1] == self._owner.token:
                self._claims[run] = _Claim(held[0], held[2], held[3])
            else:
                del self._claims[run]

    def _revision(self, claim: _Claim) -> int:
        if claim.revision < 0:
            found = self._one("SELECT coalesce(max(seq), 0) FROM journal WHERE run = ?", (claim.key,))
            claim.revision = found[0] if found else 0
        return claim.revision

    def _not_held(self, turn: Turn) -> StoreError:
        found = self._one("SELECT owner FROM runs WHERE run = ?", (turn.run,))
        if found is None:
            return Conflict(turn.run, turn.seq, 0)
        owner = found[0]
        return RunOwned(turn.run, "nobody" if owner is None or not self._owner.alive(owner) else owner)

    def _free(self, run: str) -> tuple[Any, ...]:
        """The key, owner, epoch and revision of a run that no other living owner holds."""
        held = self._one(_SELECT_HELD, (run,))
        if held is None:
            raise UnknownRun(run)
        owner = held[1]
        if owner not in (None, self._owner.token) and self._owner.alive(owner):
            raise RunOwned(run, owner)
        return held

    def _put_definition(self, digest: str, data: bytes) -> None:
        self._execute("INSERT INTO definitions (hash, data) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, data))

    def _one(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        found = self._all(query, values)
        return found[0] if found else None

    def _all(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        # Fetched whole: a statement left open would pin the log and refuse the commit's checkpoint.
        return self._execute(query, values).fetchall()

    def _row(self, run: str, revision: int, graph: str, name: str, source: str, status: str, *rest: Any) -> RunRow:
        position, fields, *times = rest
        try:
            where, indexed = _decode_position(position), _decode_fields(fields)
        except msgspec.MsgspecError as error:
            raise StoreCorrupt(self._url, f"the row of run '{run}': {error}; restore the file from a backup") from error
        return RunRow(run, graph, name, source, status, revision, where, indexed, *times)


class _Displaced(Exception):
    """Fewer events were inserted than meant; leaving the transaction with it takes them back."""


def _values(row: RunRow) -> tuple[Any, ...]:
    """A row in the order of _COLUMNS."""
    position, fields = _encode(row.position).decode(), _encode(row.fields).decode()
    return row.graph, row.name, row.source, row.status, position, fields, row.wake, row.created, row.updated
