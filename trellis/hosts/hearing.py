"""What other processes want of the runs that are owned here is taken, and answered even while the host closes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from trellis.errors import RunOwned, StoreError, TrellisError
from trellis.hosts.commands import Command, Reply, decode_message, encode
from trellis.hosts.live import LiveRun, Rested


class Taking(Protocol):
    """What is needed of the host."""

    async def take_up(self, run: str, epoch: int | None = None) -> LiveRun: ...

    def take(self, live: LiveRun, command: Command) -> Awaitable[Reply]: ...


class Hearing:
    """The messages that are being answered."""

    def __init__(self, host: Taking) -> None:
        self._host = host
        self._under_way: set[asyncio.Future[None]] = set()

    async def hear(self, data: bytes) -> bytes:
        """The reply to a message from another process for a run that is owned here; empty where nothing of it was written."""
        message = decode_message(data)
        heard = asyncio.get_running_loop().create_future()
        self._under_way.add(heard)
        try:
            live = await self._host.take_up(message.run)  # it may have been claimed just now, or be about to rest
            return encode(await self._host.take(live, message.command))
        except (Rested, RunOwned):
            return b""  # nothing of it was written
        except StoreError:
            raise
        except TrellisError:
            return b""  # it cannot be driven here, and is free again
        finally:
            self._under_way.discard(heard)
            heard.set_result(None)

    async def finish(self) -> None:
        """Each is answered now; the reply is to go out before the store is closed."""
        if self._under_way:
            await asyncio.wait(list(self._under_way))
