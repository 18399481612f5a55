"""Locks across processes: who dies frees, who was stopped finds out, and a resource refuses what came too late."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers import drop_schema
from tests.servers import postgres_place as postgres_place
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from tests.stores.redis_places import redis_place as redis_place
from trellis.errors import LeaseLost, StoreCorrupt, StoreError, StoreUnavailable
from trellis.stores.locks import open_locker
from trellis.stores.locks.base import Locker
from trellis.stores.locks.leases import LeaseLocker
from trellis.stores.locks.memory import MemoryLeases
from trellis.stores.locks.names import file_name

pytestmark = pytest.mark.covers("TR02")

ROOT = Path(__file__).parents[2]
HOLDER = Path(__file__).with_name("lock_holder.py")

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGSTOP")


class Fence:
    """A resource that refuses a smaller token than it has seen."""

    def __init__(self) -> None:
        self.newest = 0

    def write(self, token: int) -> bool:
        if token < self.newest:
            return False
        self.newest = token
        return True


class Holder:
    """A process that holds a lock."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    def hears(self) -> list[str]:
        return self._stdout.readline().split()

    def asked(self) -> list[str]:
        self._stdin.write("\n")
        self._stdin.flush()
        return self.hears()

    def ends(self) -> list[str]:
        self._stdin.close()
        return self.hears()


