"""The servers that tests need: those that the environment names, each test in a place of its own; and one to be killed.

`TRELLIS_TEST_POSTGRES_URL`, `TRELLIS_TEST_REDIS_URL` and `TRELLIS_TEST_TEMPORAL_ADDRESS` name them, `.ci/run` starts and
exports them. Where one is missing, its tests are left out, and the end of the run says so.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import temporal_server
from tests.temporal_server import TemporalServer

POSTGRES, REDIS = "TRELLIS_TEST_POSTGRES_URL", "TRELLIS_TEST_REDIS_URL"
TEMPORAL = "TRELLIS_TEST_TEMPORAL_ADDRESS"


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A database in which tests may make schemas. Its user may do so."""
    return _named(POSTGRES, "PostgreSQL")


@pytest.fixture(scope="session")
def redis_url() -> str:
    """A Redis of the tests alone."""
    return _named(REDIS, "Redis")


@pytest.fixture
def postgres_place(postgres_url: str) -> Iterator[str]:
    """The URL of a store that is not there yet, in a schema of this test, which is dropped when it ends."""
    schema = f"test_{secrets.token_hex(6)}"
    yield with_setting(postgres_url, "schema", schema)
    drop_schema(postgres_url, schema)


@pytest.fixture(scope="session")
def temporal_address() -> str:
    """HOST:PORT of a Temporal server with the namespace `default`, which all tests share."""
    return _named(TEMPORAL, "Temporal server")


@pytest.fixture
def temporal_url(temporal_address: str) -> str:
    """The URL of a task queue of this test alone. Whoever starts a run gives it an id that no other test gives."""
    return f"temporal://{temporal_address}/default?queue=test-{secrets.token_hex(6)}"


def with_setting(url: str, name: str, value: object) -> str:
    """The URL with one more setting of ours."""
    return f"{url}{'&' if '?' in url else '?'}{name}={value}"


def drop_schema(url: str, schema: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET client_min_messages = warning")
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


def _named(variable: str, server: str) -> str:
    url = os.environ.get(variable, "")
    if not url:
        pytest.skip(f"no {server}: set {variable}, or let .ci/run start one")
    return url


class Cluster:
    """A PostgreSQL of one test: on a socket in its own folder alone, with everything on the disk at each commit."""

    def __init__(self, programs: Path, folder: Path, user: list[str]) -> None:
        self._programs, self._folder, self._user = programs, folder, user
        self.url = f"postgresql://trellis@/postgres?host={folder}"

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c max_connections=100"
        self._control("start", "-w", "-l", str(self._folder / "log"), "-o", options)

    def stop(self, mode: str = "immediate") -> None:
        """`immediate`: as though the power went."""
        self._control("stop", "-w", "-m", mode)

    def make(self) -> None:
        initdb = [str(self._programs / "initdb"), "-D", str(self._folder / "data"), "-U", "trellis", "-A", "trust"]
        self._run([*initdb, "-E", "UTF8", "--locale=C"])

    def remove(self) -> None:
        try:
            self.stop()
        except subprocess.CalledProcessError:
            pass  # it is not running
        shutil.rmtree(self._folder, ignore_errors=True)

    def _control(self, *words: str) -> None:
        self._run([str(self._programs / "pg_ctl"), "-D", str(self._folder / "data"), *words])

    def _run(self, command: list[str]) -> None:
        # A server that starts keeps the output of whoever started it; so it goes to nobody.
        subprocess.run(
            [*self._user, *command],
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )


@contextmanager
def private_postgres() -> Iterator[Cluster]:
    """A running PostgreSQL that the test may stop, kill and start again. Skips where its programs are missing."""
    programs = _programs()
    if programs is None:
        pytest.skip("no programs of PostgreSQL (initdb, pg_ctl), which .ci/run installs")
    folder = Path(tempfile.mkdtemp(prefix="trellis-pg-"))  # short: the path of a socket has about a hundred bytes
    user: list[str] = []
    if os.name == "posix" and os.geteuid() == 0:  # which PostgreSQL refuses to run as
        name = _unprivileged()
        if name is None or shutil.which("runuser") is None:
            shutil.rmtree(folder)
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
        shutil.chown(folder, name)
        user = ["runuser", "-u", name, "--"]
    cluster = Cluster(programs, folder, user)
    try:
        cluster.make()
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@contextmanager
def private_temporal(
    dynamic: Mapping[str, Any] | None = None, more: Mapping[str, Any] | None = None, **settings: Any
) -> Iterator[TemporalServer]:
    """A running Temporal server that the test may stop, kill and start again; all as `TemporalServer` takes it. Skips where its
    program is missing."""
    program = temporal_server.program()
    if program is None:
        pytest.skip("no program of the Temporal server, which .ci/run builds")
    folder = Path(tempfile.mkdtemp(prefix="trellis-temporal-"))
    server = TemporalServer(program, folder, dynamic, more, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """Where initdb and pg_ctl are; on Debian not on the path."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(versions, key=lambda path: int(path.parent.name), default=None)


def _unprivileged() -> str | None:
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in names), None)
