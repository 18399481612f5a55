"""A relation machine in this process: mutations in, states out, one transition at a time.

Whoever uses neither handler nor tracer nor wait pays for none: then a mutation is one step of the automaton that the
relations remember, and nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from threading import get_ident
from typing import Any

from trellis.engine.relations import Change, Kind
from trellis.errors import AsyncHandler
from trellis.machine.arguments import checked
from trellis.machine.core import Core
from trellis.machine.handlers import Binding
from trellis.machine.mutation import Mutation, Source
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED, Result
from trellis.machine.running import NO_ARGS, Work, work
from trellis.machine.tracing import Hooks


class Machine(Core[Result]):
    """A machine whose handlers are plain functions: a mutation is answered when all that it led to has happened.

    Made while a transition runs, in a handler, it is queued and answered at once. See Core for the arguments.
    """

    __slots__ = ()

    def add(self, *names: str, **args: Any) -> Result:
        """Activate these states, with what they bring."""
        if args or get_ident() != self._plain:
            return self.mutate("add", names, args)
        change = self.config.add.get(names) or self.relations.mutate("add", self.config, names)
        self._queue_tick += 1
        self._last = change
        ticks = self.ticks
        for state, by in change.moves:
            ticks[state] += by
        self.config = change.last
        return EXECUTED if change.done else CANCELED

    def remove(self, *names: str, **args: Any) -> Result:
        """Deactivate these states."""
        if args or get_ident() != self._plain:
            return self.mutate("remove", names, args)
        change = self.config.remove.get(names) or self.relations.mutate("remove", self.config, names)
        self._queue_tick += 1
        self._last = change
        ticks = self.ticks
        for state, by in change.moves:
            ticks[state] += by
        self.config = change.last
        return EXECUTED if change.done else CANCELED

    def set(self, *names: str, **args: Any) -> Result:
        """Make these states, with what they bring, the only active ones."""
        if args or get_ident() != self._plain:
            return self.mutate("set", names, args)
        change = self.config.set.get(names) or self.relations.mutate("set", self.config, names)
        self._queue_tick += 1
        self._last = change
        ticks = self.ticks
        for state, by in change.moves:
            ticks[state] += by
        self.config = change.last
        return EXECUTED if change.done else CANCELED

    def mutate(
        self,
        kind: Kind,
        names: tuple[str, ...],
        args: Mapping[str, Any] = NO_ARGS,
        *,
        source: Source | None = None,
        prepend: bool = False,
        check: bool = False,
    ) -> Result:
        """What all mutations come down to: run it now, or queue it while a transition runs."""
        if self.disposed:
            return CANCELED
        if self.arguments is not None and kind != "remove":
            args = checked(self.arguments, names, args)
        if self.running:
            return self.enqueue(kind, names, args, source, prepend, check)
        change = self.begin(kind, names, args, source, prepend, check)
        hooks = self.hooks
        if hooks is not None and self.handlers is None and not check and (self.waits is None or not self.waits.pending):
            return self._watched(hooks, change, args, source)
        return self._drive(work(self, change, args, source, check))

    def _watched(self, hooks: Hooks, change: Change, args: Mapping[str, Any], source: Source | None) -> Result:
        """A mutation that only tracers have a part in takes one step, then what follows from it."""
        try:
            hooks.alone(change, args, source)
        except BaseException:
            self.drop_queue()
            self.rest()
            raise
        if change.auto is not None or self.queue:
            self._drive(self._followed(change.auto))
        elif (failed := self.rest()) is not None:
            raise failed from failed.error
        return EXECUTED if change.done else CANCELED

    def _followed(self, follow: Change | None) -> Work:
        if follow is not None and not self.disposed:
            yield from work(self, follow, NO_ARGS, None, check=False)
        elif (mutation := self.take_next()) is not None:
            yield from work(self, self.change_of(mutation), mutation.args, mutation.source, mutation.check)

    def answer(self, result: Result) -> Result:
        """The result itself."""
        return result

    def eval(self, call: Callable[[], object]) -> Result:
        """Call a function when no transition runs, before everything that waits."""
        self._check_thread()
        if self.disposed:
            return CANCELED
        if self.running:
            self.queue.insert(0, Mutation("add", (), call=call))
            return PREPENDED
        self.start()
        return self._drive(self.called(call))

    def _drive(self, steps: Work) -> Result:
        """Run to the end; whatever would have to be awaited is refused where it was given."""
        try:
            for awaited in steps:
                self._refuse(steps, awaited)
        except BaseException:
            self.drop_queue()  # what waited for this has no result any more
            raise
        finally:
            failed = self.rest()
        if failed is not None:
            raise failed from failed.error
        return self.result

    def _refuse(self, steps: Work, awaited: Awaitable[object] | None) -> None:
        while awaited is not None:
            if hasattr(awaited, "close"):
                awaited.close()  # a coroutine that nobody awaits would complain
            assert self.current is not None
            try:
                awaited = steps.throw(AsyncHandler(self.current.name))
            except StopIteration:
                awaited = None

    def check_handlers(self, binding: Binding) -> None:
        """Raises AsyncHandler for one that would have to be awaited."""
        for name, handler in binding.handlers.items():
            if is_async(handler):
                raise AsyncHandler(name)


def is_async(handler: Callable[..., object]) -> bool:
    """Whether calling it gives a coroutine."""
    code = getattr(getattr(handler, "__func__", handler), "__code__", None)
    return code is not None and bool(code.co_flags & 0x80)
