"""What is asked of the file: each a query or two, fetched whole, and nothing written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import apsw
import msgspec

from trellis.errors import StoreCorrupt, UnknownRun
from trellis.model.values import Value
from trellis.stores.base import RunRow, Snapshot
from trellis.stores.sqlite.fields import kept

COLUMNS = ("graph", "name", "source", "status", "created", "position", "fields", "wake", "updated")
"""What a turn may change of a row; the first SELDOM of them hardly ever."""
SELDOM = 5

_LAST = "(SELECT coalesce(max(seq), 0) FROM events WHERE events.run = runs.id)"
_ROW = f"SELECT runs.run, {_LAST}, request, {', '.join(f'runs.{column}' for column in COLUMNS)}"
HELD = f"SELECT id, run, owner, epoch, {_LAST}, {', '.join(COLUMNS)} FROM runs"
"""What an owner has to know of a run: `Claim`, after its owner."""

# The index is named: SQLite, which keeps no figures here, would rather walk all runs that are running.
_IS_DUE = "owner IS NULL AND status = 'running' AND wake <= ?"
_NEXT = "SELECT min(wake) FROM runs INDEXED BY runs_due WHERE owner IS NULL AND status = 'running' AND wake > ?"
_OTHERS = "run NOT IN (SELECT value FROM json_each(?))"
# One look into the index for each owner, however many runs it has.
_OWNERS = """
    WITH RECURSIVE owners (token) AS (
        SELECT min(owner) FROM runs WHERE owner IS NOT NULL
        UNION ALL
        SELECT (SELECT min(owner) FROM runs WHERE owner > token) FROM owners WHERE token IS NOT NULL
    )
    SELECT token FROM owners WHERE token IS NOT NULL"""

_encode = msgspec.json.Encoder().encode
_decode_position = msgspec.json.Decoder(tuple[str, ...]).decode
decode_fields = msgspec.json.Decoder(dict[str, Any]).decode


class Reading:
    """Raises apsw.Error where SQLite does, and what `Store` says."""

    def __init__(self, url: str, connection: apsw.Connection) -> None:
        self._url, self._execute = url, connection.execute

    def definition(self, digest: str) -> bytes | None:
        found = self.one("SELECT data FROM definitions WHERE hash = ?", (digest,))
        return None if found is None else found[0]

    def snapshot(self, run: str) -> Snapshot | None:
        query = """
            SELECT seq, data, (SELECT coalesce(max(seq), 0) FROM events WHERE events.run = snapshots.run)
            FROM snapshots WHERE run = (SELECT id FROM runs WHERE run = ?)"""
        found = self.one(query, (run,))
        if found is not None and found[0] > found[2]:
            reason = f"the snapshot of run '{run}' is of event {found[0]}, its journal ends at {found[2]}"
            raise StoreCorrupt(self._url, f"{reason}; restore the file from a backup")
        return None if found is None else Snapshot(found[0], found[1])

    def read(self, run: str, after: int) -> list[bytes]:
        held = self.one("SELECT id FROM runs WHERE run = ?", (run,))
        if held is None:
            raise UnknownRun(run)
        query = "SELECT seq, event FROM events WHERE run = ? AND seq > ? ORDER BY seq"
        numbered = self.all(query, (held[0], after))
        missing = next((seq for seq, (found, _) in enumerate(numbered, after + 1) if seq != found), None)
        if missing is None and not numbered and after == 0:
            missing = 1
        if missing is not None:
            raise StoreCorrupt(self._url, f"event {missing} of run '{run}' is missing; restore the file from a backup")
        return [event for _, event in numbered]

    def row(self, run: str) -> RunRow | None:
        return self._found(f"{_ROW} FROM runs WHERE run = ?", run)

    def started(self, request: str) -> RunRow | None:
        """The row of the run that this request started."""
        return self._found(f"{_ROW} FROM runs WHERE request = ? AND request <> ''", request)

    def rows(
        self,
        status: str | None,
        name: str | None,
        graph: str | None,
        match: Mapping[str, Value] | None,
        limit: int | None,
    ) -> list[RunRow]:
        query, values = rows_query(status, name, graph, match, limit)
        return [self._row(*found) for found in self.all(query, values)]

    def owner(self, run: str) -> str | None:
        """The token of who owns it, alive or dead; None where it is free. Raises UnknownRun."""
        found = self.one("SELECT owner FROM runs WHERE run = ?", (run,))
        if found is None:
            raise UnknownRun(run)
        owner: str | None = found[0]
        return owner

    def owners(self) -> list[str]:
        """Whoever owns a run, alive or dead."""
        return [token for (token,) in self.all(_OWNERS, ())]

    def due(
        self, now: float, limit: int, names: Collection[str] | None, without: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """The free runs that want to be woken, the most overdue first, each as HELD has it."""
        found = []
        for query, values in due_queries(now, limit, names, without):
            found += self.all(query, values)
        wake = -2
        return sorted(found, key=lambda held: held[wake])[:limit]

    def next(self, now: float) -> float | None:
        """The earliest `wake` after `now` of a free run."""
        found = self.one(_NEXT, (now,))
        return None if found is None else found[0]

    def one(self, query: str, values: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """The first row of the answer."""
        found = self.all(query, values)
        return found[0] if found else None

    def all(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The answer, whole: a statement left open would pin the log and refuse the commit's checkpoint."""
        return self._execute(query, values).fetchall()

    def _found(self, query: str, value: str) -> RunRow | None:
        found = self.one(query, (value,))
        return None if found is None else self._row(*found)

    def _row(self, run: str, revision: int, request: str, *columns: Any) -> RunRow:
        graph, name, source, status, created, position, fields, wake, updated = columns
        try:
            where, indexed = _decode_position(position), decode_fields(fields)
        except msgspec.MsgspecError as error:
            raise StoreCorrupt(self._url, f"the row of run '{run}': {error}; restore the file from a backup") from error
        return RunRow(
            run, graph, name, source, status, revision, where, indexed, wake, created, updated, request=request
        )


