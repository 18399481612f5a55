"""A schema is taken only where it is empty or ours, and brought up only when told to, whole, by one at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import psycopg
import pytest

from trellis.errors import StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores.postgres import PostgresStore, inspect, migrate
from trellis.stores.postgres import formats as known
from trellis.stores.postgres import schema as schemas
from trellis.stores.postgres.connections import connect
from trellis.stores.postgres.place import parse
from trellis.testing.stores import ROW, create, refusal

pytestmark = pytest.mark.covers("GT08", "GT13")

LATER = "ALTER TABLE {s}.runs ADD COLUMN later text NOT NULL DEFAULT 'x'; CREATE TABLE {s}.more (n int)"
FAULTY = "CREATE TABLE {s}.half (n int); SELECT 1 / 0"


async def closing(store: PostgresStore, work: Awaitable[object]) -> object:
    try:
        return await work
    finally:
        await store.close()


def query(url: str, text: str) -> list[tuple[object, ...]]:
    place = parse(url)
    with psycopg.connect(place.target, autocommit=True) as connection:
        cursor = connection.execute(text.replace("{s}", place.quoted).encode())
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def first(postgres_place: str) -> str:
    """A store with one run, of the first format."""

    async def made() -> None:
        store = PostgresStore(postgres_place)
        await closing(store, create(store, "r-1"))

    asyncio.run(made())
    return postgres_place


@pytest.fixture
def second(first: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, seen by a version that knows one format more."""
    monkeypatch.setattr(known, "FORMATS", (*known.FORMATS, LATER))
    return first


def test_nothing_is_made_before_the_first_call(postgres_place: str) -> None:
    PostgresStore(postgres_place)
    assert asyncio.run(inspect(postgres_place)) == (None, 1)


def test_an_empty_database_is_made_ours_by_the_first_call(postgres_place: str) -> None:
    store = PostgresStore(postgres_place)
    assert asyncio.run(closing(store, store.rows())) == []
    assert asyncio.run(inspect(postgres_place)) == (1, 1)


def test_many_who_open_an_empty_database_at_once_share_it(postgres_place: str) -> None:
    async def story() -> None:
        stores = [PostgresStore(postgres_place) for _ in range(6)]
        try:
            assert await asyncio.gather(*(store.rows() for store in stores)) == [[]] * 6
            await create(stores[0], "r-1")
            assert [len(await store.rows()) for store in stores] == [1] * 6
        finally:
            await asyncio.gather(*(store.close() for store in stores))

    asyncio.run(story())


def test_an_earlier_format_waits_for_migrate(second: str) -> None:
    async def story() -> None:
        store = PostgresStore(second)
        kind, facts = await refusal(store.rows())
        assert (kind, facts["found"], facts["known"]) == (StoreTooOld, 1, 2)
        assert await inspect(second) == (1, 2)
        assert await migrate(second) == (1, 2)
        assert await inspect(second) == (2, 2)
        assert [row.run for row in await store.rows()] == ["r-1"]  # the same store goes on
        await store.close()
        assert await migrate(second) == (2, 2)

    asyncio.run(story())
    assert query(second, "SELECT run, later FROM {s}.runs") == [("r-1", "x")]


def test_migrate_makes_an_empty_database(postgres_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "FORMATS", (*known.FORMATS, LATER))
    assert asyncio.run(migrate(postgres_place)) == (None, 2)
    assert query(postgres_place, "SELECT format FROM {s}.trellis_formats ORDER BY 1") == [(1,), (2,)]


def test_of_many_who_migrate_at_once_one_does_it(second: str) -> None:
    async def story() -> None:
        answers = await asyncio.gather(*(migrate(second) for _ in range(5)))
        assert sorted(answers, key=str) == [(1, 2), *[(2, 2)] * 4]

    asyncio.run(story())


