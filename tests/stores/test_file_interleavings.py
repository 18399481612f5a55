"""Two owners of one folder, and the memory store alone, are indistinguishable from the model in any order of calls."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.dict_store import DictStore, Shelf
from tests.stores.file_stores import opened
from tests.stores.test_interleavings import CALLS, Pair, outcome
from trellis.stores.base import Store
from trellis.stores.memory import MemoryStore

OWNERS_CALLS = st.tuples(st.integers(0, 1), CALLS)


class Models(Pair):
    """Stores beside their models; `names` says which owner a store's own name stands for."""

    stores: Any

    def __init__(self, stores: list[Store]) -> None:
        self.shelf, self.calls = Shelf(), 0
        self.models = [DictStore(self.shelf, f"owner-{number}") for number in range(len(stores))]
        self.stores = stores

    def names(self) -> dict[str, str]:
        return {store.url: f"owner-{number}" for number, store in enumerate(self.stores)}

    def again(self) -> Store | None:
        """Another owner for one that closed; None where there can be none."""
        return None

    async def call(self, who: int, name: str, *arguments: Any) -> None:
        self.calls += 1
        who %= len(self.stores)
        if name != "reopen":
            expected = await outcome(self.ask(self.models[who], name, *arguments), {})
            assert await outcome(self.ask(self.stores[who], name, *arguments), self.names()) == expected
        elif (again := self.again()) is not None:
            await self.stores[who].close()
            await self.models[who].close()
            self.stores[who] = again


class OfOneFolder(Models):
    def __init__(self, folder: str) -> None:
        self.place = Path(folder)
        super().__init__([opened(self.place), opened(self.place)])

    def names(self) -> dict[str, str]:
        tokens = [store._journals.owner.token for store in self.stores]
        return {token: f"owner-{number}" for number, token in enumerate(tokens)}

    def again(self) -> Store:
        return opened(self.place)


async def story(models: Models, calls: list[tuple[int, tuple[Any, ...]]]) -> None:
    for who in (0, 1):
        await models.call(who, "create", f"r-{who + 1}", "", None)
    for who, (name, *arguments) in calls:
        if name == "append":
            models.take(arguments[0])
        await models.call(who, name, *arguments)
    for who in (0, 1):
        await models.call(who, "rows", {})
        whose = who % len(models.stores)
        assert sorted(await models.stores[whose].owned()) == sorted(await models.models[whose].owned())
        for run in models.shelf.rows:
            await models.call(who, "read", run, 0)
    for store in models.stores:
        await store.close()


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(OWNERS_CALLS, min_size=15, max_size=40))
def test_two_owners_of_one_folder_do_what_the_model_does(calls: list[tuple[int, tuple[Any, ...]]]) -> None:
    with TemporaryDirectory() as folder:
        asyncio.run(story(OfOneFolder(folder), calls))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.lists(OWNERS_CALLS, min_size=15, max_size=60))
def test_the_memory_store_does_what_the_model_does(calls: list[tuple[int, tuple[Any, ...]]]) -> None:
    asyncio.run(story(Models([MemoryStore()]), calls))
