"""The part of the suite about leases: an owner that stops renewing is dead to the others, and finds out."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from trellis.errors import RunOwned
from trellis.stores.base import Due, Snapshot, Store, Turn
from trellis.testing.stores.messages import echo
from trellis.testing.stores.sharing import TwoOwners
from trellis.testing.stores.stories import ROW, create, facts, refusal


class LeasesPart(TwoOwners):
    """claim, claim_due, append, ask, where the lease of an owner has run out."""

    lease_s = 1.0
    """How long a lease of the opened stores lasts, in seconds."""

    async def expire(self, store: Store) -> None:
        """Let the lease of this owner have run out, as though its process had been stopped for longer than that.

        The owner does not know it yet, and may go on from here, renewing included.
        """
        raise NotImplementedError

    def test_the_runs_of_an_owner_that_stopped_renewing_go_to_whoever_claims_them(self) -> None:
        """claim: with a greater epoch; the one that was displaced writes nothing more, frees nothing, deletes nothing."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            await ours.append([Turn("r-1", 2, b"2", epoch, None)])
            await self.expire(ours)
            later = await theirs.claim("r-1")
            assert later == epoch + 1
            assert (await ours.owned(), await theirs.owned()) == ([], ["r-1"])
            (refused,) = await ours.append([Turn("r-1", 3, b"x", epoch, replace(ROW, status="x"), snapshot=b"x")])
            kind, known = facts(refused)
            assert (kind, known["run"]) == (RunOwned, "r-1")
            assert known["owner"] != "nobody"
            assert await refusal(ours.claim("r-1")) == (kind, known)
            assert await refusal(ours.delete("r-1")) == (kind, known)
            await ours.release("r-1", Snapshot(2, b"x"))
            assert await theirs.append([Turn("r-1", 3, b"3", later, None)]) == [None]
            assert await theirs.read("r-1") == [b"1", b"2", b"3"]
            assert await theirs.snapshot("r-1") is None

        self.tell_of_two(story)

    def test_the_runs_of_an_owner_that_stopped_renewing_are_due(self) -> None:
        """claim_due: only those that want to be woken by now."""

        async def story(ours: Store, theirs: Store) -> None:
            for run, wake in (("r-1", 20.0), ("r-2", 0.0), ("r-3", None), ("r-4", 60.0)):
                await create(ours, run, wake=wake)
            assert await theirs.claim_due(50.0, limit=9) == Due((), None)
            await self.expire(ours)
            assert await theirs.claim_due(50.0, limit=9) == Due((("r-2", 2), ("r-1", 2)), 60.0)
            for run in ("r-1", "r-2"):
                (refused,) = await ours.append([Turn(run, 2, b"x", 1, None)])
                assert type(refused) is RunOwned

        self.tell_of_two(story)

    def test_an_owner_that_was_displaced_goes_on_with_other_runs(self) -> None:
        """create and claim: its next run is owned as its first was, and others see it alive."""

        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            await self.expire(ours)
            await theirs.claim("r-1")
            epoch = await create(ours, "r-2")
            assert (await refusal(theirs.claim("r-2")))[0] is RunOwned
            assert await ours.append([Turn("r-2", 2, b"2", epoch, None)]) == [None]
            await theirs.release("r-1")
            assert await ours.claim("r-1") == 3
            assert (await refusal(theirs.claim("r-1")))[0] is RunOwned
            assert await ours.append([Turn("r-1", 2, b"2", 3, None)]) == [None]

        self.tell_of_two(story)

    def test_an_owner_that_stopped_renewing_is_not_asked(self) -> None:
        """ask: the run's owner is whoever claimed it since."""

        async def story(ours: Store, theirs: Store) -> None:
            async def they(message: bytes) -> bytes:
                return b"they heard " + message

            ours.hear(echo)
            theirs.hear(they)
            await create(ours, "r-1")
            await self.expire(ours)
            await theirs.claim("r-1")
            assert await ours.ask("r-1", b"hello") == b"they heard hello"

        self.tell_of_two(story)

    def test_an_owner_that_lives_keeps_its_runs_for_longer_than_a_lease(self) -> None:
        """The store renews by itself, whether or not its runs do anything."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1", wake=0.0)
            for _ in range(12):
                await asyncio.sleep(self.lease_s / 5)
                assert await theirs.claim_due(1.0, limit=9) == Due((), None)
            assert (await refusal(theirs.claim("r-1")))[0] is RunOwned
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

        self.tell_of_two(story)
