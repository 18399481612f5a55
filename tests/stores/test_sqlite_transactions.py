"""What an action writes in a transaction and the turn that says so are committed together, or neither is."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from tests.stores.sqlite_files import URL, aside, opened
from trellis.errors import Conflict, RunOwned, StoreFull, StoreUnavailable
from trellis.stores.base import Snapshot, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import ROW, create, facts, refusal

ENDED = (
    "an action ended the transaction that it was given, so nothing of it was kept; let it execute no COMMIT, END or "
    "ROLLBACK: what it wrote is committed together with the event that records it"
)
NOTE = "INSERT INTO notes VALUES (?)"


def told(folder: Path, story: Callable[[SqliteStore, int], Awaitable[None]]) -> None:
    """A story of a store with a table `notes` of somebody's own, and the run r-1 with its epoch."""

    async def whole() -> None:
        store = opened(folder)
        store._connection.execute("CREATE TABLE notes (text)")
        try:
            await story(store, await create(store, "r-1"))
        finally:
            await store.close()

    asyncio.run(whole())


def notes(store: SqliteStore) -> list[str]:
    return [str(text) for (text,) in store._connection.execute("SELECT text FROM notes").fetchall()]


def test_the_rows_of_an_action_and_its_event_are_committed_together(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        other = apsw.Connection(str(tmp_path / "runs.db"))
        row = replace(ROW, position=("next",), fields={"user": "Ana"})
        async with store.transaction() as transaction:
            assert isinstance(transaction.connection, apsw.Connection)
            transaction.connection.execute(NOTE, ("paid",))
            turn = Turn("r-1", 2, b"2", epoch, row, snapshot=b"state")
            assert await transaction.append(turn) is None
            assert other.execute("SELECT count(*) FROM notes").fetchall() == [(0,)]
        assert other.execute("SELECT text FROM notes").fetchall() == [("paid",)]
        other.close()
        assert await store.row("r-1") == replace(row, revision=2)
        assert await store.rows(match={"user": "Ana"}) == [replace(row, revision=2)]
        assert await store.snapshot("r-1") == Snapshot(2, b"state")
        assert await store.append([Turn("r-1", 3, b"3", epoch, None)]) == [None]

    told(tmp_path, story)


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async def act() -> None:
            async with store.transaction() as transaction:
                transaction.connection.execute(NOTE, ("paid",))
                turn = Turn("r-1", 2, b"2", epoch, replace(ROW, status="completed"), last=True)
                assert await transaction.append(turn) is None
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await act()
        assert (notes(store), await store.read("r-1")) == ([], [b"1"])
        assert await store.append([Turn("r-1", 2, b"2", epoch, replace(ROW, name="moved"))]) == [None]
        assert await store.row("r-1") == replace(ROW, name="moved", revision=2)

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("turn", "error"),
    [
        (Turn("r-1", 3, b"x", 1, None), (Conflict, {"run": "r-1", "expected": 3, "found": 1})),
        (Turn("r-1", 2, b"x", 2, None), (RunOwned, {"run": "r-1", "owner": "OURS"})),
        (Turn("r-9", 2, b"x", 1, None), (Conflict, {"run": "r-9", "expected": 2, "found": 0})),
    ],
)
def test_a_refused_turn_takes_the_rows_of_the_action_back(
    tmp_path: Path, turn: Turn, error: tuple[type[Exception], dict[str, object]]
) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async with store.transaction() as transaction:
            transaction.connection.execute(NOTE, ("paid",))
            kind, known = facts(await transaction.append(turn))
            ours = store._journal._owner.token
            assert (kind, {fact: "OURS" if value == ours else value for fact, value in known.items()}) == error
        assert (notes(store), await store.read("r-1")) == ([], [b"1"])

    told(tmp_path, story)


def test_who_was_displaced_commits_nothing(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        for lock in os.listdir(tmp_path):
            if "-owner-" in lock:
                os.unlink(tmp_path / lock)
        theirs = opened(tmp_path)
        await theirs.claim("r-1")
        async with store.transaction() as transaction:
            transaction.connection.execute(NOTE, ("paid",))
            assert type(await transaction.append(Turn("r-1", 2, b"x", epoch, None))) is RunOwned
        assert (notes(store), await theirs.read("r-1")) == ([], [b"1"])
        await theirs.close()

    told(tmp_path, story)


def test_several_turns_of_one_transaction_follow_each_other(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        moved = replace(ROW, name="moved", fields={"user": "Ana"})
        back = replace(ROW, updated=5.0)
        async with store.transaction() as transaction:
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, moved)) is None
            assert await transaction.append(Turn("r-1", 3, b"3", epoch, back)) is None
        assert await store.row("r-1") == replace(back, revision=3)
        assert await store.rows(match={"user": "Ana"}) == []
        async with store.transaction() as transaction:
            assert await transaction.append(Turn("r-1", 4, b"4", epoch, moved, last=True)) is None
            assert type(await transaction.append(Turn("r-1", 5, b"5", epoch, None))) is RunOwned
        assert await store.read("r-1") == [b"1", b"2", b"3"]
        assert await store.append([Turn("r-1", 4, b"4", epoch, None)]) == [None]

    told(tmp_path, story)


