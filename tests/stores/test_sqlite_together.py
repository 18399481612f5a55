"""Runs that are begun, claimed, freed or deleted in the same turn of the loop share a commit; each has its own outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.stores.sqlite_files import URL, aside, opened
from tests.stores.test_interleavings import RUNS, Pair, outcome
from tests.stores.test_sqlite_fences import Doubtful, at_once
from trellis.errors import RunOwned, StoreCorrupt, StoreFull, StoreUnavailable, TooManyRuns
from trellis.stores.base import Snapshot, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import ROW, create, facts


def told(folder: Path, story: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = opened(folder)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


class Commits:
    """Counts those of a store from now on; the answers of calls that were all made in one turn."""

    def __init__(self, store: SqliteStore) -> None:
        self.count = 0
        store._connection.set_commit_hook(self._note)

    def _note(self) -> bool:
        self.count += 1
        return False


async def at_the_same_time(*calls: Awaitable[Any]) -> list[Any]:
    """The answer of each of these calls, or what it raised."""
    return await asyncio.gather(*calls, return_exceptions=True)


# Commits


def test_runs_that_begin_in_one_turn_share_a_commit_but_for_the_first(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        commits = Commits(store)
        rows = [replace(ROW, run=f"r-{number}", request=f"q-{number}") for number in range(200)]
        answers = await at_the_same_time(*(store.create(row, [b"1", b"2"], {ROW.graph: b"d"}) for row in rows))
        assert answers == [(replace(row, revision=2), 1) for row in rows]
        assert commits.count == 2
        assert await store.rows() == [row for row, _ in reversed(answers)]
        assert await store.append([Turn(row.run, 3, b"3", 1, None) for row in rows]) == [None] * 200

    told(tmp_path, story)


def test_runs_that_are_freed_claimed_and_deleted_in_one_turn_share_a_commit_each(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        runs = [f"r-{number}" for number in range(50)]
        await at_the_same_time(*(create(store, run) for run in runs))
        commits = Commits(store)
        await at_the_same_time(*(store.release(run, Snapshot(1, run.encode())) for run in runs))
        assert (commits.count, await store.owned()) == (2, [])
        assert await store.snapshot("r-49") == Snapshot(1, b"r-49")
        assert await at_the_same_time(*map(store.claim, runs)) == [2] * 50
        assert (commits.count, sorted(await store.owned())) == (4, sorted(runs))
        await at_the_same_time(*map(store.delete, runs))
        assert (commits.count, await store.rows(), await store.definition(ROW.graph)) == (6, [], None)

    told(tmp_path, story)


def test_whoever_begins_one_run_after_the_other_waits_for_nobody(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        commits = Commits(store)
        for number in range(5):
            run = f"r-{number}"
            assert at_once(create(store, run)) == 1
            assert at_once(store.release(run)) is None
            assert at_once(store.claim(run)) == 2
            assert at_once(store.delete(run)) is None
        assert commits.count == 20
        assert store._thread is None

    told(tmp_path, story)


def test_two_runs_that_begin_in_one_turn_need_no_thread(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        assert await at_the_same_time(create(store, "r-1"), create(store, "r-2")) == [1, 1]
        assert store._thread is None

    told(tmp_path, story)


def test_runs_that_begin_while_the_file_is_in_use_share_the_next_commit_whatever_their_turn(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await create(store, "first")
        begun = []
        async with store.transaction():
            for number in range(20):
                begun.append(aside(create(store, f"r-{number}")))
                for _ in range(5):
                    await asyncio.sleep(0)
            commits = Commits(store)
        assert await at_the_same_time(*begun) == [1] * 20
        assert commits.count == 1

    told(tmp_path, story)


def test_the_loop_goes_on_while_a_shared_commit_waits_for_the_file(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        first = asyncio.ensure_future(create(store, "r-0"))
        others = [asyncio.ensure_future(create(store, f"r-{number}")) for number in (1, 2, 3)]
        assert await first == 1
        other = apsw.Connection(str(tmp_path / "runs.db"))
        other.execute("BEGIN IMMEDIATE")
        for _ in range(10):
            await asyncio.sleep(0)
        assert not any(call.done() for call in others)
        other.execute("ROLLBACK")
        other.close()
        assert await at_the_same_time(*others) == [1, 1, 1]

    told(tmp_path, story)


def test_the_lock_file_of_the_owner_is_made_by_whoever_has_the_file_to_himself(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        hold, alone = store._owner.hold, []

        def noted() -> str:
            alone.append(store._guard.locked())
            return hold()

        store._owner.hold = noted  # type: ignore[method-assign]
        async with store.transaction():
            begun = [aside(call) for call in (*five(store), store.claim("r-0"))]
            for _ in range(5):
                await asyncio.sleep(0)
            assert alone == []
        assert [epoch for _, epoch in (await at_the_same_time(*begun))[:5]] == [1] * 5
        assert all(alone)
        assert alone

    told(tmp_path, story)


# Outcomes


def test_a_run_or_a_request_that_comes_twice_in_one_commit_begins_one_run(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        commits = Commits(store)
        given = [("r-0", ""), ("r-1", "q-1"), ("r-1", "q-2"), ("r-2", "q-1"), ("r-2", "q-2"), ("r-0", "q-3")]
        rows = [replace(ROW, run=run, request=request, source=f"{at}") for at, (run, request) in enumerate(given)]
        answers = await at_the_same_time(
            *(store.create(row, [row.source.encode()], {row.source: b"d"}) for row in rows)
        )
        begun = {row.run: replace(row, revision=1) for row in (rows[0], rows[1], rows[4])}
        expected = [("r-0", 1), ("r-1", 1), ("r-1", None), ("r-1", None), ("r-2", 1), ("r-0", None)]
        assert answers == [(begun[run], epoch) for run, epoch in expected]
        assert commits.count == 2
        assert await store.rows() == [begun["r-2"], begun["r-1"], begun["r-0"]]
        assert [row.source for row in rows if await store.definition(row.source)] == ["0", "1", "4"]

    told(tmp_path, story)


def test_a_limit_that_is_reached_amid_a_commit_refuses_only_what_is_beyond_it(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        ended = replace(ROW, run="ended", status="completed")
        answers = await at_the_same_time(
            *(store.create(replace(ROW, run=f"r-{number}"), [b"1"], {}, at_most=3) for number in range(5)),
            store.create(ended, [b"1"], {}, last=True, at_most=3),
            store.create(replace(ROW, run="r-2"), [b"x"], {}, at_most=3),
            store.create(replace(ROW, run="r-5"), [b"1"], {}, at_most=4),
        )
        rows = {run: replace(ROW, run=run, revision=1) for run in ("r-0", "r-1", "r-2", "r-5")}
        too_many = (TooManyRuns, {"most": 3})
        assert [facts(answer) if isinstance(answer, Exception) else answer for answer in answers] == [
            (rows["r-0"], 1),
            (rows["r-1"], 1),
            (rows["r-2"], 1),
            too_many,
            too_many,
            (replace(ended, revision=1), 1),
            (rows["r-2"], None),
            (rows["r-5"], 1),
        ]
        assert sorted(row.run for row in await store.rows()) == ["ended", "r-0", "r-1", "r-2", "r-5"]
        assert sorted(await store.owned()) == ["r-0", "r-1", "r-2", "r-5"]

    told(tmp_path, story)


def test_calls_of_one_run_in_one_commit_follow_each_other(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        begun = store.create(ROW, [b"1"], {})
        calls = (store.release("r-1"), store.claim("r-1"), store.claim("r-1"), store.delete("r-1"))
        again = store.create(replace(ROW, name="again"), [b"1"], {})
        answers = await at_the_same_time(create(store, "first"), begun, *calls, again, store.release("first"))
        row = replace(ROW, revision=1)
        assert answers == [1, (row, 1), None, 2, 2, None, (replace(row, name="again"), 1), None]
        assert await store.owned() == ["r-1"]
        turns = [Turn("r-1", 2, b"2", 1, None), Turn("first", 2, b"2", 1, None)]
        written, refused = await store.append(turns)
        assert (written, facts(refused)) == (None, (RunOwned, {"run": "first", "owner": "nobody"}))

    told(tmp_path, story)


def test_nobody_overtakes_who_asked_in_an_earlier_turn(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        async def late() -> tuple[object, int | None]:
            await asyncio.sleep(0)
            return await store.create(replace(ROW, run="r-2", name="late"), [b"1"], {})

        early = store.create(replace(ROW, run="r-2", name="early"), [b"1"], {})
        answers = await at_the_same_time(create(store, "r-1"), late(), early)
        row = replace(ROW, run="r-2", name="early", revision=1)
        assert answers == [1, (row, None), (row, 1)]

    told(tmp_path, story)


GROUPED = st.one_of(
    st.tuples(st.just("create"), RUNS, st.sampled_from(["", "", "q-1", "q-2"]), st.sampled_from([None, 1, 2])),
    st.tuples(st.just("claim"), RUNS),
    st.tuples(st.just("release"), RUNS, st.booleans()),
    st.tuples(st.just("delete"), RUNS),
)


class Together(Pair):
    async def calls_of_one_turn(self, who: int, calls: list[tuple[Any, ...]]) -> None:
        """The model takes them one after the other."""
        expected, asked = [], []
        names = {store._journal._owner.token: f"owner-{number}" for number, store in enumerate(self.stores)}
        for name, *arguments in calls:
            self.calls += 1
            asked.append(outcome(self.ask(self.stores[who], name, *arguments), names))
            expected.append(await outcome(self.ask(self.models[who], name, *arguments), {}))
        assert await asyncio.gather(*asked) == expected


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.lists(GROUPED, min_size=1, max_size=8)), min_size=3, max_size=12))
def test_calls_of_one_turn_do_what_they_would_one_after_the_other(
    groups: list[tuple[int, list[tuple[Any, ...]]]],
) -> None:
    async def story(folder: str) -> None:
        pair = Together(folder)
        for who, calls in groups:
            await pair.calls_of_one_turn(who, calls)
            await pair.call(who, "rows", {})
            for run in list(pair.shelf.rows):
                pair.take([(run, 1, 0, "row")])
                await pair.call(who, "append", [])
        for who in (0, 1):
            assert sorted(await pair.stores[who].owned()) == sorted(await pair.models[who].owned())
            for run in pair.shelf.rows:
                await pair.call(who, "read", run, 0)
                await pair.call(who, "snapshot", run)
        for store in pair.stores:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(story(folder))


# Faults


def five(store: SqliteStore, *, events: tuple[bytes, ...] = (b"1",)) -> list[Coroutine[Any, Any, Any]]:
    """The first of them goes ahead, four share a commit."""
    return [store.create(replace(ROW, run=f"r-{number}"), events, {ROW.graph: b"d"}) for number in range(5)]


def test_a_file_that_cannot_be_locked_is_told_to_everyone_and_nothing_is_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trellis.stores.sqlite.store.PATIENCE_S", 0)

    async def story(store: SqliteStore) -> None:
        other = apsw.Connection(str(tmp_path / "runs.db"))
        other.execute("BEGIN IMMEDIATE")
        answers = await at_the_same_time(*five(store))
        reason = "another process has kept it locked for 0 s; try again when it is done"
        assert [facts(answer) for answer in answers] == [(StoreUnavailable, {"url": URL, "reason": reason})] * 5
        assert (await store.rows(), store._journal.claims) == ([], {})
        other.execute("ROLLBACK")
        other.close()
        assert [epoch for _, epoch in await at_the_same_time(*five(store))] == [1] * 5

    told(tmp_path, story)


def test_a_full_disk_is_told_to_everyone_whose_run_it_did_not_take(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        pages = store._connection.pragma("page_count")
        store._connection.pragma("max_page_count", pages + 8)
        answers = await at_the_same_time(*five(store, events=(b"x" * 20_000,)))
        full = (StoreFull, {"url": URL, "reason": "the disk or the database is full"})
        row = replace(ROW, run="r-0", revision=1)
        assert answers[0] == (row, 1)
        assert [facts(answer) for answer in answers[1:]] == [full] * 4
        assert (await store.rows(), await store.owned(), list(store._journal.claims)) == ([row], ["r-0"], ["r-0"])
        store._connection.pragma("max_page_count", 1_000_000)
        assert [epoch for _, epoch in await at_the_same_time(*five(store))] == [None, 1, 1, 1, 1]

    told(tmp_path, story)


@pytest.mark.parametrize("written", [True, False])
def test_a_commit_of_unknown_outcome_is_told_to_everyone_and_what_it_left_can_be_freed(
    tmp_path: Path, *, written: bool
) -> None:
    async def story(store: SqliteStore) -> None:
        first, *others = five(store)
        begun = asyncio.gather(first, *others, return_exceptions=True)
        await asyncio.sleep(0)
        certain = store._journal._transaction
        store._journal._transaction = Doubtful(store._connection, written=written)  # type: ignore[assignment]
        answers = await begun
        assert [type(answer) for answer in answers] == [tuple, *[StoreUnavailable] * 4]
        store._journal._transaction = certain
        assert await create(store, "r-9") == 1
        assert list(store._journal.claims) == ["r-0", "r-9"]
        await store.delete("r-9")
        assert await store.owned() == (["r-0", "r-1", "r-2", "r-3", "r-4"] if written else ["r-0"])
        await at_the_same_time(*(store.release(f"r-{number}") for number in range(5)))
        assert await store.owned() == []
        assert [epoch for _, epoch in await at_the_same_time(*five(store))] == [None] + [None if written else 1] * 4

    told(tmp_path, story)


@pytest.mark.parametrize(
    ("events", "definitions", "request_id", "kind"),
    [
        ([b"1"], {}, "\ud800", UnicodeEncodeError),
        ([b"1"], {"a": b"d", "b": "text"}, "", StoreCorrupt),
        ([b"1", 2], {"a": b"d"}, "", StoreCorrupt),
    ],
)
def test_what_cannot_be_written_fails_alone_and_leaves_nothing(
    tmp_path: Path, events: list[Any], definitions: dict[str, Any], request_id: str, kind: type[Exception]
) -> None:
    async def story(store: SqliteStore) -> None:
        first, second, *others = five(store)
        spoilt = replace(ROW, run="spoilt", request=request_id, fields={"user": "Ana"})
        answers = await at_the_same_time(first, second, store.create(spoilt, events, definitions), *others)
        assert type(answers.pop(2)) is kind
        assert [epoch for _, epoch in answers] == [1] * 5
        assert [row.run for row in await store.rows()] == ["r-4", "r-3", "r-2", "r-1", "r-0"]
        assert (await store.rows(match={"user": "Ana"}), await store.definition("a")) == ([], None)
        assert "spoilt" not in store._journal.claims

    told(tmp_path, story)


def test_a_cancelled_call_leaves_the_others_of_its_commit_alone_and_can_be_taken_back_at_once(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        begun = [asyncio.ensure_future(call) for call in five(store)]
        await asyncio.sleep(0)
        begun[2].cancel()
        released, *answers = await at_the_same_time(store.release("r-2"), *begun)
        assert released is None
        assert type(answers.pop(2)) is asyncio.CancelledError
        assert [epoch for _, epoch in answers] == [1] * 4
        assert sorted(await store.owned()) == sorted(store._journal.claims) == ["r-0", "r-1", "r-3", "r-4"]

    told(tmp_path, story)


def test_a_closed_store_says_so_to_everyone(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await at_the_same_time(*five(store))
        await store.close()
        answers = await at_the_same_time(*five(store))
        assert [facts(answer) for answer in answers] == [
            (StoreUnavailable, {"url": URL, "reason": "it was closed"})
        ] * 5

    told(tmp_path, story)