def columns(row: RunRow) -> tuple[Any, ...]:
    """A row in the order of COLUMNS."""
    position, fields = _encode(row.position).decode(), _encode(row.fields).decode()
    return row.graph, row.name, row.source, row.status, row.created, position, fields, row.wake, row.updated


def rows_query(
    status: str | None, name: str | None, graph: str | None, match: Mapping[str, Value] | None, limit: int | None
) -> tuple[str, tuple[Any, ...]]:
    """The query that answers `Store.rows`, with its values. Where a field is to match, its index leads."""
    wanted = {"status": status, "name": name, "graph": graph}
    named = {column: value for column, value in wanted.items() if value is not None}
    conditions, values = [f"runs.{column} = ?" for column in named], list[Any](named.values())
    source, leading = "runs", list[Any]()
    for field, value in (match or {}).items():
        looked_for = kept(value)
        if looked_for is None:
            conditions.append(
                "NOT EXISTS (SELECT 1 FROM indexed AS other WHERE other.run = runs.id AND other.name = ?)"
            )
            values.append(field)
        elif not leading:
            # CROSS JOIN: SQLite would rather walk all runs of a status.
            source, leading = "indexed CROSS JOIN runs ON runs.id = indexed.run", [field, looked_for]
            conditions.insert(0, "indexed.name = ? AND indexed.value = ?")
        else:
            conditions.append(
                "EXISTS (SELECT 1 FROM indexed AS other"
                " WHERE other.run = runs.id AND other.name = ? AND other.value = ?)"
            )
            values += [field, looked_for]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    most = -1 if limit is None else limit
    return f"{_ROW} FROM {source} {where} ORDER BY runs.created DESC, runs.id DESC LIMIT ?", (*leading, *values, most)


def due_queries(
    now: float, limit: int, names: Collection[str] | None, without: Collection[str]
) -> list[tuple[str, tuple[Any, ...]]]:
    """The queries that find the runs that are due, one for each name, each with its values."""
    excluded: list[Any] = [_encode(list(without)).decode()] if without else []
    condition = f"{_IS_DUE} AND {_OTHERS}" if without else _IS_DUE
    if names is None:
        return [(f"{HELD} INDEXED BY runs_due WHERE {condition} ORDER BY wake LIMIT ?", (now, *excluded, limit))]
    query = f"{HELD} INDEXED BY runs_due_by_name WHERE name = ? AND {condition} ORDER BY wake LIMIT ?"
    return [(query, (name, now, *excluded, limit)) for name in names]
