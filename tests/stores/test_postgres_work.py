"""A transaction of the PostgreSQL store holds an action's own writes and the event that tells of them, or neither."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest
from msgspec.structs import replace

from tests.servers import with_setting
from tests.stores.test_postgres import expire
from tests.stores.test_postgres_formats import query
from trellis.errors import Conflict, RunOwned, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.postgres import PostgresStore
from trellis.testing.stores import ROW, create, facts

pytestmark = pytest.mark.covers("GT08")


@pytest.fixture
def place(postgres_place: str) -> str:
    """The URL of a store."""
    return postgres_place


def tell(place: str, story: Callable[[PostgresStore], Awaitable[None]]) -> None:
    """A story with the run r-1, and a table of the action's own."""

    async def whole() -> None:
        store = PostgresStore(place)
        try:
            await create(store, "r-1")
            query(place, "CREATE TABLE {s}.orders (n int PRIMARY KEY, parent int REFERENCES {s}.orders DEFERRABLE)")
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


def orders(place: str) -> list[tuple[object, ...]]:
    return query(place, "SELECT n FROM {s}.orders ORDER BY n")


def insert(place: str, number: int) -> bytes:
    schema = place.rpartition("schema=")[2]
    return f'INSERT INTO "{schema}".orders (n) VALUES ({number})'.encode()


def test_the_writes_of_an_action_and_its_event_are_one_commit(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        other = PostgresStore(place)
        async with store.transaction() as work:
            assert isinstance(work.connection, psycopg.AsyncConnection)
            await work.connection.execute(insert(place, 1))
            assert await work.append(Turn("r-1", 2, b"2", 1, replace(ROW, status="moved"))) is None
            await work.connection.execute(insert(place, 2))
            assert (await other.read("r-1"), orders(place)) == ([b"1"], [])
        assert (await other.read("r-1"), orders(place)) == ([b"1", b"2"], [(1,), (2,)])
        assert await other.row("r-1") == replace(ROW, status="moved", revision=2)
        await other.close()

    tell(place, story)


def test_what_raises_is_taken_back_whole_and_comes_through_as_it_is(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        async def failing() -> None:
            async with store.transaction() as work:
                await work.connection.execute(insert(place, 1))
                assert await work.append(Turn("r-1", 2, b"2", 1, None)) is None
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await failing()
        assert (await store.read("r-1"), orders(place)) == ([b"1"], [])
        assert await store.append([Turn("r-1", 2, b"2", 1, None)]) == [None]

    tell(place, story)


def test_a_refused_turn_takes_the_writes_of_its_action_back(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        async with store.transaction() as work:
            await work.connection.execute(insert(place, 1))
            refused = await work.append(Turn("r-1", 5, b"5", 1, None))
        assert facts(refused) == (Conflict, {"run": "r-1", "expected": 5, "found": 1})
        assert (await store.read("r-1"), orders(place)) == ([b"1"], [])

    tell(place, story)


def test_a_displaced_owner_commits_nothing_of_its_action(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        other = PostgresStore(place)
        async with store.transaction() as work:
            await work.connection.execute(insert(place, 1))
            await expire(store, place)
            assert await other.claim("r-1") == 2
            refused = await work.append(Turn("r-1", 2, b"2", 1, None))
        kind, known = facts(refused)
        assert (kind, known["owner"]) == (RunOwned, other._lease.token)
        assert (await store.read("r-1"), orders(place)) == ([b"1"], [])
        await other.close()

    tell(place, story)


def test_a_failed_statement_that_an_action_passes_over_writes_nothing_in_silence(place: str) -> None:
    """PostgreSQL answers the COMMIT of a failed transaction with ROLLBACK, and no error."""

    async def story(store: PostgresStore) -> None:
        async def careless() -> None:
            async with store.transaction() as work:
                assert await work.append(Turn("r-1", 2, b"2", 1, None)) is None
                with pytest.raises(psycopg.errors.UndefinedTable):
                    await work.connection.execute("SELECT * FROM no_such_table")

        with pytest.raises(
            StoreUnavailable, match="a statement had failed in the transaction, so nothing was written$"
        ):
            await careless()
        assert await store.read("r-1") == [b"1"]

    tell(place, story)


def test_a_part_of_an_action_may_fail_in_a_savepoint_of_its_own(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        async with store.transaction() as work:
            await work.connection.execute(insert(place, 1))
            with pytest.raises(psycopg.errors.UniqueViolation):
                async with work.connection.transaction():
                    await work.connection.execute(insert(place, 1))
            assert await work.append(Turn("r-1", 2, b"2", 1, None)) is None
        assert (await store.read("r-1"), orders(place)) == ([b"1", b"2"], [(1,)])

    tell(place, story)


def test_a_constraint_that_fails_at_the_commit_is_the_actions_own_error(place: str) -> None:
    async def story(store: PostgresStore) -> None:
        schema = place.rpartition("schema=")[2]

        async def orphan() -> None:
            async with store.transaction() as work:
                await work.connection.execute("SET CONSTRAINTS ALL DEFERRED")
                await work.connection.execute(f'INSERT INTO "{schema}".orders VALUES (2, 1)'.encode())
                assert await work.append(Turn("r-1", 2, b"2", 1, None)) is None

        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            await orphan()
        assert (await store.read("r-1"), orders(place)) == ([b"1"], [])

    tell(place, story)


def test_an_owner_that_stops_within_a_transaction_does_not_keep_its_run_for_ever(postgres_place: str) -> None:
    """The server ends what stood still for a lease, and the run goes to whoever claims it."""
    place = with_setting(postgres_place, "lease", 0.3)

    async def story(store: PostgresStore) -> None:
        other = PostgresStore(place)
        stopped = asyncio.Event()
        claimed = asyncio.Event()

        async def still() -> None:
            async with store.transaction() as work:
                assert await work.append(Turn("r-1", 2, b"2", 1, None)) is None
                await store._post.close()  # nothing renews any more
                stopped.set()
                await claimed.wait()

        task = asyncio.create_task(still())
        await stopped.wait()
        try:
            async with asyncio.timeout(20):
                while not (await other.claim_due(2e9, limit=1)).claimed:
                    pass
        finally:
            claimed.set()
        with pytest.raises(StoreUnavailable, match="the connection was lost, and whether this was written is unknown"):
            await task
        assert await other.read("r-1") == [b"1"]
        assert await other.append([Turn("r-1", 2, b"two", 2, None)]) == [None]
        await other.close()

    tell(place, story)
