"""What all machines are: a queue of mutations, bindings, and one transition at a time.

How a mutation is answered, at once or to be awaited, is the affair of the two kinds there are: Machine, AsyncMachine.
"""

from __future__ import annotations

import itertools
import os
from abc import abstractmethod
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import get_ident
from time import perf_counter
from typing import Any, Final, Self, SupportsIndex

from trellis.engine.relations import Change, Kind, Relations, no_names
from trellis.errors import BadSchema, MachineError, TracerFailed, WrongThread
from trellis.machine import reschema
from trellis.machine.body import Body, R
from trellis.machine.breakpoints import Breakpoint
from trellis.machine.export import exported, import_into
from trellis.machine.handlers import Binding, Handlers, found_on
from trellis.machine.mutation import Mutation, Source
from trellis.machine.options import check_options, no_event
from trellis.machine.queued import Position, queued
from trellis.machine.result import CANCELED, EXECUTED, Result
from trellis.machine.running import NO_ARGS, Work, work
from trellis.machine.schema import compiled, declared_with
from trellis.machine.submachines import adopt, end
from trellis.machine.tracing import Hooks
from trellis.machine.transition import Transition, TransitionRecord
from trellis.model.states import EXCEPTION

_numbers: Final = itertools.count(1)


class Core(Body[R]):
    """Many states at once, kept consistent by their relations.

    `schema`: state names to relations, a Schema class, or compiled relations; `order`: the index order of the names.
    `handler_timeout` (seconds): a handler that took longer counts as failed; None: no limit.
    `queue_limit`: mutations that may wait; `transition_limit`: transitions that one call may lead to.

    A mutation takes names and arguments for the handlers. Raises UnknownState, WrongThread; then nothing changed.
    Raises LoopLimit and ExceptionFailed as `work` does. All other errors of handlers become the state Exception, and
    `err`.
    """

    __slots__ = ("__weakref__", "_owner", "_plain", "_queue_tick", "_rested")

    def __init__(
        self,
        schema: object,
        order: Sequence[str] | None = None,
        *,
        id: str | None = None,
        parent: Core[Any] | None = None,
        handler_timeout: float | None = None,
        queue_limit: int = 1000,
        transition_limit: int = 1000,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        check_options(queue_limit=queue_limit, transition_limit=transition_limit, handler_timeout=handler_timeout)
        if order is not None and isinstance(schema, Relations):
            raise BadSchema(["compiled relations have an order already; leave it out, or give the states"])
        self.relations = compiled(schema, order)
        self.config = self.relations.empty
        self.ticks = [0] * len(self.relations.names)
        self.id = id if id is not None else f"machine-{next(_numbers)}"
        self.groups, self.arguments = declared_with(schema, "groups") or NO_ARGS, declared_with(schema, "arguments")
        self.parent, self.children, self.pipes = parent, (), ()
        self.handler_timeout, self.time_source = handler_timeout, clock
        self.queue_limit, self.transition_limit = queue_limit, transition_limit
        self.queue: list[Mutation] = []
        self._queue_tick, self.pending, self.machine_tick, self.made = 1, 0, 0, 0
        self.err: BaseException | None = None
        self.disposed = self.running = False
        self.handlers: Handlers | None = None
        self.hooks: Hooks | None = None
        self.waits = None
        self.current: Transition | None = None
        self.seen: list[Transition] = []
        """The transitions of the last call that anybody had a part in."""
        self._last: Change | None = None
        """The one change of the last call, if nobody had."""
        self.result: Result = CANCELED
        self._on_dispose: tuple[Callable[[], object], ...] = ()
        self._owner = self._plain = self._rested = get_ident()
        if self.arguments is not None:
            self.replan()
        if parent is not None:
            adopt(parent, self)
        if self.relations.problems:
            self.add_err(BadSchema(self.relations.problems))

    @classmethod
    def load(cls, path: str | os.PathLike[str], **options: Any) -> Self:
        """A machine with the states of a YAML state schema, named after it. Raises as WrittenSchema does.

        `options` are those of the class itself.
        """
        from trellis.machine.written import WrittenSchema  # reads YAML, which most machines need not

        schema = WrittenSchema(path)
        options.setdefault("id", schema.name)
        return cls(schema, **options)

    # Mutations

    @abstractmethod
    def answer(self, result: Result) -> R:
        """A result that is known at once, as this kind of machine answers."""

    def add(self, *names: str, **args: Any) -> R:
        """Activate these states, with what they bring."""
        return self.mutate("add", names, args)

    def remove(self, *names: str, **args: Any) -> R:
        """Deactivate these states."""
        return self.mutate("remove", names, args)

    def set(self, *names: str, **args: Any) -> R:
        """Make these states, with what they bring, the only active ones."""
        return self.mutate("set", names, args)

    def toggle(self, *names: str, **args: Any) -> R:
        """Remove these states if all are active, else add them."""
        return self.remove(*names, **args) if self.is_(*names) else self.add(*names, **args)

    def prepend_add(self, *names: str, **args: Any) -> R:
        """`add`, before everything else that waits."""
        return self.mutate("add", names, args, prepend=True)

    def prepend_remove(self, *names: str, **args: Any) -> R:
        """`remove`, before everything else that waits."""
        return self.mutate("remove", names, args, prepend=True)

    def prepend_set(self, *names: str, **args: Any) -> R:
        """`set`, before everything else that waits."""
        return self.mutate("set", names, args, prepend=True)

    def can_add(self, *names: str, **args: Any) -> R:
        """What `add` would come to; relations and negotiation are asked, nothing changes."""
        return self.mutate("add", names, args, prepend=True, check=True)

    def can_remove(self, *names: str, **args: Any) -> R:
        """What `remove` would come to; relations and negotiation are asked, nothing changes."""
        return self.mutate("remove", names, args, prepend=True, check=True)

    def add_err(self, err: BaseException | None, *states: str, **args: Any) -> R:
        """Go into Exception, and into these error states, because of `err`, which handlers get as the argument `err`.

        Canceled where there is no error, or only that a task was cancelled.
        """
        self._check_thread()
        if err is None or isinstance(err, CancelledError) or self.disposed:
            return self.answer(CANCELED)
        self.relations.numbers(states)
        self.err = err
        return self.mutate("add", (*states, EXCEPTION), {**args, "err": err})

    # What the queue does

    def begin(
        self, kind: Kind, names: tuple[str, ...], args: Mapping[str, Any], source: Source | None,
        prepend: bool, check: bool,
    ) -> Change:  # fmt: skip
        """The change that a mutation of the idle machine makes; from here on the machine runs."""
        if get_ident() != self._owner:
            raise WrongThread(self.id)
        if args and "event" in args:
            raise no_event(names)
        if check:
            change = self.relations.check(kind, self.config, names)
        else:
            change = self.change_for(kind, names)
        if not prepend:
            self._queue_tick += 1
        self._plain, self.running, self._last, self.seen = 0, True, None, []
        if self.hooks is not None and self.hooks.mutation_queued is not None:
            try:
                self.hooks.queued(change, args, 0 if prepend else self._queue_tick, source, check)
            except BaseException:
                self.rest()
                raise
        return change

    def called(self, call: Callable[[], object]) -> Work:
        """Call a function, then make what waits."""
        call()
        if (next_ := self.take_next()) is not None:
            yield from work(self, self.change_of(next_), next_.args, next_.source, next_.check, next_.tell)
        self.result = EXECUTED

    def change_for(self, kind: Kind, names: tuple[str, ...]) -> Change:
        """The change that calling for `names` makes of the machine as it is."""
        known: dict[tuple[str, ...], Change] = getattr(self.config, kind)
        try:
            return known.get(names) or self.relations.mutate(kind, self.config, names)
        except TypeError as error:
            raise no_names(names, error) from None

    def start(self) -> None:
        """The machine runs from here on."""
        self._plain, self.running, self._last, self.seen = 0, True, None, []

    def own(self) -> None:
        """Hand the machine over to the calling thread. Raises MachineError while a transition runs."""
        if self.running:
            raise MachineError(f"machine '{self.id}' is in a transition; take it over when that has ended")
        self._owner = get_ident()
        self.replan()

    @property
    def owned_here(self) -> bool:
        """Whether the machine belongs to the calling thread."""
        return get_ident() == self._owner

    def _check_thread(self) -> None:
        if get_ident() != self._owner:
            raise WrongThread(self.id)

    def rest(self) -> TracerFailed | None:
        """The queue has ended, one way or another. Gives what a tracer raised, for the caller to raise."""
        self.running, self.current, self._plain = False, None, self._rested
        hooks = self.hooks
        if hooks is not None:
            hooks.ended()
        if self.disposed:
            self._close()
        elif self.waits is not None:
            self.waits.drained()
        return None if hooks is None else hooks.taken()

    def replan(self) -> None:
        """Find out whether a mutation may be one step of the automaton: when nobody else has a part in it."""
        alone = self.handlers is None and self.hooks is None and not self.disposed and self.arguments is None
        self._rested = self._owner if alone and (self.waits is None or not self.waits.pending) else 0
        """What `_plain` is when nothing runs."""
        if not self.running:
            self._plain = self._rested

    def take_next(self) -> Mutation | None:
        """The next mutation of the queue; functions that wait before it are called."""
        while self.queue:
            mutation = self.queue.pop(0)
            if mutation.call is not None:
                self._call(mutation)
                continue
            if mutation.tick:
                self.pending -= 1
                self._queue_tick += 1
            return mutation
        return None

    def _call(self, mutation: Mutation) -> None:
        """Call a function that was queued. Where it raises, that is an error of the machine."""
        assert mutation.call is not None
        result = EXECUTED
        try:
            mutation.call()
        except Exception as error:  # noqa: BLE001 - nobody waits for it but the machine
            result, self.err = CANCELED, error
            self.queue.insert(0, Mutation("add", (EXCEPTION,), args={"err": error}))
        if mutation.tell is not None:
            mutation.tell(result)

    def change_of(self, mutation: Mutation) -> Change:
        """What a queued mutation makes of the machine as it is now."""
        resolve = self.relations.check if mutation.check else self.relations.mutate
        return resolve(mutation.kind, self.config, mutation.names)

    def settle(self, change: Change) -> None:
        """Take over the outcome of a change."""
        ticks = self.ticks
        for state, by in change.ticks:
            ticks[state] += by
        self.config = change.after

    def prepend_error(self, error: Exception, tx: Transition) -> None:
        """Go into Exception next, because a handler of `tx` raised."""
        args = {"err": error, "transition": tx}
        mutation = Mutation(
            "add", (EXCEPTION,), frozenset(self.relations.numbers((EXCEPTION,))), args, source=tx.as_source()
        )
        self.queue.insert(0, mutation)
        if self.hooks is not None:
            self.hooks.enqueued(mutation)

    def drop_queue(self) -> None:
        """Forget everything that waits; it is canceled."""
        self._check_thread()
        dropped, self.queue, self.pending = self.queue, [], 0
        for mutation in dropped:
            if mutation.tell is not None:
                mutation.tell(CANCELED)

    def describe(self, change: Change) -> str:
        """`add A B`."""
        return f"{change.kind} {' '.join(self.relations.named(change.called))}"

    # What can be asked

    def __reduce_ex__(self, _protocol: SupportsIndex) -> str:
        raise TypeError("a machine cannot be copied or pickled; use export() and import_()")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, {self})"

    def diagram(self) -> str:
        """The states and relations as a Mermaid flowchart, the active ones marked."""
        from trellis.render.relations import relation_diagram

        return relation_diagram(self.relations.states, active=self.active)

    @property
    def queue_tick(self) -> int:
        """Counts the mutations that were run, from 1; prepended ones, auto passes and checks do not count."""
        return self._queue_tick

    @property
    def queue_length(self) -> int:
        """How many mutations wait."""
        return len(self.queue)

    def queued(self, kind: Kind, *names: str, **query: Any) -> tuple[Mutation, ...]:
        """The mutations that wait and call for all of these; see `queued.queued` for what a query may ask."""
        return queued(self, kind, names, **query)

    def is_queued(self, kind: Kind, *names: str, **query: Any) -> bool:
        """Whether a mutation waits that calls for all of these; see `queued`."""
        return bool(queued(self, kind, names, **query))

    def will_be(self, *names: str, position: Position = "any") -> bool:
        """Whether an `add` of all of these waits. What states bring is not looked at."""
        return bool(queued(self, "add", names, position=position))

    def will_be_removed(self, *names: str, position: Position = "any") -> bool:
        """Whether a `remove` of all of these waits."""
        return bool(queued(self, "remove", names, position=position))

    @property
    def last_transitions(self) -> tuple[TransitionRecord, ...]:
        """Every transition of the last call, in order: its own, auto passes, and what it queued."""
        if self._last is not None:
            changes = (self._last,) if self._last.auto is None else (self._last, self._last.auto)
            return tuple(TransitionRecord.of(change, self.relations, accepted=change.accepted) for change in changes)
        return tuple(tx.record() for tx in self.seen)

    # Handlers

    def bind(self, handlers: object, *, id: str | None = None, prefix: str = "") -> Binding:
        """Bind handlers: a mapping from name to function, or an object with methods of such names.

        With a `prefix`, every name stands for the one with the prefix before it. Raises UnknownHandler, and
        AsyncHandler where one would have to be awaited.
        """
        self._check_thread()
        first = self.handlers is None
        known = () if self.handlers is None else self.handlers.bindings
        binding = Binding(
            id if id is not None else f"binding-{next(_numbers)}", found_on(handlers, self.relations, prefix)
        )
        self.check_handlers(binding)
        self.handlers = Handlers(self.relations, (*known, binding))
        self.replan()
        if first and self.is_(EXCEPTION):
            self.overhear(self.add_err(self.err or BadSchema(self.relations.problems)))
        return binding

    def overhear(self, answered: R) -> None:
        """Take an answer that no caller gets; its error, if it has one, is not lost."""

    def check_handlers(self, binding: Binding) -> None:
        """Raise what this kind of machine raises for handlers that it cannot call."""

    def detach(self, binding: Binding | str) -> bool:
        """Take a binding away; whether there was one."""
        self._check_thread()
        gone = binding if isinstance(binding, str) else binding.id
        known = () if self.handlers is None else self.handlers.bindings
        left = tuple(entry for entry in known if entry.id != gone)
        self.handlers = Handlers(self.relations, left) if left else None
        self.replan()
        return len(left) < len(known)

    # What it is made of

    def set_schema(self, schema: object, order: Sequence[str] | None = None) -> None:
        """Take a schema that has all states of the old one and more. Clocks and active states, handlers and waits stay.

        Raises BadSchema, also while a transition runs; then nothing changed.
        """
        reschema.set_schema(self, schema, order)

    def verify_states(self, names: Sequence[str]) -> None:
        """Check that these are exactly all states, and make them the index order. Raises BadSchema, with every fault.

        Where the order of states decides between equals, it is this one from now on.
        """
        reschema.verify_states(self, names)

    def export(self) -> dict[str, Any]:
        """Id, names, ticks and counters, as JSON; `import_` goes on from them."""
        return exported(self)

    def import_(self, data: Mapping[str, Any]) -> None:
        """Go on from what a machine of the same id and states was; see `export.import_into`. Raises BadImport."""
        import_into(self, data)

    def breakpoint(
        self,
        *,
        added: str | Iterable[str] = (),
        removed: str | Iterable[str] = (),
        call: Callable[[Transition], object] | None = None,
    ) -> Breakpoint:
        """Stop in a transition that adds all of `added` and removes all of `removed`; see Breakpoint."""
        return Breakpoint(self, added, removed, call)

    # Tracers

    def trace(self, tracer: object) -> None:
        """Let an object watch: anything with some of the methods of `Tracer`. Raises BadTracer."""
        self._check_thread()
        self.hooks = (self.hooks or Hooks(self)).watched_by(tracer)
        self.replan()
        self.hooks.bound(tracer)

    def untrace(self, tracer: object) -> bool:
        """Let an object watch no more; whether it did."""
        self._check_thread()
        known = self.hooks
        self.hooks = known and known.without(tracer)
        self.replan()
        return known is not self.hooks

    # The end

    def dispose(self) -> None:
        """End the machine: from now on every mutation is canceled. What runs ends first, what waits is dropped.

        Then nothing is active any more, all waits end, and what `on_dispose` was told is called.
        """
        self._check_thread()
        if self.disposed:
            return
        self.disposed, self._plain, self._rested = True, 0, 0
        self.drop_queue()
        if not self.running:
            self._close()
            if self.hooks is not None:
                self.hooks.surface()

    def on_dispose(self, call: Callable[[], object]) -> None:
        """Call a function when the machine is disposed; at once where it is."""
        self._check_thread()
        if self.disposed and not self.running:
            call()
        else:
            self._on_dispose = (*self._on_dispose, call)

    def _close(self) -> None:
        end(self)
