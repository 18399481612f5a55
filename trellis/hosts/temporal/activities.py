"""One attempt of a call is one attempt of an activity: the tool is found here, secrets are opened for it alone, and how it
ended goes back as a value, or as a failure whose type is the code that an author may catch.

While it lasts the worker beats for it, so that a worker that died is noticed and a cancellation arrives. What the tool
itself says of its progress is another matter, and stays within the attempt.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import msgspec
from temporalio import activity
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.exceptions import ApplicationError

from trellis.dispatch import Dispatcher, Router
from trellis.engine.retries import delay_before
from trellis.hosts.attempts import attempt
from trellis.hosts.clock import Clock, SystemClock
from trellis.hosts.reports import without_secrets
from trellis.hosts.temporal.messages import STOPPED, Call, Done, Fault, whole_key
from trellis.hosts.temporal.payloads import detail
from trellis.hosts.temporal.reaching import ENDED, Reach, stopped
from trellis.hosts.vault import VARIABLE, SecretUnreadable, Vault, opened
from trellis.model.actions import CallTool, Failed, Response
from trellis.model.graph import Tool

BEAT_S = 1.0
"""How often a worker beats for an attempt that lasts. The heartbeat timeout of an activity is several times that."""
ROUTERS = 1000
"""How many declared tools are kept ready."""


class Activities:
    """Performs calls with the tools of a program, and those that graphs declare beside themselves.

    A graph is in the first of the projects at `roots` that has its file; where none has, in the first of all. `allow` names the kinds of declared tools that may run ("process"); `vault` opens and seals secrets.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        allow: Collection[str] = (),
        roots: Sequence[str] = (".",),
        vault: Vault | None = None,
        clock: Clock | None = None,
        converter: DataConverter | None = None,
    ) -> None:
        self._dispatcher, self._allow = dispatcher, frozenset(allow)
        self._roots = [os.path.abspath(root) for root in roots]
        self._vault, self._clock = vault, clock if clock is not None else SystemClock()
        self._reach = Reach(converter, self._clock) if converter is not None else None
        self._routers: dict[tuple[str, str, bytes], Router] = {}
        self.under_way = 0
        """How many attempts are being made."""

    @activity.defn(dynamic=True)
    async def call(self, given: Sequence[RawValue]) -> Done:
        """One attempt of the tool that the type of the activity names. Raises ApplicationError with a Fault."""
        if self._reach is None:
            return await self._called(given)
        given = await self._reach.open(given)
        try:
            done = await self._called(given)
        except ApplicationError as error:
            fault = detail(error, Fault)
            await self._reach.keep(error, fault.attempt if fault is not None else 1)
            raise
        await self._reach.keep(done, done.attempt)
        return done

    async def _called(self, given: Sequence[RawValue]) -> Done:
        about = activity.info()
        converter = activity.payload_converter()
        call: Call = converter.from_payload(given[0].payload, Call)
        args: dict[str, Any] = converter.from_payload(given[1].payload, dict) if len(given) > 1 else {}
        router = self._router(call, about.activity_type)
        number = call.before + about.attempt
        run = call.run or about.workflow_id or ""
        request = CallTool(
            about.activity_id,
            whole_key(call.key, run, call.node),
            call.node,
            about.activity_type,
            run,
            args,
            number,
            call.undo,
            call.silence,
        )
        effect = router.effect(request.tool)
        once = effect == "at_most_once"
        if effect == "transactional":
            raise _failed(call, _TRANSACTIONAL, number)
        before = [about.attempt - 1, ENDED]
        if once and (call.again or (about.attempt > 1 and list(about.heartbeat_details) != before)):
            raise _failed(call, _CUT_OFF, number)
        limit = _limit(call, about)
        if limit is not None and limit.seconds <= 0:
            raise _late(call, limit, number - 1)
        response, secrets, passed = await self._perform(router, request, call, about.attempt, limit)
        kept, secret = without_secrets(response, secrets, call.save or None)
        if once and (passed or isinstance(kept, Failed)):  # it is not cut off: whoever tries again may know
            activity.heartbeat(about.attempt, ENDED)
        if passed and isinstance(kept, Failed):
            assert limit is not None
            raise _late(call, limit, number, once=once)
        if isinstance(kept, Failed):
            raise _failed(call, kept, number)
        done = Done(kept.value, number)
        if secret is not None:
            if self._vault is None:
                raise _failed(call, _NO_KEYS, number)
            field, value = secret
            done = Done(kept.value, number, {field: self._vault.seal(request.run, field, value)})
        if passed:
            assert limit is not None
            raise _late(call, limit, number, done, once=once)
        return done

    def know(self, root: str) -> None:
        """Graphs are in the project at `root` too."""
        place = os.path.abspath(root)
        if place not in self._roots:
            self._roots.append(place)
            self._routers.clear()

    def _router(self, call: Call, name: str) -> Router:
        key = call.source, name, msgspec.json.encode(call.tool)
        router = self._routers.get(key)
        if router is None:
            if len(self._routers) >= ROUTERS:
                del self._routers[next(iter(self._routers))]
            tools: Mapping[str, Tool] = {} if call.tool is None else {name: call.tool}
            router = self._routers[key] = self._dispatcher.bind(
                tools, base=self._folder(call.source), allow=self._allow
            )
        return router

    def _folder(self, source: str) -> str:
        """Where the graph is whose tools are looked up beside it."""
        there = (root for root in self._roots if source and os.path.exists(os.path.join(root, source)))
        return os.path.join(next(there, self._roots[0]), os.path.dirname(source))

    async def _perform(
        self, router: Router, request: CallTool, call: Call, number: int, limit: _Limit | None
    ) -> tuple[Response, dict[str, str], bool]:
        """How the attempt ended, the secrets that it was given, and whether its time was over before."""
        secrets, refused = opened(self._vault, request.run, call.secrets, call.secrets)
        if refused:
            return _unreadable(refused), secrets, False
        beats = _Beats(number)
        self.under_way += 1
        try:
            async with asyncio.timeout(None if limit is None else limit.seconds) as bound:
                response = await attempt(router, request, self._clock, secrets or None)
            return response, secrets, bound.expired()
        except TimeoutError:  # no tool's own: those are how an attempt failed
            return _STOPPED_LATE, secrets, True
        except asyncio.CancelledError:
            if not stopped():
                raise
            why = activity.cancellation_details()
            who = "an operator reset the activity" if why is not None and why.reset else "the worker stopped"
            raise ApplicationError(
                f"{who} while it made the call of '{request.node}'",
                Fault(request.attempt),
                type=STOPPED,
                non_retryable=True,
            ) from None
        finally:
            self.under_way -= 1
            beats.stop()


