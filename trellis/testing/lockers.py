"""The published suite of `Locker`: whoever passes it can keep two writers apart.

Derive from `LockerContract` and say how to open a locker; where several may share one place, derive from
`SharedLockerContract` and say how to open it once more:

    class TestMyLocker(SharedLockerContract):
        def open(self) -> Locker:
            return MyLocker("test")

        def open_again(self) -> Locker:
            return MyLocker("test")

        async def expire(self, locker: Locker, key: str) -> None:
            my_clock.advance(60)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

from trellis.errors import LeaseLost
from trellis.stores.locks.base import Locker

TTL = 30.0
"""Seconds; long enough that no slow machine loses a lease."""
SHORT = 0.6
"""Seconds; of leases that are meant to be lost."""
PATIENCE = 20.0
"""Seconds until a test gives up waiting for what should come at once."""


class LockerContract:
    """What every locker promises, with one locker."""

    def open(self) -> Locker:
        """A locker whose keys nobody holds or has held. Called once in each test; the test closes it."""
        raise NotImplementedError

    async def expire(self, locker: Locker, key: str) -> None:  # noqa: ARG002
        """Let the leases of `key`, of SHORT seconds, run out before their holders renew them.

        Here the whole program is paused for so long. Where the place's clock can be turned by hand, do that instead.
        """
        threading.Event().wait(SHORT * 1.2)

    def tell(self, story: Callable[[Locker], Awaitable[None]]) -> None:
        """Run a story on a locker."""

        async def whole() -> None:
            locker = self.open()
            try:
                async with asyncio.timeout(3 * PATIENCE):
                    await story(locker)
            finally:
                await locker.close()

        asyncio.run(whole())

    def test_a_key_has_one_holder_until_its_block_ends(self) -> None:
        """lock: who asks meanwhile is told so; the end of the block frees at once."""

        async def story(locker: Locker) -> None:
            async with locker.lock("k", TTL) as lease:
                assert not lease.lost
                assert not await free(locker, "k")
            assert await free(locker, "k")

        self.tell(story)

    def test_keys_do_not_touch_each_other(self) -> None:
        """lock: every text is a key of its own, however alike two are."""

        async def story(locker: Locker) -> None:
            keys = ["k", "K", "k ", "k/1", "k/2", "../k", "/k", ".", "..", "é", "e\u0301", "k%2f1", "CON", "x" * 400]
            keys += ["x" * 401, "a:b", "{a}", "*", "naïve\n", "'; --", "🙂"]
            held = [locker.lock(key, TTL, wait=0) for key in keys]
            for lock in held:
                await lock.__aenter__()
            assert [await free(locker, key) for key in keys] == [False] * len(keys)
            for lock in held:
                await lock.__aexit__(None, None, None)
            assert [await free(locker, key) for key in keys] == [True] * len(keys)

        self.tell(story)

    def test_what_is_no_key_or_no_time_is_refused(self) -> None:
        """lock: ValueError before anything is asked of the place."""

        async def story(locker: Locker) -> None:
            for key, ttl, slots in [("", TTL, 1), ("a\0b", TTL, 1), ("\ud800", TTL, 1), ("k", 0.0, 1), ("k", TTL, 0)]:
                try:
                    async with locker.lock(key, ttl, slots=slots):
                        raise AssertionError(f"taken: {key!r}, {ttl}, {slots}")
                except ValueError:
                    pass

        self.tell(story)

    def test_each_token_is_greater_than_the_one_before(self) -> None:
        """token: grows with each lease of the key, whatever became of the last."""

        async def story(locker: Locker) -> None:
            tokens = [await token(locker, "k") for _ in range(3)]
            try:
                async with locker.lock("k", TTL) as lease:
                    tokens.append(lease.token)
                    raise KeyError
            except KeyError:
                pass
            async with locker.lock("k", TTL, slots=2) as first, locker.lock("k", TTL, slots=2) as second:
                tokens += [first.token, second.token]
            tokens.append(await token(locker, "k"))
            assert_grow(tokens)

        self.tell(story)

    def test_fifty_tasks_never_overlap(self) -> None:
        """lock: one holder at a time, and their tokens grow in the order in which they held."""

        async def story(locker: Locker) -> None:
            tokens: list[int] = []
            inside = 0

            async def one() -> None:
                nonlocal inside
                async with locker.lock("k", TTL) as lease:
                    inside += 1
                    assert inside == 1
                    await asyncio.sleep(0)
                    tokens.append(lease.token)
                    inside -= 1

            await asyncio.gather(*(one() for _ in range(50)))
            assert len(tokens) == 50
            assert_grow(tokens)

        self.tell(story)

    def test_as_many_leases_live_as_there_are_slots(self) -> None:
        """slots: the next one waits until any of them ends; who allows fewer counts them all."""

        async def story(locker: Locker) -> None:
            async with locker.lock("k", TTL, slots=3):
                assert not await free(locker, "k")
                async with locker.lock("k", TTL, slots=3, wait=0), locker.lock("k", TTL, slots=3, wait=0):
                    assert not await free(locker, "k", slots=3)
                    assert not await free(locker, "k", slots=2)
                    assert await free(locker, "k", slots=4)
                assert await free(locker, "k", slots=2)
            assert await free(locker, "k")

        self.tell(story)

    def test_twenty_tasks_fill_three_slots_and_never_more(self) -> None:
        """slots: a limit that holds under a rush."""

        async def story(locker: Locker) -> None:
            inside, done, full = 0, 0, asyncio.Event()

            async def one() -> None:
                nonlocal inside, done
                async with locker.lock("k", TTL, slots=3):
                    inside += 1
                    assert inside <= 3
                    if inside == 3:
                        full.set()
                    await full.wait()
                    await asyncio.sleep(0.005)  # whoever comes too early comes now
                    inside -= 1
                    done += 1

            await asyncio.gather(*(one() for _ in range(20)))
            assert done == 20

        self.tell(story)

    def test_a_waiter_is_let_in_when_the_key_is_free(self) -> None:
        """wait: None waits for ever."""

        async def story(locker: Locker) -> None:
            entered = asyncio.Event()

            async def second() -> int:
                async with locker.lock("k", TTL) as lease:
                    entered.set()
                    return lease.token

            async with locker.lock("k", TTL) as lease:
                waiting = asyncio.create_task(second())
                await asyncio.sleep(0.05)
                assert not entered.is_set()
            assert await asyncio.wait_for(waiting, PATIENCE) > lease.token

        self.tell(story)

    def test_who_has_waited_long_enough_is_told_so(self) -> None:
        """wait: TimeoutError, and nothing is held then."""

        async def story(locker: Locker) -> None:
            async with locker.lock("k", TTL):
                for wait in (0, 0.05):
                    told: TimeoutError | None = None
                    try:
                        async with locker.lock("k", TTL, wait=wait):
                            raise AssertionError("two hold the key")
                    except TimeoutError as error:
                        told = error
                    assert "k" in str(told)
            assert await free(locker, "k")

        self.tell(story)

    def test_what_the_block_raises_comes_through_and_frees_the_key(self) -> None:
        """lock: an error of the block is the block's."""

        async def story(locker: Locker) -> None:
            mine, raised = KeyError("mine"), None
            try:
                async with locker.lock("k", TTL):
                    raise mine
            except KeyError as error:
                raised = error
            assert raised is mine
            assert await free(locker, "k")

        self.tell(story)

    def test_a_cancelled_holder_frees_the_key(self) -> None:
        """lock: cancellation ends the block like any other error."""

        async def story(locker: Locker) -> None:
            inside = asyncio.Event()

            async def hold() -> None:
                async with locker.lock("k", TTL):
                    inside.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(hold())
            await inside.wait()
            await cancel(task)
            assert await free(locker, "k")

        self.tell(story)

    def test_a_cancelled_wait_holds_nothing(self) -> None:
        """lock: at whichever point the cancellation comes."""

        async def story(locker: Locker) -> None:
            async def hold() -> None:
                async with locker.lock("k", TTL):
                    await asyncio.Event().wait()

            async with locker.lock("k", TTL):
                waiting = asyncio.create_task(hold())
                await asyncio.sleep(0.02)
                await cancel(waiting)
            for turns in range(12):
                task = asyncio.create_task(hold())
                for _ in range(turns):
                    await asyncio.sleep(0)
                await cancel(task)
                assert await free(locker, "k"), f"held after a cancellation in turn {turns}"

        self.tell(story)

    def test_a_lease_is_renewed_while_its_block_runs(self) -> None:
        """lock: a block may take longer than ttl."""

        async def story(locker: Locker) -> None:
            async with locker.lock("k", 2 * SHORT) as lease:
                await asyncio.sleep(2.5 * SHORT)
                assert not lease.lost
                assert not await free(locker, "k")

        self.tell(story)

    def test_a_lease_that_ran_out_is_lost_and_its_block_ends_so(self) -> None:
        """lost, LeaseLost: the key goes to another with a greater token, and is not freed by the one who lost it."""

        async def story(locker: Locker) -> None:
            tokens: Sequence[int] = []
            raised: LeaseLost | None = None
            other = locker.lock("k", TTL, wait=PATIENCE)
            try:
                async with locker.lock("k", SHORT) as late:
                    await self.expire(locker, "k")
                    await until(lambda: late.lost)
                    tokens = late.token, (await other.__aenter__()).token
                    assert late.lost
            except LeaseLost as error:
                raised = error
            assert raised is not None
            assert (raised.key, raised.token) == ("k", tokens[0])
            assert_grow(tokens)
            assert not await free(locker, "k")
            await other.__aexit__(None, None, None)
            assert await free(locker, "k")

        self.tell(story)

    def test_a_lost_block_that_raised_raises_what_it_raised(self) -> None:
        """LeaseLost: not in the place of the block's own error."""

        async def story(locker: Locker) -> None:
            mine, raised = KeyError("mine"), None
            try:
                async with locker.lock("k", SHORT) as lease:
                    await self.expire(locker, "k")
                    await until(lambda: lease.lost)
                    raise mine
            except KeyError as error:
                raised = error
            assert raised is mine

        self.tell(story)

    def test_the_end_of_a_block_notices_a_loss_that_nobody_noticed(self) -> None:
        """LeaseLost: the place is asked, though no renewal was due since."""

        async def story(locker: Locker) -> None:
            try:
                async with locker.lock("k", SHORT):
                    await self.expire(locker, "k")
            except LeaseLost:
                return
            raise AssertionError("the lease ran out, and its block ended as if it had not")

        self.tell(story)

    def test_slots_of_the_dead_are_free(self) -> None:
        """slots: counted from the leases that live."""

        async def story(locker: Locker) -> None:
            try:
                async with locker.lock("k", SHORT, slots=2), locker.lock("k", SHORT, slots=2):
                    await self.expire(locker, "k")
                    async with locker.lock("k", TTL, slots=2, wait=0), locker.lock("k", TTL, slots=2, wait=0):
                        assert not await free(locker, "k", slots=2)
            except LeaseLost:
                pass

        self.tell(story)

    def test_closing_twice_does_nothing(self) -> None:
        """close: `tell` closes once more."""

        async def story(locker: Locker) -> None:
            await locker.close()

        self.tell(story)


