"""The part of the suite about events: in order, each once, with the row that they change, or not at all."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from trellis.errors import Conflict, UnknownRun
from trellis.stores.base import Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create, facts, refusal


class JournalPart(Stories):
    """append, read, row."""

    def test_events_are_read_in_order_and_from_any_place(self) -> None:
        """append and read: each event once, in order; `after` skips, and beyond the end there is nothing."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            for seq in range(2, 6):
                assert await store.append([Turn("r-1", seq, b"%d" % seq, epoch, None)]) == [None]
            assert await store.read("r-1") == [b"1", b"2", b"3", b"4", b"5"]
            assert await store.read("r-1", 3) == [b"4", b"5"]
            assert await store.read("r-1", after=5) == []
            assert await store.read("r-1", after=9) == []

        self.tell(story)

    def test_the_row_changes_with_the_event_that_changes_it(self) -> None:
        """append: a row replaces the one before, None leaves it; the revision follows the events by itself."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await store.row("r-1") == replace(ROW, revision=2)
            ended = replace(ROW, status="completed", position=(), fields={}, wake=None, updated=1_700_000_009.0)
            assert await store.append([Turn("r-1", 3, b"3", epoch, replace(ended, revision=0))]) == [None]
            assert await store.row("r-1") == replace(ended, revision=3)
            adopted = replace(ended, graph="7" * 64, name="n", source="s", created=1_700_000_002.0)
            assert await store.append([Turn("r-1", 4, b"4", epoch, adopted)]) == [None]
            assert await store.row("r-1") == replace(adopted, revision=4)

        self.tell(story)

    def test_a_batch_holds_many_runs_and_several_turns_of_one(self) -> None:
        """append: all turns in one call, those of one run in order; the last row given stays."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
            busy = replace(ROW, status="busy")
            turns = [
                Turn("r-1", 2, b"a2", epochs["r-1"], replace(ROW, status="first")),
                Turn("r-2", 2, b"b2", epochs["r-2"], None),
                Turn("r-1", 3, b"a3", epochs["r-1"], busy),
                Turn("r-1", 4, b"a4", epochs["r-1"], None),
            ]
            assert list(await store.append(turns)) == [None] * 4
            assert await store.read("r-1") == [b"1", b"a2", b"a3", b"a4"]
            assert await store.read("r-2") == [b"1", b"b2"]
            assert await store.row("r-1") == replace(busy, revision=4)
            assert await store.row("r-2") == replace(ROW, run="r-2", revision=2)

        self.tell(story)

    def test_an_empty_batch_is_answered_with_nothing(self) -> None:
        """append: no turns, no answers."""

        async def story(store: Store) -> None:
            assert list(await store.append([])) == []

        self.tell(story)

    def test_an_event_out_of_place_is_refused_and_writes_nothing_that_it_brings(self) -> None:
        """append: Conflict tells which event was meant and where the journal ends."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            for seq in (0, 1, 3):
                row = replace(ROW, status="x", graph="6" * 64)
                turn = Turn("r-1", seq, b"x", epoch, row, last=True, snapshot=b"x", definition=b"x")
                (refused,) = await store.append([turn])
                assert facts(refused) == (Conflict, {"run": "r-1", "expected": seq, "found": 1})
            assert await store.read("r-1") == [b"1"]
            assert await store.row("r-1") == replace(ROW, revision=1)
            assert await store.snapshot("r-1") is None
            assert await store.definition("6" * 64) is None
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

        self.tell(story)

    def test_refused_turns_do_not_hold_back_other_runs(self) -> None:
        """append: each answer is at its turn's place; the first refusal of a run answers its later turns too."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2", "r-3")}
            answers = await store.append(
                [
                    Turn("r-1", 2, b"a2", epochs["r-1"], None),
                    Turn("r-2", 5, b"b5", epochs["r-2"], replace(ROW, run="r-2", status="x")),
                    Turn("r-1", 4, b"a4", epochs["r-1"], replace(ROW, status="x")),
                    Turn("r-2", 2, b"b2", epochs["r-2"], replace(ROW, run="r-2", status="x")),
                    Turn("r-3", 2, b"c2", epochs["r-3"], None),
                    Turn("r-0", 1, b"z1", 1, replace(ROW, run="r-0")),
                ]
            )
            beyond = (Conflict, {"run": "r-2", "expected": 5, "found": 1})
            assert [answer and facts(answer) for answer in answers] == [
                None,
                beyond,
                (Conflict, {"run": "r-1", "expected": 4, "found": 2}),
                beyond,
                None,
                (Conflict, {"run": "r-0", "expected": 1, "found": 0}),
            ]
            assert await store.read("r-1") == [b"1", b"a2"]
            assert await store.read("r-2") == [b"1"]
            assert await store.read("r-3") == [b"1", b"c2"]
            assert {row.status for row in await store.rows()} == {"running"}
            assert await store.row("r-0") is None

        self.tell(story)

    def test_an_unknown_run_is_named_or_none(self) -> None:
        """UnknownRun where a run is needed, None where one is asked for, and release leaves it at that."""

        async def story(store: Store) -> None:
            unknown = (UnknownRun, {"run": "r-9"})
            assert await refusal(store.read("r-9")) == unknown
            assert await refusal(store.claim("r-9")) == unknown
            assert await refusal(store.delete("r-9")) == unknown
            assert await refusal(store.ask("r-9", b"x")) == unknown
            assert await store.row("r-9") is None
            assert await store.snapshot("r-9") is None
            assert await store.definition("9" * 64) is None
            assert await store.rows() == []
            await store.release("r-9")

        self.tell(story)

    def test_a_deleted_run_is_gone_and_its_id_free(self) -> None:
        """delete: no event, no row, no snapshot, nothing to append to; other runs stay."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
            await store.append([Turn(run, 2, b"2", epochs[run], None, snapshot=b"two") for run in epochs])
            await store.delete("r-2")
            (refused,) = await store.append([Turn("r-2", 3, b"x", epochs["r-2"], None)])
            assert facts(refused) == (Conflict, {"run": "r-2", "expected": 3, "found": 0})
            assert await refusal(store.read("r-2")) == (UnknownRun, {"run": "r-2"})
            assert await store.snapshot("r-2") is None
            assert await store.rows() == [replace(ROW, revision=2)]
            anew, epoch = await store.create(replace(ROW, run="r-2"), [b"anew"], {})
            assert (anew, epoch) == (replace(ROW, run="r-2", revision=1), 1)
            assert await store.read("r-2") == [b"anew"]
            assert await store.snapshot("r-2") is None

        self.tell(story)

    def test_calls_that_meet_are_carried_out_one_after_the_other(self) -> None:
        """One event loop, many tasks: of two writers of one event exactly one wins; nothing is torn."""

        async def story(store: Store) -> None:
            runs = [f"r-{number}" for number in range(8)]
            epochs = {run: await create(store, run) for run in runs}

            async def write(mark: bytes) -> list[bool]:
                won = []
                for seq in range(2, 12):
                    answers = await store.append([Turn(run, seq, mark, epochs[run], None) for run in runs])
                    won += [answer is None for answer in answers]
                    await asyncio.sleep(0)
                return won

            async def look() -> list[int]:
                return [len(await store.read("r-3")) for _ in range(10)]

            first, second, seen = await asyncio.gather(write(b"a"), write(b"b"), look())
            assert [one + other for one, other in zip(first, second, strict=True)] == [1] * 80
            assert seen == sorted(seen)
            assert {row.revision for row in await store.rows()} == {11}

        self.tell(story)

    def test_batches_of_other_runs_at_the_same_moment_do_not_meet(self) -> None:
        """append: as many calls at once as the store has `lanes`, two at least; each answers for its own turns alone."""

        async def story(store: Store) -> None:
            count = max(getattr(store, "lanes", 1), 2)
            lanes = [[f"r-{lane}-{number}" for number in range(count + 6)] for lane in range(count)]
            epochs = {run: await create(store, run) for runs in lanes for run in runs}
            for seq in range(2, 8):
                batches = [[Turn(run, seq, b"%d" % seq, epochs[run], None) for run in runs] for runs in lanes]
                for lane, (batch, runs) in enumerate(zip(batches, lanes, strict=True)):
                    row = replace(ROW, run=runs[lane], status="x")
                    # In each of them it is another place that is refused.
                    batch.insert(lane, Turn(runs[lane], seq + 9, b"x", epochs[runs[lane]], row))
                answers = await asyncio.gather(*(store.append(batch) for batch in batches))
                for lane, (told, runs) in enumerate(zip(answers, lanes, strict=True)):
                    beyond = (Conflict, {"run": runs[lane], "expected": seq + 9, "found": 1})
                    refused = {place: facts(answer) for place, answer in enumerate(told) if answer is not None}
                    assert refused == {lane: beyond, lane + 1: beyond}
            whole = [b"%d" % seq for seq in range(1, 8)]
            for lane, runs in enumerate(lanes):
                for number, run in enumerate(runs):
                    assert await store.read(run) == (whole[:1] if number == lane else whole)
            assert {row.status for row in await store.rows()} == {"running"}

        self.tell(story)

    def test_closing_twice_does_nothing(self) -> None:
        """close: the second one finds nothing to give up."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            await store.close()

        self.tell(story)

    def test_a_store_that_nobody_used_closes(self) -> None:
        """close: there may be nothing to give up yet."""

        async def story(store: Store) -> None:
            """Nothing happens."""

        self.tell(story)