@contextmanager
def holding(url: str, key: str, ttl: float) -> Iterator[Holder]:
    process = subprocess.Popen(
        [sys.executable, str(HOLDER), url, key, str(ttl)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Holder(process)
        finally:
            process.kill()


def take(url: str, key: str, *, wait: float) -> int:
    async def whole() -> int:
        locker = open_locker(url)
        try:
            async with locker.lock(key, 30, wait=wait) as lease:
                return lease.token
        finally:
            await locker.close()

    return asyncio.run(whole())


@pytest.fixture(params=["file", "postgresql", "redis"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "file":
        yield f"file:{tmp_path}"
    elif request.param == "redis":
        yield request.getfixturevalue("redis_place")
    else:
        url = request.getfixturevalue("postgres_place")
        yield url
        server, schema = url.split("?schema=")
        drop_schema(server, f"{schema}_locks")


@posix
def test_a_holder_that_was_stopped_beyond_its_ttl_writes_nothing_more(place: str, tmp_path: Path) -> None:
    key, fence = f"stopped in {tmp_path}", Fence()
    with holding(place, key, 0.8) as holder:
        said, token = holder.hears()
        assert said == "held"
        assert fence.write(int(token))
        holder.process.send_signal(signal.SIGSTOP)
        newer = take(place, key, wait=20)
        assert newer > int(token)
        assert fence.write(newer)
        holder.process.send_signal(signal.SIGCONT)
        assert holder.asked() == ["lost", token]
        assert not fence.write(int(token))
        assert holder.ends() == ["LeaseLost", token]


@posix
def test_a_killed_holder_frees_its_key_when_its_lease_ends(place: str, tmp_path: Path) -> None:
    key = f"killed in {tmp_path}"
    with holding(place, key, 0.8) as holder:
        _, token = holder.hears()
        holder.process.kill()
        holder.process.wait()
        assert take(place, key, wait=20) > int(token)


def test_a_holder_that_ends_its_block_frees_its_key_at_once(place: str, tmp_path: Path) -> None:
    key = f"ended in {tmp_path}"
    with holding(place, key, 300) as holder:
        _, token = holder.hears()
        assert holder.ends() == ["freed"]
        assert take(place, key, wait=0) == int(token) + 1


def test_a_rush_of_many_lockers_never_overlaps(place: str, tmp_path: Path) -> None:
    key, inside, tokens = f"rush in {tmp_path}", 0, list[int]()

    async def one(locker: Locker) -> None:
        nonlocal inside
        for _ in range(6):
            async with locker.lock(key, 30) as lease:
                inside += 1
                assert inside == 1
                await asyncio.sleep(0)
                tokens.append(lease.token)
                inside -= 1

    async def story() -> None:
        lockers = [open_locker(place) for _ in range(12)]
        try:
            # All have looked at the place before, so that they take at the same moment.
            await asyncio.gather(*(warm(locker, f"{key} {number}") for number, locker in enumerate(lockers)))
            await asyncio.gather(*map(one, lockers))
        finally:
            for locker in lockers:
                await locker.close()

    asyncio.run(asyncio.wait_for(story(), 60))
    assert tokens == list(range(1, 73))


def test_whoever_waits_for_the_row_of_a_key_sees_the_lease_that_was_taken_meanwhile(postgres_place: str) -> None:
    server, schema = postgres_place.split("?schema=")
    ours = f"SET search_path = {schema}_locks"
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0 AND query LIKE %s"

    async def story(other: psycopg.Connection, looker: psycopg.Connection) -> None:
        locker = open_locker(postgres_place)
        await warm(locker, "k")
        other.execute(ours.encode())
        other.execute("SELECT 1 FROM keys FOR UPDATE")
        asking = asyncio.create_task(take_at_once(locker))
        while looker.execute(waiting, ["%leases%"]).fetchone() == (0,):
            await asyncio.sleep(0)
        other.execute("UPDATE keys SET token = token + 1")
        other.execute("INSERT INTO leases VALUES ('k', 'other', now() + interval '1 hour')")
        other.commit()
        assert await asking is None
        await locker.close()

    async def take_at_once(locker: Locker) -> int | None:
        try:
            async with locker.lock("k", 30, wait=0) as lease:
                return lease.token
        except TimeoutError:
            return None

    try:
        with psycopg.connect(server) as other, psycopg.connect(server, autocommit=True) as looker:
            asyncio.run(asyncio.wait_for(story(other, looker), 30))
    finally:
        drop_schema(server, f"{schema}_locks")


async def warm(locker: Locker, key: str) -> None:
    async with locker.lock(key, 30):
        pass


def test_a_file_lock_is_free_at_its_holders_death_however_long_its_lease(tmp_path: Path) -> None:
    with holding(f"file:{tmp_path}", "k", 300) as holder:
        _, token = holder.hears()
        holder.process.kill()
        holder.process.wait()
        assert take(f"file:{tmp_path}", "k", wait=0) == int(token) + 1
    assert sorted(file.name for file in (tmp_path / "locks/k-k").iterdir()) == ["guard", "token"]


def test_a_file_of_tokens_that_holds_no_number_is_not_counted_on(tmp_path: Path) -> None:
    url = f"file:{tmp_path}"
    assert take(url, "k", wait=0) == 1
    file = tmp_path / "locks/k-k/token"
    file.write_text("one")
    reason = f"{file} holds no number; write the last token given into it"
    with pytest.raises(StoreCorrupt, match="cannot be read") as caught:
        take(url, "k", wait=0)
    assert vars(caught.value) == {"url": url, "reason": reason}
    file.write_text("41")
    assert take(url, "k", wait=0) == 42


@given(st.lists(st.text(min_size=1, max_size=200), unique=True, max_size=20))
def test_no_key_leaves_the_folder_and_no_two_share_a_name(keys: list[str]) -> None:
    names = {file_name(key).lower() for key in keys if not any("\ud800" <= letter <= "\udfff" for letter in key)}
    assert len(names) == len([key for key in keys if not any("\ud800" <= letter <= "\udfff" for letter in key)])
    for name in names:
        assert name.startswith("k-")
        assert len(name) <= 120
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-%~")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:///runs.db", "SQLite files keep no locks; name a folder beside it: file:DIR"),
        (
            "mysql://host",
            (
                "unknown place for locks 'mysql'; known: memory://, file:DIR, postgresql://HOST/DATABASE, "
                "redis://HOST/NUMBER"
            ),
        ),
        ("redis://host/runs", "'runs' is no number of a database; name runs apart with ?prefix=runs"),
        ("redis://host?lease=0", "lease=0: expected seconds, from 0.1 to 86400"),
    ],
)
def test_a_url_that_names_no_place_is_refused(url: str, reason: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_locker(url)
    assert vars(caught.value) == {"url": url, "reason": reason}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://ana:s3cret@127.0.0.1:1/0", "redis://ana:***@127.0.0.1:1/0"),
        ("redis://127.0.0.1:1/0?password=s3cret", "redis://127.0.0.1:1/0?password=***"),
        ("postgresql://ana:s3cret@127.0.0.1:1/x", "postgresql://ana:***@127.0.0.1:1/x"),
    ],
)
def test_a_server_that_is_not_there_is_unavailable_and_no_password_is_shown(url: str, shown: str) -> None:
    async def story() -> StoreError:
        locker = open_locker(url)
        assert locker.url == shown
        try:
            async with locker.lock("k", 10, wait=0):
                raise AssertionError("held")
        except StoreError as error:
            return error
        finally:
            await locker.close()

    error = asyncio.run(story())
    assert type(error) is StoreUnavailable
    assert error.url == shown
    assert "s3cret" not in str(error)


