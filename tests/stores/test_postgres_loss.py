"""A server that goes and comes back: what was acknowledged is there, nothing is there twice, and the store goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import psycopg
import pytest
from msgspec.structs import replace

from tests.servers import Cluster, private_postgres, with_setting
from trellis.errors import RunOwned, StoreUnavailable
from trellis.stores.base import Turn
from trellis.stores.postgres import PostgresStore
from trellis.stores.postgres.place import parse
from trellis.testing.stores import ROW, create, refusal
from trellis.testing.stores.messages import echo

pytestmark = [pytest.mark.covers("GT08"), pytest.mark.slow]

RUNS = [f"r-{number}" for number in range(6)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_postgres() as made:
        yield made


@pytest.fixture
def url(cluster: Cluster, request: pytest.FixtureRequest) -> str:
    return with_setting(cluster.url, "schema", request.node.name[:60])


class Writer:
    """Appends to one run for ever, each event naming its place; a fault is met by looking at what is there."""

    def __init__(self, store: PostgresStore, run: str, up: asyncio.Event) -> None:
        self.store, self.run, self.up = store, run, up
        self.acknowledged = 1
        self.faults = 0

    async def write(self, told: asyncio.Condition) -> None:
        seq, epoch = 2, 1
        while True:
            row = replace(ROW, run=self.run, fields={"seq": seq})
            try:
                (refused,) = await self.store.append([Turn(self.run, seq, b"%d" % seq, epoch, row)])
            except StoreUnavailable:
                self.faults += 1
                epoch, seq = await self._look()
                continue
            if isinstance(refused, RunOwned):  # the lease ran out while the server was away
                epoch, seq = await self._look()
                continue
            assert refused is None
            self.acknowledged = seq
            seq += 1
            async with told:
                told.notify_all()

    async def _look(self) -> tuple[int, int]:
        """The epoch and the next event, once the server tells them again."""
        while True:
            try:
                return await self.store.claim(self.run), len(await self.store.read(self.run)) + 1
            except StoreUnavailable:
                await self.up.wait()


async def written(writers: list[Writer], told: asyncio.Condition, more: int) -> None:
    """Wait until so many more events were acknowledged."""

    def total() -> int:
        return sum(writer.acknowledged for writer in writers)

    enough = total() + more
    async with told, asyncio.timeout(60):
        await told.wait_for(lambda: total() >= enough)


async def storm(cluster: Cluster, url: str, stops: int, random: Random) -> int:
    """Stop the server at once, again and again, in the midst of appends; how many calls failed."""
    store, told, up = PostgresStore(url), asyncio.Condition(), asyncio.Event()
    up.set()
    for run in RUNS:
        await create(store, run)
    writers = [Writer(store, run, up) for run in RUNS]
    tasks = [asyncio.create_task(writer.write(told)) for writer in writers]
    try:
        for _ in range(stops):
            await written(writers, told, random.randrange(1, 400))
            up.clear()
            await asyncio.to_thread(cluster.stop, "immediate")
            await asyncio.to_thread(cluster.start)
            up.set()
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(end) for end in ended] == [asyncio.CancelledError] * len(RUNS)
    await store.close()
    again = PostgresStore(url)
    for writer in writers:
        events = await again.read(writer.run)
        assert events == [b"%d" % seq for seq in range(1, len(events) + 1)]
        assert len(events) in (writer.acknowledged, writer.acknowledged + 1)
        row = await again.row(writer.run)
        assert row is not None and (row.revision, row.fields["seq"]) == (len(events), len(events))
    await again.close()
    return sum(writer.faults for writer in writers)


def test_no_acknowledged_event_is_lost_or_doubled_by_a_server_that_dies(cluster: Cluster, url: str) -> None:
    assert asyncio.run(storm(cluster, url, 4, Random(7))) > 0


@pytest.mark.soak
def test_no_acknowledged_event_is_lost_or_doubled_by_a_server_that_dies_two_hundred_times(
    cluster: Cluster, url: str
) -> None:
    assert asyncio.run(storm(cluster, url, 200, Random())) > 0


def test_a_store_outlives_its_server(cluster: Cluster, url: str) -> None:
    async def story() -> None:
        store = PostgresStore(url)
        await create(store, "r-1")
        await asyncio.to_thread(cluster.stop, "fast")
        turn = Turn("r-1", 2, b"2", 1, None)
        try:
            for call in (store.append([turn]), store.row("r-1"), store.claim("r-1"), store.claim_due(1.0, limit=1)):
                kind, facts = await refusal(call)
                assert (kind, facts["url"]) == (StoreUnavailable, url)
                assert "no server answers; start it, or check host and port in the URL (" in facts["reason"]
            other = PostgresStore(url)
            assert (await refusal(other.rows()))[0] is StoreUnavailable
        finally:
            await asyncio.to_thread(cluster.start)
        assert await store.read("r-1") == [b"1"]
        assert await store.append([turn]) == [None]
        assert [row.revision for row in await other.rows()] == [2]
        await other.close()
        await store.close()

    asyncio.run(story())


def test_a_store_may_be_closed_while_its_server_is_away(cluster: Cluster, url: str) -> None:
    async def story() -> None:
        store = PostgresStore(with_setting(url, "lease", 0.3))
        await create(store, "r-1")
        await asyncio.to_thread(cluster.stop, "fast")
        try:
            await store.close()
        finally:
            await asyncio.to_thread(cluster.start)
        other = PostgresStore(url)
        async with asyncio.timeout(10):
            while True:  # nobody freed the run: the lease has to end
                try:
                    assert await other.claim("r-1") == 2
                    break
                except RunOwned:
                    pass
        await other.close()

    asyncio.run(story())


def test_messages_go_on_when_the_listening_connections_were_lost(cluster: Cluster, url: str) -> None:
    async def story() -> None:
        ours, theirs = PostgresStore(url), PostgresStore(url)
        ours.hear(echo)
        await create(ours, "r-1")
        assert await theirs.ask("r-1", b"one") == b"heard one"
        await asyncio.to_thread(cluster.stop, "fast")
        assert (await refusal(theirs.ask("r-1", b"two")))[0] is StoreUnavailable
        await asyncio.to_thread(cluster.start)
        assert await theirs.ask("r-1", b"three") == b"heard three"
        await theirs.close()
        await ours.close()

    asyncio.run(story())


def test_a_connection_that_is_cut_in_the_midst_of_a_write_leaves_its_outcome_open(cluster: Cluster, url: str) -> None:
    """The append waits for a lock when the server ends its session; nothing was written, but who could know."""

    async def story() -> None:
        store = PostgresStore(url)
        await create(store, "r-1")
        place = parse(url)
        async with await psycopg.AsyncConnection.connect(place.target, autocommit=True) as other:
            await other.execute("BEGIN")
            await other.execute(f"SELECT FROM {place.quoted}.runs FOR UPDATE".encode())
            task = asyncio.create_task(refusal(store.append([Turn("r-1", 2, b"2", 1, None)])))
            cut = (
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE wait_event_type = 'Lock' AND query LIKE '%append_turns%'"
            )
            async with asyncio.timeout(20):
                while await (await other.execute("SELECT pg_stat_clear_snapshot()")).fetchone():
                    if await (await other.execute(cut)).fetchone() != (0,):
                        break
            kind, facts = await task
            assert kind is StoreUnavailable
            assert facts["reason"].startswith(
                "the connection was lost, and whether this was written is unknown until the run is read again: "
            )
            await other.execute("ROLLBACK")
        assert await store.read("r-1") == [b"1"]
        assert await store.append([Turn("r-1", 2, b"2", 1, None)]) == [None]
        await store.close()

    asyncio.run(story())
