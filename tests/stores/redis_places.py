"""Redis for tests: a prefix of its own on the server of the tests, or a whole server to be set up, stopped and killed."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.servers import with_setting


@pytest.fixture
def redis_place(redis_url: str) -> Iterator[str]:
    """The URL of a store that is not there yet, under a prefix of this test, whose keys are removed when it ends."""
    prefix = f"test-{token_hex(6)}"
    yield with_setting(redis_url, "prefix", prefix)
    with redis.Redis.from_url(redis_url) as client:
        if keys := list(client.scan_iter(f"{prefix}*", count=1000)):
            client.unlink(*keys)


def prefix_of(url: str) -> str:
    return url.partition("prefix=")[2].partition("&")[0]


@contextmanager
def client_of(url: str) -> Iterator[redis.Redis]:
    """Another way to the server of that URL, past the store."""
    with redis.Redis.from_url(url.partition("?")[0]) as client:
        yield client


class Server:
    """A Redis of one test, in its own folder and on its own port."""

    def __init__(self, program: str, folder: Path, words: tuple[str, ...]) -> None:
        self._program, self._folder, self._words = program, folder, words
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), *self._words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        with redis.Redis(port=self.port, retry=Retry(NoBackoff(), 0)) as client:
            for _ in range(1000):
                try:
                    client.ping()
                    return
                except redis.exceptions.AuthenticationError:
                    return
                except redis.exceptions.ConnectionError:  # not yet, or it is still loading
                    try:
                        self._process.wait(timeout=0.02)
                    except subprocess.TimeoutExpired:
                        continue
                    raise AssertionError("the server ended") from None
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        """As though its machine had crashed, but for what that machine's disk would not have had yet."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def private_redis(folder: Path, *words: str) -> Iterator[Server]:
    """A running server with these settings. Skips where there is no program."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server, which .ci/run installs")
    server = Server(program, folder, words)
    try:
        server.start()
        yield server
    finally:
        server.kill()
