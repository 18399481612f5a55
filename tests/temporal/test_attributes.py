"""Runs are found by their indexed fields and by whether they ask; each change is one event, and no secret is shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("temporalio")

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributePair, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from tests.hosts.authored import graph
from tests.temporal.stage import GENEROUS_S, stage
from trellis.errors import StoreUnavailable
from trellis.hosts.commands import Answer
from trellis.hosts.temporal.attributes import (
    FIELDS,
    LONGEST,
    MOST,
    STATUS,
    first,
    read,
    register,
    wanted,
    word,
    words,
)
from trellis.model.graph import Graph
from trellis.stores.matching import same

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)

SEEN = """
trellis: 1
name: seen
fields:
  env: {type: string, index: true, default: staging}
  tries: {type: integer, index: true, default: 0}
  token: {type: string, secret: true, optional: true}
  note: {type: string, default: unseen}
start: first
nodes:
  first: {set: {fields: {tries: tries + 1}}, to: ask}
  ask: {say: Where?, ask: {text: env}, to: again}
  again: {say: Sure?, ask: {text: env}, to: work}
  work: {do: work, set: {fields: {tries: tries + 1}}, to: $end}
"""
QUIET = """
trellis: 1
name: quiet
fields: {n: {type: integer, default: 1}}
start: work
nodes: {work: {do: work, set: {fields: {n: n + 1}}, to: $end}}
"""


def _indexed(names: int) -> Graph:
    fields = ", ".join(f"f{n}: {{type: string, index: true, optional: true}}" for n in range(names))
    return graph(f"{{trellis: 1, name: wide, start: a, fields: {{{fields}}}, nodes: {{a: {{to: $end}}}}}}")


@given(st.text(), VALUES)
def test_a_word_has_at_most_its_bytes_and_a_short_one_tells_the_value(name: str, value: Any) -> None:
    name = name.replace("=", "") or "x"
    made = word(name, value)
    assert len(made.encode(errors="surrogatepass")) <= LONGEST
    if "…" not in made:
        assert same(read([made])[name], value)


@given(VALUES, VALUES)
def test_two_values_have_one_word_if_they_are_equal_as_json_and_else_two(one: Any, other: Any) -> None:
    assert (word("x", one) == word("x", other)) is same(one, other)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("prod", "env=prod"),
        ("", "env="),
        ("3", "env=%33"),
        ("true", "env=%74rue"),
        ("[draft]", "env=%5Bdraft]"),
        ("it's 5 %", "env=it%27s 5 %25"),
        (3, "env=3"),
        (3.0, "env=3"),
        (2.5, "env=2.5"),
        (True, "env=true"),
        ([1.0, {"b": 2, "a": None}], "env=[1,{%22a%22:null,%22b%22:2}]"),
        ("ä" * 80, "env=" + "ä" * 39 + "…" + "0414fe557027cd"),
    ],
)
def test_a_word_reads_as_a_person_would_write_it(value: Any, text: str) -> None:
    assert word("env", value) == text


def test_more_fields_than_there_is_room_for_are_left_out_from_the_end() -> None:
    wide = _indexed(40)
    found = words(wide, {f"f{n}": "x" * 200 for n in range(40)})
    assert [text.partition("=")[0] for text in found] == [f"f{n}" for n in range(17)]
    assert sum(len(text.encode()) + 3 for text in found) <= MOST


def test_a_run_starts_with_the_words_of_its_fields_and_defaults_but_of_no_secret() -> None:
    seen = graph(SEEN)
    assert first(seen, {"env": "prod", "token": "hidden"}) == TypedSearchAttributes(
        [SearchAttributePair(FIELDS, ["env=prod", "tries=0"])]
    )
    assert first(graph(QUIET), {}) == TypedSearchAttributes.empty


def test_a_condition_names_every_field_that_has_a_value() -> None:
    assert (
        wanted({"env": "it's", "tries": 2, "note": None})
        == "TrellisFields = 'env=it%27s' AND TrellisFields = 'tries=2'"
    )


async def _found(client: Client, query: str, *, ids: list[str]) -> list[str]:
    """What a query finds once visibility has caught up, which is not at once."""
    limit = asyncio.get_running_loop().time() + GENEROUS_S
    while True:
        found = sorted([run.id async for run in client.list_workflows(query)])
        if found == sorted(ids) or asyncio.get_running_loop().time() > limit:
            return found


def test_a_run_is_found_by_its_fields_as_they_change_and_by_whether_it_asks(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address, work=lambda: None) as here:
            made = await here.start(graph(SEEN), env='it\'s \\ "so"')
            mine = f"WorkflowId = '{made.id}' AND "
            await made.view()
            assert await _found(here.client, mine + wanted({"env": 'it\'s \\ "so"', "tries": 1}), ids=[made.id]) == [
                made.id
            ]
            assert await _found(here.client, mine + f"{STATUS.name} = 'asking'", ids=[made.id]) == [made.id]
            await made.tell("answer", Answer("ask", "prod"))
            await made.tell("answer", Answer("again", "prod"))
            assert (await made.ended()).status == "completed"
            assert await _found(here.client, mine + wanted({"env": "prod", "tries": 2}), ids=[made.id]) == [made.id]
            assert await _found(here.client, mine + wanted({"env": "staging"}), ids=[]) == []
            history = await made.history()
            assert history.count("UPSERT_WORKFLOW_SEARCH_ATTRIBUTES") == 4

    asyncio.run(play())


def test_a_run_without_indexed_fields_and_questions_has_no_event_for_them(temporal_address: str) -> None:
    async def play() -> None:
        async with stage(temporal_address, work=lambda: None) as here:
            made = await here.start(graph(QUIET))
            await made.ended()
            assert "UPSERT_WORKFLOW_SEARCH_ATTRIBUTES" not in await made.history()

    asyncio.run(play())


def test_the_namespace_knows_the_attributes_once_they_are_registered_however_often(temporal_address: str) -> None:
    async def play() -> dict[str, int]:
        client = await Client.connect(temporal_address)
        await asyncio.gather(register(client), register(client))
        request = ListSearchAttributesRequest(namespace=client.namespace)
        return dict((await client.operator_service.list_search_attributes(request)).custom_attributes)

    known = asyncio.run(play())
    assert (known["TrellisFields"], known["TrellisStatus"]) == (7, 2)


def test_where_they_are_missing_and_may_not_be_added_the_steps_for_an_operator_are_told() -> None:
    class Operator:
        async def list_search_attributes(self, _: Any) -> Any:
            return type("Answer", (), {"custom_attributes": {"TrellisStatus": 2}})

        async def add_search_attributes(self, _: Any) -> Any:
            raise RPCError("not allowed", RPCStatusCode.PERMISSION_DENIED, b"")

    class Strict:
        namespace = "prod"
        operator_service = Operator()
        service_client = type("Service", (), {"config": type("Config", (), {"target_host": "example:7233"})})

    with pytest.raises(StoreUnavailable) as caught:
        asyncio.run(register(Strict()))  # type: ignore[arg-type]
    assert str(caught.value) == (
        "store temporal://example:7233/prod: it lacks search attributes, and does not let us add them (not allowed); let "
        "an operator run: temporal operator search-attribute create --namespace prod --name TrellisFields --type KeywordList"
    )
