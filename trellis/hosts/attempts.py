"""The calls under way: each is one task, and is reported once, however it ends; while the host stops, not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from trellis.hosts.clock import Clock
from trellis.hosts.live import LiveRun
from trellis.model.actions import CallTool, Completed, Denied, Failed, Response
from trellis.model.events import ActionCompleted, ActionFailed, Event
from trellis.model.secrets import conceal, reveal, seal, sealed_names, unsealed

Task = asyncio.Task[None]
Secret = tuple[str, str]
"""The field and the value of a secret that an event brings; the host remembers it once the event is taken."""


class Attempts:
    """Performs attempts through the routers of their runs, and hands each outcome to `post` as an event."""

    def __init__(self, clock: Clock, post: Callable[[LiveRun, Event, None, Secret | None], None]) -> None:
        self._clock, self._post = clock, post
        self._tasks: set[Task] = set()
        self._stopping = False

    def begin(self, run: LiveRun, request: CallTool) -> None:
        """Make one attempt. Not where the run has ended here: whoever resumes it makes it."""
        if self._stopping or run.closed.done():
            return
        task = asyncio.get_running_loop().create_task(self._attempt(run, request))
        run.tasks[request.id] = task
        self._tasks.add(task)
        task.add_done_callback(lambda over: self._over(run, request, over))

    def refuse(self) -> None:
        """From now on nothing is begun, and nothing reported."""
        self._stopping = True

    async def stop(self) -> None:
        """Cancel what is under way and wait until it is gone; its outcome is the affair of whoever resumes the run."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _attempt(self, run: LiveRun, request: CallTool) -> None:
        response: Response
        call = request
        try:
            if run.has_secrets:
                args: Any = reveal(request.args, run.secrets)
                call = msgspec.structs.replace(request, args=args)
            response = await run.router.dispatch(call)
        except Exception as error:  # noqa: BLE001 - whatever a foreign dispatcher raises is how the attempt ended
            response = Failed("failed", f"{type(error).__name__}: {error}")
        self._ended(run, request, response)

    def _over(self, run: LiveRun, request: CallTool, task: Task) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # perhaps before its first step, so this is not the coroutine's to say
            self._ended(run, request, Failed("cancelled", "the attempt was cancelled", retryable=False))

    def _ended(self, run: LiveRun, request: CallTool, response: Response) -> None:
        run.tasks.pop(request.id, None)
        if not self._stopping and not run.closed.done():
            event, secret = self._report(run, request, response)
            self._post(run, event, None, secret)

    def _report(self, run: LiveRun, request: CallTool, response: Response) -> tuple[Event, Secret | None]:
        """What the journal keeps of a response: no secret in clear, and nothing that could pass for a sealed one.

        With it the secret that it brings, where a secret field takes the value.
        """
        now, name = self._clock.now(), request.id
        if isinstance(response, Completed):
            value, field = response.value, run.secret_saved_by(request)
            if sealed_names(value):
                response = Failed("invalid", "the value holds the mark of a secret", retryable=False)
            elif field is None:
                return ActionCompleted(now, name, conceal(value, run.secrets) if run.secrets else value), None
            elif isinstance(value, str) and value:
                return ActionCompleted(now, name, seal(field)), (field, value)
            else:
                response = Failed("invalid", "a secret is a text that is not empty", retryable=False)
        if isinstance(response, Denied):
            response = Failed("denied", response.reason, retryable=False)
        code, message = (str(conceal(unsealed(text), run.secrets)) for text in (response.code, response.message))
        return ActionFailed(now, name, code, message, response.retryable, self._clock.noise()), None
