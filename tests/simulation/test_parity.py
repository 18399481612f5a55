"""The same run is the same on every store: its journal to the byte, its row, and all that could be seen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import cast

import pytest

from tests.reliability import publish, say
from tests.servers import POSTGRES, REDIS, drop_schema, with_setting
from tests.simulation.parity import Trace, story
from tests.stores.redis_places import client_of
from trellis.stores import open_store
from trellis.stores.base import Store

pytestmark = pytest.mark.covers("TR04", "TR05", "GT10")


@pytest.fixture
def urls(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Every store that this machine has, by its kind."""
    found, mark = {"file": f"file:{tmp_path}/runs", "sqlite": f"sqlite:///{tmp_path}/runs.db"}, token_hex(6)
    postgres, redis = os.environ.get(POSTGRES, ""), os.environ.get(REDIS, "")
    if postgres:
        found["postgresql"] = with_setting(postgres, "schema", f"test_{mark}")
    if redis:
        found["redis"] = with_setting(redis, "prefix", f"test-{mark}")
    yield found
    if postgres:
        drop_schema(postgres, f"test_{mark}")
    if redis:
        with client_of(redis) as client:
            for key in client.scan_iter(f"test-{mark}*", count=1000):
                client.unlink(key)


class KeptOpen:
    """The memory store is gone when it is closed; here it is one for the whole story."""

    def __init__(self) -> None:
        self._store = open_store("memory://")

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def open(self) -> Store:
        return cast("Store", self)

    async def close(self) -> None:
        """Not yet."""


def compare(urls: dict[str, str], seeds: range) -> int:
    """Live these seeds on every store. Fails where two differ. How many events there were."""
    events = 0
    for seed in seeds:
        kept = KeptOpen()
        first = asyncio.run(story(kept.open, seed, "r"))
        for kind, url in urls.items():
            opened: Callable[[], Store] = lambda url=url: open_store(url)  # type: ignore[misc]  # noqa: E731
            other = asyncio.run(story(opened, seed, "r"))
            difference = unlike(first, other)
            assert not difference, f"seed {seed}, {kind}: {difference}"
        events += len(first.journal) + sum(len(journal) for journal, _ in first.children.values())
    return events


def unlike(first: Trace, other: Trace) -> str:
    """The first thing in which two stories differ, in words; empty where they do not."""
    for number, (one, two) in enumerate(zip(first.seen, other.seen, strict=False), start=1):
        if one != two:
            return f"{number}. saw {one} / {two}"
    for seq, (mine, theirs) in enumerate(zip(first.journal, other.journal, strict=False), start=1):
        if mine != theirs:
            return f"event {seq} is {mine!r} / {theirs!r}"
    if len(first.journal) != len(other.journal):
        return f"{len(first.journal)} / {len(other.journal)} events"
    if first.row != other.row:
        return f"{first.row} / {other.row}"
    if first.children.keys() != other.children.keys():
        return f"child runs {list(first.children)} / {list(other.children)}"
    for child, (journal, row) in first.children.items():
        if (journal, row) != other.children[child]:
            return f"{child}: {journal} {row} / {other.children[child]}"
    return ""


def test_a_story_leaves_the_same_behind_on_every_store(urls: dict[str, str]) -> None:
    events = compare(urls, range(8))
    say("parity", len(urls) + 1, 8, note=f"{events:,} events each; {', '.join(urls)}")


@pytest.mark.soak
def test_three_hundred_stories_leave_the_same_behind_on_every_store(urls: dict[str, str]) -> None:
    events = compare(urls, range(300))
    publish("parity", len(urls) + 1, 300, note=f"{events:,} events each; memory, {', '.join(urls)}")
