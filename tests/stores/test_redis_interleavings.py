"""Two owners of one Redis store, in any order of calls, are indistinguishable from the model."""

from __future__ import annotations

import asyncio
from secrets import token_hex
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.servers import redis_url as redis_url
from tests.stores.redis_places import redis_place as redis_place
from tests.stores.test_interleavings import CALLS, VALUES, Pair, outcome
from trellis.stores.redis import RedisStore


class RedisPair(Pair):
    """The same with a place that is the URL, not a folder."""

    def opened(self) -> Any:
        return RedisStore(self.folder)

    async def call(self, who: int, name: str, *arguments: Any) -> None:
        if name == "reopen":
            await super().call(who, name, *arguments)
            return
        self.calls += 1
        expected = await outcome(self.ask(self.models[who], name, *arguments), {})
        stores: list[Any] = self.stores
        names = {store._owner: f"owner-{number}" for number, store in enumerate(stores)}
        assert await outcome(self.ask(self.stores[who], name, *arguments), names) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 1), CALLS), min_size=15, max_size=40))
def test_two_owners_of_one_prefix_do_what_the_model_does(
    redis_place: str, calls: list[tuple[int, tuple[Any, ...]]]
) -> None:
    async def story() -> None:
        pair = RedisPair(place)
        for who in (0, 1):
            await pair.call(who, "create", f"r-{who + 1}", "", None)
        for who, (name, *arguments) in calls:
            if name == "append":
                pair.take(arguments[0])
            await pair.call(who, name, *arguments)
        for who in (0, 1):
            assert sorted(await pair.stores[who].owned()) == sorted(await pair.models[who].owned())
            await pair.call(who, "rows", {})
            for value in VALUES:
                await pair.call(who, "rows", {"match": {"value": value}})
            for run in pair.shelf.rows:
                await pair.call(who, "read", run, 0)
        for store in pair.stores:
            await store.close()

    # Each example has a place of its own, whatever became of the one before.
    place = f"{redis_place}-{token_hex(6)}"
    asyncio.run(asyncio.wait_for(story(), 60))
