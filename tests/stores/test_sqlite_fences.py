"""Who was displaced never writes again; and who commits where: a lone turn here, a batch in its thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest
from msgspec.structs import replace

from tests.stores.sqlite_files import opened
from trellis.errors import Conflict, RunOwned, StoreError, StoreUnavailable
from trellis.stores.base import Snapshot, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import ROW, create, facts

T = TypeVar("T")
REPOSITORY = Path(__file__).parents[2]


def at_once(call: Awaitable[T]) -> T:
    """The answer of a call that never suspends."""
    steps = call.__await__()
    with pytest.raises(StopIteration) as stopped:
        next(steps)
    answer: T = stopped.value.value
    return answer


# Fences


def displaced(tmp_path: Path) -> tuple[SqliteStore, SqliteStore]:
    """An owner that lives but was taken for dead, and the one that has its run r-1 now; r-2 stays with the first."""
    ours, theirs = opened(tmp_path), opened(tmp_path)
    assert [asyncio.run(create(ours, run)) for run in ("r-1", "r-2")] == [1, 1]
    for lock in tmp_path.glob("*-owner-*"):
        lock.unlink()
    assert asyncio.run(theirs.claim("r-1")) == 2
    return ours, theirs


def test_who_was_taken_for_dead_never_writes_again(tmp_path: Path) -> None:
    ours, theirs = displaced(tmp_path)

    async def story() -> None:
        owned = (RunOwned, {"run": "r-1", "owner": theirs._journal._owner.token})
        late = Turn("r-1", 2, b"late", 1, replace(ROW, status="late"))
        assert [facts(error) for error in await ours.append([late]) if error] == [owned]
        assert [facts(error) for error in await ours.append([late]) if error] == [owned]
        assert await theirs.append([Turn("r-1", 2, b"2", 2, None)]) == [None]
        assert await ours.read("r-1") == [b"1", b"2"]
        assert await ours.row("r-1") == replace(ROW, revision=2)
        await ours.close()
        await theirs.close()

    asyncio.run(story())


def test_a_batch_of_the_displaced_writes_what_is_still_its_own(tmp_path: Path) -> None:
    ours, theirs = displaced(tmp_path)

    async def story() -> None:
        row = replace(ROW, run="r-2", status="moved")
        late = replace(ROW, status="late")
        turns = [Turn("r-2", 2, b"2", 1, row), Turn("r-1", 2, b"x", 1, late), Turn("r-2", 3, b"3", 1, None)]
        assert [type(answer) for answer in await ours.append(turns)] == [type(None), RunOwned, type(None)]
        assert await theirs.read("r-1") == [b"1"]
        assert await theirs.read("r-2") == [b"1", b"2", b"3"]
        assert await theirs.rows(status="late") == []
        await ours.close()
        await theirs.close()

    asyncio.run(story())


def test_the_displaced_releases_nothing_of_the_new_owner(tmp_path: Path) -> None:
    ours, theirs = displaced(tmp_path)

    async def story() -> None:
        await ours.release("r-1")
        assert await theirs.append([Turn("r-1", 2, b"2", 2, None)]) == [None]
        await ours.close()
        await theirs.close()

    asyncio.run(story())


def test_the_displaced_writes_nothing_to_a_run_that_took_the_place_of_a_deleted_one(tmp_path: Path) -> None:
    ours, theirs = displaced(tmp_path)

    async def story() -> None:
        await ours.delete("r-2")
        await theirs.delete("r-1")
        await create(ours, "r-3")  # its key is that of r-1
        (answer,) = await ours.append([Turn("r-1", 2, b"x", 1, replace(ROW, status="x"))])
        assert facts(answer) == (Conflict, {"run": "r-1", "expected": 2, "found": 0})
        await ours.release("r-1")
        assert await ours.append([Turn("r-3", 2, b"2", 1, None)]) == [None]
        assert await ours.read("r-3") == [b"1", b"2"]
        await ours.close()
        await theirs.close()

    asyncio.run(story())


def test_an_event_that_came_from_elsewhere_is_a_conflict_not_a_fault(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        epochs = {run: await create(store, run) for run in ("r-1", "r-2")}
        other = apsw.Connection(str(tmp_path / "runs.db"))
        other.execute("INSERT INTO events (run, seq, event) SELECT id, 2, x'00' FROM runs WHERE run = 'r-1'")
        other.close()
        answers = await store.append([Turn(run, 2, b"2", epoch, None) for run, epoch in epochs.items()])
        assert answers[1] is None
        assert facts(answers[0]) == (Conflict, {"run": "r-1", "expected": 2, "found": 2})
        assert await store.append([Turn("r-1", 3, b"3", epochs["r-1"], None)]) == [None]
        await store.close()

    asyncio.run(story())


# Committing


def test_a_lone_turn_commits_without_suspending_and_a_batch_lets_the_loop_go_on(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        epoch = at_once(create(store, "r-1"))
        assert at_once(store.append([Turn("r-1", 2, b"2", epoch, ROW)])) == [None]
        went_on: list[str] = []
        asyncio.get_running_loop().call_soon(went_on.append, "loop")
        assert await store.append([Turn("r-1", 3, b"3", epoch, None), Turn("r-1", 4, b"4", epoch, None)]) == [None] * 2
        assert went_on == ["loop"]
        await store.close()

    asyncio.run(story())


def test_a_call_that_meets_a_batch_waits_without_stopping_the_loop(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        epoch = await create(store, "r-1")
        other = apsw.Connection(str(tmp_path / "runs.db"))
        other.execute("BEGIN IMMEDIATE")
        turns = [Turn("r-1", seq, b"x", epoch, None) for seq in (2, 3)]
        batch, look = asyncio.ensure_future(store.append(turns)), asyncio.ensure_future(store.row("r-1"))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not batch.done()
        assert not look.done()
        other.execute("ROLLBACK")
        other.close()
        assert (await batch, await look) == ([None, None], replace(ROW, revision=3))
        await store.close()

    asyncio.run(story())


def test_a_batch_whose_caller_was_cancelled_is_finished_before_the_next_call(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        runs = [f"r-{number}" for number in range(100)]
        epochs = {run: await create(store, run) for run in runs}
        turns = [Turn(run, 2, b"2", epochs[run], None) for run in runs]
        committing, may = threading.Event(), threading.Event()

        def slow_disk() -> bool:
            committing.set()
            return not may.wait(60)

        store._connection.set_commit_hook(slow_disk)
        batch = asyncio.ensure_future(store.append(turns))
        assert await asyncio.to_thread(committing.wait, 60)
        assert store._guard.locked()
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        threading.Timer(0.01, may.set).start()
        (answer,) = await store.append(turns[:1])
        assert facts(answer) == (Conflict, {"run": "r-0", "expected": 2, "found": 2})
        assert {row.revision for row in await store.rows()} == {2}
        await store.close()

    asyncio.run(story())


def test_a_turn_after_the_last_one_of_its_run_is_refused_in_the_same_batch_too(tmp_path: Path) -> None:
    store = opened(tmp_path)
    asyncio.run(create(store, "r-1"))
    batch = [Turn("r-1", 2, b"2", 1, None, last=True), Turn("r-1", 3, b"3", 1, None)]

    async def appended() -> list[StoreError | None]:
        return list(await store.append(batch))

    written, refused = asyncio.run(appended())
    assert (written, facts(refused)) == (None, (RunOwned, {"run": "r-1", "owner": "nobody"}))
    assert asyncio.run(store.read("r-1")) == [b"1", b"2"]


# Commits of which nobody knows


class Doubtful:
    """A transaction whose commit is said to have failed, whether it did or not."""

    def __init__(self, connection: apsw.Connection, *, written: bool) -> None:
        self.connection, self.written = connection, written

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self.connection.execute("COMMIT" if self.written else "ROLLBACK")
        raise apsw.IOError("disk I/O error")


@pytest.mark.parametrize("written", [True, False])
def test_after_a_commit_of_unknown_outcome_the_file_is_asked_what_it_holds(tmp_path: Path, *, written: bool) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        epoch = await create(store, "r-1", fields={"user": "Ana"})
        before = replace(ROW, fields={"user": "Ana"})
        moved = replace(ROW, name="moved", fields={"user": "Bo"})
        certain = store._journal._transaction
        store._journal._transaction = Doubtful(store._connection, written=written)  # type: ignore[assignment]
        with pytest.raises(StoreUnavailable):
            await store.append([Turn("r-1", 2, b"2", epoch, moved)])
        store._journal._transaction = certain
        following = 3 if written else 2
        assert await store.append([Turn("r-1", following, b"next", epoch, before)]) == [None]
        assert await store.read("r-1") == ([b"1", b"2", b"next"] if written else [b"1", b"next"])
        assert await store.rows() == await store.rows(match={"user": "Ana"})
        assert [replace(row, revision=0) for row in await store.rows()] == [before]
        await store.close()

    asyncio.run(story())


def test_a_snapshot_beyond_the_journal_is_not_kept(tmp_path: Path) -> None:
    async def story() -> None:
        store = opened(tmp_path)
        await create(store, "r-1")
        await store.release("r-1", Snapshot(2, b"of another run"))
        assert await store.snapshot("r-1") is None
        assert await store.claim("r-1") == 2
        await store.close()

    asyncio.run(story())
