"""A process that dies at each point in turn, over a store of its own: what the next one finds, and how it ends."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.crash.nursery import Ended, Nursery
from tests.crash.program import ENDS, moved
from tests.reliability import Ledger, Verdict, examine, verdict
from trellis.stores import open_store

DRIVE, PREPARE = "tests.crash.program:drive", "tests.crash.program:prepare"
KINDS = {"sqlite": "sqlite:///{}/runs.db", "file": "file:{}/runs"}
"""Stores that are files: a folder makes a new one."""


class Place(NamedTuple):
    """A store, the ledger beside it, and the runs that one case has there."""

    url: str
    ledger: Ledger
    runs: list[str]

    def args(self, seed: int) -> dict[str, Any]:
        """What a child is told that drives these runs."""
        return {"url": self.url, "ledger": self.ledger.path, "seed": seed, "runs": self.runs}


class Yard:
    """Where stores of one kind are made: files copied from an empty one, or one server that all cases share."""

    def __init__(self, nursery: Nursery, kind: str, folder: Path, url: str = "", runs: int = 2) -> None:
        self.nursery, self.kind, self.runs = nursery, kind, runs
        self._folder, self._url, self._made = folder / kind, url, 0
        self._folder.mkdir()
        self._empty = self._folder / "empty"
        self._empty.mkdir()
        well(nursery.run(PREPARE, url=url or KINDS[kind].format(self._empty)), "done")

    def new(self) -> Place:
        """A store without runs; on a server, runs that nobody had yet."""
        self._made += 1
        here = self._folder / str(self._made)
        shutil.copytree(self._empty, here)
        name = f"{self.kind}-{self._made}" if self._url else "r"
        url = self._url or KINDS[self.kind].format(here)
        return Place(url, Ledger(here / "ledger"), [f"{name}-{number}" for number in range(self.runs)])

    def whole(self) -> tuple[int, Judged]:
        """How many points there are, and what the runs come to, where nobody is killed."""
        place = self.new()
        ended = well(self.nursery.run(DRIVE, **place.args(0)), "done")
        return ended.points, judge(place)


def well(ended: Ended, *expected: str) -> Ended:
    """A child that ended as it may."""
    assert ended.how in expected, f"{ended.how}\n{ended.error}"
    return ended


class Judged(NamedTuple):
    """What the runs of one case and their ledger came to."""

    found: Verdict
    ends: tuple[object, ...]
    """The statuses and fields of the runs, to be compared with those of runs that nobody killed."""


def judge(place: Place) -> Judged:
    """All that must hold, once every run has come to its end."""

    async def look() -> Judged:
        store = open_store(place.url)
        try:
            said = [await examine(store, name, [f"{name}:ask"]) for name in place.runs]
        finally:
            await store.close()
        for name, each, number in zip(place.runs, said, range(len(said)), strict=True):
            assert each.state.status == ENDS[number % 2], f"{name} ended {each.state.status}"
        effects = [*place.ledger.lines(), *await moved(place.url, place.runs)]
        assert {line.key.partition("/")[0] for line in effects} == set(place.runs), "an effect of nobody"
        return Judged(verdict(said, effects), tuple((each.state.status, each.state.fields) for each in said))

    return asyncio.run(look())


def sweep(yard: Yard, seeds: range, every: int) -> tuple[int, int, Verdict]:
    """Kill a process at each `every`th point of each seed, and have the next one end its runs: (points, deaths, verdict).

    Which points a seed gets depends on it, so that enough seeds get them all. One in four of those who come next dies
    as well.
    """
    points, whole = yard.whole()
    found, deaths = whole.found, 0
    for seed in seeds:
        chance = Random(seed)
        for deadly in range(1 + seed % every, points + 1, every):
            place = yard.new()
            while deadly:
                ended = well(yard.nursery.run(DRIVE, deadly=deadly, **place.args(seed)), "killed", "done")
                deaths += ended.how == "killed"
                deadly = chance.randrange(1, points) if ended.how == "killed" and chance.random() < 0.25 else 0
            well(yard.nursery.run(DRIVE, **place.args(seed)), "done")
            judged = judge(place)
            assert judged.ends == whole.ends, f"{place.url}: it ended otherwise than uncrashed"
            found += judged.found
    return points, deaths, found


def kills(yard: Yard, count: int, seed: int, longest_s: float = 0.1) -> tuple[int, Verdict]:
    """Kill processes at random moments until so many died: (cases, verdict). Every run must end whole."""
    chance = Random(seed)
    done, cases, found = 0, 0, Verdict()
    while done < count:
        cases += 1
        place = yard.new()
        how, attempt = "killed", 0
        while how == "killed":
            attempt += 1
            moment = chance.uniform(0.0, longest_s) if attempt < 8 and done < count else None
            args = {**place.args(chance.randrange(1000)), "points": False}
            how = well(yard.nursery.run(DRIVE, moment_s=moment, **args), "killed", "done").how
            done += how == "killed"
        found += judge(place).found
    return cases, found