@pytest.mark.parametrize(
    "statements",
    [
        ["COMMIT"],
        ["END"],
        ["ROLLBACK"],
        ["COMMIT", "BEGIN IMMEDIATE"],
        ["ROLLBACK", "BEGIN IMMEDIATE", "INSERT INTO notes VALUES ('again')"],
        ["ROLLBACK", "INSERT INTO notes VALUES ('alone')"],
        ["ROLLBACK", "BEGIN", "INSERT INTO notes VALUES ('again')", "COMMIT"],
    ],
)
@pytest.mark.parametrize("appended", [True, False])
def test_an_action_cannot_end_the_transaction_unnoticed(
    tmp_path: Path, statements: list[str], *, appended: bool
) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async def act() -> None:
            async with store.transaction() as transaction:
                transaction.connection.execute(NOTE, ("paid",))
                if appended:
                    assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
                for statement in statements:
                    try:
                        transaction.connection.execute(statement)
                    except apsw.ConstraintError:
                        pass  # an action that does not care
                if not appended:
                    await transaction.append(Turn("r-1", 2, b"2", epoch, None))

        with pytest.raises(StoreUnavailable) as caught:
            await act()
        assert vars(caught.value) == {"url": URL, "reason": ENDED}
        assert (notes(store), await store.read("r-1")) == ([], [b"1"])
        assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

    told(tmp_path, story)


