"""The handle of a run on Temporal: what `Run` is where the run is driven here, asked of the server instead."""

from __future__ import annotations

from typing import Protocol

from trellis.hosts.live import LiveRun
from trellis.hosts.run import Keeper, Outcome, Run
from trellis.hosts.temporal.following import Following
from trellis.hosts.temporal.messages import Ended


class Waiting(Keeper, Protocol):
    """What is needed of the host."""

    async def ended(self, following: Following) -> Ended:
        """Wait for the end of a run."""


class TemporalRun(Run):
    """A run on a Temporal server. What it is asked for first makes its host follow it; `result` alone needs no worker."""

    def __init__(self, following: Following, host: Waiting) -> None:
        self._following, self._host = following, host
        self._keeper = host

    @property
    def _live(self) -> LiveRun:  # type: ignore[override]
        self._following.follow()
        return self._following.live

    @property
    def id(self) -> str:
        return self._following.live.id

    @property
    def closed(self) -> bool:
        """Whether it has ended, as far as the server has told."""
        return self._live.state.closed and self._following.known

    async def result(self) -> Outcome:
        """Wait for the end.

        Raises HostClosed where the host was closed before it, StoreUnavailable where the server stays away; either way
        the run goes on there, and can be asked for again.
        """
        return outcome(await self._host.ended(self._following))

    async def _before(self) -> list[str]:
        return list(self._following.before) if self._following.live.origin is not None else []


def outcome(ended: Ended) -> Outcome:
    """An end as callers have it."""
    return Outcome(ended.status, ended.result, ended.fields, ended.error, tuple(ended.visited), tuple(ended.states))
