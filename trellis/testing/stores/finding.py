"""The part of the suite about the index: which rows are found, and in which order."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from trellis.stores.base import Store, Turn
from trellis.testing.stores.stories import ROW, Stories, create


class FindingPart(Stories):
    """rows."""

    def test_rows_are_listed_newest_first_and_by_status_and_graph(self) -> None:
        """rows: by `created`, among equals the one written last; the filters hold together."""

        async def story(store: Store) -> None:
            facts_of = {  # run: created, status, graph, name
                "r-1": (20.0, "running", "a", "build"),
                "r-2": (30.0, "running", "b", "build"),
                "r-3": (10.0, "failed", "a", "ship"),
                "r-4": (20.0, "running", "a", "ship"),
            }
            for run, (created, status, graph, name) in facts_of.items():
                await create(store, run, created=created, status=status, graph=graph, name=name)

            async def found(**wanted: Any) -> list[str]:
                return [row.run for row in await store.rows(**wanted)]

            assert await found() == ["r-2", "r-4", "r-1", "r-3"]
            assert await found(status="running") == ["r-2", "r-4", "r-1"]
            assert await found(graph="a") == ["r-4", "r-1", "r-3"]
            assert await found(name="build") == ["r-2", "r-1"]
            assert await found(status="running", graph="a") == ["r-4", "r-1"]
            assert await found(status="running", graph="a", name="build") == ["r-1"]
            assert await found(status="") == await found(name="") == await found(graph="") == []
            moved = replace(ROW, graph="c", name="other", status="done", created=20.0)
            await store.append([Turn("r-1", 2, b"2", 1, moved)])
            assert await found(status="running") == ["r-2", "r-4"]
            assert (await found(graph="a"), await found(name="build")) == (["r-4", "r-3"], ["r-2"])
            assert [(row.run, row.revision) for row in await store.rows(status="done")] == [("r-1", 2)]

        self.tell(story)

    def test_no_more_rows_are_listed_than_asked_for(self) -> None:
        """rows: `limit` takes the first of those that were found."""

        async def story(store: Store) -> None:
            for number, status in enumerate(("running", "failed", "running", "running")):
                await create(store, f"r-{number}", created=float(number), status=status)
            assert [row.run for row in await store.rows(limit=2)] == ["r-3", "r-2"]
            assert [row.run for row in await store.rows(status="running", limit=3)] == ["r-3", "r-2", "r-0"]
            assert [row.run for row in await store.rows(match={"tries": 2}, limit=1)] == ["r-3"]
            assert len(await store.rows(limit=9)) == 4
            assert await store.rows(limit=0) == []

        self.tell(story)

    def test_a_value_is_found_where_json_calls_it_equal(self) -> None:
        """rows: `match` compares indexed fields as JSON does, in their parts too."""

        async def story(store: Store) -> None:
            values: dict[str, Any] = {
                "one": 1,
                "one-point": 1.0,
                "true": True,
                "zero": 0,
                "false": False,
                "empty": "",
                "text": "1",
                "none": None,
                "large": 2**63 - 1,
                "larger": 2**63 - 2,
                "list": [1, [True], {"a": 1, "b": None}],
                "no-list": [1, [1], {"a": 1, "b": None}],
                "longer": [1, [True], {"a": 1, "b": None}, 0],
                "map": {"a": {"c": 0.1}, "b": 2},
                "smaller": {"a": {"c": 0.1}},
                "nothing-in-it": [],
                "no-key": {},
                "quoted": "'\"\\%_$.;-- é🌱",
            }
            for run, value in values.items():
                await create(store, run, fields={"v": value, "w": 1})
            await create(store, "missing", fields={"w": 1})

            async def found(value: Any) -> set[str]:
                return {row.run for row in await store.rows(match={"v": value})}

            assert await found(1) == await found(1.0) == {"one", "one-point"}
            assert await found(0) == await found(-0.0) == {"zero"}
            for value in (True, False):
                assert await found(value) == {str(value).lower()}
            assert await found("") == {"empty"}
            assert await found("1") == {"text"}
            assert await found(None) == {"none", "missing"}
            assert await found(2**63 - 1) == {"large"}
            assert await found([1.0, [True], {"b": None, "a": 1}]) == {"list"}
            assert await found({"b": 2.0, "a": {"c": 0.1}}) == {"map"}
            assert await found([]) == {"nothing-in-it"}
            assert await found({}) == {"no-key"}
            assert await found(values["quoted"]) == {"quoted"}
            assert await found(2) == await found("%") == set()

        self.tell(story)

    def test_all_fields_that_are_asked_for_have_to_match(self) -> None:
        """rows: several of `match`, and other filters beside it, whatever the fields are called."""

        async def story(store: Store) -> None:
            odd = "a.b[0]\"'$ ;--é\\"
            await create(store, "r-1", fields={"user": "Zoë", odd: 1})
            await create(store, "r-2", fields={"user": "Zoë", odd: 2})
            await create(store, "r-3", fields={"user": "Zoë", odd: 1}, status="failed")

            async def found(match: dict[str, Any], **wanted: Any) -> set[str]:
                return {row.run for row in await store.rows(match=match, **wanted)}

            assert await found({}) == await found({"user": "Zoë"}) == {"r-1", "r-2", "r-3"}
            assert await found({"user": "Zoë", odd: 1}) == {"r-1", "r-3"}
            assert await found({"user": "Zoë", odd: 1}, status="running") == {"r-1"}
            assert await found({"user": "Ana", odd: 1}) == set()
            assert await found({"other": None, odd: 2}) == {"r-2"}

        self.tell(story)

    def test_a_row_is_found_by_what_its_fields_are_now(self) -> None:
        """append: the index follows in the same commit; release and claim leave it."""

        async def story(store: Store) -> None:
            epoch = await create(store, "r-1", fields={"user": "Ana", "tries": 1})
            await store.append([Turn("r-1", 2, b"2", epoch, replace(ROW, fields={"user": "Zoë"}))])
            await store.release("r-1")
            assert await store.rows(match={"user": "Ana"}) == []
            assert await store.rows(match={"tries": 1}) == []
            now = replace(ROW, fields={"user": "Zoë"}, revision=2)
            assert await store.rows(match={"user": "Zoë"}) == [now]
            assert await store.rows(match={"tries": None}) == [now]
            await store.delete("r-1")
            assert await store.rows(match={"user": "Zoë"}) == []

        self.tell(story)
