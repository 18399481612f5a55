"""Several hosts on one store, killed, stopped and woken, with the server gone at times: every run ends, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.crowd import crowd, kill_one, outage, stop_one
from tests.crash.nursery import Nursery
from tests.crash.sweeps import Yard, sweep
from tests.reliability import publish, say
from tests.servers import Cluster, private_postgres, with_setting
from tests.servers import postgres_place as postgres_place
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from tests.stores.redis_places import redis_place as redis_place

pytestmark = pytest.mark.covers("GT01", "GT02", "TR07")

LEASE_S = 0.6


@pytest.fixture
def place(postgres_place: str) -> str:
    """A schema of this test alone, whose owners are dead soon after they fall silent."""
    return with_setting(postgres_place, "lease", LEASE_S)


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
    runs, found = crowd(nursery, place, tmp_path, kill_one, strokes=10, seed=1, hosts=3)
    say("kills postgresql", 10, 1, found, f"{runs} runs")


def test_hosts_of_one_redis_that_are_killed_leave_their_runs_to_the_others(
    redis_place: str, nursery: Nursery, tmp_path: Path
) -> None:
    url = with_setting(redis_place, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, kill_one, strokes=6, seed=4, hosts=3)
    say("kills redis", 6, 1, found, f"{runs} runs")


def test_hosts_that_were_stopped_beyond_their_lease_write_nothing_when_they_wake(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    runs, found = crowd(nursery, place, tmp_path, stop_one(LEASE_S), strokes=4, seed=2, dead=False)
    say("zombies", 4, 1, found, f"{runs} runs")


def test_hosts_on_redis_that_were_stopped_beyond_their_lease_write_nothing_when_they_wake(
    redis_place: str, nursery: Nursery, tmp_path: Path
) -> None:
    url = with_setting(redis_place, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, stop_one(LEASE_S), strokes=3, seed=5, dead=False)
    say("zombies redis", 3, 1, found, f"{runs} runs")


def test_hosts_go_on_when_their_server_comes_back(cluster: Cluster, nursery: Nursery, tmp_path: Path) -> None:
    url = with_setting(cluster.url, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, outage(cluster), strokes=2, seed=3, hosts=2, dead=False)
    say("outages", 2, 1, found, f"{runs} runs")


@pytest.mark.soak
def test_hosts_on_postgresql_that_die_at_each_point_lose_and_double_nothing(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    points, deaths, found = sweep(Yard(nursery, "postgresql", tmp_path, place), range(20), every=70)
    publish("sweep postgresql", points, 20, found, f"{deaths:,} processes died")


@pytest.mark.soak
def test_two_hundred_killed_hosts_of_one_postgresql_leave_their_runs_to_the_others(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    runs, found = crowd(nursery, place, tmp_path, kill_one, strokes=200, seed=11)
    publish("kills postgresql", 200, 1, found, f"{runs:,} runs")


@pytest.mark.soak
def test_two_hundred_killed_hosts_of_one_redis_leave_their_runs_to_the_others(
    redis_place: str, nursery: Nursery, tmp_path: Path
) -> None:
    url = with_setting(redis_place, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, kill_one, strokes=200, seed=14)
    publish("kills redis", 200, 1, found, f"{runs:,} runs")


@pytest.mark.soak
def test_five_hundred_runs_under_hosts_that_are_stopped_beyond_their_lease(
    place: str, nursery: Nursery, tmp_path: Path
) -> None:
    runs, found = crowd(nursery, place, tmp_path, stop_one(LEASE_S), strokes=60, seed=12, dead=False)
    publish("zombies", 60, 1, found, f"{runs:,} runs")


@pytest.mark.soak
def test_hosts_on_redis_that_are_stopped_beyond_their_lease_write_nothing_when_they_wake(
    redis_place: str, nursery: Nursery, tmp_path: Path
) -> None:
    url = with_setting(redis_place, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, stop_one(LEASE_S), strokes=30, seed=15, dead=False)
    publish("zombies redis", 30, 1, found, f"{runs:,} runs")


@pytest.mark.soak
def test_a_server_that_is_stopped_again_and_again_strands_no_run(
    cluster: Cluster, nursery: Nursery, tmp_path: Path
) -> None:
    url = with_setting(cluster.url, "lease", LEASE_S)
    runs, found = crowd(nursery, url, tmp_path, outage(cluster), strokes=40, seed=13, dead=False)
    publish("outages", 40, 1, found, f"{runs:,} runs")
