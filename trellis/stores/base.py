"""The promise of a store: one commit per call, owners fenced by epochs, nothing half written.

A store that keeps it passes `trellis.testing.StoreContract`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from trellis.errors import StoreError
from trellis.model.values import Value

Hear = Callable[[bytes], Awaitable[bytes]]
"""Takes a message for a run that is owned here, and gives the reply."""


class RunRow(msgspec.Struct, frozen=True, gc=False):
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
    """`running` while the run is open."""
    revision: int
    """The `seq` of its last event. The store fills it in; what a writer puts here is ignored."""
    position: tuple[str, ...]
    fields: dict[str, Value]
    """The indexed fields only."""
    wake: float | None
    """When it next wants to be woken; 0 while it wants to be driven now, None while only somebody outside moves it on.
    Like the others, seconds since 1970, UTC."""
    created: float
    updated: float
    request: str = ""
    """The id of the request that started it; empty: none was given. No two runs of a store have the same."""


class Turn(msgspec.Struct, frozen=True, gc=False):
    """One event to append. `row` replaces the index row of the run (but for its `request`); None where it did not change."""

    run: str
    seq: int
    event: bytes
    epoch: int
    row: RunRow | None
    last: bool = False
    """The run ends with this event, and is free once it is written."""
    snapshot: bytes | None = None
    """The state after this event; it replaces the snapshot before it."""
    definition: bytes | None = None
    """The definition that the run has from now on, kept under `row.graph`; the earlier ones stay its own too."""


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """What the first `seq` events of a run come to, as bytes that the store does not look into."""

    seq: int
    data: bytes


class Due(msgspec.Struct, frozen=True, gc=False):
    """The runs that `claim_due` took, each with its epoch, the most overdue first, and when there will be more to take.

    `next`: the earliest `wake` after `now` of the open runs that nobody living owns; None where there is none.
    """

    claimed: tuple[tuple[str, int], ...]
    next: float | None


class Store(Protocol):
    """Journals, their index rows, their snapshots, and the definitions that they need.

    The first event of a run has `seq` 1. A store object is one *owner*; it owns the runs it created or claimed until it
    releases them, deletes them, closes, or dies. An owner is dead when its process is gone or, where owners hold leases,
    when it has not renewed its own in time; the store renews by itself. The *epoch* of a run grows whenever its owner
    changes, and only its owner under its present epoch may append: whoever was displaced writes nothing more.

    What a call wrote is durable when it returns. A call that raises wrote nothing, but for one case: where
    StoreUnavailable says that the outcome is unknown, each run of the call was written whole or not at all, and reading
    it tells. Every call may raise StoreUnavailable, StoreFull or StoreCorrupt; the store goes on once the cause is gone.
    A store is used from one event loop. A cancelled call may still be carried out, whole.
    """

    url: str

    # `lanes`, where a store has it: how many calls of `append` at once are of use, for runs of which no two have the same.
    # Without it 1: where the writing is done in this process, a second one would only take the time of the first.

    async def definition(self, digest: str) -> bytes | None:
        """What was kept under `digest` by `create` or `append`; None where nothing was."""

    async def create(
        self,
        row: RunRow,
        events: Sequence[bytes],
        definitions: Mapping[str, bytes],
        *,
        last: bool = False,
        at_most: int | None = None,
    ) -> tuple[RunRow, int | None]:
        """Begin the run `row.run`: its row, its events from 1 on, and its definitions by hash, in one commit.

        It is claimed at once: answers the row with its revision, and the epoch, 1. Where the run exists, or another one
        was started by `row.request` (and that is not empty), answers the row of that run as it is and None; nothing is
        written, whoever owns it. `last`: the run has ended with its last event, and nobody owns it. Raises TooManyRuns
        where `at_most` runs are open in the store already; runs that have ended may still be created.
        """

    async def claim(self, run: str) -> int:
        """Own the run; the epoch under which it may be written.

        A run this store owns already keeps its epoch; a free one, or one whose owner is dead, is taken with an epoch
        greater by 1. Raises UnknownRun, and RunOwned naming the owner where a living one holds it.
        """

    async def claim_due(
        self, now: float, *, limit: int, names: Collection[str] | None = None, without: Collection[str] = ()
    ) -> Due:
        """Claim open runs that want to be woken by `now` and that nobody living owns, as `claim` would, at most `limit`.

        `names`: only of graphs of these names; None: of any. `without`: not these runs. An index finds them; the cost
        does not grow with the runs that are not due.
        """

    async def owned(self) -> list[str]:
        """The runs that this store owns now. After a fault whose outcome is unknown, it tells what became of a claim."""

    async def release(self, run: str, snapshot: Snapshot | None = None) -> None:
        """Free the run for anyone to claim, and keep the snapshot, in one commit.

        What this store does not own, or does not know, is left as it is.
        """

    async def append(self, turns: Sequence[Turn]) -> Sequence[StoreError | None]:
        """Write turns; the answer to each at its place: None where it was written.

        Each stands alone, with everything that it brings, but several of one run are taken in order and the first that
        is refused stops that run: its later turns get the same error. A refused turn writes nothing:

        - RunOwned where this store does not own the run under `epoch`; it names the owner, `nobody` for a free run
        - Conflict where `seq` is not the revision + 1, or where there is no such run, whose revision is 0; only
          `create` writes event 1

        A fault of the store itself raises.
        """

    async def snapshot(self, run: str) -> Snapshot | None:
        """The latest snapshot of the run; None where there is none. Its `seq` is never beyond the journal."""

    async def read(self, run: str, after: int = 0) -> list[bytes]:
        """The events with `seq` > `after`, in order. Raises UnknownRun; StoreCorrupt where one is missing."""

    async def row(self, run: str) -> RunRow | None:
        """The index row of the run, or None where there is no such run."""

    async def rows(
        self,
        *,
        status: str | None = None,
        name: str | None = None,
        graph: str | None = None,
        match: Mapping[str, Value] | None = None,
        limit: int | None = None,
    ) -> list[RunRow]:
        """The index rows, the newest `created` first; of rows created at the same moment, the one written last.

        Only those of this status, this name of a graph, this definition's hash, and whose indexed fields have the
        values of `match`, each equal as JSON is (1 and 1.0 are, 1 and true are not; a field that is missing is null).
        At most `limit`.
        """

    async def ask(self, run: str, message: bytes, *, timeout: float = 10.0) -> bytes | None:  # noqa: ASYNC109 - part of the promise, not of the caller
        """Hand a message to the living owner of the run, wherever it is, and wait for its reply.

        None where nobody living owns it, where its owner hears nobody, and where that let it go before it heard. Raises
        UnknownRun; StoreUnavailable where the owner failed to reply, was gone before it did, or did not in `timeout`
        seconds (whether it acted on the message is unknown then).
        """

    def hear(self, answer: Hear) -> None:
        """From now on, let `answer` take the messages for runs that are owned here. Without, `ask` answers None."""

    async def delete(self, run: str) -> None:
        """Remove the run, its events, its snapshot, and the definitions that no other run needs.

        Raises UnknownRun; RunOwned as `claim` does.
        """

    async def close(self) -> None:
        """Give up everything that is owned, and the store. It is not used afterwards; closing again does nothing."""


class Transaction(Protocol):
    """A transaction in which an action writes to its own tables, and its host the event that says so."""

    connection: Any
    """apsw.Connection, or psycopg.AsyncConnection. It is neither committed nor closed by whoever gets it."""

    async def append(self, turn: Turn) -> StoreError | None:
        """Add a turn, as `Store.append` would. It counts when the transaction is committed."""


class TransactionalStore(Store, Protocol):
    """A store whose database actions may write to."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """One transaction: committed at the end of the block, taken back where the block raises or a turn was refused."""
