"""One process of a simulated world: a host over its store and its clock, that can be stopped, woken and killed."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.loop import PROCESS, SkewedClock
from tests.simulation.shelf import Crashed, LeasedStore
from trellis.errors import HostClosed, Refused, RunClosed, StoreError, UnknownRun
from trellis.hosts.local import Host
from trellis.hosts.vault import Vault

if TYPE_CHECKING:
    from tests.simulation.world import World

VAULT = Vault({"k": bytes(32)})
"""All hosts have the same key, so a run with a secret goes on anywhere."""
KNOWN = (StoreError, HostClosed, RunClosed, Refused, UnknownRun)
"""What somebody outside may be told; they try again, or not."""


class Process:
    """One host, its store and its clock. Killed, it does nothing more; what it had in memory is gone."""

    def __init__(self, world: World | Any, name: str, offset: float = 0.0) -> None:
        self.world, self.name = world, name
        self.store = LeasedStore(world.shelf, name, world.dice)
        self.clock = SkewedClock(world.loop, Random(world.chance.random()), offset)
        self.clock.hold = self._held
        self.host: Host | None = None
        self.failure: BaseException | None = None
        self.jumped = False
        """Its clock was set since it lives; what it timed before comes after its time."""
        context = copy_context()
        context.run(PROCESS.set, name)
        self._main = context.run(world.loop.create_task, self._live())

    @property
    def up(self) -> bool:
        return self.host is not None and not self.store.dead and self.store.running.is_set()

    async def _live(self) -> None:
        try:
            store = self.world.wrap(self, self.store)
            async with Host(store, self.world.tools(self), clock=self.clock, vault=VAULT) as host:
                self.world.double(self, host)
                self.host = host
                await host.serve()
                await asyncio.Event().wait()
        except Crashed:
            return
        except Exception as error:  # noqa: BLE001 - a host that gives up is what this looks for
            if not self.store.dead:
                self.failure = error

    def _held(self, ring: Any) -> Any:
        """An alarm of this process: not while it is stopped, never once it is dead."""

        def ringing() -> None:
            if self.store.dead:
                return
            if self.store.running.is_set():
                ring()
            else:
                waiting = self.world.loop.create_task(self.store.running.wait())
                waiting.add_done_callback(lambda _: ringing())

        return ringing

    def stop(self) -> None:
        self.store.running.clear()

    def wake(self) -> None:
        self.store.running.set()

    async def kill(self) -> None:
        """It ends at this very moment, wherever it is."""
        self.store.dead = True
        self.store.running.set()
        self.world.shelf.ears.pop(self.name, None)
        self.host = None
        theirs: Any = self.world.loop.tasks.setdefault(self.name, {})
        for _ in range(50):
            left = [task for task in theirs if not task.done()]
            if not left:
                return
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=0.0)

    async def do(self, work: Any) -> Any:
        """Somebody asks this process for something, and waits at most half a minute."""
        context = copy_context()
        context.run(PROCESS.set, self.name)
        task = context.run(self.world.loop.create_task, work)
        try:
            async with asyncio.timeout(30):
                return await asyncio.shield(task)
        except TimeoutError:
            raise HostClosed("?") from None
        except (Crashed, asyncio.CancelledError):
            if self.store.dead:
                raise HostClosed("?") from None
            raise
        finally:
            if not task.done():
                task.add_done_callback(_seen)


def _seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()
