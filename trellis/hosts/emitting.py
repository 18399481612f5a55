"""A signal that a run sends is brought to the run it is for, under the key of its node: sent again, it counts once.

A run that is driven by the same host is reached directly, itself included; one of another host through its owner. One
that nobody drives gets the signal into its journal and stays undriven: a worker goes on with it.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from trellis.errors import RunOwned, StoreError, StoreUnavailable, UnknownRun
from trellis.hosts.clock import Clock
from trellis.hosts.commands import Command, Reply, Signal
from trellis.hosts.live import LiveRun, Rested
from trellis.hosts.sending import TRIES, again, ask, deliver
from trellis.hosts.vault import Vault
from trellis.model.actions import Completed, Emit, Failed, Response
from trellis.stores.base import Store

LATER = frozenset({"not_taken", "unknown_run", "failed"})
"""Codes with which a signal comes back that may be taken when it is sent again."""


class Handing(Protocol):
    """What is needed of the host whose runs send."""

    async def hand(self, run: str, command: Command) -> Reply | None:
        """What becomes of a command to a run that is driven here; None where it is not. Raises Rested, StoreError."""

    def apart(self, run: str) -> AbstractAsyncContextManager[bool]:
        """While the block runs, nobody here takes the run up. Gives whether nobody has."""


class Emitting:
    """Brings signals from the runs of a host to other runs of its store."""

    def __init__(self, host: Handing, store: Store, clock: Clock, vault: Vault | None) -> None:
        self._host, self._store, self._clock, self._vault = host, store, clock, vault

    async def deliver(self, sender: LiveRun, request: Emit) -> Response:
        """One attempt: how it ended, by what the other run says. Raises TrellisError."""
        command = Signal(request.name, request.data, sender.id, request.idempotency_key)
        try:
            reply = await self._reach(request.run, command)
        except UnknownRun as error:
            return _failed("unknown_run", str(error))
        except StoreError as error:
            return _failed("failed", str(error))
        return _failed(reply.code, f"run '{request.run}': {reply.message}") if reply.code else Completed()

    async def _reach(self, run: str, command: Command) -> Reply:
        for tried in range(TRIES):
            await again(self._clock, tried)
            try:
                reply = await self._host.hand(run, command) or await ask(self._store, run, command)
                if reply is not None:
                    return reply
                async with self._host.apart(run) as nobody:
                    if nobody:
                        return await deliver(self._store, run, command, self._clock, self._vault)
            except (Rested, RunOwned):
                continue  # nothing of it was written
        raise StoreUnavailable(self._store.url, f"run '{run}' changes hands too often; try again")


def _failed(code: str, message: str) -> Failed:
    return Failed(code, message, retryable=code in LATER)