def test_a_migration_that_fails_changes_nothing(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = known.FORMATS
    monkeypatch.setattr(known, "FORMATS", (*before, FAULTY))
    with pytest.raises(StoreUnavailable, match="division by zero"):
        asyncio.run(migrate(second))
    monkeypatch.setattr(known, "FORMATS", before)
    assert asyncio.run(inspect(second)) == (1, 2)
    assert query(second, "SELECT to_regclass('{s}.more'), to_regclass('{s}.half')") == [(None, None)]


def test_who_does_not_get_the_lock_fails(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "_PATIENCE_MS", 100)

    async def story() -> None:
        other = await connect(parse(second))
        try:
            await other.execute("SELECT pg_advisory_lock(%s, hashtext(%s))", (schemas._LOCK, parse(second).schema))
            with pytest.raises(StoreUnavailable, match="another process has been migrating it for 0.1 s; try again"):
                await migrate(second)
        finally:
            await other.close()
        assert await inspect(second) == (1, 2)

    asyncio.run(story())


def test_nothing_is_migrated_under_a_host_at_work(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        store = PostgresStore(first)
        await store.claim("r-1")
        monkeypatch.setattr(known, "FORMATS", (*known.FORMATS, LATER))
        with pytest.raises(StoreUnavailable, match="1 host is at work on it, .* stop them, then try again$"):
            await migrate(first)
        await store.close()
        assert await migrate(first) == (1, 2)

    asyncio.run(story())


def test_a_host_of_an_earlier_version_owns_nothing_after_a_migration(
    first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        earlier = PostgresStore(first)
        assert len(await earlier.rows()) == 1
        with monkeypatch.context() as later:
            later.setattr(known, "FORMATS", (*known.FORMATS, LATER))
            await migrate(first)
        kind, facts = await refusal(earlier.claim("r-1"))
        assert (kind, facts["found"], facts["known"]) == (StoreTooNew, 2, 1)
        await earlier.close()

    asyncio.run(story())


def test_a_later_format_is_left_alone(second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(migrate(second))
    monkeypatch.setattr(known, "FORMATS", known.FORMATS[:1])
    store = PostgresStore(second)
    with pytest.raises(StoreTooNew, match="has format 2, this version knows 1: it was written by a newer trellis"):
        asyncio.run(closing(store, create(store, "r-2")))
    with pytest.raises(StoreTooNew):
        asyncio.run(migrate(second))
    assert query(second, "SELECT run FROM {s}.runs") == [("r-1",)]


def test_the_tables_of_another_application_are_left_alone(postgres_place: str) -> None:
    query(postgres_place, "CREATE SCHEMA {s}; CREATE TABLE {s}.runs (n int); CREATE TABLE {s}.journal (n int)")
    store = PostgresStore(postgres_place)
    expected = r"has another application's tables \(journal, runs\); name another schema with \?schema=NAME$"
    with pytest.raises(StoreUnavailable, match=expected):
        asyncio.run(closing(store, store.row("r-1")))
    with pytest.raises(StoreUnavailable, match=expected):
        asyncio.run(migrate(postgres_place))


def test_a_schema_may_have_any_name_and_lie_beside_others(postgres_place: str) -> None:
    async def story() -> None:
        names = ('a"b', "Ünï %24;--", postgres_place.partition("schema=")[2])
        base = postgres_place.partition("?")[0]
        stores = [PostgresStore(f"{base}?schema={name}") for name in names]
        try:
            for number, store in enumerate(stores):
                await create(store, "r-1", name=f"{number}")
            assert [[row.name for row in await store.rows()] for store in stores] == [["0"], ["1"], ["2"]]
            assert {row.graph for store in stores for row in await store.rows()} == {ROW.graph}
        finally:
            for store in stores:
                await store.close()
                if store is not stores[-1]:
                    query(f"{base}?schema={names[stores.index(store)]}", "DROP SCHEMA {s} CASCADE")

    asyncio.run(story())