def test_a_constraint_that_fails_at_the_end_is_the_fault_of_the_action(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        store._connection.execute("CREATE TABLE owners (id INTEGER PRIMARY KEY)")
        store._connection.execute("CREATE TABLE pets (owner REFERENCES owners DEFERRABLE INITIALLY DEFERRED)")

        async def act() -> None:
            async with store.transaction() as transaction:
                transaction.connection.execute("INSERT INTO pets VALUES (7)")
                assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None

        async with store.transaction() as transaction:
            transaction.connection.execute(NOTE, ("kept",))
            connection = transaction.connection
        connection.execute("PRAGMA foreign_keys=ON")
        with pytest.raises(StoreUnavailable) as caught:
            await act()
        reason = "what an action wrote breaks a constraint of its own tables, so nothing of it was kept"
        assert caught.value.reason == f"{reason}: FOREIGN KEY constraint failed"
        assert store._connection.execute("SELECT count(*) FROM pets").fetchall() == [(0,)]
        assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

    told(tmp_path, story)


def test_an_action_may_use_savepoints(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async with store.transaction() as transaction:
            with transaction.connection:
                transaction.connection.execute(NOTE, ("kept",))
            transaction.connection.execute("SAVEPOINT mine; INSERT INTO notes VALUES ('dropped'); ROLLBACK TO mine")
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
        assert (notes(store), await store.read("r-1")) == (["kept"], [b"1", b"2"])

    told(tmp_path, story)


def test_other_calls_wait_until_the_block_ends(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        await create(store, "r-2")
        async with store.transaction() as transaction:
            calls = [
                aside(call)
                for call in (
                    store.append([Turn("r-2", 2, b"2", 1, None)]),
                    store.append([Turn("r-2", 3, b"3", 1, None), Turn("r-2", 4, b"4", 1, None)]),
                    store.row("r-1"),
                )
            ]
            for _ in range(10):
                await asyncio.sleep(0)
            assert not any(call.done() for call in calls)
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
        assert await asyncio.gather(*calls) == [[None], [None, None], replace(ROW, revision=2)]

    told(tmp_path, story)


def test_a_transaction_that_finds_no_room_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async def act() -> None:
            async with store.transaction() as transaction:
                pages = transaction.connection.pragma("page_count")
                transaction.connection.pragma("max_page_count", pages)
                transaction.connection.execute(NOTE, ("paid",))
                await transaction.append(Turn("r-1", 2, b"x" * 50_000, epoch, None))

        with pytest.raises(StoreFull):
            await act()
        assert (notes(store), await store.read("r-1")) == ([], [b"1"])
        assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

    told(tmp_path, story)


def test_a_cancelled_block_leaves_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        inside = asyncio.Event()

        async def act() -> None:
            async with store.transaction() as transaction:
                transaction.connection.execute(NOTE, ("paid",))
                await transaction.append(Turn("r-1", 2, b"2", epoch, None))
                inside.set()
                await asyncio.Event().wait()

        acting = asyncio.ensure_future(act())
        await inside.wait()
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert (notes(store), await store.read("r-1")) == ([], [b"1"])
        assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

    told(tmp_path, story)


SLOW = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


@pytest.mark.parametrize("busy", [True, False])
def test_a_thread_that_nobody_waits_for_any_more_writes_nothing(tmp_path: Path, *, busy: bool) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        going, given_up = threading.Event(), threading.Event()
        failures: list[str] = []

        def work(connection: apsw.Connection) -> None:
            def try_to(statement: str) -> None:
                try:
                    connection.execute(statement)
                except apsw.Error as error:
                    failures.append(type(error).__name__)

            connection.execute(NOTE, ("paid",))
            going.set()
            if busy:
                try_to(SLOW)
            given_up.wait()
            try_to("INSERT INTO notes VALUES ('late')")
            try_to("COMMIT")

        async def act() -> None:
            async with store.transaction() as transaction:
                await asyncio.to_thread(work, transaction.connection)

        acting = asyncio.ensure_future(act())
        await asyncio.to_thread(going.wait)
        acting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await acting
        assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
        given_up.set()
        await asyncio.get_running_loop().shutdown_default_executor()
        closed = ["ConnectionClosedError"] * 2
        assert failures == (["InterruptError", *closed] if busy else closed)
        assert (notes(store), await store.read("r-1")) == ([], [b"1", b"2"])

    told(tmp_path, story)


def test_an_action_that_closes_its_connection_is_told_and_the_store_goes_on(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async def act() -> None:
            async with store.transaction() as transaction:
                transaction.connection.execute(NOTE, ("paid",))
                await transaction.append(Turn("r-1", 2, b"2", epoch, None))
                transaction.connection.close()

        with pytest.raises(StoreUnavailable) as caught:
            await act()
        assert caught.value.reason == ENDED
        async with store.transaction() as transaction:
            transaction.connection.execute(NOTE, ("again",))
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
        assert (notes(store), await store.read("r-1")) == (["again"], [b"1", b"2"])

    told(tmp_path, story)


WAITS = (
    "an action asked for this inside its own transaction, which is the one that may write: it would wait for itself for "
    "ever; let the action return first, and leave this to a later node, or to an action that is not `transactional`"
)


@pytest.mark.parametrize("through", ["itself", "a task", "a thread"])
def test_what_would_wait_for_its_own_transaction_is_refused(tmp_path: Path, through: str) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async def asked(call: Coroutine[Any, Any, Any]) -> Any:
            if through == "itself":
                return await call
            if through == "a task":
                return await asyncio.create_task(call)
            loop = asyncio.get_running_loop()
            return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(call, loop).result(10))

        async def again() -> None:
            async with store.transaction():
                pass

        async with store.transaction() as transaction:
            calls = [
                create(store, "r-2"),
                store.claim("r-1"),
                store.claim_due(1.0, limit=1),
                store.release("r-1"),
                store.append([Turn("r-1", 2, b"x", epoch, None)]),
                store.append([Turn("r-1", seq, b"x", epoch, None) for seq in (2, 3)]),
                store.ask("r-1", b"x"),
                store.delete("r-1"),
                again(),
            ]
            for call in calls:
                assert await refusal(asked(call)) == (StoreUnavailable, {"url": URL, "reason": WAITS})
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
        assert (await store.owned(), await store.read("r-1")) == (["r-1"], [b"1", b"2"])

    told(tmp_path, story)


def test_an_action_may_look_at_what_was_committed_before(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        async with store.transaction() as transaction:
            assert await transaction.append(Turn("r-1", 2, b"2", epoch, None)) is None
            row = replace(ROW, revision=1)
            assert (await store.row("r-1"), await store.rows(), await store.read("r-1")) == (row, [row], [b"1"])
            found = await store.owned(), await store.snapshot("r-1"), await store.definition(ROW.graph)
            assert found == (["r-1"], None, b"definition")
        assert await store.read("r-1") == [b"1", b"2"]

    told(tmp_path, story)


def test_what_an_action_started_may_write_when_its_transaction_is_over(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        over = asyncio.Event()

        async def later() -> object:
            await over.wait()
            return await store.append([Turn("r-1", 2, b"2", epoch, None)])

        async with store.transaction():
            started = asyncio.create_task(later())
        async with store.transaction():
            over.set()
            for _ in range(5):
                await asyncio.sleep(0)
            assert not started.done()
        assert await started == [None]

    told(tmp_path, story)


def test_the_transaction_of_one_store_says_nothing_of_another(tmp_path: Path) -> None:
    async def story(store: SqliteStore, epoch: int) -> None:
        (tmp_path / "other").mkdir()
        other = opened(tmp_path / "other")
        async with store.transaction():
            assert await create(other, "r-1") == 1
            async with other.transaction():
                kind, known = await refusal(store.claim("r-1"))
                assert (kind, known["reason"]) == (StoreUnavailable, WAITS)
            assert await other.claim("r-1") == 1
        await other.close()

    told(tmp_path, story)
