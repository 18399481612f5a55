"""Tracers watch a machine: they are told all that happens, in the order in which they were bound, and decide nothing.

What a tracer raises therefore never becomes the state Exception and never changes an outcome: the other tracers and
the machine go on, and once the queue has ended the first such error is raised, as TracerFailed, by the call that led
to it; an AsyncMachine, whose answer was given before, hands it to its event loop. A hook that no
tracer has costs nothing, because the methods are looked up once, when a tracer is bound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

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

    __slots__ = ("_called", "failure", "handler_ended", "handler_started", "machine", "mutation_queued", "queue_end",
                 "tracers", "transition_end", "transition_finals", "transition_init", "transition_start")  # fmt: skip

    def __init__(self, machine: Body[Any], tracers: Iterable[object] = (), failure: TracerFailed | None = None) -> None:
        self.machine, self.tracers = machine, tuple(tracers)
        self.failure = failure
        """The first error of a tracer that was not raised yet."""
        self._called: dict[Change, tuple[tuple[str, ...], frozenset[int]]] = {}
        self.mutation_queued, self.queue_end = self._all("mutation_queued"), self._all("queue_end")
        self.transition_init, self.transition_start = self._all("transition_init"), self._all("transition_start")
        self.transition_finals, self.transition_end = self._all("transition_finals"), self._all("transition_end")
        self.handler_started, self.handler_ended = self._all("handler_start"), self._all("handler_end")

    def _having(self, name: str) -> list[Hook]:
        plain = getattr(Tracer, name)
        found = (tracer for tracer in self.tracers if getattr(type(tracer), name, None) is not plain)
        return [getattr(tracer, name) for tracer in found if hasattr(tracer, name)]

    def _all(self, name: str) -> Hook | None:
        """What to call so that all tracers with this hook are called. The only one is called without a detour."""
        hooks = self._having(name)
        if len(hooks) < 2:
            return hooks[0] if hooks else None

        def tell(*facts: object) -> None:
            for hook in hooks:
                self._call(hook, *facts)

        return tell

    def watched_by(self, tracer: object) -> Hooks:
        """The same and one tracer more. Raises BadTracer, naming every fault."""
        faults = list(_faults(tracer))
        if any(tracer is known for known in self.tracers):
            faults.append(f"this {type(tracer).__name__} watches machine '{self.machine.id}' already")
        if faults:
            raise BadTracer(faults)
        return Hooks(self.machine, (*self.tracers, tracer), self.failure)

    def without(self, tracer: object) -> Hooks | None:
        """The same without this tracer: itself where it was none, None where no other and no failure is left."""
        left = [known for known in self.tracers if known is not tracer]
        if len(left) == len(self.tracers):
            return self
        return Hooks(self.machine, left, self.failure) if left or self.failure is not None else None

    # What happens often

    def queued(
        self, change: Change, args: Mapping[str, Any], tick: int, source: Source | None, check: bool = False
    ) -> None:
        """A mutation runs at once, and makes this change. Ask first whether there is a hook: nobody else needs it."""
        known = self._called.get(change)
        if known is None:
            if len(self._called) > 1_000:
                self._called.clear()
            known = self._called[change] = (self.machine.relations.named(change.called), frozenset(change.called))
        hook = self.mutation_queued
        if hook is not None:
            try:
                hook(self.machine, Mutation(change.kind, known[0], known[1], args, tick, check, source))
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self.fail(hook, error)

    def enqueued(self, mutation: Mutation) -> None:
        """A mutation was taken on."""
        self._call(self.mutation_queued, self.machine, mutation)

    def begin(self, tx: Transition) -> None:
        """A transition begins."""
        if not tx.change.accepted:
            tx.accepted = False
        self._call(self.transition_init, tx)
        self._call(self.transition_start, tx)

    def finals(self, tx: Transition) -> None:
        """A transition is settled."""
        self._call(self.transition_finals, tx)

    def end(self, tx: Transition) -> None:
        """A transition is complete."""
        self._call(self.transition_end, tx)

    def ended(self) -> None:
        """The queue has ended."""
        self._call(self.queue_end, self.machine)

    def handler_start(self, tx: Transition, call: Call) -> None:
        """A handler is called."""
        self._call(self.handler_started, tx, call)

    def handler_end(self, tx: Transition, call: Call) -> None:
        """A handler returned or raised."""
        self._call(self.handler_ended, tx, call)

    def _call(self, hook: Hook | None, *facts: object) -> None:
        if hook is not None:
            try:
                hook(*facts)
            except Exception as error:  # noqa: BLE001 - raised when the queue has ended
                self.fail(hook, error)

    # What happens seldom

    def schema_change(self, before: Mapping[str, StateDef]) -> None:
        """The schema was another before. Raises TracerFailed."""
        self._call(self._all("schema_change"), self.machine, before)
        self.surface()

    def verify_states(self) -> None:
        """The order of the names was given. Raises TracerFailed."""
        self._call(self._all("verify_states"), self.machine)
        self.surface()

    def submachine(self, machine: Body[Any]) -> None:
        """A machine was made below this one; it inherits the tracers that say so. Raises TracerFailed."""
        self._call(self._all("new_submachine"), self.machine, machine)
        for tracer in self.tracers:
            if getattr(tracer, "inherit", False):
                machine.trace(tracer)
        self.surface()

    def bound(self, tracer: object) -> None:
        """A tracer watches from now on. Raises TracerFailed."""
        self._call(next(iter(Hooks(self.machine, (tracer,))._having("machine_init")), None), self.machine)
        self.surface()

    def disposed(self) -> None:
        """The machine has ended."""
        self._call(self._all("machine_dispose"), self.machine)

    def surface(self) -> None:
        """Raise what a tracer raised, unless something runs: then it is raised at the end."""
        if not self.machine.running and (failure := self.taken()) is not None:
            raise failure from failure.error

    def taken(self) -> TracerFailed | None:
        """What a tracer raised; whoever takes it raises it.

        Who is told may have changed within a hook: then what runs still has this, and the machine has the next.
        """
        machine, failure = self.machine, self.failure
        now = machine.hooks
        if now is not None:
            failure, now.failure = failure or now.failure, None
            if not now.tracers:  # it was here for the failure alone
                machine.hooks = None
                machine.replan()
        self.failure = None
        return failure

    def fail(self, hook: Hook, error: Exception) -> None:
        """A tracer raised; the first to do so is raised when the queue has ended."""
        if self.failure is None:
            self.failure = TracerFailed(self.machine.id, getattr(hook, "__qualname__", repr(hook)), error)
        machine = self.machine
        if machine.hooks is None:  # the last tracer took itself away
            machine.hooks = Hooks(machine)
            machine.replan()
        if machine.hooks.failure is None:
            machine.hooks.failure = self.failure


def _faults(tracer: object) -> Iterable[str]:
    """Why an object cannot be a tracer."""
    if isinstance(tracer, type):
        yield f"a tracer is an object, found the class {tracer.__name__}: bind {tracer.__name__}()"
        return
    if not any(callable(getattr(tracer, name, None)) for name in HOOKS):
        yield f"{type(tracer).__name__} has no hook; a tracer has some of: {', '.join(HOOKS)}"
    for name in HOOKS:
        if hasattr(tracer, name) and not callable(getattr(tracer, name)):
            yield f"{type(tracer).__name__}.{name} is a hook, but cannot be called"
    for name in dir(tracer):
        if name.partition("_")[0] in _WORDS and name not in HOOKS and callable(getattr(tracer, name)):
            hint = did_you_mean(name, HOOKS) or f"hooks are: {', '.join(HOOKS)}"
            yield f"{type(tracer).__name__}.{name} looks like a hook, but there is none of that name ({hint})"
