"""Messages to owners and their replies: a list for each owner, and one for each reply.

The first byte of a reply says what follows: `=` the reply, `-` nothing (that run is not owned there, or nobody hears
there), `!` why there is none. Where none comes, the asker finds out by itself: a message that still lies in its list it
takes back, so that it is known not to be heard. Lists that nobody empties end by themselves.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import msgspec

from trellis.errors import StoreError, StoreUnavailable, UnknownRun
from trellis.stores.base import Hear
from trellis.stores.redis import scripts
from trellis.stores.redis.connection import Server
from trellis.stores.redis.lease import stop

_KEPT = 60_000  # milliseconds that a reply waits for its asker
_LOOK = 0.3  # seconds until an asker looks again whether its message may still be heard
_LOST = b"!it is gone, and whether it acted is unknown"
_DEAF = 0.02  # seconds until a listener is told again to stop
_FAILED = 0.2  # seconds until a listener tries again that was cut off

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, str, bytes]).decode


class Post:
    """The messages of `owner`, and those that it sends."""

    def __init__(self, server: Server, owner: str) -> None:
        self._server, self._owner = server, owner
        self._answer: Hear | None = None
        self._listening: asyncio.Task[None] | None = None
        self._at_work: set[asyncio.Task[Any]] = set()

    def hear(self, answer: Hear) -> None:
        """As `Store.hear`."""
        self._answer = answer

    def listen(self) -> None:
        """There are runs to be asked for from now on."""
        if self._listening is None:
            self._listening = asyncio.get_running_loop().create_task(self._listen())

    async def ask(self, run: str, message: bytes, seconds: float) -> bytes | None:
        """As `Store.ask`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        ticket = os.urandom(12).hex()
        letter = _encode((ticket, run, message))
        kept = round((seconds + self._server.lease) * 1000)
        what, *rest = await self._server.run(scripts.POST, self._owner, run, letter, kept)
        if what == b"unknown":
            raise UnknownRun(run)
        if what == b"nobody":
            return None
        if what == b"me":
            return self._opened(run, await self._mine(run, message, seconds))
        owner = rest[0].decode()
        while (left := until - loop.time()) > 0:
            reply = await self._server.pop(f"{self._server.prefix}:reply:{ticket}", min(left, _LOOK))
            if reply is not None:
                return self._opened(run, reply)
            state = await self._server.run(scripts.LOOK, self._owner, run, owner, letter, ticket)
            if state == b"unheard":
                return None
            if state == b"lost":
                return self._opened(run, _LOST)
        heard = not await self._server.run(scripts.TAKE_BACK, self._owner, owner, letter)
        raise self._silent(run, seconds, "; whether it acted on the message is unknown" if heard else "")

    async def close(self) -> None:
        """Hear nothing more. Messages that are not answered yet stay so."""
        await stop([task for task in self._at_work if task is not asyncio.current_task()])
        if self._listening is not None:
            # The library takes no notice where it is connecting, and would then wait for a message first.
            await stop([self._listening], again=_DEAF)

    async def _mine(self, run: str, message: bytes, seconds: float) -> bytes:
        # Who stops waiting does not stop the owner: a message that was heard is acted on whole.
        work = self._start(self._reply(message))
        done, _ = await asyncio.wait({work}, timeout=seconds)
        if not done:
            raise self._silent(run, seconds, "; whether it acted on the message is unknown")
        return _LOST if work.cancelled() else bytes(work.result())

    async def _listen(self) -> None:
        inbox = f"{self._server.prefix}:inbox:{self._owner}"
        while True:
            try:
                letter = await self._server.pop(inbox, 5.0)
            except StoreError:
                await asyncio.sleep(_FAILED)
                continue
            if letter is None:
                continue
            try:
                told = _decode(letter)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue  # whoever put it there, it is none of ours, and there is nobody to tell
            self._start(self._serve(*told))

    async def _serve(self, ticket: str, run: str, message: bytes) -> None:
        try:
            owned = await self._server.run(scripts.OWNS, self._owner, run)
            reply = await self._reply(message) if owned else b"-"
            await self._server.run(scripts.REPLY, self._owner, ticket, reply, _KEPT)
        except StoreError:
            pass  # the asker is told that no reply came

    async def _reply(self, message: bytes) -> bytes:
        if self._answer is None:
            return b"-"
        try:
            return b"=" + await self._answer(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the asker is told
            return f"!{type(error).__name__}: {error}".encode(errors="replace")

    def _opened(self, run: str, reply: bytes) -> bytes | None:
        kind, rest = reply[:1], reply[1:]
        if kind == b"-":
            return None
        if kind == b"=":
            return rest
        reason = f"the owner of run '{run}' gave no reply: {rest.decode(errors='replace')}"
        raise StoreUnavailable(self._server.url, reason)

    def _silent(self, run: str, seconds: float, more: str) -> StoreUnavailable:
        return StoreUnavailable(self._server.url, f"the owner of run '{run}' gave no reply in {seconds:g} s{more}")

    def _start(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)
        return task
