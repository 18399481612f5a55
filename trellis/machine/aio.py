"""A machine whose handlers may be coroutines: the same order, the same results, to be awaited.

Without a handler that waits, a mutation has been made when the call returns. With one, a task goes on with it, so that
a caller who is cancelled leaves the machine whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future as ThreadFuture
from contextvars import ContextVar
from typing import Any

from trellis.engine.relations import Kind
from trellis.errors import AsyncHandler, HandlerCancelled, HandlerTimeout, MachineError, TracerFailed
from trellis.machine.arguments import checked
from trellis.machine.core import Core
from trellis.machine.enqueue import enqueue
from trellis.machine.handlers import COROUTINE, flags_of
from trellis.machine.mutation import Mutation, Source
from trellis.machine.result import CANCELED, PREPENDED, Result
from trellis.machine.running import NO_ARGS, Work, work

_within: ContextVar[frozenset[object]] = ContextVar("within", default=frozenset())
"""The runs of queues that the current task is a part of: those whose handlers it is, or was begun by."""


class AsyncMachine(Core["asyncio.Future[Result]"]):
    """A machine for one event loop; make it while the loop runs. See Core for the arguments.

    A mutation gives a future of its own Result: made while a transition runs, it is done when its turn has come and
    passed. Only one made by a handler itself is answered at once, as queued, because its handler is what it waits for.
    A handler that is still awaited after `handler_timeout` seconds is cancelled, and has failed.
    """

    __slots__ = ("_drain", "_loop", "_stepping", "_task")

    def __init__(self, schema: object, order: Any = None, **options: Any) -> None:
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            raise MachineError("an AsyncMachine belongs to an event loop: make it in a coroutine") from None
        self._task: asyncio.Task[None] | None = None
        self._stepping, self._drain = False, object()
        super().__init__(schema, order, **options)

    def mutate(
        self,
        kind: Kind,
        names: tuple[str, ...],
        args: Mapping[str, Any] = NO_ARGS,
        *,
        source: Source | None = None,
        prepend: bool = False,
        check: bool = False,
    ) -> asyncio.Future[Result]:
        """What all mutations come down to: run it now, or queue it while a transition runs."""
        self._check_here()
        if self.disposed:
            return self.answer(CANCELED)
        if self.arguments is not None and kind != "remove":
            args = checked(self.arguments, names, args)
        done: asyncio.Future[Result] = self._loop.create_future()
        if self.running:
            inside = self._inside()
            result = enqueue(self, kind, names, args, source, prepend, check, None if inside else _teller(done))
            if inside or result.value != "queued":
                done.set_result(result)
            return done
        self._run(work(self, self.begin(kind, names, args, source, prepend, check), args, source, check), done)
        return done

    def answer(self, result: Result) -> asyncio.Future[Result]:
        """A future that is done."""
        done: asyncio.Future[Result] = self._loop.create_future()
        done.set_result(result)
        return done

    def overhear(self, answered: asyncio.Future[Result]) -> None:
        """Raise the error of a mutation that no caller awaits; what comes later is told to the loop."""
        if answered.done():
            answered.result()
        else:
            answered.add_done_callback(self._told_to_loop)

    def _told_to_loop(self, answered: asyncio.Future[Result]) -> None:
        if not answered.cancelled() and (error := answered.exception()) is not None:
            self._loop.call_exception_handler({"message": f"machine {self.id} failed", "exception": error})

    def eval(self, call: Callable[[], object]) -> asyncio.Future[Result]:
        """Call a function when no transition runs, before everything that waits. Raises AsyncHandler for a coroutine's."""
        self._check_here()
        if flags_of(call) & COROUTINE:
            raise AsyncHandler(call.__name__)
        if self.disposed:
            return self.answer(CANCELED)
        done: asyncio.Future[Result] = self._loop.create_future()
        if self.running:
            inside = self._inside()
            self.queue.insert(0, Mutation("add", (), call=call, tell=None if inside else _teller(done)))
            return self.answer(PREPENDED) if inside else done
        self.start()
        self._run(self.called(call), done)
        return done

    def _check_here(self) -> None:
        self._check_thread()
        if self._loop.is_closed():
            raise MachineError(f"the event loop of machine '{self.id}' is closed; make a machine for each loop")

    def _inside(self) -> bool:
        """Whether the caller is a handler of the transition that runs, or a task that it began: such a one would wait
        for itself."""
        return self._stepping or self._drain in _within.get()

    def _run(self, steps: Work, done: asyncio.Future[Result]) -> None:
        """Take all steps up to the first that must be awaited; a task takes the others."""
        self._drain = object()
        try:
            awaited = self._advance(lambda: next(steps))
        except Exception as error:  # noqa: BLE001 - goes to whoever awaits the mutation
            self._end(done, error)
            return
        except BaseException:
            self._stop()
            raise
        if awaited is None:
            self._end(done)
        else:
            self._task = self._loop.create_task(self._go_on(steps, awaited, done), name=f"machine {self.id}")

    async def _go_on(self, steps: Work, awaited: Awaitable[object] | None, done: asyncio.Future[Result]) -> None:
        _within.set(_within.get() | {self._drain})
        try:
            while awaited is not None:
                try:
                    got = await self._limited(awaited)
                except BaseException as raised:  # noqa: BLE001 - the steps decide what becomes of it
                    error = self._failure(raised)
                    awaited = self._advance(lambda: steps.throw(error))  # noqa: B023 - called at once
                else:
                    value = got
                    awaited = self._advance(lambda: steps.send(value))  # noqa: B023 - called at once
        except Exception as error:  # noqa: BLE001 - goes to whoever awaits the mutation
            self._end(done, error)
        except BaseException as error:
            self._end(done, error)
            raise
        else:
            self._end(done)

    def _failure(self, raised: BaseException) -> BaseException:
        """What an awaited handler raised. One that was cancelled while this task was not has failed like any other."""
        task = asyncio.current_task()
        if isinstance(raised, asyncio.CancelledError) and task is not None and not task.cancelling():
            assert self.current is not None
            failure = HandlerCancelled(self.current.name)
            failure.__cause__ = raised
            return failure
        return raised

    def _advance(self, resume: Callable[[], Awaitable[object]]) -> Awaitable[object] | None:
        """One stretch without waiting: what must be awaited next, None at the end."""
        self._stepping = True
        try:
            return resume()
        except StopIteration:
            return None
        finally:
            self._stepping = False

    async def _limited(self, awaited: Awaitable[object]) -> object:
        limit = self.handler_timeout
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await awaited
        except TimeoutError:
            if limit is None or not scope.expired() or self.current is None:
                raise
            raise HandlerTimeout(self.current.name, limit, limit) from None

    def _stop(self) -> TracerFailed | None:
        """Nothing more is run. What waits is canceled; gives what a tracer raised."""
        self._task = None
        self.drop_queue()
        return self.rest()

    def _end(self, done: asyncio.Future[Result], error: BaseException | None = None) -> None:
        result = self.result
        try:
            failed = self._stop()
            error = failed if error is None else error
        except Exception as closing:  # noqa: BLE001 - of what was called at the end; it has nobody else
            error = error or closing
        if done.done():
            if isinstance(error, Exception):
                self._loop.call_exception_handler({"message": f"machine {self.id} failed", "exception": error})
        elif isinstance(error, Exception):
            done.set_exception(error)
        elif error is not None:
            done.cancel()
        else:
            done.set_result(result)


