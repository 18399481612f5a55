"""Two owners of one SQLite file, in any order of calls, are indistinguishable from the model."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.dict_store import DictStore, Shelf
from trellis.stores.base import RunRow, Snapshot, Store, Turn
from trellis.stores.sqlite import SqliteStore
from trellis.testing.stores import facts

RUNS = st.sampled_from(["r-1", "r-2", "r-3"])
NAMES = st.sampled_from([None, None, ["name-0"], ["name-1", "name-0"], []])
VALUES: list[Any] = [None, 0, 1, 1.0, True, "1", [1], [1.0], [True], {"a": 1, "b": [None]}]
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["running", "status-1"]),
        "name": st.sampled_from(["name-0", "name-1"]),
        "graph": st.sampled_from(["g-0", "g-1"]),
        "match": st.dictionaries(st.sampled_from(["at", "value"]), st.sampled_from(VALUES), max_size=2),
        "limit": st.integers(0, 2),
    },
)
CHANGE = st.sampled_from(["", "row", "row", "row", "snapshot", "definition", "last"])
TURN = st.tuples(RUNS, st.sampled_from([1, 1, 1, 1, 2, 3, 0]), st.sampled_from([0, 0, 0, 0, -1, 1]), CHANGE)
CALLS = st.one_of(
    st.tuples(st.just("create"), RUNS, st.sampled_from(["", "", "q-1", "q-2"]), st.sampled_from([None, 1, 2])),
    st.tuples(st.just("claim"), RUNS),
    st.tuples(st.just("claim_due"), st.integers(0, 200), st.integers(1, 3), NAMES, st.sets(RUNS, max_size=1)),
    st.tuples(st.just("release"), RUNS, st.booleans()),
    st.tuples(st.just("append"), st.lists(TURN, min_size=1, max_size=1)),
    st.tuples(st.just("append"), st.lists(TURN, min_size=1, max_size=1)),
    st.tuples(st.just("append"), st.lists(TURN, max_size=6)),
    st.tuples(st.just("read"), RUNS, st.integers(0, 3)),
    st.tuples(st.just("row"), RUNS),
    st.tuples(st.just("snapshot"), RUNS),
    st.tuples(st.just("definition"), st.sampled_from(["g-0", "g-1"])),
    st.tuples(st.just("rows"), FILTERS),
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
            run, request, at_most = arguments
            row = self.row(run, request)
            return store.create(row, [b"first %d" % self.calls], {row.graph: row.graph.encode()}, at_most=at_most)
        if name == "append":
            return store.append(self.turns)
        if name == "claim_due":
            now, limit, names, without = arguments
            return store.claim_due(float(now), limit=limit, names=names, without=without)
        if name == "release":
            run, keeping = arguments
            seq = len(self.shelf.events.get(run, []))
            return store.release(run, Snapshot(seq, b"state %d" % self.calls) if keeping else None)
        if name == "rows":
            return store.rows(**arguments[0])
        return getattr(store, name)(*arguments)

    def row(self, run: str, request: str = "") -> RunRow:
        number = self.calls
        values = [None, 1, 1.0, True, "1", [1.0], {"b": [None], "a": 1}]
        return RunRow(
            run,
            f"g-{number % 2}",
            f"name-{number % 2}",
            "",
            ("running", "running", "status-1")[number % 3],
            0,
            (f"n{number}",),
            {"at": number, "value": values[number % 7]} if number % 5 else {},
            None if number % 4 == 0 else number * 37 % 101 + number / 1000 + int(run[-1]) / 10_000,
            float(number // 4),
            0.5,
            request=request,
        )

    def take(self, turns: list[tuple[str, int, int, str]]) -> None:
        """The turns of the next append, near what the model would take."""
        self.turns = [
            Turn(
                run,
                len(self.shelf.events.get(run, [])) + step,
                b"%s %d %d" % (run.encode(), self.calls, place),
                self.shelf.epochs.get(run, 1) + drift,
                row := self.row(run) if change in ("row", "definition") else None,
                last=change == "last",
                snapshot=b"after %d" % self.calls if change == "snapshot" else None,
                definition=row.graph.encode() if row is not None and change == "definition" else None,
            )
            for place, (run, step, drift, change) in enumerate(turns)
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
@given(st.lists(st.tuples(st.integers(0, 1), CALLS), min_size=15, max_size=40))
def test_two_owners_of_one_file_do_what_the_model_does(calls: list[tuple[int, tuple[Any, ...]]]) -> None:
    async def story(folder: str) -> None:
        pair = Pair(folder)
        for who in (0, 1):
            await pair.call(who, "create", f"r-{who + 1}", "", None)
        for who, (name, *arguments) in calls:
            if name == "append":
                pair.take(arguments[0])
            await pair.call(who, name, *arguments)
        for who in (0, 1):
            await pair.call(who, "rows", {})
            for value in VALUES:
                await pair.call(who, "rows", {"match": {"value": value}})
            for run in pair.shelf.rows:
                await pair.call(who, "read", run, 0)
        for store in pair.stores:
            await store.close()

    with TemporaryDirectory() as folder:
        asyncio.run(story(folder))
