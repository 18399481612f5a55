"""The part of the suite about beginnings: one run for an id and for a request, whole, and no more than allowed."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from trellis.errors import TooManyRuns
from trellis.stores.base import Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create, refusal


class StartingPart(Stories):
    """create."""

    def test_what_create_wrote_is_read_back_as_it_was_given(self) -> None:
        """create: row, event 1 and definition, claimed under epoch 1; the revision is the store's to say."""

        async def story(store: Store) -> None:
            given = replace(ROW, request="q-1")
            kept = replace(given, revision=1)
            answer = await store.create(replace(given, revision=99), [b"\x00one\xff"], {ROW.graph: b"definition"})
            assert answer == (kept, 1)
            assert await store.row("r-1") == kept
            assert await store.rows() == [kept]
            assert await store.read("r-1") == [b"\x00one\xff"]
            assert await store.definition(ROW.graph) == b"definition"
            assert await store.snapshot("r-1") is None

        self.tell(story)

    def test_a_run_may_begin_with_many_events_and_definitions(self) -> None:
        """create: the events count from 1 in the order given, and the next one follows on the last."""

        async def story(store: Store) -> None:
            events = [b"event %d" % number for number in range(1, 31)]
            definitions = {ROW.graph: b"now", "6" * 64: b"before", "7" * 64: b"earlier"}
            kept = replace(ROW, revision=30)
            assert await store.create(ROW, events, definitions) == (kept, 1)
            assert await store.rows() == [kept]
            assert await store.read("r-1") == events
            assert await store.read("r-1", 28) == events[28:]
            assert {digest: await store.definition(digest) for digest in definitions} == definitions
            assert await store.append([Turn("r-1", 31, b"31", 1, None)]) == [None]
            assert await store.read("r-1", 29) == [b"event 30", b"31"]

        self.tell(story)

    def test_creating_a_run_again_answers_what_is_there_and_writes_nothing(self) -> None:
        """create: an id that exists is answered with its row and no epoch, though as many runs are open as may be."""

        async def story(store: Store) -> None:
            first, epoch = await store.create(ROW, [b"1"], {ROW.graph: b"definition"})
            other = replace(ROW, graph="6" * 64, status="other", position=(), fields={}, request="q-2")
            assert await store.create(other, [b"x", b"y"], {"6" * 64: b"other"}, at_most=1) == (first, None)
            assert await store.rows() == [first]
            assert await store.read("r-1") == [b"1"]
            assert await store.definition("6" * 64) is None
            assert epoch is not None
            assert await store.append([Turn("r-1", 2, b"2", epoch, None)]) == [None]
            moved = await store.row("r-1")
            assert await store.create(other, [b"x"], {}) == (moved, None)
            assert await store.create(replace(ROW, run="r-2", request="q-2"), [b"1"], {}) != (moved, None)

        self.tell(story)

    def test_a_request_starts_one_run_whatever_its_id(self) -> None:
        """create: an id of a request that is known is answered with the row of the run that it started."""

        async def story(store: Store) -> None:
            first, _ = await store.create(replace(ROW, request="q-1"), [b"1"], {})
            again = replace(ROW, run="r-2", graph="6" * 64, request="q-1")
            assert await store.create(again, [b"x"], {"6" * 64: b"x"}, at_most=1) == (first, None)
            assert await store.rows() == [first]
            assert await store.row("r-2") is None
            assert await store.definition("6" * 64) is None
            await store.append([Turn("r-1", 2, b"2", 1, replace(ROW, status="completed"), last=True)])
            ended = replace(ROW, status="completed", revision=2, request="q-1")
            assert await store.create(again, [b"x"], {}) == (ended, None)
            other, epoch = await store.create(replace(again, request="q-2"), [b"1"], {})
            assert (other, epoch) == (replace(again, request="q-2", revision=1), 1)

        self.tell(story)

    def test_runs_without_a_request_have_nothing_in_common(self) -> None:
        """create: an empty request is none."""

        async def story(store: Store) -> None:
            for run in ("r-1", "r-2", "r-3"):
                assert await create(store, run) == 1
            assert len(await store.rows()) == 3

        self.tell(story)

    def test_the_request_of_a_run_outlives_its_rows_and_goes_with_the_run(self) -> None:
        """append: a row replaces all but the request; delete: the request may start a run again."""

        async def story(store: Store) -> None:
            await store.create(replace(ROW, request="q-1"), [b"1"], {})
            turns = [
                Turn("r-1", 2, b"2", 1, replace(ROW, status="moved")),
                Turn("r-1", 3, b"3", 1, replace(ROW, request="q-2")),
            ]
            assert list(await store.append(turns)) == [None, None]
            kept = replace(ROW, request="q-1", revision=3)
            assert await store.row("r-1") == kept
            assert await store.create(replace(ROW, run="r-2", request="q-1"), [b"x"], {}) == (kept, None)
            assert (await store.create(replace(ROW, run="r-3", request="q-2"), [b"1"], {}))[1] == 1
            await store.delete("r-1")
            anew = replace(ROW, run="r-2", request="q-1")
            assert await store.create(anew, [b"1"], {}) == (replace(anew, revision=1), 1)

        self.tell(story)

    def test_no_more_runs_are_open_than_allowed(self) -> None:
        """create: TooManyRuns counts the open runs of the store, and writes nothing; ended ones may be created."""

        async def story(store: Store) -> None:
            await create(store, "r-1")
            await create(store, "r-2")
            await store.release("r-2")
            third = replace(ROW, run="r-3", graph="6" * 64, request="q-3")
            too_many = (TooManyRuns, {"most": 2})
            assert await refusal(store.create(third, [b"x"], {"6" * 64: b"x"}, at_most=2)) == too_many
            assert await refusal(store.create(third, [b"x"], {}, at_most=0)) == (TooManyRuns, {"most": 0})
            assert await store.row("r-3") is None
            assert await store.definition("6" * 64) is None
            ended = replace(ROW, run="r-4", status="completed")
            assert await store.create(ended, [b"1"], {}, last=True, at_most=2) == (replace(ended, revision=1), 1)
            assert (await store.create(third, [b"1"], {}, at_most=3))[1] == 1
            assert await refusal(store.create(replace(ROW, run="r-5"), [b"x"], {}, at_most=3)) == (
                TooManyRuns,
                {"most": 3},
            )
            await store.append([Turn("r-1", 2, b"2", 1, replace(ROW, status="failed"), last=True)])
            assert (await store.create(replace(ROW, run="r-5"), [b"1"], {}, at_most=3))[1] == 1
            await store.delete("r-3")
            assert (await store.create(replace(ROW, run="r-6"), [b"1"], {}, at_most=3))[1] == 1
            assert await create(store, "r-7") == 1

        self.tell(story)

    def test_of_creations_that_meet_one_begins_the_run(self) -> None:
        """create: whoever is not the first is answered with the row of the first."""

        async def story(store: Store) -> None:
            rows = [replace(ROW, source=f"{number}", request=f"q-{number}") for number in range(12)]
            answers = await asyncio.gather(
                *(store.create(row, [row.source.encode()], {row.source: b"d"}) for row in rows)
            )
            (first,) = [row for row, epoch in answers if epoch is not None]
            assert [row for row, _ in answers] == [first] * 12
            assert await store.rows() == [first]
            assert await store.read("r-1") == [first.source.encode()]
            kept = [row.source for row in rows if await store.definition(row.source) is not None]
            assert kept == [first.source]

        self.tell(story)
