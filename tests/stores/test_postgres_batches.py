"""What a PostgreSQL store costs: a batch is one transaction, and what others do at that moment is tried again."""

from __future__ import annotations

import asyncio
from random import Random

import msgspec
import psycopg
import pytest
from msgspec.structs import replace

from tests.servers import with_setting
from tests.stores.test_postgres_formats import query
from trellis.errors import StoreError
from trellis.stores.base import Snapshot, Store, Turn
from trellis.stores.postgres import PostgresStore
from trellis.stores.postgres.batches import Batch
from trellis.stores.postgres.place import parse
from trellis.testing.stores import ROW, create, facts

pytestmark = pytest.mark.covers("GT08")


def test_a_batch_is_one_transaction(postgres_place: str) -> None:
    async def story() -> None:
        store = PostgresStore(postgres_place)
        runs = [f"r-{number}" for number in range(100)]
        await asyncio.gather(*(create(store, run) for run in runs))
        turns = [
            Turn(run, seq, b"%d" % seq, 1, replace(ROW, run=run, graph=f"{seq}"), snapshot=b"s", definition=b"d")
            for seq in (2, 3)
            for run in runs
        ]
        assert list(await store.append(turns)) == [None] * 200
        await store.close()

    asyncio.run(story())
    tables = (
        "SELECT xmin FROM {s}.journal WHERE seq > 1",
        "SELECT xmin FROM {s}.runs",
        "SELECT xmin FROM {s}.snapshots",
        "SELECT xmin FROM {s}.needs WHERE hash IN ('2', '3')",
    )
    # Closing freed the runs, which is one transaction more.
    found = {
        text: query(postgres_place, f"SELECT count(DISTINCT xmin::text), count(*) FROM ({text}) AS t")
        for text in tables
    }
    assert list(found.values()) == [[(1, 200)], [(1, 100)], [(1, 100)], [(1, 200)]]
    assert query(postgres_place, "SELECT hash FROM {s}.definitions ORDER BY 1") == [("2",), ("3",), (ROW.graph,)]


def test_an_append_looks_at_no_other_run_than_its_own(postgres_place: str) -> None:
    """Even where the server made its plan when there were few, and has not counted since."""
    seen = """
        SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE schemaname = %s AND relname = 'runs'"""

    async def story() -> None:
        store = PostgresStore(with_setting(postgres_place, "pool_size", 1))  # so that one session keeps its plans
        await create(store, "r-1")
        query(postgres_place, "ANALYZE {s}.runs")
        looked = list[int]()
        for seq in range(2, 12):
            if seq == 10:
                await asyncio.gather(*(create(store, f"more-{number}") for number in range(300)))
            async with store.transaction() as work:
                assert await work.append(Turn("r-1", seq, b"", 1, replace(ROW, updated=float(seq)))) is None
                cursor = await work.connection.execute(seen, (parse(postgres_place).schema,))
                looked += [count for (count,) in await cursor.fetchall()]
        # The server adds up what it has not told of yet, so it may be one for each append; of 300 others it is none.
        assert max(looked) <= len(looked) == 10
        await store.close()

    asyncio.run(story())


def test_turns_are_judged_by_those_before_them() -> None:
    turns = [
        Turn("a", 2, b"", 1, None),
        Turn("a", 4, b"", 1, None),
        Turn("a", 3, b"", 1, None),
        Turn("b", 2, b"", 1, None, last=True),
        Turn("b", 3, b"", 1, None),
        Turn("c", 2, b"", 1, None),
        Turn("c", 3, b"", 2, None),
    ]
    batch = Batch(turns, "me")
    assert {part.run: (part.before, part.count, part.ended) for part in batch.parts.values()} == {
        "a": (1, 1, False),
        "b": (1, 1, True),
        "c": (1, 1, False),
    }

    def told(answers: list[StoreError | None]) -> list[object]:
        return [None if answer is None else tuple(facts(answer)[1].values()) for answer in answers]

    whole = told(batch.answers({}, batch.refused([0, 1, 2])))
    assert whole == [None, ("a", 4, 2), ("a", 4, 2), None, ("b", "nobody"), None, ("c", "me")]
    partly = told(batch.answers({"b": (2, 1, "me", "me"), "c": (1, 7, "me", None)}, batch.refused([0])))
    assert partly == [None, ("a", 4, 2), ("a", 4, 2), ("b", "me"), ("b", "me"), ("c", 2, 7), ("c", 2, 7)]
    assert told(batch.answers({}, batch.refused(None)))[0] == ("a", 2, 0)


