"""The part of the suite about messages: they reach the living owner of a run, and its reply comes back."""

from __future__ import annotations

import asyncio

from trellis.errors import StoreUnavailable
from trellis.stores.base import Store, Turn
from trellis.testing.stores.stories import Stories, create, refusal

SHORT_S = 0.2
"""How long a story waits for a reply that does not come."""


class MessagesPart(Stories):
    """ask, hear."""

    def test_the_owner_is_asked_and_its_reply_comes_back(self) -> None:
        """ask: the owner may be the store that is asked."""

        async def story(store: Store) -> None:
            store.hear(echo)
            await create(store, "r-1")
            assert await store.ask("r-1", b"hello") == b"heard hello"
            assert await store.ask("r-1", b"again") == b"heard again"

        self.tell(story)

    def test_messages_are_any_bytes(self) -> None:
        """ask: empty, binary and large ones, there and back; an empty reply is a reply."""

        async def story(store: Store) -> None:
            async def back(message: bytes) -> bytes:
                return message[::-1]

            store.hear(back)
            await create(store, "r-1")
            for message in (b"", b"\x00\xff\r\n\n", bytes(range(256)) * 4096):
                assert await store.ask("r-1", message) == message[::-1]

        self.tell(story)

    def test_each_message_gets_its_own_reply(self) -> None:
        """ask: many at once, on several runs."""

        async def story(store: Store) -> None:
            async def tag(message: bytes) -> bytes:
                await asyncio.sleep(0)
                return b"re:" + message

            store.hear(tag)
            runs = ("r-1", "r-2", "r-3")
            for run in runs:
                await create(store, run)
            messages = [b"%d" % number for number in range(24)]
            replies = await asyncio.gather(*(store.ask(runs[place % 3], text) for place, text in enumerate(messages)))
            assert replies == [b"re:" + text for text in messages]

        self.tell(story)

    def test_a_run_that_nobody_owns_hears_nothing(self) -> None:
        """ask: None where the run was released, and where it has ended."""

        async def story(store: Store) -> None:
            store.hear(echo)
            epoch = await create(store, "r-1")
            await store.append([Turn("r-1", 2, b"2", epoch, None, last=True)])
            await create(store, "r-2")
            await store.release("r-2")
            assert await store.ask("r-1", b"hello") is None
            assert await store.ask("r-2", b"hello") is None
            await store.claim("r-2")
            assert await store.ask("r-2", b"hello") == b"heard hello"

        self.tell(story)

    def test_an_owner_that_hears_nobody_is_as_good_as_none(self) -> None:
        """ask: None, until it hears."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            assert await store.ask("r-1", b"hello") is None
            store.hear(echo)
            assert await store.ask("r-1", b"hello") == b"heard hello"

        self.tell(story)

    def test_a_message_that_nobody_takes_is_not_waited_for_longer_than_said(self) -> None:
        """ask: StoreUnavailable where the owner does not reply in time; the store goes on."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            never = asyncio.Event()

            async def dumb(message: bytes) -> bytes:
                if message == b"wait":
                    await never.wait()
                return b"here"

            store.hear(dumb)
            kind, known = await refusal(store.ask("r-1", b"wait", timeout=SHORT_S))
            assert (kind, known["url"]) == (StoreUnavailable, store.url)
            never.set()
            assert await store.ask("r-1", b"hello") == b"here"

        self.tell(story)

    def test_who_hears_last_takes_the_messages(self) -> None:
        """hear: from now on, also for runs that were owned before."""

        async def story(store: Store) -> None:
            async def other(message: bytes) -> bytes:
                return b"other " + message

            await create(store, "r-1")
            store.hear(echo)
            assert await store.ask("r-1", b"hello") == b"heard hello"
            store.hear(other)
            assert await store.ask("r-1", b"hello") == b"other hello"

        self.tell(story)

    def test_whoever_hears_may_use_the_store(self) -> None:
        """hear: the answer may append to the run that the message is for."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")

            async def write(message: bytes) -> bytes:
                seq = len(await store.read("r-1")) + 1
                (refused,) = await store.append([Turn("r-1", seq, message, epoch, None)])
                return b"written" if refused is None else b"refused"

            store.hear(write)
            assert await store.ask("r-1", b"two") == b"written"
            assert await store.ask("r-1", b"three") == b"written"
            assert await store.read("r-1") == [b"1", b"two", b"three"]

        self.tell(story)


async def echo(message: bytes) -> bytes:
    """An answer that tells what was heard."""
    return b"heard " + message
