"""Messages through PostgreSQL: quick where notifications come through, sure where they do not, and none left lying."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
import pytest

from tests.servers import with_setting
from tests.stores.test_postgres import expire
from tests.stores.test_postgres_formats import query
from trellis.errors import RunOwned, StoreUnavailable
from trellis.stores.postgres import PostgresStore, post
from trellis.stores.postgres.place import parse
from trellis.testing.stores import create, refusal
from trellis.testing.stores.messages import echo


def tell(place: str, story: Callable[[PostgresStore, PostgresStore], Awaitable[None]]) -> None:
    """A story of an owner of the run r-1, and of another store."""

    async def whole() -> None:
        ours, theirs = PostgresStore(place), PostgresStore(place)
        try:
            await create(ours, "r-1")
            async with asyncio.timeout(30):
                await story(ours, theirs)
        finally:
            await theirs.close()
            await ours.close()

    asyncio.run(whole())


async def emptied(place: str) -> None:
    """Wait until no message is kept."""
    while query(place, "SELECT id FROM {s}.inbox"):
        await asyncio.sleep(0)


async def sent(place: str) -> None:
    """Wait until a message is there."""
    while not query(place, "SELECT id FROM {s}.inbox"):
        await asyncio.sleep(0)


async def deaf(store: PostgresStore) -> None:
    """As though its process were busy from now on: it looks for no messages, and its lease goes on for a while."""
    watch = store._post._watch
    assert watch is not None
    watch.cancel()
    await asyncio.wait({watch})


def test_a_reply_does_not_wait_for_the_next_look(postgres_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "_POLL", 60.0)
    monkeypatch.setattr(post, "_LOOK", 60.0)

    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        for _ in range(20):
            assert await theirs.ask("r-1", b"hello", timeout=3) == b"heard hello"

    tell(postgres_place, story)


def test_a_reply_comes_where_no_notification_gets_through(postgres_place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "_POLL", 0.05)
    monkeypatch.setattr(post.Post, "_hint", lambda *_: None)

    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        assert await theirs.ask("r-1", b"hello") == b"heard hello"

    tell(postgres_place, story)


def test_notifications_of_a_moment_are_one(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        await theirs.ask("r-1", b"hello")
        async with await psycopg.AsyncConnection.connect(parse(postgres_place).target, autocommit=True) as other:
            await other.execute(f"LISTEN {ours._lease.channel}".encode())
            replies = await asyncio.gather(*(theirs.ask("r-1", b"%d" % number) for number in range(60)))
            assert replies == [b"heard %d" % number for number in range(60)]
            heard = [note async for note in other.notifies(timeout=0)]
        assert 1 <= len(heard) <= 30

    tell(postgres_place, story)


def test_no_message_stays_behind(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        await deaf(ours)
        kind, facts = await refusal(theirs.ask("r-1", b"nobody hears", timeout=0.1))
        expected = "the owner of run 'r-1' gave no reply in 0.1 s; whether it heard is unknown"
        assert (kind, facts["reason"]) == (StoreUnavailable, expected)
        await emptied(postgres_place)

    tell(postgres_place, story)


def test_what_an_asker_that_died_left_behind_is_swept(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        query(
            postgres_place,
            "INSERT INTO {s}.inbox (owner, run, asker, message, expires) "
            "SELECT token, 'r-1', 'nobody', '', now() FROM {s}.owners",
        )
        ours._lease._renewed = 0.0  # so that it renews at its next look
        await emptied(postgres_place)

    tell(postgres_place, story)


def test_no_message_is_swept_while_its_asker_waits(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        await deaf(ours)
        asked = asyncio.create_task(theirs.ask("r-1", b"hello", timeout=25))
        await sent(postgres_place)
        # As though those seconds had passed, and the server swept in the last moment of the asker's patience.
        query(postgres_place, "UPDATE {s}.inbox SET expires = expires - interval '25 s'")
        query(postgres_place, theirs._statements.sweep.decode())
        ours._post._watch = None
        ours._post.watch()
        assert await asked == b"heard hello"

    tell(postgres_place, story)


def test_who_asks_an_owner_that_dies_unheard_is_told_that_nobody_is_there(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        await deaf(ours)
        asked = asyncio.create_task(theirs.ask("r-1", b"nobody hears"))
        await sent(postgres_place)
        await expire(ours, postgres_place)
        assert await theirs.claim("r-1") == 2
        assert await asked is None
        await emptied(postgres_place)

    tell(postgres_place, story)


@pytest.mark.parametrize("end", ["closes", "is buried", "stops renewing"])
def test_who_asks_an_owner_that_heard_and_is_gone_is_told_that_nobody_knows(postgres_place: str, end: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        heard = asyncio.Event()

        async def act(message: bytes) -> bytes:
            heard.set()
            return await asyncio.get_running_loop().create_future()

        ours.hear(act)
        asked = asyncio.create_task(refusal(theirs.ask("r-1", b"hello")))
        await heard.wait()
        if end == "closes":
            await ours.close()
        else:
            await expire(ours, postgres_place)
        if end == "is buried":
            assert await theirs.claim("r-1") == 2
        reason = "the owner of run 'r-1' gave no reply: it is gone, and whether it acted is unknown"
        assert await asked == (StoreUnavailable, {"url": theirs.url, "reason": reason})
        await emptied(postgres_place)

    tell(postgres_place, story)


def test_an_owner_that_closes_while_it_hears_itself_is_told_that_nobody_knows(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        heard = asyncio.Event()

        async def close(message: bytes) -> bytes:
            if message == b"wait":
                heard.set()
                return await asyncio.get_running_loop().create_future()
            await ours.close()
            return b"closed"

        ours.hear(close)
        asked = asyncio.create_task(refusal(ours.ask("r-1", b"wait")))
        await heard.wait()
        assert await ours.ask("r-1", b"close") == b"closed"
        reason = "the owner of run 'r-1' gave no reply: it is gone, and whether it acted is unknown"
        assert await asked == (StoreUnavailable, {"url": theirs.url, "reason": reason})

    tell(postgres_place, story)


def test_a_reply_that_came_before_its_owner_went_is_a_reply(
    postgres_place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post.Post, "_hint", lambda *_: None)

    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        asked = asyncio.create_task(theirs.ask("r-1", b"hello"))
        while not query(postgres_place, "SELECT id FROM {s}.inbox WHERE answered"):
            await asyncio.sleep(0)
        await ours.close()
        assert await asked == b"heard hello"

    tell(postgres_place, story)


def test_a_message_for_a_run_that_was_let_go_meanwhile_is_not_heard(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        await create(ours, "r-2")
        ours.hear(echo)
        await deaf(ours)
        asked = asyncio.create_task(theirs.ask("r-1", b"hello"))
        await sent(postgres_place)
        await ours.release("r-1")
        assert await asked is None
        await emptied(postgres_place)

    tell(postgres_place, story)


def test_an_answer_that_raises_is_told_to_the_asker_and_the_next_is_heard(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        async def moody(message: bytes) -> bytes:
            if message == b"fail":
                raise KeyError("mine")
            return b"fine"

        ours.hear(moody)
        reason = "the owner of run 'r-1' gave no reply: KeyError: 'mine'"
        for asker in (ours, theirs):
            told = await refusal(asker.ask("r-1", b"fail"))
            assert told == (StoreUnavailable, {"url": theirs.url, "reason": reason})
            assert await asker.ask("r-1", b"hello") == b"fine"

    tell(postgres_place, story)


def test_a_short_lease_lives_on_where_its_owner_asked_before_its_first_run(postgres_place: str) -> None:
    async def story(ours: PostgresStore, theirs: PostgresStore) -> None:
        ours.hear(echo)
        quick = PostgresStore(with_setting(postgres_place, "lease", 0.3))
        try:
            assert await quick.ask("r-1", b"hello") == b"heard hello"
            await create(quick, "r-2")
            async with await psycopg.AsyncConnection.connect(parse(postgres_place).target, autocommit=True) as server:
                for _ in range(12):
                    await server.execute("SELECT pg_sleep(0.1)")  # it is the server's clock that ends a lease
                    assert (await refusal(theirs.claim("r-2")))[0] is RunOwned
        finally:
            await quick.close()

    tell(postgres_place, story)
