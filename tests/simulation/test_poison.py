"""A value that cannot be kept is refused with the same words by every store; one that can comes back as it was."""

from __future__ import annotations

import asyncio

import pytest

from tests.reliability import publish, say
from tests.simulation.poison import all_verdicts
from tests.simulation.test_parity import urls as urls
from trellis.stores import open_store

pytestmark = pytest.mark.covers("GT08")


async def judged(url: str, heavy: bool) -> dict[str, list[str]]:
    store = open_store(url)
    try:
        return await all_verdicts(store, heavy=heavy)
    finally:
        await store.close()


def compare(urls: dict[str, str], *, heavy: bool) -> tuple[int, int]:
    """How many poisons there are, and how many were refused somewhere."""
    first = asyncio.run(judged("memory://", heavy))
    for kind, url in urls.items():
        other = asyncio.run(judged(url, heavy))
        for name, heard in first.items():
            assert other[name] == heard, f"{kind}: {name}"
    return len(first), sum("InvalidField" in " ".join(heard) for heard in first.values())


def test_every_store_judges_every_poison_alike(urls: dict[str, str]) -> None:
    count, refused = compare(urls, heavy=False)
    say("poison", count, len(urls) + 1, note=f"{refused} refused; {', '.join(urls)}")
    assert 0 < refused < count


@pytest.mark.soak
def test_every_store_judges_every_poison_alike_and_says_so(urls: dict[str, str]) -> None:
    count, refused = compare(urls, heavy=True)
    publish("poison", count, len(urls) + 1, note=f"{refused} refused; memory, {', '.join(urls)}")
