"""While another process writes, whoever wants to write waits for it without stopping the loop, and is told in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from tests.stores.sqlite_files import URL, opened
from trellis.errors import RunOwned, StoreUnavailable
from trellis.stores.base import Due, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import ROW, create, facts, refusal

TOLD = "another process has kept it locked for 0 s; try again when it is done"


@contextmanager
def written_elsewhere(folder: Path) -> Iterator[None]:
    other = apsw.Connection(str(folder / "runs.db"))
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


async def transact(store: SqliteStore) -> None:
    async with store.transaction() as transaction:
        assert await transaction.append(Turn("r-1", 2, b"2", 1, None)) is None


CALLS: dict[str, tuple[Callable[[SqliteStore], Awaitable[Any]], Any]] = {
    "append": (lambda store: store.append([Turn("r-1", 2, b"2", 1, None)]), [None]),
    "append a batch": (lambda store: store.append([Turn("r-1", seq, b"x", 1, None) for seq in (2, 3)]), [None, None]),
    "create": (lambda store: create(store, "r-2"), 1),
    "claim": (lambda store: store.claim("r-1"), 1),
    "claim_due": (lambda store: store.claim_due(50.0, limit=9), Due((("due", 2),), None)),
    "release": (lambda store: store.release("r-1"), None),
    "delete": (lambda store: store.delete("r-1"), None),
    "transaction": (transact, None),
}


@asynccontextmanager
async def a_store(folder: Path) -> Any:
    """It owns r-1; a run that is due is free."""
    store = opened(folder)
    await create(store, "r-1")
    await create(store, "due", wake=20.0)
    await store.release("due")
    try:
        yield store
    finally:
        await store.close()


@pytest.mark.parametrize("name", CALLS)
def test_the_loop_goes_on_while_another_process_writes(tmp_path: Path, name: str) -> None:
    call, answer = CALLS[name]

    async def story() -> None:
        async with a_store(tmp_path) as store:
            with written_elsewhere(tmp_path):
                calling = asyncio.ensure_future(call(store))
                for _ in range(20):
                    await asyncio.sleep(0)
                assert not calling.done()
            assert await calling == answer

    asyncio.run(story())


@pytest.mark.parametrize("name", CALLS)
def test_what_stays_locked_for_too_long_is_told_and_nothing_of_it_is_done(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, answer = CALLS[name]
    monkeypatch.setattr("trellis.stores.sqlite.store.PATIENCE_S", 0)

    async def story() -> None:
        async with a_store(tmp_path) as store:
            with written_elsewhere(tmp_path):
                assert await refusal(call(store)) == (StoreUnavailable, {"url": URL, "reason": TOLD})
                assert await store.read("r-1") == [b"1"]
                assert await store.owned() == ["r-1"]
            assert await call(store) == answer

    asyncio.run(story())


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_cancelled_while_it_waits_is_done_whole_or_not_and_holds_nobody_up(
    tmp_path: Path, name: str
) -> None:
    call, _ = CALLS[name]

    async def story() -> None:
        async with a_store(tmp_path) as store:
            with written_elsewhere(tmp_path):
                calling = asyncio.ensure_future(call(store))
                for _ in range(20):
                    await asyncio.sleep(0)
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling
            await create(store, "after")
            wholes = [None, *(replace(ROW, revision=revision) for revision in (1, 3))]
            assert await store.row("r-1") in wholes
            another = apsw.Connection(str(tmp_path / "runs.db"))
            another.execute("BEGIN IMMEDIATE")
            another.close()

    asyncio.run(story())


def test_who_came_first_writes_first_when_the_file_is_free(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_store(tmp_path) as store:
            with written_elsewhere(tmp_path):
                turns = [Turn("r-1", seq, b"%d" % seq, 1, None) for seq in range(2, 8)]
                calls = [asyncio.ensure_future(store.append([turn])) for turn in turns[:3]]
                await asyncio.sleep(0)
                calls.append(asyncio.ensure_future(store.append(turns[3:5])))
                await asyncio.sleep(0)
                calls.append(asyncio.ensure_future(store.append(turns[5:])))
                await asyncio.sleep(0)
            assert await asyncio.gather(*calls) == [[None], [None], [None], [None, None], [None]]
            assert await store.read("r-1") == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]

    asyncio.run(story())


def test_who_was_displaced_while_he_waited_writes_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with a_store(tmp_path) as store:
            with written_elsewhere(tmp_path):
                late = asyncio.ensure_future(store.append([Turn("r-1", 2, b"late", 1, None)]))
                await asyncio.sleep(0)
                (tmp_path / f"runs.db-owner-{store._owner.token}").unlink()
            theirs = opened(tmp_path)
            other = apsw.Connection(str(tmp_path / "runs.db"))
            other.execute("UPDATE runs SET owner = ?, epoch = 2 WHERE run = 'r-1'", (theirs._owner.hold(),))
            other.close()
            (refused,) = await late
            assert facts(refused) == (RunOwned, {"run": "r-1", "owner": theirs._owner.token})
            assert await theirs.read("r-1") == [b"1"]
            await theirs.close()

    asyncio.run(story())
