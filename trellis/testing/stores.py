"""The published suite of `Store`: whoever passes it can keep the runs of a host.

Derive from `StoreContract` and say how to open an empty store; where several owners may share one store, derive from
`SharedStoreContract` and say how to open it once more:

    class TestMyStore(SharedStoreContract):
        def open(self) -> Store:
            return MyStore("test")

        def open_again(self) -> Store:
            return MyStore("test")
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, UnknownRun
from trellis.stores.base import RunRow, Store, Turn

ROW = RunRow(
    run="r-1",
    graph="5" * 64,
    name="provision",
    source="graphs/provision.yaml",
    status="running",
    revision=0,
    position=("checks.db", "checks.http"),
    fields={"user": "Zoë", "tries": 2, "tags": ["a", {"b": None}], "ratio": 0.1},
    wake=1_700_000_030.25,
    created=1_700_000_000.5,
    updated=1_700_000_001.0,
)
"""A row that says something in each of its fields."""


async def refusal(call: Awaitable[object]) -> tuple[type[BaseException], dict[str, Any]]:
    """The error that `call` raises, as its class and its facts."""
    try:
        answer = await call
    except Exception as error:  # noqa: BLE001 - whatever it is, the test says what it should have been
        return facts(error)
    raise AssertionError(f"nothing was refused; the answer was {answer!r}")


def facts(error: BaseException | None) -> tuple[type[BaseException], dict[str, Any]]:
    """The class of an error and what it knows, to be compared whole."""
    if error is None:
        raise AssertionError("no error")
    return type(error), vars(error)


class StoreContract:
    """What every store promises, with one owner."""

    def open(self) -> Store:
        """An empty store. Called once in each test; the test closes it."""
        raise NotImplementedError

    def tell(self, story: Callable[[Store], Awaitable[None]]) -> None:
        """Run a story on an empty store."""

        async def whole() -> None:
            store = self.open()
            try:
                await story(store)
            finally:
                await store.close()

        asyncio.run(whole())

    def test_what_create_wrote_is_read_back_as_it_was_given(self) -> None:
        """create: row, event 1 and definition, claimed under epoch 1; the revision is the store's to say."""

        async def story(store: Store) -> None:
            kept = replace(ROW, revision=1)
            assert await store.create(replace(ROW, revision=99), b"\x00one\xff", b"definition") == (kept, 1)
            assert await store.row("r-1") == kept
            assert await store.rows() == [kept]
            assert await store.read("r-1") == [b"\x00one\xff"]
            assert await store.definition(ROW.graph) == b"definition"

        self.tell(story)

    def test_creating_a_run_again_answers_what_is_there_and_writes_nothing(self) -> None:
        """create: an id that exists is answered with its row and no epoch."""

        async def story(store: Store) -> None:
            first, epoch = await store.create(ROW, b"1", b"definition")
            other = replace(ROW, graph="6" * 64, status="other", position=(), fields={})
            assert await store.create(other, b"x", b"other") == (first, None)
            assert await store.rows() == [first]
            assert await store.read("r-1") == [b"1"]
            assert await store.definition("6" * 64) is None
            assert epoch is not None
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]

        self.tell(story)

    def test_definitions_are_kept_once_and_never_change(self) -> None:
        """put_definition and create: the first data under a digest stays."""

        async def story(store: Store) -> None:
            assert await store.definition("d") is None
            await store.put_definition("d", b"\x00first")
            await store.put_definition("d", b"second")
            await store.create(replace(ROW, graph="d"), b"1", b"third")
            assert await store.definition("d") == b"\x00first"
            await store.delete("r-1")
            assert await store.definition("d") == b"\x00first"

        self.tell(story)

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
            assert await store.append(turns) == [None] * 4
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

    def test_an_event_out_of_place_is_refused_and_writes_neither_event_nor_row(self) -> None:
        """append: Conflict tells which event was meant and where the journal ends."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            for seq in (0, 1, 3):
                (refused,) = await store.append([Turn("r-1", seq, b"x", epoch, replace(ROW, status="x"))])
                assert facts(refused) == (Conflict, {"run": "r-1", "expected": seq, "found": 1})
            assert await store.read("r-1") == [b"1"]
            assert await store.row("r-1") == replace(ROW, revision=1)
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

    def test_a_foreign_epoch_writes_nothing(self) -> None:
        """append: only the present epoch may write."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            for wrong in (epoch - 1, epoch + 1):
                (refused,) = await store.append([Turn("r-1", 2, b"x", wrong, None)])
                assert type(refused) is RunOwned
            assert await store.read("r-1") == [b"1"]

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

    def test_claiming_what_one_owns_changes_nothing(self) -> None:
        """claim: the holder gets its epoch again."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1")
            assert await store.claim("r-1") == epoch
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await store.claim("r-1") == epoch
            assert await store.append([Turn("r-1", 3, b"3", epoch, None)]) == [None]

        self.tell(story)

    def test_an_unknown_run_is_named_or_none(self) -> None:
        """UnknownRun where a run is needed, None where one is asked for, and release leaves it at that."""

        async def story(store: Store) -> None:
            unknown = (UnknownRun, {"run": "r-9"})
            assert await refusal(store.read("r-9")) == unknown
            assert await refusal(store.claim("r-9")) == unknown
            assert await refusal(store.delete("r-9")) == unknown
            assert await store.row("r-9") is None
            assert await store.rows() == []
            await store.release("r-9")

        self.tell(story)

    def test_rows_are_listed_newest_first_and_by_status_and_graph(self) -> None:
        """rows: by `created`, among equals the one written last; the filters hold together."""

        async def story(store: Store) -> None:
            facts_of = {  # run: created, status, graph
                "r-1": (20.0, "running", "a"),
                "r-2": (30.0, "running", "b"),
                "r-3": (10.0, "failed", "a"),
                "r-4": (20.0, "running", "a"),
            }
            for run, (created, status, graph) in facts_of.items():
                row = replace(ROW, run=run, created=created, status=status, graph=graph)
                await store.create(row, b"1", b"definition")
            assert [row.run for row in await store.rows()] == ["r-2", "r-4", "r-1", "r-3"]
            assert [row.run for row in await store.rows(status="running")] == ["r-2", "r-4", "r-1"]
            assert [row.run for row in await store.rows(graph="a")] == ["r-4", "r-1", "r-3"]
            assert [row.run for row in await store.rows(status="running", graph="a")] == ["r-4", "r-1"]
            assert await store.rows(status="") == []
            await store.append([Turn("r-1", 2, b"2", 1, replace(ROW, graph="a", status="done", created=20.0))])
            assert [row.run for row in await store.rows(status="running")] == ["r-2", "r-4"]
            assert [(row.run, row.revision) for row in await store.rows(status="done")] == [("r-1", 2)]

        self.tell(story)

    def test_a_deleted_run_is_gone_and_its_id_free(self) -> None:
        """delete: no event, no row, nothing to append to; other runs stay."""

        async def story(store: Store) -> None:
            epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
            await store.delete("r-2")
            (refused,) = await store.append([Turn("r-2", 2, b"x", epochs["r-2"], None)])
            assert facts(refused) == (Conflict, {"run": "r-2", "expected": 2, "found": 0})
            assert await refusal(store.read("r-2")) == (UnknownRun, {"run": "r-2"})
            assert await store.rows() == [replace(ROW, revision=1)]
            anew, _ = await store.create(replace(ROW, run="r-2"), b"anew", b"definition")
            assert anew == replace(ROW, run="r-2", revision=1)
            assert await store.read("r-2") == [b"anew"]

        self.tell(story)

    def test_any_bytes_and_any_text_come_back_as_they_went(self) -> None:
        """Stores know nothing of what they hold: empty, large, and in every script."""

        async def story(store: Store) -> None:
            run = "ключ/键 '\"%;--\\"
            large = bytes(range(256)) * 4096
            extremes = {"big": 2**63 - 1, "small": -(2**63), "e": 1e-300, "text": "\x1f🌱", "": {"": [[], {}]}}
            row = replace(ROW, run=run, name="", source="Ω", position=("a[3].é", ""), fields=extremes, wake=None)
            _, epoch = await store.create(row, b"", large)
            assert epoch is not None
            assert await store.append([Turn(run, 2, large, epoch, None), Turn(run, 3, b"", epoch, None)]) == [None] * 2
            assert await store.read(run) == [b"", large, b""]
            assert await store.row(run) == replace(row, revision=3)
            assert await store.definition(row.graph) == large

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

    def test_closing_twice_does_nothing(self) -> None:
        """close: the second one finds nothing to give up."""

        async def story(store: Store) -> None:
            await store.close()

        self.tell(story)


class SharedStoreContract(StoreContract):
    """What a store promises besides, where several owners share it."""

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

    def test_what_one_owner_wrote_the_other_reads_at_once(self) -> None:
        """Every read sees every commit before it."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            assert await theirs.row("r-1") == replace(ROW, revision=1)
            await ours.append([Turn("r-1", 2, b"2", epoch, replace(ROW, status="moved"))])
            assert await theirs.read("r-1") == [b"1", b"2"]
            assert await theirs.rows() == [replace(ROW, status="moved", revision=2)]
            assert await theirs.definition(ROW.graph) == b"definition"

        self.tell_of_two(story)

    def test_a_run_of_a_living_owner_is_not_taken_written_or_deleted(self) -> None:
        """RunOwned names the same owner in every refusal; nothing changes."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            kind, known = await refusal(theirs.claim("r-1"))
            assert (kind, known) == (RunOwned, {"run": "r-1", "owner": known["owner"]})
            assert await refusal(theirs.delete("r-1")) == (kind, known)
            (refused,) = await theirs.append([Turn("r-1", 2, b"x", epoch, replace(ROW, status="x"))])
            assert facts(refused) == (kind, known)
            await theirs.release("r-1")
            assert await theirs.create(ROW, b"x", b"x") == (replace(ROW, revision=1), None)
            assert await ours.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            assert await theirs.read("r-1") == [b"1", b"2"]

        self.tell_of_two(story)

    def test_a_released_run_goes_to_whoever_claims_it_first(self) -> None:
        """release, claim: the other goes on where the first stopped, and the first is locked out."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            await ours.append([Turn("r-1", 2, b"2", epoch, None)])
            await ours.release("r-1")
            later = await theirs.claim("r-1")
            assert later == epoch + 1
            assert (await refusal(ours.claim("r-1")))[0] is RunOwned
            assert await theirs.append([Turn("r-1", 3, b"3", later, None)]) == [None]
            for stale in (epoch, later):
                (refused,) = await ours.append([Turn("r-1", 4, b"x", stale, None)])
                assert type(refused) is RunOwned
            assert await ours.read("r-1") == [b"1", b"2", b"3"]

        self.tell_of_two(story)

    def test_the_runs_of_a_closed_owner_are_free(self) -> None:
        """close: another owner claims what was held, with a greater epoch."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            await ours.append([Turn("r-1", 2, b"2", epoch, None)])
            await ours.close()
            assert await theirs.claim("r-1") == epoch + 1
            assert await theirs.append([Turn("r-1", 3, b"3", epoch + 1, None)]) == [None]
            assert await theirs.read("r-1") == [b"1", b"2", b"3"]

        self.tell_of_two(story)

    def test_a_closed_store_keeps_everything(self) -> None:
        """What was written outlives every owner."""

        async def story(ours: Store, theirs: Store) -> None:
            epoch = await create(ours, "r-1")
            await ours.append([Turn("r-1", 2, b"2", epoch, None)])
            await ours.close()
            await theirs.close()
            again = self.open_again()
            try:
                assert await again.rows() == [replace(ROW, revision=2)]
                assert await again.read("r-1") == [b"1", b"2"]
                assert await again.definition(ROW.graph) == b"definition"
            finally:
                await again.close()

        self.tell_of_two(story)

    def test_a_batch_loses_only_the_turns_of_runs_that_went_to_another(self) -> None:
        """append: RunOwned at the places of the run that was given away, the others are written."""

        async def story(ours: Store, theirs: Store) -> None:
            epochs = {run: await create(ours, run) for run in ("r-1", "r-2", "r-3")}
            await ours.release("r-2")
            await theirs.claim("r-2")
            answers = await ours.append([Turn(run, 2, b"2", epoch, None) for run, epoch in epochs.items()])
            assert [type(answer) for answer in answers] == [type(None), RunOwned, type(None)]
            assert [len(await ours.read(run)) for run in epochs] == [2, 1, 2]

        self.tell_of_two(story)


async def create(store: Store, run: str) -> int:
    """A run like ROW with that id, whose event 1 is b"1"; its epoch."""
    _, epoch = await store.create(replace(ROW, run=run), b"1", b"definition")
    if epoch is None:
        raise AssertionError(f"run {run!r} was there already")
    return epoch
