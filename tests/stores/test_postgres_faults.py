"""What goes wrong with a PostgreSQL store is told with its remedy, and no password is ever told."""

from __future__ import annotations

import asyncio
import traceback
from urllib.parse import urlsplit

import psycopg
import pytest
from msgspec.structs import replace

from tests.stores.test_postgres_formats import closing, query
from trellis.errors import StoreCorrupt, StoreFull, StoreUnavailable
from trellis.stores import open_store
from trellis.stores.base import Turn
from trellis.stores.postgres import PostgresStore
from trellis.stores.postgres.place import parse
from trellis.testing.stores import ROW, create, refusal

SECRET = "s3cr3t"


def fault(url: str) -> str:
    """What is told of a store that cannot be reached."""
    store = PostgresStore(url)
    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(closing(store, store.rows()))
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://u:{SECRET}@h:1/d?schema=x", "postgresql://u:***@h:1/d?schema=x"),
        (f"postgresql:///d?user=u&password={SECRET}&host=/tmp", "postgresql:///d?user=u&password=***&host=/tmp"),
        (f"postgres://u:{SECRET}@h1:1,h2:2/d", "postgres://u:***@h1:1,h2:2/d"),
        (f"postgresql://u:a?{SECRET}@h/d?lease=3", "postgresql://u:***@h/d?lease=3"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql:///", "postgresql:///"),
    ],
)
def test_the_url_that_is_shown_has_no_password(url: str, shown: str) -> None:
    assert PostgresStore(url).url == open_store(url).url == shown


FORM = (
    "this is no URL of PostgreSQL; expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
    "with % @ : / ? of a password written as %25 %40 %3A %2F %3F"
)


@pytest.mark.parametrize(
    ("url", "shown", "reason"),
    [
        (f"postgresql://u:%{SECRET}@h/d", "postgresql://u:***@h/d", FORM),
        (f"postgresql://u:a@{SECRET}@h/d", "postgresql://u:***@h/d", FORM),
        (f"postgresql://u:a/{SECRET}@h/d", "postgresql://u:***@h/d", FORM),
        (f"postgresql://u:{SECRET}@h:port/d", "postgresql://u:***@h:port/d", FORM),
        (
            f"postgresql://u:{SECRET}@h/d?poolsize=3",
            "postgresql://u:***@h/d?poolsize=3",
            'this is no URL of PostgreSQL; invalid URI query parameter: "poolsize"',
        ),
        ("postgresql://h/d?lease=x", None, "lease=x is not a number from 0.1 to 3600"),
        ("postgresql://h/d?lease=nan", None, "lease=nan is not a number from 0.1 to 3600"),
        ("postgresql://h/d?lease=0", None, "lease=0 is not a number from 0.1 to 3600"),
        ("postgresql://h/d?pool_size=0", None, "pool_size=0 is not a number from 1 to 1000"),
        (
            "postgresql://h/d?schema=pg_temp",
            None,
            "schema='pg_temp' cannot be the schema: at most 63 bytes, no %, and not starting with pg_",
        ),
        (
            "postgresql://h/d?schema=a%25b",
            None,
            "schema='a%b' cannot be the schema: at most 63 bytes, no %, and not starting with pg_",
        ),
    ],
)
def test_a_url_that_cannot_be_is_refused_at_once_without_telling_its_password(
    url: str, shown: str | None, reason: str
) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        PostgresStore(url)
    assert str(caught.value) == f"store {shown or url}: {reason}"
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_settings_of_libpq_reach_it_and_ours_do_not() -> None:
    place = parse("postgresql://u:p%40+x@h/d?lease=2.5&sslmode=disable&schema=a%20b&pool_size=3&connect_timeout=1")
    options = psycopg.conninfo.conninfo_to_dict(place.target)
    assert (options["sslmode"], options["connect_timeout"], options["password"]) == ("disable", "1", "p@+x")
    assert (place.lease, place.schema, place.pool) == (2.5, "a b", 3)


def test_a_server_that_is_not_there_is_told_from_one_that_refuses(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    assert "no server answers; start it, or check host and port in the URL (" in fault(
        f"postgresql://u:{SECRET}@127.0.0.1:1/d"
    )
    assert "no such host; check the URL (" in fault(f"postgresql://u:{SECRET}@no-such-host.invalid/d")
    missing = parts._replace(path="/no-such-database").geturl()
    told = fault(missing)
    assert "the server has no such database or role; make it with createdb or createuser (" in told
    assert '"no-such-database" does not exist' in told


def test_a_wrong_password_is_told_as_such(postgres_url: str) -> None:
    parts = urlsplit(postgres_url)
    if parts.password is None:
        pytest.skip("the PostgreSQL of the tests asks for no password; that of .ci/run does")
    told = fault(postgres_url.replace(f":{parts.password}@", f":{SECRET}@"))
    assert "the server does not take this user with this password; check both, or ~/.pgpass (" in told


def test_a_store_that_was_closed_says_so(postgres_place: str) -> None:
    async def story() -> None:
        store = PostgresStore(postgres_place)
        await create(store, "r-1")
        await store.close()
        await store.close()
        kind, facts = await refusal(store.row("r-1"))
        assert (kind, facts["reason"]) == (StoreUnavailable, "it was closed")

    asyncio.run(story())


def test_a_full_disk_writes_nothing_and_the_store_goes_on_when_there_is_room(postgres_place: str) -> None:
    """The server says so in the midst of a batch: here a trigger does it for the disk."""

    async def story() -> None:
        store = PostgresStore(postgres_place)
        for run in ("r-1", "r-2"):
            await create(store, run)
        query(
            postgres_place,
            """
            CREATE FUNCTION {s}.full() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER full_disk BEFORE INSERT ON {s}.journal FOR EACH ROW
            WHEN (NEW.event = 'two') EXECUTE FUNCTION {s}.full()""",
        )
        turns = [Turn("r-1", 2, b"2", 1, replace(ROW, status="x")), Turn("r-2", 2, b"two", 1, None)]
        kind, facts = await refusal(store.append(turns))
        assert (kind, facts["reason"]) == (StoreFull, "could not extend file")
        kind, _ = await refusal(store.create(replace(ROW, run="r-3"), [b"two"], {"d": b"d"}))
        assert kind is StoreFull
        assert [(row.run, row.status, row.revision) for row in await store.rows()] == [
            ("r-2", "running", 1),
            ("r-1", "running", 1),
        ]
        assert await store.definition("d") is None
        query(postgres_place, "DROP TRIGGER full_disk ON {s}.journal")
        assert await store.append(turns) == [None, None]
        await store.close()

    asyncio.run(story())


def test_a_missing_event_and_a_missing_table_are_corruption(postgres_place: str) -> None:
    async def story() -> None:
        store = PostgresStore(postgres_place)
        await store.create(ROW, [b"1", b"2", b"3"], {})
        for seq, told in ((3, 3), (1, 1)):
            query(postgres_place, f"DELETE FROM {{s}}.journal WHERE seq = {seq}")
            kind, facts = await refusal(store.read("r-1"))
            reason = f"event {told} of run 'r-1' is missing; restore the database from a backup"
            assert (kind, facts["reason"]) == (StoreCorrupt, reason)
        query(postgres_place, "DROP TABLE {s}.journal")
        assert (await refusal(store.read("r-1")))[0] is StoreCorrupt
        await store.close()

    asyncio.run(story())
