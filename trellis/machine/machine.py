"""A relation machine in this process: mutations in, states out, one transition at a time.

Whoever uses neither handler nor tracer nor wait pays for none: then a mutation is one step of the automaton that the
relations remember, and nothing is allocated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from threading import get_ident
from typing import Any

from trellis.engine.relations import Change, Kind, no_names
from trellis.errors import AsyncHandler, WrongThread
from trellis.machine.arguments import checked
from trellis.machine.core import Core
from trellis.machine.enqueue import enqueue
from trellis.machine.handlers import COROUTINE, Binding, flags_of
from trellis.machine.mutation import Mutation, Source
from trellis.machine.result import CANCELED, EXECUTED, PREPENDED, Result
from trellis.machine.running import NO_ARGS, Work, work
from trellis.machine.tracing import Hooks
from trellis.machine.transition import Transition


class Machine(Core[Result]):
    """A machine whose handlers are plain functions: a mutation is answered when all that it led to has happened.

    Made while a transition runs, in a handler, it is queued and answered at once. See Core for the arguments.
    """

    __slots__ = ()

    def add(self, *names: str, **args: Any) -> Result:
        """Activate these states, with what they bring."""
        if args or get_ident() != self._plain:
            return self.mutate("add", names, args)
        try:
            return self._step(self.config.add.get(names) or self.relations.mutate("add", self.config, names))
        except TypeError as error:
            raise no_names(names, error) from None

    def remove(self, *names: str, **args: Any) -> Result:
        """Deactivate these states."""
        if args or get_ident() != self._plain:
            return self.mutate("remove", names, args)
        try:
            return self._step(self.config.remove.get(names) or self.relations.mutate("remove", self.config, names))
        except TypeError as error:
            raise no_names(names, error) from None

    def set(self, *names: str, **args: Any) -> Result:
        """Make these states, with what they bring, the only active ones."""
        if args or get_ident() != self._plain:
            return self.mutate("set", names, args)
        try:
            return self._step(self.config.set.get(names) or self.relations.mutate("set", self.config, names))
        except TypeError as error:
            raise no_names(names, error) from None

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
            return enqueue(self, kind, names, args, source, prepend, check)
        if get_ident() != self._owner:
            raise WrongThread(self.id)
        if self.handlers is None and not check and not prepend:
            change = self.change_for(kind, names)
            hooks, waits = self.hooks, self.waits
            if waits is None or change in waits.quiet or waits.look(change):
                return self._step(change) if hooks is None else self._watched(hooks, change, args, source)
        change = self.begin(kind, names, args, source, prepend, check)
        return self._drive(work(self, change, args, source, check))

    def _step(self, change: Change) -> Result:
        """A mutation that nobody has a part in, and nobody waits for: one step of the automaton, auto pass and all."""
        self._queue_tick += 1
        self._last = change
        ticks = self.ticks
        for state, by in change.moves:
            ticks[state] += by
        self.config = change.last
        return EXECUTED if change.accepted else CANCELED

    def _watched(self, hooks: Hooks, change: Change, args: Mapping[str, Any], source: Source | None) -> Result:
        """A mutation that only tracers have a part in: what `work` and `rest` do for it, in one stretch."""
        self._queue_tick += 1
        self.running, self._last = True, None
        try:
            if hooks.mutation_queued is not None:
                hooks.queued(change, args, self._queue_tick, source)
            self.made = number = self.made + 1
            self.current = tx = Transition(self, change, args, self.ticks.copy(), number, self.relations)
            if source is not None:
                tx.source = source
            accepted = change.accepted
            if not accepted:
                tx.accepted = False
            if (hook := hooks.transition_init) is not None:
                try:
                    hook(tx)
                except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                    hooks.fail(hook, error)
            if (hook := hooks.transition_start) is not None:
                try:
                    hook(tx)
                except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                    hooks.fail(hook, error)
            if accepted:
                ticks = self.ticks
                for state, by in change.ticks:
                    ticks[state] += by
                self.config = change.after
                if (hook := hooks.transition_finals) is not None:
                    try:
                        hook(tx)
                    except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                        hooks.fail(hook, error)
            tx.completed = True
            self.seen = [tx]
            if (hook := hooks.transition_end) is not None:
                try:
                    hook(tx)
                except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                    hooks.fail(hook, error)
        except BaseException:
            self.drop_queue()
            self.rest()
            raise
        if change.auto is not None or self.queue or self.disposed or (self.waits is not None and self.waits.pending):
            self._drive(self._followed(change, args))
        else:
            self.running, self.current, self._plain = False, None, self._rested
            if (hook := hooks.queue_end) is not None:
                try:
                    hook(self)
                except Exception as error:  # noqa: BLE001 - raised just below
                    hooks.fail(hook, error)
            if hooks.failure is not None:
                hooks.surface()
        return EXECUTED if change.accepted else CANCELED

    def _followed(self, change: Change, args: Mapping[str, Any]) -> Work:
        """What a watched mutation led to: waits that a tracer began in it, the auto pass, and what is queued."""
        if self.waits is not None and change.accepted:
            self.waits.settled(change)
            self.waits.entered(change, args, None)
            self.waits.after(change)
        if change.auto is not None and not self.disposed:
            yield from work(self, change.auto, NO_ARGS, None, check=False)
        elif (mutation := self.take_next()) is not None:
            yield from work(self, self.change_of(mutation), mutation.args, mutation.source, mutation.check)

    def answer(self, result: Result) -> Result:
        """The result itself."""
        return result

    def eval(self, call: Callable[[], object]) -> Result:
        """Call a function when no transition runs, before everything that waits. Raises AsyncHandler for a coroutine's."""
        self._check_thread()
        if flags_of(call) & COROUTINE:
            raise AsyncHandler(call.__name__)
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
            result = self.result  # what follows may ask for more
        except BaseException as error:
            self.drop_queue()  # what waited for this has no result any more
            if (failed := self.rest()) is not None:
                error.add_note(str(failed))
            raise
        failed = self.rest()
        if failed is not None:
            raise failed from failed.error
        return result

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
            if flags_of(handler) & COROUTINE:
                raise AsyncHandler(name)
