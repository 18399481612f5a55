"""What lasts as long as a state stays as it is: a context ends when the state is activated or deactivated next."""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, Self

from trellis.machine.waits import Once, Question, Waits, hand_over

if TYPE_CHECKING:
    from asyncio import Task
    from types import TracebackType
    from typing import Any


class StateContext(Once):
    """One activation, or one absence, of the state `name`; one object for all who ask while it lasts.

    It ends as soon as the clock of the state moves, before final handlers are called, and when the machine is
    disposed. `await` it, or enter it: `async with` cancels its body when the context ends, and swallows that
    cancellation, as `asyncio.timeout` does, but no other. A body entered after the end is cancelled where it first
    waits.
    """

    __slots__ = ("_bodies", "_calls", "name")

    def __init__(self, waits: Waits | None, name: str, came: Question) -> None:
        super().__init__(waits, came)
        self.name = name
        self._bodies: list[_Body] = []
        self._calls: dict[object, Callable[[], object]] = {}

    @property
    def ended(self) -> bool:
        """Whether the state has moved, or the machine was disposed."""
        return self.done

    async def wait(self) -> None:
        """Until it ends."""
        await self

    def on_end(self, call: Callable[[], object]) -> Callable[[], None]:
        """Call a function when it ends, in the thread of the machine; at once where it has. Gives a way to take it back.

        What it raises becomes the state Exception.
        """
        token, calls, waits = object(), self._calls, self._waits

        def take_back() -> None:  # holds what it needs, so not the context
            calls.pop(token, None)
            if waits is not None:
                waits.held.pop(token, None)

        calls[token] = call
        self.hold(token)
        if self.done and calls.pop(token, None) is not None:
            self.let_go(token)
            call()
        return take_back

    def finish(self, error: BaseException | None = None) -> None:
        """The state moved: wake and cancel whoever is concerned, then call back."""
        super().finish(error)
        for body in list(self._bodies):
            body.end()
        for token in list(self._calls):
            call = self._calls.pop(token, None)
            self.let_go(token)
            if call is not None:
                try:
                    call()
                except Exception as raised:  # noqa: BLE001 - whatever it is, it becomes the state Exception
                    assert self._waits is not None
                    self._waits.failed(raised)

    async def __aenter__(self) -> Self:
        from asyncio import current_task

        task = current_task()
        if task is None:
            raise RuntimeError(f"the context of state '{self.name}' is entered outside of a task")
        body = _Body(task)
        self.hold(body)
        self._bodies.append(body)
        if self.done:
            body.end()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        from asyncio import CancelledError, current_task

        task = current_task()
        body = next(body for body in reversed(self._bodies) if body.task is task)
        self._bodies.remove(body)
        self.let_go(body)
        return body.leave() and isinstance(error, CancelledError)


class _Body:
    """The body of one `async with`, and whether it was this context that cancelled its task."""

    __slots__ = ("before", "cancelled", "left", "task", "thread")

    def __init__(self, task: Task[Any]) -> None:
        self.task = task
        self.thread = get_ident()
        self.before = task.cancelling()
        self.cancelled = self.left = False

    def end(self) -> None:
        """Cancel it, from any thread."""
        hand_over(self.task.get_loop(), self.thread, self._end_here)

    def _end_here(self) -> None:
        from asyncio import current_task

        loop = self.task.get_loop()
        if current_task(loop) is self.task:
            # It ends its own context. It may leave the body without waiting, and must not carry a cancellation out.
            loop.call_soon(self._cancel)
        else:
            self._cancel()

    def _cancel(self) -> None:
        if not self.left and not self.cancelled:
            self.cancelled = True
            self.task.cancel()

    def leave(self) -> bool:
        """It is over; whether a cancellation that comes out of it is ours alone."""
        self.left = True
        return self.cancelled and self.task.uncancel() <= self.before