def _teller(done: asyncio.Future[Result]) -> Callable[[Result], None]:
    """What tells a future its result, unless who waited for it is gone: a caller who gives up changes nothing."""

    def tell(result: Result) -> None:
        if not done.done():
            done.set_result(result)

    return tell


class ThreadSafe:
    """Mutations from other threads than the machine's own: each is handed to the event loop that runs there.

    Every method gives a concurrent future of the Result; its errors are those of the mutation.
    """

    def __init__(self, machine: Core[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.machine, self._loop = machine, loop

    def add(self, *names: str, **args: Any) -> ThreadFuture[Result]:
        """`machine.add`."""
        return self.hand(lambda: self.machine.add(*names, **args))

    def remove(self, *names: str, **args: Any) -> ThreadFuture[Result]:
        """`machine.remove`."""
        return self.hand(lambda: self.machine.remove(*names, **args))

    def set(self, *names: str, **args: Any) -> ThreadFuture[Result]:
        """`machine.set`."""
        return self.hand(lambda: self.machine.set(*names, **args))

    def toggle(self, *names: str, **args: Any) -> ThreadFuture[Result]:
        """`machine.toggle`."""
        return self.hand(lambda: self.machine.toggle(*names, **args))

    def add_err(self, err: BaseException | None, *states: str, **args: Any) -> ThreadFuture[Result]:
        """`machine.add_err`."""
        return self.hand(lambda: self.machine.add_err(err, *states, **args))

    def hand(self, call: Callable[[], Any]) -> ThreadFuture[Result]:
        """Make a mutation in the machine's own thread."""

        async def made() -> Result:
            result: Result | asyncio.Future[Result] = call()
            return (await result) if isinstance(result, asyncio.Future) else result

        return asyncio.run_coroutine_threadsafe(made(), self._loop)
