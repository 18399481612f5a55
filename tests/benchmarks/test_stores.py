"""The benchmarks of stores run to their end, however small, and give the rows that they promise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks import long, postgres, stores, waiting
from benchmarks.measure import Row, table
from benchmarks.peers import beside
from tests.servers import postgres_url as postgres_url

TINY = beside.Sizes(steps=4, each=2, crowds=(1, 3), rounds=1, counted=2)


def names(rows: list[Row]) -> list[str]:
    """What the rows are about; each has a figure, and they make a table."""
    assert all(row.measured for row in rows)
    assert len(table(rows).splitlines()) == len(rows) + 2
    return [row.what for row in rows]


def test_starts_at_once_are_counted() -> None:
    assert names(list(stores.starts(4, 1))) == ["4 starts at once, SQLite FULL"]


def test_a_long_run_is_seeded_as_a_host_would_write_it_and_goes_on() -> None:
    assert names(list(long.rows(2_500, 20, 1))) == [
        "a run of 2,500 events, SQLite: applied and appended",
        "a run of 2,500 events, SQLite: a durable step of a host",
        "a run of 2,500 events, SQLite: resumed",
    ]


@pytest.mark.slow
def test_waiting_runs_are_served_and_woken_and_crashed_ones_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    assert names(list(waiting.rows(10, 1, 3))) == [
        "10 waiting runs, SQLite: host started",
        "10 waiting runs, SQLite: resident memory",
        "10 waiting runs, SQLite: a due one woken",
        "10 waiting runs, SQLite, all left by one dead host: host started",
        "3 crashed runs, SQLite: all calls made again",
    ]


def test_a_peer_that_is_not_installed_is_left_out_and_the_table_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "ON_SQLITE", (beside.Peer("Nobody", "with_nobody", "no_such_library.at_all"),))
    assert list(beside.on_sqlite(TINY)) == [
        Row("a durable step beside Nobody", "left out", "not installed: pip install 'trellis-engine[bench]'")
    ]


@pytest.mark.slow
def test_trellis_and_each_peer_that_is_installed_do_the_same_steps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    peers = [peer for peer in (beside.TRELLIS, *beside.ON_SQLITE) if beside.installed(peer)]
    for number, peer in enumerate(peers):
        place = tmp_path / str(number)
        place.mkdir()
        rates, settings = beside.measured(peer, str(place), TINY)
        assert {crowd: rate > 0 for crowd, rate in rates.items()} == {1: True, 3: True}
        log = peer.log or peer.name in {"Trellis", "LangGraph"}
        assert settings == ("write-ahead log, FULL" if log else "rollback journal, FULL")


@pytest.mark.slow
def test_postgres_stands_beside_its_own_pgbench_and_is_left_as_it_was(
    monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr(beside, "ON_POSTGRES", ())
    schema = f"tested_{os.urandom(4).hex()}"
    assert os.environ[postgres.VARIABLE] == postgres_url
    found = names(list(postgres.rows(2, 5, 1, 1, 2, schema=schema)))
    assert set(found) == {
        "2 concurrent runs, PostgreSQL",
        "500 starts at once, PostgreSQL",
        "2 crashed runs, PostgreSQL: all calls made again",
    }
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        left = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", (f"{schema}%",)).fetchall()
    assert left == []
