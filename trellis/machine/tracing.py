"""Tracers watch a machine: they are told all that happens, in the order in which they were bound, and decide nothing.

What a tracer raises therefore never becomes the state Exception and never changes an outcome: the other tracers and
the machine go on, and once the queue has ended the first such error is raised, as TracerFailed, by the call that led
to it. A hook that no tracer has costs nothing, because the methods are looked up once, when a tracer is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from trellis.engine.relations import Change
from trellis.errors import BadTracer, TracerFailed
from trellis.machine.body import Body
from trellis.machine.handlers import Call
from trellis.machine.mutation import Mutation, Source
from trellis.machine.transition import Transition
from trellis.model.problems import did_you_mean
from trellis.model.states import StateDef

Hook = Callable[..., object]


class Tracer:
    """All that a tracer may have. Any object with some of these methods will do; what is not overridden costs nothing.

    A hook is called synchronously, by the thread that mutates. It may look at the machine, and mutate it: that is
    queued while a transition runs. A transition may be kept: it does not change after `transition_end`.
    """

    inherit: bool = False
    """Whether submachines that are made from now on get this tracer too."""

    def machine_init(self, machine: Body[Any]) -> None:
        """From now on the tracer watches this machine."""

    def mutation_queued(self, machine: Body[Any], mutation: Mutation) -> None:
        """A mutation was taken on: it runs now, or waits. An auto pass is none."""

    def transition_init(self, tx: Transition) -> None:
        """The relations are resolved: it is known what was called and what would be active."""

    def transition_start(self, tx: Transition) -> None:
        """All tracers know of it; the handlers that may refuse follow."""

    def handler_start(self, tx: Transition, call: Call) -> None:
        """A handler is called: `call.name`, `call.moment`, `call.binding`."""

    def handler_end(self, tx: Transition, call: Call) -> None:
        """That handler returned or raised."""

    def transition_finals(self, tx: Transition) -> None:
        """Accepted: clocks and active states are the new ones, and the final handlers follow."""

    def transition_end(self, tx: Transition) -> None:
        """Completed; canceled transitions and checks too."""

    def queue_end(self, machine: Body[Any]) -> None:
        """Nothing runs or waits any more."""

    def schema_change(self, machine: Body[Any], before: Mapping[str, StateDef]) -> None:
        """The machine has another schema than `before`."""

    def verify_states(self, machine: Body[Any]) -> None:
        """The index order of the names was given anew."""

    def new_submachine(self, parent: Body[Any], machine: Body[Any]) -> None:
        """A machine was made whose parent is the watched one."""

    def machine_dispose(self, machine: Body[Any]) -> None:
        """The machine has ended; nothing follows."""


HOOKS: Final = tuple(name for name, value in vars(Tracer).items() if callable(value))
_WORDS: Final = frozenset({name.partition("_")[0] for name in HOOKS} - {"new", "verify"} | {"on"})


class Hooks:
    """The tracers of one machine, by what they are told. The machine calls the methods; tracers never see this."""

    __slots__ = ("_end", "_finals", "_handler_end", "_handler_start", "_init", "_queue_end", "_queued", "_start",
                 "failure", "machine", "tracers")  # fmt: skip

    def __init__(self, machine: Body[Any], tracers: Iterable[object]) -> None:
        self.machine, self.tracers = machine, tuple(tracers)
        self.failure: TracerFailed | None = None
        """The first error of a tracer that was not raised yet."""
        self._queued, self._queue_end = self._having("mutation_queued"), self._having("queue_end")
        self._init, self._start = self._having("transition_init"), self._having("transition_start")
        self._finals, self._end = self._having("transition_finals"), self._having("transition_end")
        self._handler_start, self._handler_end = self._having("handler_start"), self._having("handler_end")

    def _having(self, name: str) -> tuple[Hook, ...]:
        plain = getattr(Tracer, name)
        found = (tracer for tracer in self.tracers if getattr(type(tracer), name, None) is not plain)
        return tuple(getattr(tracer, name) for tracer in found if hasattr(tracer, name))

    def watched_by(self, tracer: object) -> Hooks:
        """The same and one tracer more. Raises BadTracer, naming every fault."""
        faults = list(_faults(tracer))
        if any(tracer is known for known in self.tracers):
            faults.append(f"this {type(tracer).__name__} watches machine '{self.machine.id}' already")
        if faults:
            raise BadTracer(faults)
        return Hooks(self.machine, (*self.tracers, tracer), self.failure)

    def without(self, tracer: object) -> Hooks | None:
        """The same without this tracer: itself where it was none, None where no other is left."""
        left = [known for known in self.tracers if known is not tracer]
        if len(left) == len(self.tracers):
            return self
        return Hooks(self.machine, left, self.failure) if left else None

    # What happens often

    def queued(
        self, kind: Any, names: tuple[str, ...], called: Iterable[int], args: Mapping[str, Any], tick: int, check: bool,
        source: Source | None,
    ) -> None:  # fmt: skip
        """A mutation begins to run; it is only made into one where a tracer wants to know."""
        if self._queued:
            self.enqueued(Mutation(kind, names, frozenset(called), args, tick, check, source))

    def enqueued(self, mutation: Mutation) -> None:
        """A mutation waits from now on."""
        for hook in self._queued:
            try:
                hook(self.machine, mutation)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)

    def begin(self, tx: Transition) -> None:
        """A transition begins."""
        if not tx.change.accepted:
            tx.accepted = False
        for hook in self._init:
            try:
                hook(tx)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)
        for hook in self._start:
            try:
                hook(tx)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)

    def finals(self, tx: Transition) -> None:
        """A transition is settled."""
        for hook in self._finals:
            try:
                hook(tx)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)

    def end(self, tx: Transition) -> None:
        """A transition is complete."""
        for hook in self._end:
            try:
                hook(tx)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)

    def queue_end(self) -> None:
        """The queue has ended."""
        for hook in self._queue_end:
            try:
                hook(self.machine)
            except Exception as error:  # noqa: BLE001 - raised by the caller of this
                self._fail(hook, error)

    def alone(self, change: Change, args: Mapping[str, Any], source: Source | None) -> None:
        """Make one change of a machine that has tracers, but neither handlers nor waits; nothing else of the queue."""
        machine = self.machine
        tx = machine.current = Transition(machine, change, args)
        if source is not None:
            tx.source = source
        self.begin(tx)
        if change.accepted:
            ticks = machine.ticks
            for state, by in change.ticks:
                ticks[state] += by
            machine.config = change.after
            if self._finals:
                self.finals(tx)
        tx.completed = True
        machine.seen.append(tx)
        if self._end:
            self.end(tx)
        waits = machine.waits
        if waits is not None and waits.pending:  # begun by a tracer just now
            waits.settled(change)
            waits.entered(change, args, None)
            waits.after(change)

    # What happens seldom

    def handler_start(self, tx: Transition, call: Call) -> None:
        """A handler is called."""
        self._tell(self._handler_start, tx, call)

    def handler_end(self, tx: Transition, call: Call) -> None:
        """A handler returned or raised."""
        self._tell(self._handler_end, tx, call)

    def schema_change(self, before: Mapping[str, StateDef]) -> None:
        """The schema was another before. Raises TracerFailed."""
        self._tell(self._having("schema_change"), self.machine, before)
        self.surface()

    def verify_states(self) -> None:
        """The order of the names was given. Raises TracerFailed."""
        self._tell(self._having("verify_states"), self.machine)
        self.surface()

    def submachine(self, machine: Body[Any]) -> None:
        """A machine was made below this one; it inherits the tracers that say so. Raises TracerFailed."""
        self._tell(self._having("new_submachine"), self.machine, machine)
        for tracer in self.tracers:
            if getattr(tracer, "inherit", False):
                machine.trace(tracer)
        self.surface()

    def bound(self, tracer: object) -> None:
        """A tracer watches from now on. Raises TracerFailed."""
        self._tell(Hooks(self.machine, (tracer,))._having("machine_init"), self.machine)
        self.surface()

    def disposed(self) -> None:
        """The machine has ended."""
        self._tell(self._having("machine_dispose"), self.machine)

    def surface(self) -> None:
        """Raise what a tracer raised, unless something runs: then it is raised at the end."""
        if not self.machine.running and (failure := self.taken()) is not None:
            raise failure from failure.error

    def taken(self) -> TracerFailed | None:
        """What a tracer raised; whoever takes it raises it."""
        failure, self.failure = self.failure, None
        return failure

    def _tell(self, hooks: Iterable[Hook], *facts: object) -> None:
        for hook in hooks:
            try:
                hook(*facts)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self._fail(hook, error)

    def _fail(self, hook: Hook, error: Exception) -> None:
        if self.failure is None:
            self.failure = TracerFailed(self.machine.id, getattr(hook, "__qualname__", repr(hook)), error)


def _faults(tracer: object) -> Iterable[str]:
    """Why an object cannot be a tracer."""
    if isinstance(tracer, type):
        yield f"a tracer is an object, found the class {tracer.__name__}: bind {tracer.__name__}()"
        return
    if not any(callable(getattr(tracer, name, None)) for name in HOOKS):
        yield f"a {type(tracer).__name__} has no hook; a tracer has some of: {', '.join(HOOKS)}"
    for name in HOOKS:
        if hasattr(tracer, name) and not callable(getattr(tracer, name)):
            yield f"{type(tracer).__name__}.{name} is a hook, but cannot be called"
    for name in dir(tracer):
        if name.partition("_")[0] in _WORDS and name not in HOOKS and callable(getattr(tracer, name)):
            hint = did_you_mean(name, HOOKS) or f"hooks are: {', '.join(HOOKS)}"
            yield f"{type(tracer).__name__}.{name} looks like a hook, but there is none of that name ({hint})"
