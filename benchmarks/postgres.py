"""A PostgreSQL to measure on, its own limit, and 64 runs at once beside it.

The server is the one that `TRELLIS_TEST_POSTGRES_URL` names, or a private one, made for this and removed. Its limit is
what its own pgbench reaches with transactions of one row: 16 clients, 2 threads, prepared statements.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.peers.beside import Sizes, on_postgres
from benchmarks.starting import started
from benchmarks.steps import hosted
from benchmarks.waiting import crashed, recovered

VARIABLE = "TRELLIS_TEST_POSTGRES_URL"
INSERT = "INSERT INTO {table} (run, seq, event) VALUES (1, 1, decode(repeat('78', 90), 'hex'));"
UPDATE = r"\set id random(1, 64)" + "\nUPDATE {table} SET seq = seq + 1 WHERE id = :id;"


@contextmanager
def server() -> Iterator[str | None]:
    """The URL of a server, up to where the name of a schema goes; None where there is neither one nor its programs."""
    named = os.environ.get(VARIABLE)
    if named:
        yield _schema(named)
        return
    import pytest

    from tests.servers import private_postgres

    try:
        with private_postgres() as cluster:
            yield _schema(cluster.url)
    except pytest.skip.Exception:
        yield None


def _schema(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}schema="


class Limit:
    """pgbench on a table of its own. `per_second` takes a script; None where there is no pgbench."""

    def __init__(self, url: str, schema: str) -> None:
        import psycopg

        self._url = url.rpartition("schema=")[0].rstrip("?&")
        self._table = f"{schema}.rows"
        self._program = shutil.which("pgbench") or next(map(str, Path("/usr/lib/postgresql").glob("*/bin/pgbench")), "")
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {schema}".encode())
            connection.execute(
                f"CREATE TABLE {self._table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
                "run bigint, seq bigint, event bytea)".encode()
            )
            connection.execute(f"INSERT INTO {self._table} (run, seq) SELECT 1, 1 FROM generate_series(1, 64)".encode())

    def per_second(self, script: str, seconds: int) -> float | None:
        """Transactions per second."""
        if not self._program:
            return None
        with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
            file.write(script.format(table=self._table))
            file.flush()
            options = ["-n", "-M", "prepared", "-c", "16", "-j", "2", "-T", str(seconds), "-f", file.name]
            done = subprocess.run([self._program, *options, self._url], check=True, capture_output=True, text=True)
        found = re.search(r"tps = ([0-9.]+)", done.stdout)
        return float(found[1]) if found else None


def dropped(url: str, schema: str) -> None:
    """Leave the server as it was before schemas were made whose names begin with this."""
    import psycopg

    with psycopg.connect(url.rpartition("schema=")[0].rstrip("?&"), autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", (schema,))
        for (name,) in found.fetchall():
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


def rows(
    runs: int = 64,
    steps: int = 400,
    seconds: int = 3,
    rounds: int = 3,
    crashes: int = 1000,
    sizes: Sizes | None = None,
    schema: str = "",
) -> Iterator[Row]:
    """All of it, in schemas whose names begin with `schema`; afterwards they are gone."""
    with server() as url:
        if url is None:
            yield Row("PostgreSQL", "left out", f"set {VARIABLE}, or install its programs")
            return
        schema = schema or f"bench_{os.urandom(4).hex()}"
        places = [f"{schema}_{number}" for number in range(rounds + 2)]
        try:
            yield from _limited(url, schema, places, runs, steps, seconds)
            yield from _crashed(url, places[-1], crashes)
            yield from on_postgres(url + schema, sizes or Sizes())
        finally:
            dropped(url, schema)


def _limited(url: str, schema: str, places: list[str], runs: int, steps: int, seconds: int) -> Iterator[Row]:
    limit = Limit(url, schema)
    taken = []
    for place in places[:-2]:
        spent = asyncio.run(hosted(url + place, runs, steps))
        taken.append((runs * steps / spent, limit.per_second(INSERT, seconds), limit.per_second(UPDATE, seconds)))
    ours = statistics.median(rate for rate, _, _ in taken)
    for index, does in ((1, "inserts a row"), (2, "updates one of 64 rows")):
        pairs = [(each[0], rate) for each in taken if (rate := each[index]) is not None]
        if not pairs:
            yield Row(f"{runs} concurrent runs, PostgreSQL", f"{ours:,.0f} steps/s", "no pgbench here")
            return
        ratio = statistics.median(a / b for a, b in pairs)
        rate = statistics.median(b for _, b in pairs)
        yield Row(
            f"{runs} concurrent runs, PostgreSQL", f"{ours:,.0f} steps/s ({ratio:.2f}x)",
            f"pgbench that {does}, 16 clients: {rate:,.0f}/s", ">= 0.7x", ratio >= 0.7,
        )  # fmt: skip
    rate = statistics.median(each[1] for each in taken if each[1])
    begun = asyncio.run(started(url + places[-2], 500))
    yield Row("500 starts at once, PostgreSQL", f"{begun:,.0f} starts/s", f"{begun / rate:.2f}x pgbench's inserts")


def _crashed(url: str, place: str, crashes: int) -> Iterator[Row]:
    lease = 2
    with tempfile.TemporaryDirectory() as name:
        where = f"{url}{place}&lease={lease}"
        crashed(Path(name), where, crashes)
        spent = asyncio.run(recovered(where, crashes))
    yield Row(
        f"{crashes:,} crashed runs, PostgreSQL: all calls made again", f"{spent:.2f} s",
        f"of which up to {lease} s until the lease of the dead host is over",
    )  # fmt: skip