def test_no_definition_goes_away_under_a_run_that_begins_to_need_it(postgres_place: str) -> None:
    """Several start and delete runs of the same definitions at once; what is left is what is needed."""

    async def churn(store: Store, name: str, random: Random) -> None:
        for number in range(25):
            run, graph = f"{name}-{number}", f"g-{random.randrange(2)}"
            _, epoch = await store.create(replace(ROW, run=run, graph=graph), [b"1"], {graph: b"d", "all": b"d"})
            assert epoch == 1
            adopted = replace(ROW, run=run, graph=f"g-{random.randrange(2)}")
            assert await store.append([Turn(run, 2, b"2", 1, adopted, definition=b"d")]) == [None]
            if random.randrange(4):
                await store.delete(run)

    async def story() -> None:
        stores = [PostgresStore(postgres_place) for _ in range(3)]
        await asyncio.gather(*(churn(store, f"{place}", Random(place)) for place, store in enumerate(stores * 2)))
        await asyncio.gather(*(store.close() for store in stores))

    asyncio.run(story())
    lost = "SELECT hash FROM {s}.needs EXCEPT SELECT hash FROM {s}.definitions"
    left = "SELECT hash FROM {s}.definitions EXCEPT SELECT hash FROM {s}.needs"
    strays = "SELECT run FROM {s}.needs EXCEPT SELECT id FROM {s}.runs"
    assert [query(postgres_place, text) for text in (lost, left, strays)] == [[], [], []]


def test_of_two_who_delete_the_last_runs_of_a_definition_one_removes_it(postgres_place: str) -> None:
    """Each sees the other's run until it is committed, so the second has to wait for the first."""

    async def story() -> None:
        store = PostgresStore(postgres_place)
        for run in ("r-1", "r-2"):
            await create(store, run)
            await store.release(run)
        place = parse(postgres_place)
        async with await psycopg.AsyncConnection.connect(place.target) as other:
            await other.execute(f"SELECT {place.quoted}.delete_run('someone', 'r-1')".encode())
            task = asyncio.create_task(store.delete("r-2"))
            waiting = f"SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%{place.schema}%'"
            async with asyncio.timeout(20):
                while not task.done() and query(postgres_place, waiting) == [(0,)]:
                    await asyncio.sleep(0)
        await task
        assert await store.definition(ROW.graph) is None
        await store.close()

    asyncio.run(story())


def test_a_snapshot_of_events_that_were_never_written_is_not_kept(postgres_place: str) -> None:
    async def story() -> None:
        store = PostgresStore(postgres_place)
        await create(store, "r-1")
        await store.release("r-1", Snapshot(2, b"two"))
        assert await store.snapshot("r-1") is None
        assert await store.claim("r-1") == 2
        await store.close()

    asyncio.run(story())


def test_runs_are_locked_in_one_order_whatever_that_of_their_turns() -> None:
    _, parts, *_ = Batch([Turn(run, 2, b"", 1, None) for run in ("b", "c", "a")], "me").values()
    assert [part["run"] for part in msgspec.json.decode(parts)] == ["a", "b", "c"]


@pytest.mark.covers("GT10")
def test_many_calls_share_few_connections(postgres_place: str) -> None:
    async def story() -> None:
        store = PostgresStore(with_setting(postgres_place, "pool_size", 2))
        await asyncio.gather(*(create(store, f"r-{number}") for number in range(40)))
        assert len(await store.rows()) == 40
        assert len(store._pool._free) == 2
        await store.close()
        assert store._pool._free == []

    asyncio.run(story())
