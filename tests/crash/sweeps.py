"""A process that dies at each point in turn, over a store of its own: what the next one finds, and how it ends."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.crash.nursery import Ended, Nursery
from tests.crash.program import ENDS, RUNS, moved, transactional
from tests.reliability import Ledger, Told, Verdict, examine, verdict
from trellis.stores import open_store

DRIVE, PREPARE = "tests.crash.program:drive", "tests.crash.program:prepare"
KINDS = {"sqlite": "sqlite:///{}/runs.db", "file": "file:{}/runs"}
"""Stores that are files: a folder makes a new one."""


class Place(NamedTuple):
    """One store and the ledger beside it."""

    url: str
    ledger: Ledger


def new_place(kind: str, folder: Path, name: str) -> Place:
    """An empty store of this kind in a folder of its own."""
    here = folder / name
    here.mkdir(parents=True)
    return Place(KINDS[kind].format(here), Ledger(here / "ledger"))


def well(ended: Ended, *expected: str) -> Ended:
    """A child that ended as it may."""
    assert ended.how in expected, f"{ended.how}\n{ended.error}"
    return ended


class Judged(NamedTuple):
    """What one store and its ledger came to."""

    found: Verdict
    fields: tuple[object, ...]
    """The fields and statuses of the runs, to be compared with those of the run that nobody killed."""
    events: int


def judge(place: Place, runs: int) -> Judged:
    """All that must hold, once every run has come to its end."""

    async def look() -> Judged:
        store = open_store(place.url)
        try:
            said: list[Told] = [await examine(store, name, [f"{name}:ask"]) for name in RUNS[:runs]]
        finally:
            await store.close()
        for name, each, seed in zip(RUNS, said, range(runs), strict=False):
            assert each.state.status == ENDS[seed % 2], f"{name} ended {each.state.status}"
        ledger = [*place.ledger.lines(), *await moved(place.url)]
        known = [line for line in ledger if line.key.partition("/")[0] in RUNS[:runs]]
        assert len(known) == len(ledger), "an effect of nobody"
        ends = tuple((each.state.status, each.state.fields) for each in said)
        return Judged(verdict(said, ledger), ends, sum(len(each.events) for each in said))

    return asyncio.run(look())


def oracle(nursery: Nursery, kind: str, folder: Path, runs: int) -> tuple[int, Judged]:
    """How many points there are, and what the runs come to, where nobody is killed."""
    place = new_place(kind, folder, f"{kind}-oracle")
    if transactional(place.url):
        well(nursery.run(PREPARE, url=place.url), "done")
    ended = well(nursery.run(DRIVE, url=place.url, ledger=place.ledger.path, seed=0, runs=runs), "done")
    return ended.points, judge(place, runs)


def sweep(nursery: Nursery, kind: str, folder: Path, seeds: range, every: int, runs: int = 2) -> tuple[int, int, Verdict]:
    """Kill a process at each `every`th point of each seed, and have the next one end its runs: (points, deaths, verdict).

    Which points a seed gets depends on it, so that enough seeds get them all. One in four of those who come next dies
    as well.
    """
    points, whole = oracle(nursery, kind, folder, runs)
    found, deaths = whole.found, 0
    for seed in seeds:
        chance = Random(seed)
        for deadly in range(1 + seed % every, points + 1, every):
            place = new_place(kind, folder, f"{kind}-{seed}-{deadly}")
            if transactional(place.url):
                well(nursery.run(PREPARE, url=place.url), "done")
            args = {"url": place.url, "ledger": place.ledger.path, "seed": seed, "runs": runs}
            how = well(nursery.run(DRIVE, deadly=deadly, **args), "killed", "done").how
            deaths += how == "killed"
            while how == "killed":
                next_deadly = chance.randrange(1, points) if chance.random() < 0.25 else 0
                how = well(nursery.run(DRIVE, deadly=next_deadly, **args), "killed", "done").how
                deaths += how == "killed"
            judged = judge(place, runs)
            assert judged.fields == whole.fields, f"{place.url}: it ended otherwise than uncrashed"
            found += judged.found
    return points, deaths, found


def kills(nursery: Nursery, kind: str, folder: Path, count: int, seed: int) -> tuple[int, Verdict]:
    """Kill processes at random moments until so many died: (stores, verdict). Every store's runs must end whole."""
    chance = Random(seed)
    done, stores, found = 0, 0, Verdict()
    while done < count:
        stores += 1
        place = new_place(kind, folder, f"{kind}-kill-{stores}")
        if transactional(place.url):
            well(nursery.run(PREPARE, url=place.url), "done")
        for attempt in range(1000):
            moment = chance.uniform(0.0, 0.06) if attempt < 8 else None
            args = {"url": place.url, "ledger": place.ledger.path, "seed": chance.randrange(1000), "points": False}
            how = well(nursery.run(DRIVE, moment_s=moment, **args), "killed", "done").how
            if how == "done":
                break
            done += 1
        judged = judge(place, len(RUNS))
        found += judged.found
    return stores, found
