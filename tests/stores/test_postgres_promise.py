"""What the promise of a PostgreSQL store hangs on beside its SQL: settings of a session, and the moment a lease counts from."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.servers import with_setting
from trellis.stores.postgres import PostgresStore
from trellis.stores.postgres.connections import Connection, Pool
from trellis.stores.postgres.lease import Lease
from trellis.stores.postgres.place import parse
from trellis.stores.postgres.statements import Statements

pytestmark = pytest.mark.covers("GT08")


@pytest.mark.parametrize(
    ("given", "had"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
def test_no_default_of_a_database_makes_a_commit_come_before_the_disk(
    postgres_place: str, given: str, had: str
) -> None:
    async def story() -> None:
        store = PostgresStore(with_setting(postgres_place, "options", f"-csynchronous_commit%3D{given}"))
        async with store.transaction() as work:
            cursor = await work.connection.execute("SHOW synchronous_commit")
            assert await cursor.fetchone() == (had,)
        await store.close()

    asyncio.run(story())


def test_a_lease_counts_from_the_moment_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)

        class Slow:
            """A server whose answer takes two seconds."""

            async def execute(self, *_: Any) -> Any:
                nonlocal now
                now += 2.0
                return SimpleNamespace(rowcount=1)

        place = parse("postgresql://h/d?lease=9")
        lease = Lease(place, Pool(place), Statements(place.quoted))
        await lease.renew(cast("Connection", Slow()))
        assert (lease.held, lease.due) == (True, 1.0)  # it renews every third of a lease

    asyncio.run(story())
