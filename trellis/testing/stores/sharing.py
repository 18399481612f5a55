"""The part of the suite about several owners of one store: what one does the others see, and none takes another's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from trellis.errors import RunOwned, StoreUnavailable, TooManyRuns
from trellis.stores.base import Due, Snapshot, Store, Turn
from trellis.testing.stores.messages import echo
from trellis.testing.stores.stories import ROW, Stories, create, facts, refusal
from trellis.testing.stores.waking import idle


class TwoOwners(Stories):
    """Opens a second owner of the store of each story."""

    def open_again(self) -> Store:
        """The same store as `open` opened in this test, as another owner. The test closes it."""
        raise NotImplementedError

    def tell_of_two(self, story: Callable[[Store, Store], Awaitable[None]]) -> None:
        """Run a story on an empty store with two owners."""

        async def whole(first: Store) -> None:
            second = self.open_again()
            try:
                await story(first, second)
            finally:
                await second.close()

        self.tell(whole)


class SharingPart(TwoOwners):
    """Every call, with another owner about."""

    def test_what_one_owner_wrote_the_other_reads_at_once(self) -> None:
        """Every read sees every commit before it."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            assert await theirs.row("r-1") == replace(ROW, revision=1)
            moved = replace(ROW, status="moved", graph="7" * 64)
            await ours.append([Turn("r-1", 2, b"2", epoch, moved, snapshot=b"two", definition=b"new")])
            assert await theirs.read("r-1") == [b"1", b"2"]
            assert await theirs.rows() == [replace(moved, revision=2)]
            assert await theirs.rows(status="running") == []
            assert await theirs.snapshot("r-1") == Snapshot(2, b"two")
            assert [await theirs.definition(row.graph) for row in (ROW, moved)] == [b"definition", b"new"]
            await ours.delete("r-1")
            assert (await theirs.row("r-1"), await theirs.rows(), await theirs.snapshot("r-1")) == (None, [], None)
            await create(ours, "r-1")
            assert await theirs.read("r-1") == [b"1"]
            assert await theirs.snapshot("r-1") is None

        self.tell_of_two(story)

    def test_a_run_of_a_living_owner_is_not_taken_written_or_deleted(self) -> None:
        """RunOwned names the same owner in every refusal; nothing changes."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            kind, known = await refusal(theirs.claim("r-1"))
            assert (kind, known) == (RunOwned, {"run": "r-1", "owner": known["owner"]})
            assert known["owner"] not in ("", "nobody")
            assert await refusal(theirs.delete("r-1")) == (kind, known)
            (refused,) = await theirs.append([Turn("r-1", 2, b"x", epoch, replace(ROW, status="x"))])
            assert facts(refused) == (kind, known)
            await theirs.release("r-1", Snapshot(1, b"x"))
            assert await theirs.snapshot("r-1") is None
            assert await theirs.create(ROW, [b"x"], {ROW.graph: b"x"}) == (replace(ROW, revision=1), None)
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await theirs.read("r-1") == [b"1", b"2"]

        self.tell_of_two(story)

    def test_a_released_run_goes_to_whoever_claims_it_first(self) -> None:
        """release, claim: the other goes on where the first stopped, and the first is locked out."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            await ours.append([Turn("r-1", 2, b"2", epoch, None)])
            await ours.release("r-1", Snapshot(2, b"two"))
            later = await theirs.claim("r-1")
            assert later == epoch + 1
            assert (await ours.owned(), await theirs.owned()) == ([], ["r-1"])
            assert await theirs.snapshot("r-1") == Snapshot(2, b"two")
            assert (await refusal(ours.claim("r-1")))[0] is RunOwned
            assert await theirs.append([Turn("r-1", 3, b"3", later, None)]) == [None]
            for stale in (epoch, later):
                (refused,) = await ours.append([Turn("r-1", 4, b"x", stale, None)])
                assert type(refused) is RunOwned
            await ours.release("r-1", Snapshot(2, b"x"))
            assert await theirs.snapshot("r-1") == Snapshot(2, b"two")
            assert await ours.read("r-1") == [b"1", b"2", b"3"]

        self.tell_of_two(story)

    def test_the_epoch_grows_with_every_owner(self) -> None:
        """claim, claim_due, release: one greater each time, whoever it is."""

        async def story(ours: Store, theirs: Store) -> None:
            epochs = [await create(ours, "r-1", wake=1.0)]
            await ours.release("r-1")
            for owner in (theirs, ours, ours, theirs):
                epochs.append(await owner.claim("r-1"))
                await owner.release("r-1")
                epochs += [epoch for _, epoch in (await owner.claim_due(1.0, limit=1)).claimed]
                await owner.release("r-1")
            assert epochs == list(range(1, 10))

        self.tell_of_two(story)

    def test_the_runs_of_a_closed_owner_are_free(self) -> None:
        """close: another owner claims what was held, with a greater epoch; nobody is there to be asked."""

        async def story(ours: Store, theirs: Store) -> None:
            ours.hear(echo)
            theirs.hear(echo)
            for run in ("r-1", "r-2", "r-3"):
                await create(ours, run, wake=10.0)
            await ours.append([Turn("r-1", 2, b"2", 1, None)])
            await ours.close()
            assert await theirs.ask("r-1", b"hello") is None
            assert await theirs.claim("r-1") == 2
            assert await theirs.append([Turn("r-1", 3, b"3", 2, None)]) == [None]
            assert await theirs.read("r-1") == [b"1", b"2", b"3"]
            await theirs.delete("r-2")
            assert await theirs.claim_due(10.0, limit=9) == Due((("r-3", 2),), None)

        self.tell_of_two(story)

    def test_a_closed_store_keeps_everything(self) -> None:
        """What was written outlives every owner."""

        async def story(ours: Store, theirs: Store) -> None:
            await ours.create(replace(ROW, request="q-1"), [b"1"], {ROW.graph: b"definition"})
            await ours.append([Turn("r-1", 2, b"2", 1, None, snapshot=b"two")])
            await ours.close()
            await theirs.close()
            again = self.open_again()
            try:
                kept = replace(ROW, request="q-1", revision=2)
                assert await again.rows() == [kept]
                assert await again.read("r-1") == [b"1", b"2"]
                assert await again.definition(ROW.graph) == b"definition"
                assert await again.snapshot("r-1") == Snapshot(2, b"two")
                assert await again.create(replace(ROW, run="r-2", request="q-1"), [b"x"], {}) == (kept, None)
                assert await again.claim_due(2e9, limit=9) == Due((("r-1", 2),), None)
            finally:
                await again.close()

        self.tell_of_two(story)

    def test_a_run_that_has_ended_goes_to_another_though_its_owner_lives_on(self) -> None:
        """append: `last` frees the run for everyone."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None, last=True)]) == [None]
            assert await theirs.claim("r-1") == epoch + 1
            assert (await refusal(ours.claim("r-1")))[0] is RunOwned
            assert await theirs.append([Turn("r-1", 3, b"3", epoch + 1, None)]) == [None]

        self.tell_of_two(story)

    def test_a_batch_loses_only_the_turns_of_runs_that_went_to_another(self) -> None:
        """append: RunOwned at the places of the run that was given away, the others are written."""

        async def story(ours: Store, theirs: Store) -> None:
            epochs = {run: await create(ours, run) for run in ("r-1", "r-2", "r-3")}
            await ours.release("r-2")
            await theirs.claim("r-2")
            turns = [Turn(run, 2, b"2", epoch, None, snapshot=b"2") for run, epoch in epochs.items()]
            answers = await ours.append(turns)
            assert [type(answer) for answer in answers] == [type(None), RunOwned, type(None)]
            assert [len(await ours.read(run)) for run in epochs] == [2, 1, 2]
            assert await ours.snapshot("r-2") is None

        self.tell_of_two(story)

    def test_a_request_starts_one_run_whoever_gets_it(self) -> None:
        """create: request ids, and how many runs are open, are of the whole store."""

        async def story(ours: Store, theirs: Store) -> None:
            first, _ = await ours.create(replace(ROW, request="q-1"), [b"1"], {})
            again = replace(ROW, run="r-2", request="q-1")
            assert await theirs.create(again, [b"x"], {}) == (first, None)
            other = replace(ROW, run="r-3")
            assert await refusal(theirs.create(other, [b"x"], {}, at_most=1)) == (TooManyRuns, {"most": 1})
            assert (await theirs.create(other, [b"1"], {}, at_most=2))[1] == 1
            await theirs.delete("r-3")
            assert (await ours.create(other, [b"1"], {}, at_most=2))[1] == 1

        self.tell_of_two(story)

    def test_a_definition_stays_while_a_run_of_anyone_needs_it(self) -> None:
        """delete: the runs of the others count, and those that nobody owns."""

        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            await create(theirs, "r-2")
            await idle(theirs, "r-3")
            await ours.delete("r-1")
            assert await ours.definition(ROW.graph) == b"definition"
            await theirs.delete("r-2")
            assert await theirs.definition(ROW.graph) == b"definition"
            await ours.delete("r-3")
            assert (await ours.definition(ROW.graph), await theirs.definition(ROW.graph)) == (None, None)

        self.tell_of_two(story)

    def test_an_owner_elsewhere_that_hears_nobody_is_as_good_as_none(self) -> None:
        """ask: None, until it hears; so whoever asks may do by itself what it asked for, once the run is let go."""

        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            assert await asyncio.gather(*(theirs.ask("r-1", b"hello") for _ in range(8))) == [None] * 8
            ours.hear(echo)
            assert await theirs.ask("r-1", b"hello") == b"heard hello"

        self.tell_of_two(story)

    def test_an_answer_elsewhere_that_raises_is_told_to_the_asker(self) -> None:
        """ask: StoreUnavailable with the reason, and not only when the time is over; the next message is heard."""

        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")

            async def moody(message: bytes) -> bytes:
                if message == b"fail":
                    raise KeyError("mine")
                return b"fine"

            ours.hear(moody)
            kind, known = await refusal(theirs.ask("r-1", b"fail"))
            assert (kind, known["url"]) == (StoreUnavailable, theirs.url)
            assert "KeyError: 'mine'" in str(known["reason"])
            assert await theirs.ask("r-1", b"hello") == b"fine"

        self.tell_of_two(story)

    def test_a_message_goes_to_the_owner_wherever_it_is(self) -> None:
        """ask: to whom the run belongs now, and to nobody else."""

        async def story(ours: Store, theirs: Store) -> None:
            async def we(message: bytes) -> bytes:
                return b"we heard " + message

            async def they(message: bytes) -> bytes:
                return b"they heard " + message

            ours.hear(we)
            theirs.hear(they)
            await create(ours, "r-1")
            await create(theirs, "r-2")
            for asker in (ours, theirs):
                assert await asker.ask("r-1", b"one") == b"we heard one"
                assert await asker.ask("r-2", b"two") == b"they heard two"
            await ours.release("r-1")
            assert await theirs.ask("r-1", b"three") is None
            await theirs.claim("r-1")
            large = b"\x00\xff" * 500_000
            assert await ours.ask("r-1", large) == b"they heard " + large

        self.tell_of_two(story)
