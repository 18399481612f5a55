"""One Redis server as our scripts see it: found by a URL, asked by scripts, its errors told as ours.

No call is sent twice: whoever loses the connection while it waits for an answer is told so. The next call connects anew.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, NoScriptError, RedisError, ResponseError

from trellis.errors import StoreError, StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores.redis.faults import translate
from trellis.stores.urls import masked

FORMAT = 1
"""Of the keys that we write."""
PREFIX = "trellis"
LEASE = 10.0
"""Seconds that an owner lives without renewing its lease."""

_EXPECTED = (
    "expected redis://USER:PASSWORD@HOST:PORT/NUMBER, with % @ : / ? # of a password written as %25 %40 %3A %2F %3F %23"
)
_AT_ONCE = 16  # calls under way; the server does one after the other anyway
_ANSWER = 10.0  # seconds for one answer: a long listing, or an append that waits for a slow disk


class Script:
    """Lua that is carried out whole, with nothing else between, unless it fails: so it judges first and then writes.

    `writes` is false for one that only looks.
    """

    def __init__(self, text: str, *, writes: bool = True) -> None:
        self.text, self.writes = text, writes
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Server:
    """The server of `url`, connected to by the first call. `url` is then what may be shown: without its password."""

    def __init__(self, url: str) -> None:
        self.url = masked(url)
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        if _broken(parts, query):
            # What the library would quote is a piece of the password.
            raise StoreUnavailable(self.url, f"this is no URL of Redis; {_EXPECTED}")
        self.prefix = query.pop("prefix", PREFIX) or PREFIX
        lease = query.pop("lease", LEASE)
        try:
            self.lease = float(lease)
        except ValueError:
            self.lease = 0.0
        if not 0.1 <= self.lease <= 86_400:
            raise StoreUnavailable(self.url, f"lease={lease}: expected seconds, from 0.1 to 86400")
        number = parts.path.strip("/")
        if parts.scheme != "unix" and number and not number.isdecimal():
            raise StoreUnavailable(
                self.url, f"'{number}' is no number of a database; name runs apart with ?prefix={number}"
            )
        try:
            self.client: Redis = Redis.from_url(
                parts._replace(query=urlencode(query)).geturl(),
                socket_timeout=_ANSWER,
                socket_connect_timeout=5,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except (ValueError, TypeError) as error:
            raise StoreUnavailable(self.url, str(error)) from error
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._closed = False

    async def run(self, script: Script, *values: str | bytes | float) -> Any:
        """What the script answers to `values`, its ARGV behind the prefix of our keys. Raises StoreError."""
        if self._closed:
            raise StoreUnavailable(self.url, "it was closed")
        given: list[Any] = [self.prefix, *values]
        with _cancellable():
            async with self._room:
                return await self._evaluated(script, given)

    async def _evaluated(self, script: Script, given: list[Any]) -> Any:
        try:
            try:
                return await self.client.evalsha(script.digest, 0, *given)
            except NoScriptError:
                return await self.client.eval(script.text, 0, *given)
        except (RedisError, OSError, TypeError) as error:
            text = str(error)
            if text.startswith("FORMAT "):
                raise wrong_format(self.url, int(text.split()[1])) from error
            raise translate(self.url, error, wrote=script.writes) from error

    async def pop(self, key: str, seconds: float) -> bytes | None:
        """The first of a list, None where it stays empty for so long, at most 5 s. Raises StoreError."""
        if self._closed:
            raise StoreUnavailable(self.url, "it was closed")
        with _cancellable():
            try:
                popped: Any = await self.client.blpop([key], timeout=max(min(seconds, 5.0), 0.01))
            except (RedisError, OSError, TypeError) as error:
                raise translate(self.url, error, wrote=True) from error
        return None if popped is None else bytes(popped[1])

    async def info(self) -> dict[str, Any]:
        """What the server tells of itself; nothing where this user may not ask. Raises StoreError."""
        try:
            return dict(await self.client.info())
        except NoPermissionError:
            return {}
        except (RedisError, OSError, TypeError) as error:
            raise translate(self.url, error, wrote=False) from error

    async def settings(self, *names: str) -> dict[str, str]:
        """How the server is set up; nothing where nobody, or not this user, may ask. Raises StoreError."""
        try:
            return {name: str((await self.client.config_get(name)).get(name, "")) for name in names}
        except ResponseError:
            return {}
        except (RedisError, OSError, TypeError) as error:
            raise translate(self.url, error, wrote=False) from error

    async def close(self) -> None:
        """Let go of every connection. Closing again does nothing."""
        self._closed = True
        await self.client.aclose()


@contextmanager
def _cancellable() -> Iterator[None]:
    """Whoever is cancelled meanwhile is: the library may make an error of it, or an answer, and go on."""
    task = asyncio.current_task()
    before = 0 if task is None else task.cancelling()
    try:
        yield
    except Exception as error:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


def wrong_format(url: str, found: int) -> StoreError:
    """What to say of keys in another format than ours."""
    return (StoreTooNew if found > FORMAT else StoreTooOld)(url, found, FORMAT)


def _broken(parts: SplitResult, query: dict[str, str]) -> bool:
    """Whether a password that is not quoted has torn the URL to pieces that pass for others."""
    try:
        parts.port  # noqa: B018 - it judges when it is asked
    except ValueError:
        return True
    elsewhere = "@" in parts.path and parts.scheme != "unix"
    return elsewhere or "@" in parts.fragment or any("@" in name for name in query)
