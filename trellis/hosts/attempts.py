"""The attempts under way: each is one task, and is reported once, however it ends; while the host stops, not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from trellis.hosts.approving import Gate
from trellis.hosts.clock import Clock
from trellis.hosts.live import LiveRun
from trellis.hosts.reports import Secret, report
from trellis.hosts.vault import Vault
from trellis.model.actions import CallTool, Completed, Emit, Failed, Response
from trellis.model.events import Event
from trellis.model.secrets import reveal

if TYPE_CHECKING:
    from trellis.dispatch import Router

Task = asyncio.Task[None]
_CANCELLED = Failed("cancelled", "the attempt was cancelled", retryable=False)
Deliver = Callable[[LiveRun, Emit], Awaitable[Response]]
"""Brings a signal to the run that it is for, and says what became of it there."""


class Attempts:
    """Performs attempts, calls through the routers of their runs, and hands each outcome to `post` as an event."""

    def __init__(
        self,
        clock: Clock,
        vault: Vault | None,
        deliver: Deliver,
        post: Callable[[LiveRun, Event, None, Secret | None], None],
    ) -> None:
        self._clock, self._vault, self._deliver, self._post = clock, vault, deliver, post
        self._tasks: dict[Task, tuple[LiveRun, CallTool | Emit]] = {}
        self._stopping = False

    def begin(self, run: LiveRun, request: CallTool | Emit) -> None:
        """Make one attempt. Not where the run has ended here: whoever resumes it makes it."""
        self._begin(run, request, self._attempt)

    def ask(self, run: LiveRun, request: CallTool, gate: Gate, make: Callable[[LiveRun, CallTool], None]) -> None:
        """Put the call to the gate, and `make` it where it is allowed; else report that it is denied."""

        async def judge(run: LiveRun, request: CallTool) -> None:
            denied, by = await gate.judge(run, request)
            pending = run.state.open.get(request.id)
            if denied is not None:
                self._ended(run, request, denied, by)
            elif pending is None or pending.cancelling:  # it was cancelled, and the policy did not heed it
                self._ended(run, request, _CANCELLED)
            elif not self._stopping and not run.closed.done():
                run.tasks.pop(request.id, None)
                make(run, request)

        self._begin(run, request, judge)

    def _begin(
        self, run: LiveRun, request: CallTool | Emit, work: Callable[[LiveRun, Any], Coroutine[None, None, None]]
    ) -> None:
        if self._stopping or run.closed.done():
            return
        task = asyncio.get_running_loop().create_task(work(run, request))
        run.tasks[request.id] = task
        self._tasks[task] = run, request
        task.add_done_callback(self._over)

    def refuse(self) -> None:
        """Cancel what is under way, begin nothing more, and report nothing: that is for whoever resumes the runs."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """After `refuse`: wait until all of it is gone."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _attempt(self, run: LiveRun, request: CallTool | Emit) -> None:
        if isinstance(request, CallTool):
            response = await perform(run, request, self._clock)
        else:
            response = await self._bring(run, request)
        self._ended(run, request, response)

    async def _bring(self, run: LiveRun, request: Emit) -> Response:
        try:
            return await self._deliver(run, request)
        except Exception as error:  # noqa: BLE001 - whatever came between, the signal is not known to be taken
            return Failed("failed", f"{type(error).__name__}: {error}")

    def _over(self, task: Task) -> None:
        run, request = self._tasks.pop(task)
        if task.cancelled():  # perhaps before its first step, so this is not the coroutine's to say
            self._ended(run, request, _CANCELLED)

    def _ended(self, run: LiveRun, request: CallTool | Emit, response: Response, by: str = "") -> None:
        run.tasks.pop(request.id, None)
        if isinstance(response, Completed):
            run.allowed.discard(request.idempotency_key)
        if not self._stopping and not run.closed.done():
            event, secret = report(run, request, response, self._clock, self._vault, by)
            self._post(run, event, None, secret)


async def perform(run: LiveRun, request: CallTool, clock: Clock, connection: Any = None) -> Response:
    """One attempt of a run, with the secrets that its arguments stand for; in a transaction, with its connection."""
    return await attempt(run.router, request, clock, run.secrets if run.has_secrets else None, connection)


async def attempt(
    router: Router, request: CallTool, clock: Clock, secrets: Mapping[str, str] | None, connection: Any = None
) -> Response:
    """One attempt, with the secrets that its arguments may stand for (None: they stand for none)."""
    call = request
    try:
        if secrets is not None:
            args: Any = reveal(request.args, secrets)
            call = msgspec.structs.replace(request, args=args)
        if call.silence is not None:
            from trellis.hosts.pulse import Pulse  # few calls have to beat

            once = router.effect(call.tool) == "at_most_once"  # then nobody knows how far it had come
            pulse = Pulse(clock, call.silence, retryable=not once)
            extra = () if connection is None else (connection,)
            return await pulse.watch(call, lambda heard: router.dispatch(heard, *extra))
        return await (router.dispatch(call) if connection is None else router.dispatch(call, connection))
    except Exception as error:  # noqa: BLE001 - whatever a foreign dispatcher raises is how the attempt ended
        return Failed("failed", f"{type(error).__name__}: {error}")
