"""The same story comes to the same here and on Temporal: where it leads, what each tool did by key, and how it ended."""

from __future__ import annotations

import asyncio
from collections import Counter
from secrets import token_hex

import pytest
from msgspec.structs import replace

from tests.reliability import publish, say
from tests.temporal.parity.embedded import Embedded
from tests.temporal.parity.gates import LEFT, Effect, Gates
from tests.temporal.parity.graphs import graph_of, verbs_of
from tests.temporal.parity.story import Told, live
from trellis.hosts.local import Host
from trellis.testing.clocks import ManualClock

CI, SOAK = range(20), range(200)
AT_ONCE = 20
"""How many stories are told at a time on the server."""


async def here(seed: int, run: str) -> Told:
    """The story of a seed, performed in this process."""
    gates, clock = Gates(), ManualClock()
    async with Host("memory://", gates.tools, clock=clock) as host:
        return await live(Embedded(host, clock, gates), gates, graph_of(seed), seed, run)


async def there(address: str, seeds: dict[int, str]) -> dict[int, Told | Exception]:
    """The stories of these seeds, by their runs, on a server: all on one worker."""
    from tests.temporal.parity.remote import Remote, serving

    gates, room = Gates(), asyncio.Semaphore(AT_ONCE)
    async with serving(address, gates) as server:

        async def one(seed: int, run: str) -> Told | Exception:
            async with room:
                try:
                    return await live(Remote(server), gates, graph_of(seed), seed, run)
                except Exception as error:  # noqa: BLE001 - one story that goes wrong hides no other
                    return error

        told = await asyncio.gather(*(one(seed, run) for seed, run in seeds.items()))
        await server.replay()
        return dict(zip(seeds, told, strict=True))


def unlike(first: Told, other: Told | Exception) -> str:
    """The first thing in which two tellings differ, in words; empty where they do not."""
    if isinstance(other, Exception):
        return f"{type(other).__name__}: {other}"
    for number, (one, two) in enumerate(zip(first.trace, other.trace, strict=False), start=1):
        if one != two:
            before = "\n".join(first.trace[max(0, number - 4) : number - 1])
            return f"after\n{before}\n{number}. here\n{one}\nthere\n{two}"
    if len(first.trace) != len(other.trace):
        return f"{len(first.trace)} / {len(other.trace)} things happened"
    if first.outcome != other.outcome:
        return f"outcome here\n{first.outcome}\nthere\n{other.outcome}"
    for key in sorted(first.ledger.keys() | other.ledger.keys()):
        mine, theirs = first.ledger.get(key), other.ledger.get(key)
        if mine is None or not _same(mine, theirs or replace(mine, attempts=[])):
            return f"{key} here {mine}, there {theirs}"
    return ""


def _same(mine: Effect, theirs: Effect) -> bool:
    """Whether the same was done. An attempt that was left may not have begun where its time was over before."""
    one, two = ([how for how in effect.attempts if how != LEFT] for effect in (mine, theirs))
    plain = replace(mine, attempts=[]) == replace(theirs, attempts=[])
    return plain and one == two and len(theirs.attempts) <= len(mine.attempts)


def compare(address: str, seeds: range) -> str:
    """Tell the stories of these seeds here and there. Fails where two differ. What was told, in words."""
    runs = {seed: f"parity-{token_hex(4)}-{seed}" for seed in seeds}
    first = {seed: asyncio.run(here(seed, run)) for seed, run in runs.items()}
    other = asyncio.run(there(address, runs))
    differences = [f"seed {seed}: {difference}" for seed in seeds if (difference := unlike(first[seed], other[seed]))]
    assert not differences, f"{len(differences)} of {len(seeds)} differ\n" + "\n\n".join(differences)
    calls = sum(len(told.ledger) for told in first.values())
    ends = Counter(str(told.outcome["status"]) for told in first.values())
    return f"{calls:,} calls; {', '.join(f'{count} {status}' for status, count in ends.most_common())}"


def test_each_graph_has_every_verb_and_ten_nodes_or_more() -> None:
    wanted = {"do", "ask", "all", "each", "race", "use", "wait", "emit", "pass", "end", "undo", "catch"}
    for seed in CI:
        verbs = verbs_of(graph_of(seed))
        assert not wanted - verbs.keys(), f"seed {seed}"
        assert len(graph_of(seed).definition.nodes) >= 10, f"seed {seed}"


def test_a_story_is_the_same_whenever_it_is_told() -> None:
    for seed in CI:
        assert not unlike(asyncio.run(here(seed, "r")), asyncio.run(here(seed, "r")))


def test_stories_end_in_every_way_and_all_that_can_happen_does() -> None:
    told = [asyncio.run(here(seed, "r")) for seed in range(40)]
    happened = Counter(line.partition("(")[0] for story in told for line in story.trace)
    assert {"Ends", "Fails", "Answered", "Signalled"} <= happened.keys()
    assert {"completed", "failed", "denied", "timed_out", "rolled_back", "rollback_failed"} <= {
        story.outcome["status"] for story in told
    }


def test_a_story_comes_to_the_same_on_temporal(temporal_address: str) -> None:
    say("temporal parity", 2, len(CI), note=compare(temporal_address, CI))


@pytest.mark.soak
def test_two_hundred_stories_come_to_the_same_on_temporal(temporal_address: str) -> None:
    publish("temporal parity", 2, len(SOAK), note=compare(temporal_address, SOAK))
