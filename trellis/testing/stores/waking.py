"""The part of the suite about due runs: open, free, and their time has come."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from trellis.stores.base import Due, Snapshot, Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create


class WakingPart(Stories):
    """claim_due."""

    def test_due_runs_are_claimed_the_most_overdue_first(self) -> None:
        """claim_due: each with an epoch under which it may be written, and when the next one is due."""

        async def story(store: Store) -> None:
            wakes = {"r-1": 30.0, "r-2": 10.5, "r-3": 20.0, "r-4": 40.25, "r-5": 0.0, "r-6": 50.0}
            for run, wake in wakes.items():
                await idle(store, run, wake=wake)
            due = await store.claim_due(30.0, limit=10)
            assert due == Due((("r-5", 2), ("r-2", 2), ("r-3", 2), ("r-1", 2)), 40.25)
            answers = await store.append([Turn(run, 2, b"2", epoch, None) for run, epoch in due.claimed])
            assert list(answers) == [None] * 4
            assert await store.claim_due(30.0, limit=10) == Due((), 40.25)
            assert await store.claim_due(40.0, limit=10) == Due((), 40.25)
            assert await store.claim_due(40.25, limit=10) == Due((("r-4", 2),), 50.0)

        self.tell(story)

    def test_nothing_is_due_where_nothing_waits(self) -> None:
        """claim_due: of an empty store, and of one whose runs nobody has to wake."""

        async def story(store: Store) -> None:
            assert await store.claim_due(1e12, limit=10) == Due((), None)
            await idle(store, "r-1", wake=None)
            assert await store.claim_due(1e12, limit=10) == Due((), None)
            assert await store.claim("r-1") == 2

        self.tell(story)

    def test_no_more_are_claimed_than_asked_for(self) -> None:
        """claim_due: what is over the limit stays free, and is neither lost nor `next`."""

        async def story(store: Store) -> None:
            for number in range(5):
                await idle(store, f"r-{number}", wake=float(number))
            await idle(store, "r-9", wake=99.0)
            assert await store.claim_due(50.0, limit=0) == Due((), 99.0)
            assert await store.claim_due(50.0, limit=2) == Due((("r-0", 2), ("r-1", 2)), 99.0)
            assert await store.claim_due(50.0, limit=2) == Due((("r-2", 2), ("r-3", 2)), 99.0)
            assert await store.claim_due(50.0, limit=2) == Due((("r-4", 2),), 99.0)

        self.tell(story)

    def test_what_is_owned_is_not_due(self) -> None:
        """claim_due: a run of a living owner, this one included, is that owner's to wake."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1", wake=10.0)
            assert await store.claim_due(20.0, limit=10) == Due((), None)
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            await store.release("r-1")
            assert await store.claim_due(5.0, limit=10) == Due((), 10.0)
            assert await store.claim("r-1") == 2
            assert await store.claim_due(20.0, limit=10) == Due((), None)
            await store.release("r-1")
            assert await store.claim_due(20.0, limit=10) == Due((("r-1", 3),), None)

        self.tell(story)

    def test_what_has_ended_is_not_due(self) -> None:
        """claim_due: only open runs, whatever their row says of `wake`."""

        async def story(store: Store) -> None:
            await idle(store, "r-1", wake=10.0, status="completed")
            epoch = await create(store, "r-2", wake=10.0)
            ended = replace(ROW, run="r-2", wake=10.0, status="failed")
            await store.append([Turn("r-2", 2, b"2", epoch, ended, last=True)])
            await store.create(replace(ended, run="r-3"), [b"1"], {}, last=True)
            assert await store.claim_due(20.0, limit=10) == Due((), None)

        self.tell(story)

    def test_only_runs_of_these_graphs_are_claimed_and_not_those_runs(self) -> None:
        """claim_due: `names` and `without` hold together, and count before the limit."""

        async def story(store: Store) -> None:
            for number, name in enumerate(("build", "ship", "build", "test", "build")):
                await idle(store, f"r-{number}", wake=float(number), name=name)

            async def claimed(**wanted: Any) -> list[str]:
                due = await store.claim_due(50.0, **wanted)
                for run, _ in due.claimed:
                    await store.release(run)
                return [run for run, _ in due.claimed]

            assert await claimed(limit=2, names=["test", "build"]) == ["r-0", "r-2"]
            assert await claimed(limit=2, without=["r-0", "r-9"]) == ["r-1", "r-2"]
            assert await claimed(limit=9, names={"build", "other"}, without={"r-2"}) == ["r-0", "r-4"]
            assert await claimed(limit=9, names=[]) == []
            assert await claimed(limit=9) == ["r-0", "r-1", "r-2", "r-3", "r-4"]

        self.tell(story)

    def test_a_run_is_due_when_its_latest_row_says(self) -> None:
        """append: a row moves the wake with it; a deleted run is never due."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run, wake=10.0) for run in ("r-1", "r-2", "r-3", "r-4")}
            wakes = {"r-1": 30.0, "r-2": None, "r-3": 5.0}
            for run, wake in wakes.items():
                await store.append([Turn(run, 2, b"2", epochs[run], replace(ROW, run=run, wake=wake))])
            for run in epochs:
                await store.release(run, Snapshot(1, b"one"))
            await store.delete("r-4")
            assert await store.claim_due(20.0, limit=10) == Due((("r-3", 2),), 30.0)
            await create(store, "r-4", wake=60.0)
            await store.release("r-4")
            assert await store.claim_due(30.0, limit=10) == Due((("r-1", 2),), 60.0)

        self.tell(story)

    def test_a_run_that_was_put_off_is_not_due_when_it_first_wanted_to_be(self) -> None:
        """append: also where it was free in between, and its earlier wake was known."""

        async def story(store: Store) -> None:
            await idle(store, "r-1", wake=10.0)
            for epoch, wake in ((2, 30.0), (3, 50.0), (4, 20.0)):
                assert await store.claim("r-1") == epoch
                await store.append([Turn("r-1", epoch, b"x", epoch, replace(ROW, wake=wake))])
                await store.release("r-1")
                assert await store.claim_due(wake - 1, limit=9) == Due((), wake)
            assert await store.claim_due(20.0, limit=9) == Due((("r-1", 5),), None)

        self.tell(story)

    def test_what_is_owned_meanwhile_is_not_next(self) -> None:
        """claim_due: `next` speaks of free runs, also where due ones are left over."""

        async def story(store: Store) -> None:
            await idle(store, "r-1", wake=10.0)
            await idle(store, "r-2", wake=40.0)
            await idle(store, "r-3", wake=60.0)
            await store.claim("r-2")
            assert await store.claim_due(20.0, limit=0) == Due((), 60.0)
            assert await store.claim_due(20.0, limit=9) == Due((("r-1", 2),), 60.0)

        self.tell(story)

    def test_what_was_claimed_when_due_is_due_again_when_it_is_let_go(self) -> None:
        """claim_due: the wake stands until a row replaces it."""

        async def story(store: Store) -> None:
            await idle(store, "r-1", wake=10.0)
            for epoch in (2, 3, 4):
                assert await store.claim_due(10.0, limit=1) == Due((("r-1", epoch),), None)
                await store.release("r-1")

        self.tell(story)


async def idle(store: Store, run: str, **changed: Any) -> None:
    """A run as `create` makes it, that nobody owns."""
    await create(store, run, **changed)
    await store.release(run)
