"""What every dispatcher promises, as a suite that anybody can run on their own: subclass `DispatcherContract`.

    class TestMyDispatcher(DispatcherContract):
        def dispatcher(self, observed): ...

The suite uses asyncio and `assert`, nothing else; pytest collects a subclass whose name begins with `Test`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

from trellis.model.actions import CallTool, Completed, Denied, Failed, Response
from trellis.model.values import reject

PATIENCE_S = 30.0
"""How long one test waits before it calls a dispatcher stuck. None waits that long when all is well."""


class Dispatches(Protocol):
    """What a host needs of a dispatcher."""

    async def dispatch(self, request: CallTool) -> Response:
        """Perform one attempt of `request` and report how it ended; cancelled with the task that awaits it."""
        ...


class Observed:
    """What the suite sees of the tools, told by the subclass however its tools can tell it."""

    def __init__(self) -> None:
        self.attempts: Callable[[], int] = _untold
        """How often `fail` was begun."""
        self.begun: Callable[[], Awaitable[None]] = _untold
        """Returns once `hang` is at work."""
        self.ended: Callable[[], Awaitable[None]] = _untold
        """Returns once `hang` is no longer at work."""


def _untold() -> Any:
    raise NotImplementedError("dispatcher() sets observed.attempts, observed.begun and observed.ended")


def call(tool: str, **args: Any) -> CallTool:
    """A request for one attempt of `tool`."""
    return CallTool(id="r-1:7:0", idempotency_key="r-1/work/7", node="work", tool=tool, run="r-1", args=args)


class DispatcherContract:
    """Subclass it and give `dispatcher`; every test then states one promise of `dispatch`."""

    def dispatcher(self, observed: Observed) -> Dispatches:
        """A new dispatcher, made inside a running loop, that knows three tools and no other:

        - `echo` completes with its arguments, as a map;
        - `fail` fails in a way that may be retried;
        - `hang` works until it is cancelled.

        It sets all of `observed`, so that the suite can see them at work.
        """
        raise NotImplementedError

    def test_a_completed_attempt_reports_the_value_of_the_tool(self) -> None:
        """Values arrive as they are, of the same JSON types."""
        args = {"text": "olá", "n": 7, "x": 0.5, "yes": True, "none": None, "list": [1, {"a": []}], "map": {"b": "c"}}

        async def scene(dispatcher: Dispatches, _: Observed) -> None:
            assert await dispatcher.dispatch(call("echo", **args)) == Completed(args)

        self._play(scene)

    def test_an_attempt_without_arguments_has_none(self) -> None:
        async def scene(dispatcher: Dispatches, _: Observed) -> None:
            assert await dispatcher.dispatch(call("echo")) == Completed({})

        self._play(scene)

    def test_a_failing_tool_is_reported_and_not_raised(self) -> None:
        """A code to catch, a message to read, and whether trying again may help."""

        async def scene(dispatcher: Dispatches, _: Observed) -> None:
            report = await dispatcher.dispatch(call("fail"))
            assert isinstance(report, Failed)
            assert report.code
            assert report.message
            assert report.retryable is True
            assert reject(report.code) is None
            assert reject(report.message) is None

        self._play(scene)

    def test_one_dispatch_is_one_attempt_though_it_may_be_retried(self) -> None:
        """Whether to try again is decided elsewhere."""

        async def scene(dispatcher: Dispatches, observed: Observed) -> None:
            await dispatcher.dispatch(call("fail"))
            assert observed.attempts() == 1
            await dispatcher.dispatch(call("fail"))
            assert observed.attempts() == 2

        self._play(scene)

    def test_an_unknown_tool_is_reported_by_its_name_and_never_retried(self) -> None:
        async def scene(dispatcher: Dispatches, _: Observed) -> None:
            report = await dispatcher.dispatch(call("ecko"))
            assert isinstance(report, Failed)
            assert (report.code, report.retryable) == ("unknown_tool", False)
            assert "'ecko'" in report.message

        self._play(scene)

    def test_the_request_is_not_changed(self) -> None:
        async def scene(dispatcher: Dispatches, _: Observed) -> None:
            request = call("echo", list=[1], map={"a": [2]})
            report = await dispatcher.dispatch(request)
            assert isinstance(report, Completed)
            report.value["list"].append(3)  # type: ignore[index, union-attr, call-overload]
            assert request == call("echo", list=[1], map={"a": [2]})

        self._play(scene)

    def test_attempts_do_not_wait_for_each_other(self) -> None:
        async def scene(dispatcher: Dispatches, observed: Observed) -> None:
            hanging = asyncio.create_task(dispatcher.dispatch(call("hang")))
            await observed.begun()
            reports = await asyncio.gather(*(dispatcher.dispatch(call("echo", n=n)) for n in range(5)))
            assert reports == [Completed({"n": n}) for n in range(5)]
            assert not hanging.done()
            hanging.cancel()
            await asyncio.wait([hanging])

        self._play(scene)

    def test_cancelling_the_task_ends_the_attempt(self) -> None:
        """On return the tool is no longer at work, and no report says that it completed."""

        async def scene(dispatcher: Dispatches, observed: Observed) -> None:
            hanging = asyncio.create_task(dispatcher.dispatch(call("hang")))
            await observed.begun()
            hanging.cancel()
            await asyncio.wait([hanging])
            await observed.ended()
            assert hanging.cancelled() or isinstance(hanging.result(), Failed | Denied)

        self._play(scene)

    def test_a_dispatcher_works_on_after_a_cancelled_attempt(self) -> None:
        async def scene(dispatcher: Dispatches, observed: Observed) -> None:
            hanging = asyncio.create_task(dispatcher.dispatch(call("hang")))
            await observed.begun()
            hanging.cancel()
            await asyncio.wait([hanging])
            assert await dispatcher.dispatch(call("echo", n=1)) == Completed({"n": 1})

        self._play(scene)

    def _play(self, scene: Callable[[Dispatches, Observed], Coroutine[Any, Any, None]]) -> None:
        async def bounded() -> None:
            observed = Observed()
            async with asyncio.timeout(PATIENCE_S) as clock:
                await scene(self.dispatcher(observed), observed)
            assert not clock.expired(), "stuck until it was cancelled"

        asyncio.run(bounded())
