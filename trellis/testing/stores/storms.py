"""The part of the suite about owners that do the same thing at the same moment: one of them gets it."""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from trellis.errors import Conflict, RunOwned, TooManyRuns
from trellis.stores.base import Store, Turn
from trellis.testing.stores.sharing import TwoOwners
from trellis.testing.stores.stories import ROW, create
from trellis.testing.stores.waking import idle


class StormsPart(TwoOwners):
    """create, claim, claim_due, append, all at once."""

    def test_a_storm_of_starts_begins_one_run(self) -> None:
        """create: of many with one id, one is the first; each answer is its row."""

        async def story(ours: Store, theirs: Store) -> None:
            rows = [replace(ROW, source=f"{number}") for number in range(20)]
            answers = await asyncio.gather(
                *((ours, theirs)[place % 2].create(row, [row.source.encode()], {}) for place, row in enumerate(rows))
            )
            (first,) = [row for row, epoch in answers if epoch is not None]
            assert [row for row, _ in answers] == [first] * 20
            assert await ours.rows() == await theirs.rows() == [first]
            assert await ours.read("r-1") == [first.source.encode()]

        self.tell_of_two(story)

    def test_a_storm_of_one_request_begins_one_run(self) -> None:
        """create: of many ids with one request, one is the first."""

        async def story(ours: Store, theirs: Store) -> None:
            rows = [replace(ROW, run=f"r-{number}", request="q-1") for number in range(20)]
            answers = await asyncio.gather(
                *((ours, theirs)[place % 2].create(row, [b"1"], {}) for place, row in enumerate(rows))
            )
            (first,) = [row for row, epoch in answers if epoch is not None]
            assert [row for row, _ in answers] == [first] * 20
            assert await theirs.rows() == [first]

        self.tell_of_two(story)

    def test_a_storm_of_runs_stops_at_the_limit(self) -> None:
        """create: never more are open than `at_most`, and never fewer than there is room for."""

        async def story(ours: Store, theirs: Store) -> None:
            rows = [replace(ROW, run=f"r-{number}") for number in range(20)]
            answers = await asyncio.gather(
                *((ours, theirs)[place % 2].create(row, [b"1"], {}, at_most=7) for place, row in enumerate(rows)),
                return_exceptions=True,
            )
            refused = [answer for answer in answers if isinstance(answer, BaseException)]
            assert [type(answer) for answer in refused] == [TooManyRuns] * 13
            assert len(await ours.rows(status="running")) == 7

        self.tell_of_two(story)

    def test_of_many_who_claim_a_run_one_owner_has_it(self) -> None:
        """claim: RunOwned for the other, and the epoch grew once."""

        async def story(ours: Store, theirs: Store) -> None:
            for turn in range(8):
                run = f"r-{turn}"
                await idle(ours, run)
                answers = await asyncio.gather(
                    *((ours, theirs)[place % 2].claim(run) for place in range(8)), return_exceptions=True
                )
                outcomes = [answer if isinstance(answer, int) else type(answer) for answer in answers]
                won, lost = (outcomes[0::2], outcomes[1::2]) if outcomes[0] == 2 else (outcomes[1::2], outcomes[0::2])
                assert (won, lost) == ([2] * 4, [RunOwned] * 4)

        self.tell_of_two(story)

    def test_a_due_run_is_claimed_by_one_owner(self) -> None:
        """claim_due: no run twice, and none is left where both ask until nothing is due."""

        async def story(ours: Store, theirs: Store) -> None:
            runs = [f"r-{number:02}" for number in range(30)]
            for number, run in enumerate(runs):
                await idle((ours, theirs)[number % 2], run, wake=float(number))
            taken: dict[str, Store] = {}

            async def take(store: Store) -> None:
                for _ in range(30):
                    due = await store.claim_due(100.0, limit=4)
                    for run, epoch in due.claimed:
                        assert epoch == 2
                        assert run not in taken
                        taken[run] = store

            await asyncio.gather(take(ours), take(theirs))
            assert sorted(taken) == runs
            for run, store in taken.items():
                assert await store.append([Turn(run, 2, b"2", 2, None)]) == [None]

        self.tell_of_two(story)

    def test_a_run_that_changes_hands_is_written_by_one_at_a_time(self) -> None:
        """append: each event was written under the epoch that held then, once; displaced writers write nothing."""

        async def story(ours: Store, theirs: Store) -> None:
            await create(ours, "r-1")
            await ours.release("r-1")
            written: list[bytes] = []

            async def fight(store: Store, mark: bytes) -> None:
                epoch = 0
                for turn in range(30):
                    try:
                        epoch = await store.claim("r-1")
                    except RunOwned:
                        pass  # writes under its old epoch all the same
                    seq = len(await store.read("r-1")) + 1
                    event = b"%s %d" % (mark, turn)
                    (refused,) = await store.append([Turn("r-1", seq, event, epoch, None)])
                    if refused is None:
                        written.append(event)
                    else:
                        assert type(refused) in (RunOwned, Conflict)
                    if turn % 3:
                        await store.release("r-1")

            await asyncio.gather(fight(ours, b"we"), fight(theirs, b"they"))
            assert (await ours.read("r-1"))[1:] == written
            assert len(written) >= 10  # most are refused where the other one is faster

        self.tell_of_two(story)
