"""The Redis store keeps the promise of every store whose owners hold leases, and finds what is buried alive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
import redis
from msgspec.structs import replace

from tests.servers import redis_url as redis_url
from tests.stores.redis_places import client_of, prefix_of
from tests.stores.redis_places import redis_place as redis_place
from trellis.errors import RunOwned, StoreCorrupt, StoreUnavailable
from trellis.stores import open_store
from trellis.stores.base import Due, Snapshot, Store, Turn
from trellis.stores.redis import RedisStore, scripts
from trellis.stores.redis.connection import Server
from trellis.stores.redis.lease import stop
from trellis.testing.stores import ROW, LeaseStoreContract, create, facts, refusal
from trellis.testing.stores.messages import echo


class TestRedisStore(LeaseStoreContract):
    @pytest.fixture(autouse=True)
    def _place(self, redis_place: str) -> Iterator[None]:
        self.url = f"{redis_place}&lease={self.lease_s}"
        self.prefix = prefix_of(redis_place)
        with client_of(redis_place) as self.client:
            yield

    def open(self) -> Store:
        return open_store(self.url)

    def open_again(self) -> Store:
        return RedisStore(self.url)

    async def expire(self, store: Store) -> None:
        await expire(self.client, self.prefix, store)

    async def sent(self, owner: Store) -> str:
        """Wait until a message for that owner is there; the list that it lies in."""
        inbox = f"{self.prefix}:inbox:{owner._owner}"  # type: ignore[attr-defined]
        while not self.client.llen(inbox):
            await asyncio.sleep(0)
        return inbox

    def test_a_store_that_is_closed_while_it_begins_to_listen_does_not_wait_for_a_message(self) -> None:
        async def story() -> None:
            for spins in range(6):
                store = self.open()
                await create(store, f"r-{spins}")
                for _ in range(spins):
                    await asyncio.sleep(0)
                await asyncio.wait_for(store.close(), 4.0)

        asyncio.run(story())

    def test_an_owner_that_was_buried_and_lives_on_keeps_what_nobody_took(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1", wake=10.0)
            await create(ours, "r-2", wake=20.0, name="other")
            await self.expire(ours)
            assert await theirs.claim_due(50.0, limit=9, names=["other"]) == Due((("r-2", 2),), None)
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await theirs.claim_due(50.0, limit=9) == Due((), None)
            assert (await ours.owned(), await theirs.owned()) == (["r-1"], ["r-2"])
            assert (await refusal(theirs.claim("r-1")))[0] is RunOwned
            await self.expire(ours)
            assert await theirs.claim_due(50.0, limit=9) == Due((("r-1", 2),), None)

        self.tell_of_two(story)

    def test_an_owner_that_was_buried_does_not_claim_its_own_runs_anew(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1", wake=10.0)
            await self.expire(ours)
            assert await theirs.claim_due(50.0, limit=0) == Due((), None)
            assert await ours.claim_due(50.0, limit=9) == Due((), None)
            assert await ours.claim("r-1") == epoch
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

        self.tell_of_two(story)

    def test_nothing_is_left_of_runs_that_were_deleted(self) -> None:
        async def story(store: Store) -> None:
            for number in range(4):
                row = replace(ROW, run=f"r-{number}", request=f"q-{number}", name=f"n-{number % 2}")
                await store.create(row, [b"1"], {ROW.graph: b"definition"})
            await store.append([Turn("r-0", 2, b"2", 1, replace(ROW, fields={"a": None, "b": 1}), snapshot=b"2")])
            await store.release("r-1", Snapshot(1, b"1"))
            await store.append([Turn("r-2", 2, b"2", 1, replace(ROW, status="failed"), last=True)])
            for number in range(4):
                await store.delete(f"r-{number}")
            left = {key.decode().removeprefix(f"{self.prefix}:") for key in self.client.scan_iter(f"{self.prefix}:*")}
            assert left == {"format", "serial", "owners"}
            await store.close()
            assert self.client.zcard(f"{self.prefix}:owners") == 0

        self.tell(story)

    def test_an_asker_whose_owner_dies_unheard_is_told_that_nobody_owns_the_run(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            await deaf(ours)
            asking = asyncio.create_task(theirs.ask("r-1", b"hello", timeout=30))
            inbox = await self.sent(ours)
            assert self.client.pttl(inbox) > 0
            await ours.close()
            assert await asyncio.wait_for(asking, 20) is None
            assert not self.client.exists(inbox)

        self.tell_of_two(story)

    def test_a_message_for_a_run_that_was_let_go_meanwhile_is_not_heard(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            ours.hear(echo)
            await deaf(ours)
            asking = asyncio.create_task(theirs.ask("r-1", b"hello"))
            inbox = await self.sent(ours)
            await ours.release("r-1")
            assert await asking is None
            assert not self.client.exists(inbox)

        self.tell_of_two(story)

    def test_who_asks_an_owner_that_heard_and_is_gone_is_told_that_nobody_knows(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            heard = asyncio.Semaphore(0)

            async def act(message: bytes) -> bytes:
                heard.release()
                return await asyncio.get_running_loop().create_future()

            ours.hear(act)
            await create(ours, "r-1")
            asking = [asyncio.create_task(refusal(asker.ask("r-1", b"hello"))) for asker in (ours, theirs)]
            for _ in asking:
                await heard.acquire()
            await ours.close()
            reason = "the owner of run 'r-1' gave no reply: it is gone, and whether it acted is unknown"
            assert await asyncio.gather(*asking) == [(StoreUnavailable, {"url": ours.url, "reason": reason})] * 2

        self.tell_of_two(story)

    def test_a_reply_that_came_before_its_owner_went_is_a_reply(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            async def leave(message: bytes) -> bytes:
                await self.expire(ours)  # between this and the reply the asker may look
                return b"heard " + message

            ours.hear(leave)
            await create(ours, "r-1")
            letter = msgspec.msgpack.encode(("ticket", "r-1", b"hello"))
            prefix, owner = self.prefix, ours._owner  # type: ignore[attr-defined]
            self.client.rpush(f"{prefix}:inbox:{owner}", letter)
            while not self.client.llen(f"{prefix}:reply:ticket"):
                await asyncio.sleep(0)
            server = theirs._server  # type: ignore[attr-defined]
            values = (theirs._owner, "r-1", owner, letter, "ticket")  # type: ignore[attr-defined]
            assert await server.run(scripts.LOOK, *values) == b"replied"

        self.tell_of_two(story)

    def test_an_owner_whose_lease_is_over_hears_nothing_though_nobody_took_its_runs(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            heard = []

            async def hear(message: bytes) -> bytes:
                heard.append(message)
                return b"heard"

            ours.hear(hear)
            await create(ours, "r-1")
            await stop([ours._lease._renewing])  # type: ignore[attr-defined]
            await self.expire(ours)
            letter = msgspec.msgpack.encode(("ticket", "r-1", b"hello"))
            self.client.rpush(f"{self.prefix}:inbox:{ours._owner}", letter)  # type: ignore[attr-defined]
            while not self.client.llen(f"{self.prefix}:reply:ticket"):
                await asyncio.sleep(0)
            assert self.client.lrange(f"{self.prefix}:reply:ticket", 0, -1) == [b"-"]
            assert heard == []

        self.tell_of_two(story)

    def test_a_letter_that_cannot_be_read_does_not_make_its_owner_deaf(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            ours.hear(echo)
            await create(ours, "r-1")
            inbox = f"{self.prefix}:inbox:{ours._owner}"  # type: ignore[attr-defined]
            for letter in (b"", b"x", b"\x93\xa1\xff\xa1a\xc4\x00"):
                self.client.rpush(inbox, letter)
                assert await theirs.ask("r-1", b"hello") == b"heard hello"

        self.tell_of_two(story)

    def test_what_was_not_heard_in_time_is_not_heard_later(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            await deaf(ours)
            kind, known = await refusal(theirs.ask("r-1", b"late", timeout=0.1))
            assert (kind, known["reason"]) == (StoreUnavailable, "the owner of run 'r-1' gave no reply in 0.1 s")
            heard = []

            async def hear(message: bytes) -> bytes:
                heard.append(message)
                return b"heard"

            ours.hear(hear)
            ours._post._listening = None  # type: ignore[attr-defined]
            await ours.claim("r-1")
            assert await theirs.ask("r-1", b"now") == b"heard"
            assert heard == [b"now"]

        self.tell_of_two(story)

    def test_an_answer_that_fails_is_told_to_the_asker(self) -> None:
        async def story(ours: Store, theirs: Store) -> None:
            async def fail(message: bytes) -> bytes:
                raise KeyError("no such node")

            ours.hear(fail)
            await create(ours, "r-1")
            reason = "the owner of run 'r-1' gave no reply: KeyError: 'no such node'"
            for asker in (ours, theirs):
                assert await refusal(asker.ask("r-1", b"hello")) == (
                    StoreUnavailable,
                    {"url": ours.url, "reason": reason},
                )

        self.tell_of_two(story)

    def test_a_missing_event_is_corrupt(self) -> None:
        async def story(store: Store) -> None:
            await store.create(ROW, [b"1", b"2", b"3"], {})
            self.client.rpop(f"{self.prefix}:events:r-1")
            reason = "event 3 of run 'r-1' is missing; restore the server's data from a backup"
            expected = StoreCorrupt, {"url": store.url, "reason": reason}
            assert await refusal(store.read("r-1")) == expected
            assert await refusal(store.read("r-1", 2)) == expected

        self.tell(story)

    def test_a_row_that_is_none_is_corrupt(self) -> None:
        async def story(store: Store) -> None:
            await create(store, "r-1")
            self.client.hset(f"{self.prefix}:run:r-1", "row", "{}")
            kind, known = await refusal(store.row("r-1"))
            assert (kind, known["url"]) == (StoreCorrupt, store.url)
            assert (await refusal(store.rows()))[0] is StoreCorrupt

        self.tell(story)

    def test_two_prefixes_are_two_stores(self) -> None:
        async def story(store: Store) -> None:
            await create(store, "r-1")
            other = open_store(self.url.replace(self.prefix, f"{self.prefix}-other"))
            try:
                assert await other.rows() == []
                assert await other.claim_due(2e9, limit=9) == Due((), None)
            finally:
                await other.close()

        self.tell(story)

    def test_a_closed_store_says_so(self) -> None:
        async def story(store: Store) -> None:
            await store.close()
            assert await refusal(store.rows()) == (StoreUnavailable, {"url": store.url, "reason": "it was closed"})

        self.tell(story)

    def test_refusals_of_one_run_in_one_batch_are_one_error(self) -> None:
        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            first, second = await store.append([Turn("r-1", seq, b"x", epoch, None) for seq in (5, 2)])
            assert first is second
            assert facts(first)[1] == {"run": "r-1", "expected": 5, "found": 1}

        self.tell(story)


async def expire(client: redis.Redis, prefix: str, store: Store) -> None:
    """As though its process had been stopped for longer than its lease."""
    client.zadd(f"{prefix}:owners", {store._owner: 0})  # type: ignore[attr-defined]


async def deaf(store: Store) -> None:
    """As though its process were busy from now on: it takes no messages, while its lease goes on."""
    await stop([store._post._listening])  # type: ignore[attr-defined]


@pytest.mark.parametrize("swallowed", [redis.ConnectionError("closed"), None], ids=["error", "answer"])
@pytest.mark.parametrize("call", ["evalsha", "blpop"])
def test_a_caller_who_is_cancelled_is_though_the_library_swallows_it(
    call: str, swallowed: Exception | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server("redis://localhost:1")

    async def swallowing(*_: object, **__: object) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            if swallowed is not None:
                raise swallowed from None

    monkeypatch.setattr(server.client, call, swallowing)

    async def scene() -> bool:
        asked = server.run(scripts.LEAVE, "o") if call == "evalsha" else server.pop("list", 1.0)
        task = asyncio.get_running_loop().create_task(asked)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(scene())
