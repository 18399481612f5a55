"""The part of the suite about owning: one epoch may write, and a run is free when it was let go."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned
from trellis.stores.base import Snapshot, Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create, facts


class ClaimsPart(Stories):
    """claim, release."""

    def test_a_foreign_epoch_writes_nothing(self) -> None:
        """append: only the present epoch may write."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            for wrong in (epoch - 1, epoch + 1):
                (refused,) = await store.append([Turn("r-1", 2, b"x", wrong, None, snapshot=b"x")])
                assert type(refused) is RunOwned
            assert await store.read("r-1") == [b"1"]
            assert await store.snapshot("r-1") is None

        self.tell(story)

    def test_a_released_run_takes_no_event_until_it_is_claimed_anew(self) -> None:
        """release and claim: the epoch grows, and the old one never writes again."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            await store.release("r-1")
            for any_epoch in (epoch, 0, -1):
                (refused,) = await store.append([Turn("r-1", 2, b"x", any_epoch, None)])
                assert facts(refused) == (RunOwned, {"run": "r-1", "owner": "nobody"})
            assert await store.claim("r-1") == epoch + 1
            (refused,) = await store.append([Turn("r-1", 2, b"x", epoch, None)])
            assert type(refused) is RunOwned
            assert await store.append([Turn("r-1", 2, b"2", epoch + 1, None)]) == [None]
            assert await store.read("r-1") == [b"1", b"2"]

        self.tell(story)

    def test_an_epoch_never_comes_back(self) -> None:
        """claim: each time the run changes hands, the epoch is one greater."""

        async def story(store: Store) -> None:
            epochs = [await create(store, "r-1")]
            for _ in range(5):
                await store.release("r-1")
                await store.release("r-1")
                epochs.append(await store.claim("r-1"))
            assert epochs == [1, 2, 3, 4, 5, 6]

        self.tell(story)

    def test_a_run_is_free_after_its_last_event(self) -> None:
        """append: `last` frees the run where that event was written, and not where it was refused."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
            seqs = {"r-1": 2, "r-2": 3}
            answers = await store.append([Turn(run, seqs[run], b"2", epochs[run], None, last=True) for run in seqs])
            assert [type(answer) for answer in answers] == [type(None), Conflict]
            (freed,) = await store.append([Turn("r-1", 3, b"x", epochs["r-1"], None)])
            assert facts(freed) == (RunOwned, {"run": "r-1", "owner": "nobody"})
            assert await store.append([Turn("r-2", 2, b"2", epochs["r-2"], None)]) == [None]
            assert await store.claim("r-1") == epochs["r-1"] + 1

        self.tell(story)

    def test_nothing_of_one_batch_follows_on_the_last_event_of_a_run(self) -> None:
        """append: a turn after `last` finds the run free."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            turns = [Turn("r-1", 2, b"2", epoch, None, last=True), Turn("r-1", 3, b"x", epoch, None)]
            written, refused = await store.append(turns)
            assert written is None
            assert facts(refused) == (RunOwned, {"run": "r-1", "owner": "nobody"})
            assert await store.read("r-1") == [b"1", b"2"]

        self.tell(story)

    def test_a_run_that_ended_as_it_began_is_nobodys(self) -> None:
        """create: with `last` the answer is the same, and the run is free at once."""

        async def story(store: Store) -> None:
            ended = replace(ROW, status="completed", wake=None)
            kept = replace(ended, revision=2)
            assert await store.create(ended, [b"1", b"2"], {}, last=True) == (kept, 1)
            (refused,) = await store.append([Turn("r-1", 3, b"x", 1, None)])
            assert facts(refused) == (RunOwned, {"run": "r-1", "owner": "nobody"})
            assert await store.rows() == [kept]
            assert await store.claim("r-1") == 2

        self.tell(story)

    def test_claiming_what_one_owns_changes_nothing(self) -> None:
        """claim: the holder gets its epoch again."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            assert await store.claim("r-1") == epoch
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await store.claim("r-1") == epoch
            assert await store.append([Turn("r-1", 3, b"3", epoch, None)]) == [None]

        self.tell(story)

    def test_a_store_knows_what_it_owns(self) -> None:
        """owned: what it created or claimed, until it was released, deleted, or has ended."""

        async def story(store: Store) -> None:
            assert await store.owned() == []
            for run in ("r-1", "r-2", "r-3", "r-4", "r-5"):
                await create(store, run, wake=0.0)
            await store.create(replace(ROW, run="r-6", status="failed"), [b"1"], {}, last=True)
            assert sorted(await store.owned()) == ["r-1", "r-2", "r-3", "r-4", "r-5"]
            await store.release("r-1")
            await store.append([Turn("r-2", 2, b"2", 1, replace(ROW, run="r-2", status="failed"), last=True)])
            await store.delete("r-3")
            await store.release("r-5")
            assert sorted(await store.owned()) == ["r-4"]
            await store.claim("r-2")
            assert sorted(await store.owned()) == ["r-2", "r-4"]
            await store.claim_due(1.0, limit=9, without=["r-5"])
            assert sorted(await store.owned()) == ["r-1", "r-2", "r-4"]

        self.tell(story)

    def test_releasing_what_is_free_writes_no_snapshot(self) -> None:
        """release: what this store does not own is left as it is."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            await store.release("r-1", Snapshot(1, b"first"))
            await store.release("r-1", Snapshot(1, b"second"))
            assert await store.snapshot("r-1") == Snapshot(1, b"first")
            await store.release("r-9", Snapshot(1, b"x"))
            assert await store.snapshot("r-9") is None

        self.tell(story)

    def test_a_free_run_is_deleted_by_whoever_asks(self) -> None:
        """delete: nobody has to own it first."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            await store.release("r-1")
            await store.delete("r-1")
            assert await store.rows() == []

        self.tell(story)