class _Limit(NamedTuple):
    """What bounds an attempt: the seconds that are left, and of what."""

    seconds: float
    of: Literal["timeout", "deadline"]


def _limit(call: Call, about: activity.Info) -> _Limit | None:
    """The earlier of the limits of an attempt that begins now; None: nothing bounds it."""
    limits: list[_Limit] = []
    if call.timeout is not None:
        limits.append(_Limit(max(call.timeout, 0.001), "timeout"))
    if call.deadline is not None:
        limits.append(_Limit(call.deadline - about.started_time.timestamp(), "deadline"))
    return min(limits, default=None)


def _late(call: Call, limit: _Limit, number: int, done: Done | None = None, *, once: bool = False) -> ApplicationError:
    """How Temporal is told that time was over, and what the attempt came to all the same."""
    again = not once and limit.of == "timeout"
    failed = Failed("timeout", f"{limit.of} of node '{call.node}' has passed", again)
    return _failed(call, failed, number, Fault(number, again, limit.of, done))


class _Beats:
    """Beats again and again for the activity in whose context it is made, with its number for the server.

    A short attempt costs a timer and no beat, unless there was one before, whose beat would be taken for its own.
    """

    def __init__(self, number: int) -> None:
        self._number, self._loop = number, asyncio.get_running_loop()
        if number > 1:
            activity.heartbeat(number)
        self._timer = self._loop.call_later(BEAT_S, self._beat)

    def _beat(self) -> None:
        activity.heartbeat(self._number)
        self._timer = self._loop.call_later(BEAT_S, self._beat)

    def stop(self) -> None:
        self._timer.cancel()


_TRANSACTIONAL = Failed(
    "invalid",
    "its effect is transactional, and no run on Temporal shares a database with its tools; "
    "declare it idempotent, and let what it writes count once by its key",
    retryable=False,
)
_CUT_OFF = Failed("uncertain", "the attempt before was cut off, and nobody knows how far it had come", retryable=False)
_STOPPED_LATE = Failed("cancelled", "the attempt was cancelled", retryable=False)
_NO_KEYS = Failed(
    "invalid",
    f"its value is a secret, which is kept under encryption alone, and this worker has no keys; set {VARIABLE}",
    retryable=False,
)


def _unreadable(refused: Mapping[str, SecretUnreadable]) -> Failed:
    """Another worker may have the key: so it is tried again where the policy says so."""
    return Failed("failed", "; ".join(str(error) for error in refused.values()))


def _failed(call: Call, failed: Failed, number: int, fault: Fault | None = None) -> ApplicationError:
    """How Temporal is told of it. With jitter the wait before the next attempt is drawn here."""
    delay = None
    if call.retry is not None:
        noise = random.random()
        delay = delay_before(call.retry, number, failed.code, retryable=failed.retryable, noise=noise)
    return ApplicationError(
        failed.message,
        fault or Fault(number, failed.retryable),
        type=failed.code,
        non_retryable=not failed.retryable,
        next_retry_delay=None if delay is None else timedelta(seconds=delay),
    )
