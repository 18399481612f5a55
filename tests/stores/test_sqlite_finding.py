"""Runs are found by an index: the file is never walked for what is due, or for the value of a field."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.stores.sqlite_files import opened
from trellis.model.values import Value
from trellis.stores.base import Turn
from trellis.stores.matching import same
from trellis.stores.sqlite import SqliteStore, reading
from trellis.stores.sqlite.fields import kept
from trellis.stores.sqlite.reading import due_queries, rows_query
from trellis.testing.stores import ROW, create


def told(folder: Path, story: Callable[[SqliteStore], Awaitable[None]]) -> None:
    async def whole() -> None:
        store = opened(folder)
        try:
            await story(store)
        finally:
            await store.close()

    asyncio.run(whole())


def plan(store: SqliteStore, query: str, values: tuple[Any, ...]) -> list[str]:
    """What SQLite walks or looks into, without the parts that only read a list of ours."""
    steps = [str(step[3]) for step in store._connection.execute(f"EXPLAIN QUERY PLAN {query}", values).fetchall()]
    return [step for step in steps if "events" not in step]


def test_due_runs_are_found_in_an_index_of_the_free_ones_in_order(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        [(query, values)] = due_queries(10.0, 5, None, ())
        assert plan(store, query, values)[0] == "SEARCH runs USING INDEX runs_due (wake<?)"
        assert not [step for step in plan(store, query, values) if "SCAN" in step or "TEMP B-TREE" in step]
        [(query, values)] = due_queries(10.0, 5, None, ["r-1"])
        assert plan(store, query, values)[0] == "SEARCH runs USING INDEX runs_due (wake<?)"
        [(query, values)] = due_queries(10.0, 5, ["provision"], ())
        assert plan(store, query, values)[0] == "SEARCH runs USING INDEX runs_due_by_name (name=? AND wake<?)"
        assert not [step for step in plan(store, query, values) if "SCAN" in step or "TEMP B-TREE" in step]
        assert plan(store, reading._NEXT, (10.0,)) == ["SEARCH runs USING INDEX runs_due (wake>?)"]
        steps = plan(store, reading._OWNERS, ())
        assert [step for step in steps if "runs" in step] == [
            "SEARCH runs USING COVERING INDEX runs_by_owner (owner>?)",
            "SEARCH runs USING COVERING INDEX runs_by_owner (owner>?)",
        ]

    told(tmp_path, story)


@pytest.mark.covers("GT10")
def test_a_search_by_fields_begins_with_the_index_of_a_field(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        query, values = rows_query("running", "provision", None, {"none": None, "user": "Ana", "tries": 2}, 5)
        steps = plan(store, query, values)
        assert steps[:2] == [
            "SEARCH indexed USING COVERING INDEX indexed_by_value (name=? AND value=?)",
            "SEARCH runs USING INTEGER PRIMARY KEY (rowid=?)",
        ]
        query, values = rows_query(None, "provision", None, None, 5)
        assert plan(store, query, values)[0] == "SEARCH runs USING INDEX runs_by_name (name=?)"
        assert not [step for step in plan(store, query, values) if "SCAN" in step or "TEMP B-TREE" in step]

    told(tmp_path, story)


def test_a_due_run_is_found_as_fast_among_many_that_are_not(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        def steps() -> int:
            """The instructions that SQLite takes to look for due runs."""
            [(query, values)] = due_queries(100.0, 5, None, ())
            counted: list[int] = []

            def count() -> bool:
                counted.append(1)
                return False

            store._connection.set_progress_handler(count, 1)
            found = store._journal.reading.all(query, values)
            store._connection.set_progress_handler(None)
            assert [run for _, run, *_ in found] == ["due"]
            return len(counted)

        await create(store, "due", wake=50.0)
        await store.release("due")
        await create(store, "later", wake=999.0)
        await store.release("later")
        alone = steps()
        for number in range(300):
            await create(store, f"later-{number}", wake=1000.0 + number)
            await store.release(f"later-{number}")
            await create(store, f"ours-{number}", wake=0.0)
            row = replace(ROW, run=f"over-{number}", status="completed", wake=None)
            await store.create(row, [b"1"], {}, last=True)
        assert steps() == alone

    told(tmp_path, story)


def test_runs_of_a_dead_owner_are_due_at_once_and_those_of_a_living_one_are_not(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        dead, living = opened(tmp_path), opened(tmp_path)
        for number in range(3):
            await create(dead, f"dead-{number}", wake=float(number))
            await create(living, f"living-{number}", wake=float(number))
        assert (await store.claim_due(1.0, limit=9)).claimed == ()
        await dead.close()
        due = await store.claim_due(1.0, limit=1)
        assert (due.claimed, due.next) == ((("dead-0", 2),), 2.0)
        due = await store.claim_due(2.0, limit=9, without=["dead-1"])
        assert (due.claimed, due.next) == ((("dead-2", 2),), None)
        assert await store.append([Turn("dead-2", 2, b"2", 2, None)]) == [None]
        await living.close()

    told(tmp_path, story)


def test_nothing_is_locked_or_written_where_nothing_is_due(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        await create(store, "later", wake=1000.0)
        await store.release("later")
        other = opened(tmp_path)
        other._connection.execute("BEGIN IMMEDIATE")
        assert (await store.claim_due(10.0, limit=5)).next == 1000.0
        other._connection.execute("ROLLBACK")
        await other.close()

    told(tmp_path, story)


def test_an_index_entry_is_written_only_when_its_field_changed(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> None:
        epoch = await create(store, "r-1", fields={"user": "Ana", "tries": 1})
        statements: list[str] = []
        store._connection.trace_v2(1, lambda event: statements.append(event["sql"]))
        changed = [
            {"user": "Ana", "tries": 1.0},
            {"user": "Ana"},
            {"user": "Ana", "tries": 2},
            {"user": "Bo", "tries": 2},
        ]
        for seq, fields in enumerate([{"user": "Ana", "tries": 1}, *changed], 2):
            await store.append([Turn("r-1", seq, b"x", epoch, replace(ROW, fields=fields))])
        assert len([statement for statement in statements if "indexed" in statement]) == 3
        store._connection.trace_v2(0, None)
        assert len(await store.rows(match={"user": "Bo", "tries": 2.0})) == 1
        assert await store.rows(match={"user": "Ana"}) == []

    told(tmp_path, story)


LEAVES = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, -0.0, 1.0, 0.5, 2**53, 2.0**53, 2**53 + 1])
)
VALUES = st.recursive(LEAVES | st.sampled_from(["", "1", "true"]), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("ab"), inner), max_leaves=4)  # fmt: skip


@given(VALUES, VALUES)
def test_two_values_are_kept_alike_exactly_where_they_are_equal_as_json(one: Value, other: Value) -> None:
    assert (kept(one) == kept(other)) == same(one, other)


@pytest.mark.parametrize(
    "value", [2**63 - 1, -(2**63), 2.0**63, 1e300, "\U0001f600", [2**63 - 1, 1e300], {"ä": [None, True]}]
)
def test_values_at_the_edge_are_found_as_they_were_kept(tmp_path: Path, value: Value) -> None:
    async def story(store: SqliteStore) -> None:
        await create(store, "r-1", fields={"it": value})
        await create(store, "r-2", fields={"it": [value]})
        assert [row.run for row in await store.rows(match={"it": value})] == ["r-1"]

    told(tmp_path, story)