class SharedLockerContract(LockerContract):
    """What a place promises that several lockers share."""

    def open_again(self) -> Locker:
        """Another locker on the place that `open` opened."""
        raise NotImplementedError

    def tell_of_two(self, story: Callable[[Locker, Locker], Awaitable[None]]) -> None:
        """Run a story on two lockers that share a place."""

        async def whole(ours: Locker) -> None:
            theirs = self.open_again()
            try:
                await story(ours, theirs)
            finally:
                await theirs.close()

        self.tell(whole)

    def test_two_lockers_keep_each_other_out(self) -> None:
        """lock: the place counts, not the locker."""

        async def story(ours: Locker, theirs: Locker) -> None:
            async with ours.lock("k", TTL) as first:
                assert not await free(theirs, "k")
            async with theirs.lock("k", TTL, wait=PATIENCE) as second:
                assert not await free(ours, "k")
            assert_grow([first.token, second.token, await token(ours, "k")])

        self.tell_of_two(story)

    def test_tokens_go_on_where_a_closed_locker_stopped(self) -> None:
        """token: survives whoever gave it."""

        async def story(ours: Locker, theirs: Locker) -> None:
            tokens = [await token(ours, "k") for _ in range(3)]
            await ours.close()
            assert_grow([*tokens, await token(theirs, "k")])

        self.tell_of_two(story)

    def test_closing_frees_what_is_held(self) -> None:
        """close: for others at once; the block that held it ends as one that lost its lease."""

        async def story(ours: Locker, theirs: Locker) -> None:
            try:
                async with ours.lock("k", TTL) as lease:
                    await ours.close()
                    assert lease.lost
                    assert await free(theirs, "k")
            except LeaseLost:
                return
            raise AssertionError("the block ended as if it had held its lease")

        self.tell_of_two(story)

    def test_a_waiter_of_another_locker_is_let_in(self) -> None:
        """wait: whoever frees the key."""

        async def story(ours: Locker, theirs: Locker) -> None:
            async with ours.lock("k", TTL) as lease:
                waiting = asyncio.create_task(token(theirs, "k"))
                await asyncio.sleep(0.05)
                assert not waiting.done()
            assert await asyncio.wait_for(waiting, PATIENCE) > lease.token

        self.tell_of_two(story)

    def test_fifty_tasks_of_two_lockers_never_overlap(self) -> None:
        """lock: one holder at a time; what it writes under its token, a fenced resource takes."""

        async def story(ours: Locker, theirs: Locker) -> None:
            inside, newest = 0, 0

            async def one(locker: Locker) -> None:
                nonlocal inside, newest
                async with locker.lock("k", TTL) as lease:
                    inside += 1
                    assert inside == 1
                    assert lease.token > newest
                    newest = lease.token
                    await asyncio.sleep(0)
                    inside -= 1

            await asyncio.gather(*(one(locker) for _ in range(25) for locker in (ours, theirs)))

        self.tell_of_two(story)


async def free(locker: Locker, key: str, *, slots: int = 1) -> bool:
    """Whether a lease of `key` is to be had at this moment. It is had, and given back."""
    try:
        async with locker.lock(key, TTL, slots=slots, wait=0):
            return True
    except TimeoutError:
        return False


async def token(locker: Locker, key: str) -> int:
    """The token of a lease that is given back at once."""
    async with locker.lock(key, TTL) as lease:
        return lease.token


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is true."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110 - what it waits for is a clock's
            await asyncio.sleep(0.01)


async def cancel(task: asyncio.Task[None]) -> None:
    """Cancel a task, and wait until it has ended."""
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


def assert_grow(tokens: Sequence[int]) -> None:
    """Each one is greater than the one before."""
    assert list(tokens) == sorted(set(tokens)), f"tokens do not grow: {list(tokens)}"
