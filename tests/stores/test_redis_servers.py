"""What the Redis store tells of its server, and what it keeps when that is killed, full, locked or a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import redis
from msgspec.structs import replace

from tests.stores.redis_places import private_redis
from trellis.errors import StoreCorrupt, StoreFull, StoreTooNew, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.redis import RedisStore, inspect, migrate
from trellis.testing.stores import ROW, create, refusal

UNTOLD = "the server does not tell its settings: ask whoever runs it for appendonly yes, appendfsync always"
NO_DATABASE = "the server has no database of that number; name runs apart with ?prefix=NAME"
ALWAYS = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")


def tell(url: str, story: Callable[[RedisStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = RedisStore(url)
        try:
            async with asyncio.timeout(60):
                await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


def contents(client: redis.Redis) -> dict[bytes, object]:
    """Everything that is there, but for who lives until when."""
    readers: dict[object, Callable[[bytes], object]] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1, withscores=True),
    }
    return {key: readers[client.type(key)](key) for key in client.scan_iter("*") if key != b"trellis:owners"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ALWAYS, "appendonly is on and every write is on the server's disk before it is answered"),
        (
            ("--appendonly", "yes", "--appendfsync", "everysec"),
            (
                "appendonly is on, appendfsync is everysec: a crash of its machine loses the writes of the last "
                "second or two; set appendfsync always"
            ),
        ),
        (
            ("--appendonly", "yes", "--appendfsync", "no"),
            (
                "appendonly is on, appendfsync is no: a crash of its machine may lose the latest writes; "
                "set appendfsync always"
            ),
        ),
        (
            ("--appendonly", "no", "--save", ""),
            "appendonly is off: a crash of the server loses every run; set appendonly yes, appendfsync always",
        ),
        (
            ("--appendonly", "no", "--save", "3600 1"),
            (
                "appendonly is off: a crash of the server loses everything written since its last snapshot; "
                "set appendonly yes, appendfsync always"
            ),
        ),
        (
            (*ALWAYS, "--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"),
            (
                "appendonly is on and every write is on the server's disk before it is answered; the server drops "
                "keys when its memory is full, runs too: set maxmemory-policy noeviction"
            ),
        ),
        (
            (*ALWAYS, "--rename-command", "CONFIG", ""),
            (
                "appendonly is on, appendfsync is not told: a crash of its machine may lose the latest writes; "
                "set appendfsync always"
            ),
        ),
    ],
)
def test_the_store_says_how_durable_its_server_is(tmp_path: Path, settings: tuple[str, ...], said: str) -> None:
    async def story(store: RedisStore) -> None:
        assert store.durability == "the server was not asked yet"
        await store.rows(limit=0)
        assert store.durability == said

    with private_redis(tmp_path, *settings) as server:
        tell(server.url, story)


def test_a_server_that_syncs_always_and_is_killed_loses_nothing_and_its_store_goes_on(tmp_path: Path) -> None:
    with private_redis(tmp_path, *ALWAYS) as server:

        async def story(store: RedisStore) -> None:
            epoch = await create(store, "r-1")
            for seq in range(2, 20):
                assert await store.append([Turn("r-1", seq, b"%d" % seq, epoch, None, snapshot=b"s")]) == [None]
                if seq % 6 == 0:
                    server.kill()
                    assert (await refusal(store.read("r-1")))[0] is StoreUnavailable
                    assert (await refusal(store.append([Turn("r-1", seq + 1, b"", epoch, None)])))[
                        0
                    ] is StoreUnavailable
                    server.start()
            assert await store.read("r-1") == [b"%d" % seq for seq in range(1, 20)]
            assert await store.row("r-1") == replace(ROW, revision=19)
            assert await store.owned() == ["r-1"]

        tell(server.url, story)


def test_only_of_what_writes_it_is_said_that_nobody_knows_whether_it_did(tmp_path: Path) -> None:
    doubt = "whether this was written is unknown until the run is read again"
    with private_redis(tmp_path, "--save", "") as server:

        async def story(store: RedisStore) -> None:
            epoch = await create(store, "r-1")
            server.kill()
            writing = [
                store.append([Turn("r-1", 2, b"", epoch, None)]),
                store.claim("r-1"),
                store.claim_due(1.0, limit=1),
                store.release("r-1"),
                store.delete("r-1"),
            ]
            assert [str((await refusal(call))[1]["reason"]).endswith(f"; {doubt}") for call in writing] == [True] * 5
            looking = [store.read("r-1"), store.row("r-1"), store.rows(), store.snapshot("r-1"), store.owned()]
            assert [doubt in str((await refusal(call))[1]["reason"]) for call in looking] == [False] * 5

        tell(server.url, story)


def test_a_full_server_writes_nothing_and_goes_on_when_it_has_room(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--maxmemory-policy", "noeviction", "--save", "") as server:

        async def story(store: RedisStore) -> None:
            epoch = await create(store, "r-1")
            full = (
                StoreFull,
                {"url": store.url, "reason": "the server has reached its maxmemory; raise it, or delete runs"},
            )
            with redis.Redis(port=server.port) as client:
                client.config_set("maxmemory", "1mb")
                before = contents(client)
                row = replace(ROW, status="x")
                assert await refusal(store.append([Turn("r-1", 2, b"2", epoch, row, snapshot=b"2")])) == full
                assert await refusal(store.create(replace(ROW, run="r-2"), [b"1"], {"d": b"d"})) == full
                after = contents(client)
                assert after == before
                assert await store.read("r-1") == [b"1"]
                assert (await store.rows())[0].run == "r-1"
                client.config_set("maxmemory", "0")
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

        tell(server.url, story)


def test_a_run_changes_hands_whole_or_not_at_all_on_a_full_server(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--maxmemory-policy", "noeviction", "--save", "") as server:

        async def story(store: RedisStore) -> None:
            for run, wake in (("r-1", 10.0), ("r-2", None)):
                await create(store, run, wake=wake)
            with redis.Redis(port=server.port) as client:
                client.config_set("maxmemory", "1mb")
                for run in ("r-1", "r-2"):
                    before = contents(client)
                    for call in (store.release(run), store.claim(run)):
                        try:
                            await call
                        except StoreFull:
                            assert contents(client) == before
                        before = contents(client)
                client.config_set("maxmemory", "0")
            for run in ("r-1", "r-2"):
                await store.release(run)
            epoch = await store.claim("r-2")
            await store.release("r-2")
            assert await store.claim("r-2") == epoch + 1
            due = await store.claim_due(10.0, limit=9)
            assert ([run for run, _ in due.claimed], due.next) == (["r-1"], None)

        tell(server.url, story)


def test_a_full_server_still_deletes(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--maxmemory-policy", "noeviction", "--save", "") as server:

        async def story(store: RedisStore) -> None:
            await create(store, "r-1")
            with redis.Redis(port=server.port) as client:
                client.config_set("maxmemory", "1mb")
                await store.delete("r-1")
                assert await store.rows() == []

        tell(server.url, story)


def test_what_the_server_refuses_is_told_so_that_one_can_act(tmp_path: Path) -> None:
    async def told(url: str) -> str:
        store = RedisStore(url)
        try:
            kind, known = await refusal(create(store, "r-1"))
            assert kind is StoreUnavailable
            assert "s3cret" not in known["url"]
            return str(known["reason"])
        finally:
            await store.close()

    async def story(port: int) -> None:
        assert "write user and password into the URL" in await told(f"redis://127.0.0.1:{port}/0")
        assert "write user and password into the URL" in await told(f"redis://:s3crets@127.0.0.1:{port}/0")
        assert await told(f"redis://:s3cret@127.0.0.1:{port}/99") == NO_DATABASE
        with redis.Redis(port=port, password="s3cret") as client:
            client.acl_setuser("ana", enabled=True, passwords=["+s3cret"], keys=["trellis:*"], categories=["+@read"])
            reason = await told(f"redis://ana:s3cret@127.0.0.1:{port}/0")
            assert reason.endswith("; let its user have +@scripting +@read +@write +time on the keys ~PREFIX:*")
            client.acl_setuser(
                "ana",
                enabled=True,
                passwords=["+s3cret"],
                keys=["trellis:*"],
                categories=["+@scripting", "+@read", "+@write"],
                commands=["+time"],
            )
            store = RedisStore(f"redis://ana:s3cret@127.0.0.1:{port}/0")
            await create(store, "r-1")
            await store.delete("r-1")
            assert store.durability == UNTOLD
            await store.close()
            client.config_set("masterauth", "s3cret")
            client.replicaof("127.0.0.1", 1)
            reason = await told(f"redis://:s3cret@127.0.0.1:{port}/0")
            assert reason == "it is a replica, which may not be written; name the primary"

    with private_redis(tmp_path, "--requirepass", "s3cret", "--save", "") as server:
        asyncio.run(story(server.port))


def test_a_format_from_later_stops_every_call_and_is_left_as_it_was(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--save", "") as server, redis.Redis(port=server.port) as client:

        async def story(store: RedisStore) -> None:
            too_new = StoreTooNew, {"url": store.url, "found": 2, "known": 1}
            assert await inspect(server.url) == (None, 1)
            answers = await asyncio.gather(*(migrate(server.url) for _ in range(4)))
            assert sorted(answers, key=str) == [(1, 1), (1, 1), (1, 1), (None, 1)]
            epoch = await create(store, "r-1")
            assert await inspect(server.url) == await migrate(server.url) == (1, 1)
            client.set("trellis:format", 2)
            before = contents(client)
            for call in (
                store.create(replace(ROW, run="r-2"), [b"1"], {}),
                store.claim("r-1"),
                store.claim_due(1.0, limit=1),
                store.owned(),
                store.release("r-1"),
                store.append([Turn("r-1", 2, b"2", epoch, None)]),
                store.snapshot("r-1"),
                store.read("r-1"),
                store.row("r-1"),
                store.rows(),
                store.definition("d"),
                store.ask("r-1", b"m"),
                store.delete("r-1"),
                migrate(server.url),
            ):
                assert await refusal(call) == too_new
            assert await inspect(server.url) == (2, 1)
            assert contents(client) == before

        tell(server.url, story)


def test_keys_of_another_application_are_not_written_over(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--save", "") as server, redis.Redis(port=server.port) as client:
        client.set("trellis:run:r-1", "theirs")

        async def story(store: RedisStore) -> None:
            kind, known = await refusal(store.claim("r-1"))
            assert kind is StoreCorrupt
            assert "name another ?prefix=" in known["reason"]
            assert client.get("trellis:run:r-1") == b"theirs"

        tell(server.url, story)
