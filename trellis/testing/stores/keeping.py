"""The part of the suite about what stands beside a journal: its snapshot, and the definitions that it needs."""

from __future__ import annotations

from msgspec.structs import replace

from trellis.stores.base import Snapshot, Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create


class KeepingPart(Stories):
    """snapshot, definition, delete."""

    def test_the_latest_snapshot_stands_until_the_next(self) -> None:
        """append: a snapshot is of the state after its event, and a turn without one leaves it."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            assert await store.snapshot("r-1") is None
            await store.append([Turn("r-1", 2, b"2", epoch, None, snapshot=b"\x00two\xff")])
            assert await store.snapshot("r-1") == Snapshot(2, b"\x00two\xff")
            await store.append([Turn("r-1", 3, b"3", epoch, None)])
            assert await store.snapshot("r-1") == Snapshot(2, b"\x00two\xff")
            turns = [Turn("r-1", seq, b"x", epoch, None, snapshot=b"at %d" % seq) for seq in (4, 5)]
            await store.append([*turns, Turn("r-1", 6, b"6", epoch, None)])
            assert await store.snapshot("r-1") == Snapshot(5, b"at 5")
            assert await store.read("r-1", 4) == [b"x", b"6"]

        self.tell(story)

    def test_a_snapshot_may_be_empty(self) -> None:
        """append and release: no bytes are a snapshot too."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            await store.append([Turn("r-1", 2, b"2", epoch, None, snapshot=b"")])
            assert await store.snapshot("r-1") == Snapshot(2, b"")
            await create(store, "r-2")
            await store.release("r-2", Snapshot(1, b""))
            assert await store.snapshot("r-2") == Snapshot(1, b"")

        self.tell(story)

    def test_a_run_is_released_with_its_snapshot(self) -> None:
        """release: the snapshot replaces the one before; without one, that stays."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            await store.append([Turn("r-1", 2, b"2", epoch, None, snapshot=b"two")])
            await store.append([Turn("r-1", 3, b"3", epoch, None)])
            await store.release("r-1", Snapshot(3, b"three"))
            assert await store.snapshot("r-1") == Snapshot(3, b"three")
            assert await store.row("r-1") == replace(ROW, revision=3)
            epoch = await store.claim("r-1")
            await store.release("r-1")
            assert await store.snapshot("r-1") == Snapshot(3, b"three")
            assert await store.read("r-1") == [b"1", b"2", b"3"]

        self.tell(story)

    def test_a_snapshot_beyond_the_journal_is_not_kept(self) -> None:
        """snapshot: its `seq` is never beyond the journal. The run is free all the same, and keeps the one before."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            await store.release("r-1", Snapshot(2, b"of another run"))
            assert await store.snapshot("r-1") is None
            epoch = await store.claim("r-1")
            assert epoch == 2
            await store.append([Turn("r-1", 2, b"2", epoch, None, snapshot=b"two")])
            await store.release("r-1", Snapshot(99, b"of another run"))
            assert await store.snapshot("r-1") == Snapshot(2, b"two")
            assert await store.claim("r-1") == 3

        self.tell(story)

    def test_snapshots_of_two_runs_are_two(self) -> None:
        """append: each run has its own."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
            await store.append([Turn(run, 2, b"2", epochs[run], None, snapshot=run.encode()) for run in epochs])
            assert [await store.snapshot(run) for run in epochs] == [Snapshot(2, b"r-1"), Snapshot(2, b"r-2")]

        self.tell(story)

    def test_a_definition_stays_while_any_run_needs_it(self) -> None:
        """delete: a definition goes with the last run that was given it, and with no run before."""

        async def story(store: Store) -> None:
            both, one = "6" * 64, "7" * 64
            await store.create(replace(ROW, graph=both), [b"1"], {both: b"both", one: b"one"})
            await store.create(replace(ROW, run="r-2", graph=both), [b"1"], {both: b"both"})
            await store.create(replace(ROW, run="r-3", graph=both), [b"1"], {both: b"both"}, last=True)
            await store.delete("r-1")
            assert (await store.definition(both), await store.definition(one)) == (b"both", None)
            await store.delete("r-2")
            assert await store.definition(both) == b"both"
            await store.delete("r-3")
            assert await store.definition(both) is None

        self.tell(story)

    def test_a_run_that_adopts_a_definition_needs_it_and_the_one_before(self) -> None:
        """append: a definition is kept under the `graph` of the row beside it; the earlier ones stay the run's own."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            adopted = replace(ROW, graph="7" * 64)
            assert await store.append([Turn("r-1", 2, b"2", epoch, adopted, definition=b"\x00new")]) == [None]
            assert await store.row("r-1") == replace(adopted, revision=2)
            assert await store.definition("7" * 64) == b"\x00new"
            assert await store.definition(ROW.graph) == b"definition"
            await create(store, "r-2")
            await store.delete("r-2")
            assert await store.definition(ROW.graph) == b"definition"
            await store.create(replace(adopted, run="r-3"), [b"1"], {"7" * 64: b"\x00new"})
            await store.delete("r-3")
            assert await store.definition("7" * 64) == b"\x00new"
            await store.delete("r-1")
            assert (await store.definition("7" * 64), await store.definition(ROW.graph)) == (None, None)

        self.tell(story)

    def test_a_definition_comes_back_with_a_run_that_brings_it(self) -> None:
        """create: what was removed with its last run is kept anew."""

        async def story(store: Store) -> None:
            for _ in range(2):
                await create(store, "r-1")
                assert await store.definition(ROW.graph) == b"definition"
                await store.delete("r-1")
                assert await store.definition(ROW.graph) is None

        self.tell(story)
