"""The promise of a store: one commit per call, owners fenced by epochs, nothing half written.

A store that keeps it passes `trellis.testing.stores.StoreContract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from trellis.errors import StoreError
from trellis.model.values import Value


class RunRow(msgspec.Struct, frozen=True):
    """The index row of one run: what can be asked of it without folding its journal."""

    run: str
    """Its id."""
    graph: str
    """The hash of its definition."""
    name: str
    """The name of its graph."""
    source: str
    """Where the graph was written."""
    status: str
    revision: int
    """The `seq` of its last event. The store fills it in; what a writer puts here is ignored."""
    position: tuple[str, ...]
    fields: dict[str, Value]
    """The indexed fields only."""
    wake: float | None
    """When it next wants to be woken. Like the others, seconds since 1970, UTC."""
    created: float
    updated: float


class Turn(msgspec.Struct, frozen=True):
    """One event to append. `row` replaces the index row of the run; None where it did not change.

    `last`: the run ends with this event, and is free once it is written.
    """

    run: str
    seq: int
    event: bytes
    epoch: int
    row: RunRow | None
    last: bool = False


class Store(Protocol):
    """Journals, their index rows, and the definitions that they pin.

    The first event of a run has `seq` 1. A store object is one *owner*; it owns the runs it created or claimed until it
    releases them, deletes them, closes, or dies. Where several owners share one store, the *epoch* of a run grows
    whenever its owner changes, and only its owner under its present epoch may append.

    What a call wrote is durable when it returns; a call that raises wrote nothing. Every call may raise
    StoreUnavailable, StoreFull or StoreCorrupt; the store goes on once the cause is gone. A store is used from one
    event loop. A cancelled call may still be carried out, whole.
    """

    url: str

    async def put_definition(self, digest: str, data: bytes) -> None:
        """Keep `data` under `digest`. Where that is already kept, nothing changes."""

    async def definition(self, digest: str) -> bytes | None:
        """What was put under `digest`, by `put_definition` or `create`; None where nothing was."""

    async def create(
        self, row: RunRow, event: bytes, definition: bytes, *, last: bool = False
    ) -> tuple[RunRow, int | None]:
        """Begin the run `row.run`: its row, its event 1, and `definition` under `row.graph`, in one commit.

        It is claimed at once: answers the row with its revision, 1, and the epoch, 1. Where the run exists, answers its
        row as it is and None; nothing is written, whoever owns it. `last`: the run has ended with its first event, and
        nobody owns it.
        """

    async def claim(self, run: str) -> int:
        """Own the run; the epoch under which it may be written.

        A run this store owns already keeps its epoch; a free one, or one whose owner is gone, is taken with an epoch
        greater by 1. Raises UnknownRun, and RunOwned naming the owner where a living one holds it.
        """

    async def release(self, run: str) -> None:
        """Free the run for anyone to claim. What this store does not own, or does not know, is left as it is."""

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        """Write all turns in one transaction; the answer to each at its place: None where it was written.

        Each stands alone, but several of one run are taken in order and the first that is refused stops that run: its
        later turns get the same error. A refused turn writes neither event nor row:

        - RunOwned where this store does not own the run under `epoch`; it names the owner, `nobody` for a free run
        - Conflict where `seq` is not the revision + 1, or where there is no such run, whose revision is 0; only
          `create` writes event 1

        A fault of the store itself raises, and then no turn of the batch is written.
        """

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        """The events with `seq` > `after`, in order. Raises UnknownRun; StoreCorrupt where one is missing."""

    async def row(self, run: str) -> RunRow | None:
        """The index row of the run, or None where there is no such run."""

    async def rows(self, *, status: str | None = None, graph: str | None = None) -> list[RunRow]:
        """All index rows, or those of this status and this definition's hash; the newest `created` first.

        Of rows created at the same moment, the one written last comes first.
        """

    async def delete(self, run: str) -> None:
        """Remove the run and its events; definitions stay. Raises UnknownRun; RunOwned as `claim` does."""

    async def close(self) -> None:
        """Give up everything that is owned, and the store. It is not used afterwards; closing again does nothing."""
