"""A call begins once what it is given can be opened, and is over once what it came to is kept: a store that is away is waited for,
and what cannot be opened here at all is handed back, as no attempt.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from temporalio import activity
from temporalio.api.failure.v1 import Failure
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from trellis.errors import StoreUnavailable
from trellis.hosts.clock import Clock, pause
from trellis.hosts.temporal.codec import AWAY, UNOPENED, WHY, Codec, inside
from trellis.hosts.temporal.messages import STOPPED, UNBEGUN, Fault

log = logging.getLogger("trellis")

ENDED = "ended"
"""What the last beat of an attempt adds that failed and says so. Each beat begins with the number that the server gives
to the attempt, so that whoever hears of a silence knows whose it was."""
AGAIN_S = 1.0
"""The wait before the store is asked again, and how often a beat is given meanwhile."""
HAND_BACK_S = 5.0
"""The wait before a call is handed back, so that it does not go to and fro all the time."""
SPARE_S = 5.0
"""So long before its time is over a call is handed back that was not begun."""


class Reach:
    """What a worker can open, and where it keeps what is large. In an activity only."""

    def __init__(self, converter: DataConverter, clock: Clock) -> None:
        codec = converter.payload_codec
        self._converter, self._clock = converter, clock
        self._codec = codec if isinstance(codec, Codec) else None
        self._claims = self._codec is not None and self._codec.claims

    async def open(self, given: Sequence[RawValue]) -> Sequence[RawValue]:
        """What a call is given, opened. Raises ApplicationError UNBEGUN where that cannot be, here or in time."""
        about = activity.info()
        until = self._clock.now() + HAND_BACK_S
        within = about.start_to_close_timeout
        most = self._clock.now() + within.total_seconds() - SPARE_S if within is not None else float("inf")
        said = False
        while why := next(filter(None, map(_closed, given)), ""):
            away = any(each.payload.metadata.get("encoding") == AWAY for each in given)
            if not said:
                log.warning(
                    "a call of '%s' in run '%s' cannot begin here: %s", about.activity_type, about.workflow_id, why
                )
                said = True
            now = self._clock.now()
            if now >= most or (now >= until and not away):
                raise _unbegun(why, about.attempt)
            activity.heartbeat(about.attempt)
            try:
                await pause(self._clock, AGAIN_S)
            except asyncio.CancelledError:
                if stopped():
                    raise _unbegun(why, about.attempt) from None
                raise
            if away:
                given = [RawValue(payload) for payload in await self._again([each.payload for each in given])]
        return given

    async def keep(self, outcome: Any, number: int) -> None:
        """Let the store have what of this outcome, a value or a failure, is large: the library asks for it only when nobody
        beats for the call any more. Raises ApplicationError STOPPED where the worker stops meanwhile."""
        if not self._claims:
            return
        about, failed = activity.info(), isinstance(outcome, BaseException)
        said = False
        while True:
            try:
                if failed:
                    await self._converter.encode_failure(outcome, Failure())
                else:
                    await self._converter.encode([outcome])
                return
            except StoreUnavailable as error:
                if not said:
                    told = "what a call of '%s' in run '%s' came to cannot be kept yet: %s"
                    log.warning(told, about.activity_type, about.workflow_id, error)
                    said = True
            activity.heartbeat(about.attempt, *([ENDED] if failed else []))
            try:
                await pause(self._clock, AGAIN_S)
            except asyncio.CancelledError:
                if stopped():
                    told = "the worker stopped before what the call came to was kept"
                    raise ApplicationError(told, Fault(number), type=STOPPED, non_retryable=True) from None
                why = activity.cancellation_details()
                if why is None or not why.cancel_requested:
                    raise

    async def _again(self, payloads: list[Any]) -> list[Any]:
        assert self._codec is not None
        waiting = self._codec.waiting
        return [
            (await waiting.decode([inside(payload)]))[0] if payload.metadata.get("encoding") == AWAY else payload
            for payload in payloads
        ]


def _closed(given: RawValue) -> str:
    """Why this cannot be read here; empty where it can."""
    if given.payload.metadata.get("encoding") in (AWAY, UNOPENED):
        return given.payload.metadata[WHY].decode()
    return ""


def _unbegun(why: str, attempt: int) -> ApplicationError:
    return ApplicationError(why, Fault(attempt), type=UNBEGUN, non_retryable=True)


def stopped() -> bool:
    """Whether the worker stops, or an operator resets the activity, rather than that the run wants the call no more."""
    why = activity.cancellation_details()
    return why is None or ((why.worker_shutdown or why.reset) and not why.cancel_requested)
