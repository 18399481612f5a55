"""What happens in the tests of hosts: scenes with a time limit, tools that remember, stores that suspend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from trellis.dispatch import Dispatcher
from trellis.errors import ActionError
from trellis.hosts.clock import LONGEST_ALARM_S
from trellis.hosts.local import Run
from trellis.testing.clocks import ManualClock

T = TypeVar("T")
PATIENCE_S = 60.0
"""How long a scene may take. None takes that long when all is well."""


def play(scene: Coroutine[Any, Any, T]) -> T:
    """What the scene returns. One that hangs fails."""

    async def timed() -> T:
        task = asyncio.ensure_future(scene)
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
        if not done:
            where = task.get_stack(limit=1)
            for _ in range(5):  # a host that hangs where it closes, a tool that does not want to end
                others = asyncio.all_tasks() - {asyncio.current_task()}
                for other in others:
                    other.cancel()
                if others:
                    await asyncio.wait(others, timeout=0.1)
            raise AssertionError(f"the scene hangs, at {where}")
        return task.result()

    return asyncio.run(timed())


class Doing:
    """A dispatcher whose actions remember how often they were called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        self.gate = asyncio.Event()
        self.ended: list[str] = []
        """The nodes whose stuck action was cancelled and has cleaned up."""
        self.tools = Dispatcher()
        self.tools.register("use", self.use)
        self.tools.register("work", self.work)
        self.tools.register("once", self.once, effect="at_most_once")
        self.tools.register("stuck", self.stuck)
        self.tools.register("stubborn", self.stubborn)
        self.tools.register("broken", self.broken)

    @property
    def nodes(self) -> list[str]:
        """The nodes that called, in order."""
        return [node for node, _, _ in self.calls]

    def _note(self, request: Any) -> None:
        self.calls.append((request.node, request.idempotency_key, dict(request.args)))

    async def use(self, env: str, *, request: Any) -> str:
        self._note(request)
        return f"used {env}"

    async def work(self, n: int, *, request: Any) -> int:
        self._note(request)
        return n + 1

    async def once(self, *, request: Any) -> str:
        self._note(request)
        await self.gate.wait()
        return "done"

    async def stuck(self, *, request: Any) -> None:
        self._note(request)
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(3):
                await asyncio.sleep(0)
            self.ended.append(request.node)

    async def stubborn(self, *, request: Any) -> str:
        """Ends at the gate, though it is cancelled; not for ever, or a scene that hangs could not fail."""
        self._note(request)
        for _ in range(4):
            try:
                await self.gate.wait()
                break
            except asyncio.CancelledError:
                self.ended.append(request.node)
        return "done after all"

    async def broken(self) -> None:
        raise ActionError("nogood", "it is broken", retryable=False)


async def lines_of(run: Run) -> list[dict[str, Any]]:
    return [line async for line in run.events()]


async def until(holds: Callable[[], bool]) -> None:
    """Let others go on until this holds."""
    while not holds():
        await asyncio.sleep(0)


async def until_called(doing: Doing, times: int = 1) -> None:
    await until(lambda: len(doing.calls) >= times)


class Pausing:
    """A store that lets others go on before and after it does what it is asked."""

    def __init__(self, store: object) -> None:
        self._store = store

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if not asyncio.iscoroutinefunction(found):
            return found

        async def call(*args: object, **kwargs: object) -> object:
            for _ in range(5):
                await asyncio.sleep(0)
            answer = await found(*args, **kwargs)
            for _ in range(5):
                await asyncio.sleep(0)
            return answer

        return call


class Held:
    """A store whose calls of one name wait at a gate, from `hold` to `free`: once they are done, or before they begin."""

    def __init__(self, store: object, name: str, *, before: bool = False) -> None:
        self._store, self._name, self._before = store, name, before
        self._gate = asyncio.Event()
        self.free()
        self.waiting = 0

    def hold(self) -> None:
        self._gate.clear()

    def free(self) -> None:
        self._gate.set()

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name != self._name:
            return found

        async def call(*args: object, **kwargs: object) -> object:
            if self._before:
                await self._wait()
            answer = await found(*args, **kwargs)
            if not self._before:
                await self._wait()
            return answer

        return call

    async def _wait(self) -> None:
        if not self._gate.is_set():
            self.waiting += 1
            await self._gate.wait()


class Adjustable(ManualClock):
    """A clock whose hands can be set; its alarms ring after their delay all the same, and none later than the system's."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        super().__init__(now)
        self.offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset

    def alarm(self, delay: float, ring: Callable[[], None]) -> Any:
        return super().alarm(min(delay, LONGEST_ALARM_S), ring)