class Moody(MemoryLeases):
    """Leases in a place that can be out of reach, after it did what it was asked."""

    away = False

    async def take(self, key: str, holder: str, ttl: float, slots: int) -> int | None:
        return self.answered(await super().take(key, holder, ttl, slots))

    async def renew(self, key: str, holder: str, ttl: float) -> bool:
        if self.away:
            raise StoreUnavailable("memory://", "away")
        return await super().renew(key, holder, ttl)

    def answered(self, answer: int | None) -> int | None:
        if self.away:
            raise StoreUnavailable("memory://", "away")
        return answer


async def passing(seconds: float) -> None:
    """Let time pass in which leases are renewed, or not."""
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(seconds, passed.set)
    await passed.wait()


def test_a_lease_that_was_taken_without_an_answer_is_given_back() -> None:
    async def story() -> None:
        leases = Moody()
        locker: Locker = LeaseLocker("memory://", leases)
        leases.away = True
        with pytest.raises(StoreUnavailable):
            async with locker.lock("k", 300):
                pass
        leases.away = False
        async with locker.lock("k", 300, wait=0) as lease:
            assert lease.token == 2
        await locker.close()

    asyncio.run(story())


def test_a_place_that_is_away_for_less_than_ttl_costs_no_lease() -> None:
    async def story() -> None:
        leases = Moody()
        locker: Locker = LeaseLocker("memory://", leases)
        async with asyncio.timeout(20):
            async with locker.lock("k", 1.5) as lease:
                leases.away = True
                await passing(0.6)
                leases.away = False
                await passing(1.0)
                assert not lease.lost
        await locker.close()

    asyncio.run(story())


def test_a_place_that_stays_away_costs_the_lease() -> None:
    async def story() -> None:
        leases = Moody()
        locker: Locker = LeaseLocker("memory://", leases)

        async def hold() -> None:
            async with locker.lock("k", 0.2) as lease:
                leases.away = True
                await passing(0.25)
                assert lease.lost

        with pytest.raises(LeaseLost) as caught:
            await hold()
        assert vars(caught.value) == {"key": "k", "token": 1}
        await locker.close()

    asyncio.run(story())


def test_a_lease_that_its_holder_lost_is_lost_though_the_place_would_still_keep_it() -> None:
    async def story() -> None:
        leases = Moody(now=lambda: 0.0)  # no second passes there
        locker: Locker = LeaseLocker("memory://", leases)

        async def hold() -> None:
            async with locker.lock("k", 0.1) as lease:
                leases.away = True
                while not lease.lost:
                    await asyncio.sleep(0)

        with pytest.raises(LeaseLost) as caught:
            await hold()
        assert vars(caught.value) == {"key": "k", "token": 1}
        await locker.close()

    asyncio.run(asyncio.wait_for(story(), 30))
