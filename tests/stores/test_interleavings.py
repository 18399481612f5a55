"""Two owners of one SQLite file, in any order of calls, are indistinguishable from the model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.dict_store import DictStore, Shelf
from trellis.stores.base import RunRow, Store, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import facts

RUNS = st.sampled_from(["r-1", "r-2", "r-3"])
TURN = st.tuples(RUNS, st.sampled_from([1, 1, 1, 1, 2, 3, 0]), st.sampled_from([0, 0, 0, 0, -1, 1]), st.booleans())
CALLS = st.one_of(
    st.tuples(st.just("create"), RUNS),
    st.tuples(st.just("claim"), RUNS),
    st.tuples(st.just("release"), RUNS),
    st.tuples(st.just("append"), st.lists(TURN, min_size=1, max_size=1)),
    st.tuples(st.just("append"), st.lists(TURN, max_size=6)),
    st.tuples(st.just("read"), RUNS, st.integers(0, 3)),
    st.tuples(st.just("row"), RUNS),
    st.tuples(st.just("rows"), st.sampled_from([None, "status-1", "status-2"])),
    st.tuples(st.just("delete"), RUNS),
    st.tuples(st.just("reopen")),
)


class Pair:
    """The store under test and its model, two owners each, driven alike."""

    def __init__(self, folder: str) -> None:
        self.folder, self.shelf = folder, Shelf()
        self.models = [DictStore(self.shelf, "owner-0"), DictStore(self.shelf, "owner-1")]
        self.stores = [self.opened(), self.opened()]
        self.calls = 0

    def opened(self) -> SqliteStore:
        return SqliteStore("sqlite:///runs.db", path="runs.db", root=self.folder)

    async def call(self, who: int, name: str, *arguments: Any) -> None:
        self.calls += 1
        if name == "reopen":
            await self.stores[who].close()
            await self.models[who].close()
            self.stores[who] = self.opened()
            return
        expected = await outcome(self.ask(self.models[who], name, *arguments), {})
        names = {store._journal._owner.token: f"owner-{number}" for number, store in enumerate(self.stores)}
        assert await outcome(self.ask(self.stores[who], name, *arguments), names) == expected

    def ask(self, store: Store, name: str, *arguments: Any) -> Awaitable[object]:
        if name == "create":
            return store.create(self.row(arguments[0]), b"first %d" % self.calls, b"definition")
        if name == "append":
            return store.append(self.turns)
        if name == "rows":
            return store.rows(status=arguments[0])
        return getattr(store, name)(*arguments)

    def row(self, run: str) -> RunRow:
        status, created = f"status-{self.calls % 3}", float(self.calls // 4)
        return RunRow(run, "g", "graph", "", status, 0, (f"n{self.calls}",), {"at": self.calls}, None, created, 0.5)

    def take(self, turns: list[tuple[str, int, int, bool]]) -> None:
        """The turns of the next append, near what the model would take."""
        self.turns = [
            Turn(
                run,
                len(self.shelf.events.get(run, [])) + step,
                b"%s %d %d" % (run.encode(), self.calls, place),
                self.shelf.epochs.get(run, 1) + drift,
                self.row(run) if moved else None,
            )
            for place, (run, step, drift, moved) in enumerate(turns)
        ]


async def outcome(call: Awaitable[Any], names: dict[str, str]) -> object:
    try:
        answer = await call
    except Exception as error:  # noqa: BLE001 - compared with the model's
        return told(error, names)
    return [told(part, names) for part in answer] if isinstance(answer, list | tuple) else answer


def told(part: object, names: dict[str, str]) -> object:
    if not isinstance(part, BaseException):
        return part
    kind, known = facts(part)
    return kind, {fact: names.get(value, value) for fact, value in known.items()}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), CALLS), max_size=40))
def test_two_owners_of_one_file_do_what_the_model_does(calls: list[tuple[int, tuple[Any, ...]]]) -> None:
    async def story(folder: str) -> None:
        pair = Pair(folder)
        for who, (name, *arguments) in calls:
            if name == "append":
                pair.take(arguments[0])
            await pair.call(who, name, *arguments)
        for who in (0, 1):
            await pair.call(who, "rows", None)
            for run in pair.shelf.rows:
                await pair.call(who, "read", run, 0)
        for store in pair.stores:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(story(folder))
