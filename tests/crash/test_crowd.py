"""Several hosts on one store, killed, stopped and woken, with the server gone at times: every run ends, once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.crash.crowd import _sleep, crowd, kill_one, stop_one
from tests.crash.nursery import Nursery
from tests.crash.sweeps import KINDS, Yard, sweep
from tests.reliability import publish, say
from tests.servers import Cluster, drop_schema, private_postgres, with_setting
from tests.servers import postgres_url as postgres_url

pytestmark = pytest.mark.covers("GT01", "TR07")

LEASE_S = 0.6


@pytest.fixture
def place(postgres_url: str) -> Iterator[str]:
    """A schema of this test alone, whose owners are dead soon after they fall silent."""
    schema = "test_reliability_crowd"
    drop_schema(postgres_url, schema)
    yield with_setting(with_setting(postgres_url, "schema", schema).replace("?", "?", 1), "lease", LEASE_S)
    drop_schema(postgres_url, schema)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with private_postgres() as made:
        yield made


def test_a_host_on_postgresql_that_dies_at_any_point_loses_and_doubles_nothing(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    points, deaths, found = sweep(Yard(nursery, "postgresql", tmp_path, place), range(1), every=60)
    say("sweep postgresql", points, 1, found, f"{deaths} processes died")


def test_hosts_of_one_postgresql_that_are_killed_leave_their_runs_to_the_others(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    done = crowd(
        nursery, place, tmp_path, "kill", runs=12, hosts=3, strokes=10, stroke=kill_one, seed=1, pause_s=(0.1, 0.5)
    )
    say("kills postgresql", 10, 1, done.judged.found)


def test_hosts_that_were_stopped_beyond_their_lease_write_nothing_when_they_wake(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    done = crowd(
        nursery, place, tmp_path, "zombie", runs=12, hosts=4, strokes=4, stroke=stop_one(LEASE_S), seed=1,
        pause_s=(0.0, 0.2), dead=False,
    )  # fmt: skip
    say("zombies", 4, 1, done.judged.found)


def test_hosts_go_on_when_their_server_comes_back(cluster: Cluster, nursery: Nursery, tmp_path: Path) -> None:
    url = with_setting(cluster.url, "lease", LEASE_S)
    done = crowd(
        nursery,
        url,
        tmp_path,
        "outage",
        runs=12,
        hosts=2,
        strokes=2,
        stroke=outage(cluster),
        seed=1,
        pause_s=(0.2, 0.6),
    )
    say("outages", 2, 1, done.judged.found)


def outage(cluster: Cluster):  # type: ignore[no-untyped-def]  # a stroke
    def stroke(pids: list[int], chance: Random) -> None:
        cluster.stop()
        _sleep(chance.uniform(0.0, 0.5))
        cluster.start()

    return stroke
