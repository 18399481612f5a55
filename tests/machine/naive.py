"""A second relation machine, slow and plain, to hold the real one against: lists, sets, no cache, every rule spelt out.

It knows no arguments, waits, tracers or threads. Handlers are one mapping of names to functions of the machine, and raise
nothing but HandlerRaised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from tests.machine.resolution import EXCEPTION, Rules, clean, unique

TRANSITION_LIMIT = 1000
QUEUE_LIMIT = 1000

Handler = Callable[["NaiveMachine"], bool | None]


class NaiveUnknownState(Exception):
    """A mutation named a state that the schema does not have; nothing changed."""


class NaiveLoop(Exception):
    """One drain of the queue took more transitions than allowed; what was still queued is dropped."""


class NaiveExceptionFailed(Exception):
    """A handler raised in a transition that was called to take in an error; told when the drain is over."""


class HandlerRaised(Exception):
    """What a handler of a test raises."""


@dataclass(frozen=True)
class Outcome:
    """`value` is executed (`tick` 0), canceled (1) or queued: the queue tick at which it runs, 2 if prepended."""

    value: str
    tick: int = 0


EXECUTED = Outcome("executed")
CANCELED = Outcome("canceled", 1)


@dataclass(frozen=True)
class Mutation:
    type: str
    called: tuple[str, ...]
    auto: bool = False
    check: bool = False
    appended: bool = True


@dataclass
class Transition:
    """One entry of `transitions`; the lists are those at its end."""

    type: str
    called: list[str]
    accepted: bool = False
    exits: list[str] = field(default_factory=list)
    enters: list[str] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    auto: bool = False
    check: bool = False


class NaiveMachine:
    """`calls` and `transitions` are those of the latest call that ran the queue."""

    def __init__(
        self,
        schema: Mapping[str, Mapping[str, object]],
        order: Sequence[str],
        *,
        transition_limit: int = TRANSITION_LIMIT,
    ) -> None:
        self.transition_limit = transition_limit
        states, conflict = clean(schema)
        self.names = list(order) if EXCEPTION in order else [*order, EXCEPTION]
        self.rules = Rules(states, self.names)
        self.handlers: Mapping[str, Handler] = {}
        self.active: list[str] = []
        self.clock = dict.fromkeys(self.names, 0)
        self.queue_tick = 1
        self.queue: list[Mutation] = []
        self.calls: list[str] = []
        self.transitions: list[Transition] = []
        self.running = False
        self.raised = False
        self.failed = False
        if conflict:
            self.add_err()

    def bind(self, handlers: Mapping[str, Handler]) -> None:
        """Once only. A machine that is in Exception takes its error in again, so that handlers see it."""
        self.handlers = handlers
        if EXCEPTION in self.active:
            self.add_err()

    @property
    def time_sum(self) -> int:
        return sum(self.clock.values())

    # -- mutations -----------------------------------------------------------------------------------------------------

    def add(self, *names: str) -> Outcome:
        return self.mutate("add", names)

    def remove(self, *names: str) -> Outcome:
        return self.mutate("remove", names)

    def set(self, *names: str) -> Outcome:
        return self.mutate("set", names)

    def toggle(self, *names: str) -> Outcome:
        self.known(names)
        return self.mutate("remove" if all(name in self.active for name in names) else "add", names)

    def prepend(self, type_: str, *names: str) -> Outcome:
        return self.mutate(type_, names, prepend=True)

    def can_add(self, *names: str) -> Outcome:
        return self.mutate("add", names, prepend=True, check=True)

    def can_remove(self, *names: str) -> Outcome:
        return self.mutate("remove", names, prepend=True, check=True)

    def add_err(self, *error_states: str) -> Outcome:
        return self.mutate("add", [*error_states, EXCEPTION])

    def known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.names:
                raise NaiveUnknownState(name)

    def mutate(self, type_: str, names: Sequence[str], *, prepend: bool = False, check: bool = False) -> Outcome:
        self.known(names)
        called = tuple(unique(names))
        mutation = Mutation(type_, called, check=check, appended=not prepend)
        if not self.running:
            self.queue.append(mutation)
            return self.drain()
        if prepend:
            self.queue.insert(0, mutation)
            return Outcome("queued", 2)
        if type_ == "remove" and not self.queue and not any(name in self.active for name in called):
            return EXECUTED
        if self.queued_already(mutation):
            return EXECUTED
        if len(self.queue) >= QUEUE_LIMIT and not (EXCEPTION in called and EXCEPTION not in self.active):
            return CANCELED
        self.queue.append(mutation)
        return Outcome("queued", self.queue_tick + sum(waiting.appended for waiting in self.queue))

    def queued_already(self, mutation: Mutation) -> bool:
        if any(self.rules.states[name].multi for name in mutation.called):
            return False
        return any(
            waiting.type == mutation.type and not waiting.check and {*waiting.called} == {*mutation.called}
            for waiting in self.queue
        )

    # -- the queue -----------------------------------------------------------------------------------------------------

    def drain(self) -> Outcome:
        first: Outcome | None = None
        self.running, self.failed = True, False
        self.calls, self.transitions = [], []
        try:
            while self.queue:
                if len(self.transitions) >= self.transition_limit:
                    self.queue.clear()
                    raise NaiveLoop
                mutation = self.queue.pop(0)
                if mutation.appended:
                    self.queue_tick += 1
                outcome = self.transition(mutation)
                first = first or outcome
        finally:
            self.running = False
        if self.failed:
            raise NaiveExceptionFailed
        assert first is not None
        return first

    def transition(self, mutation: Mutation) -> Outcome:
        record = Transition(mutation.type, list(mutation.called), auto=mutation.auto, check=mutation.check)
        self.transitions.append(record)
        before = list(self.active)
        ticks = dict(self.clock)
        self.aim(record, self.rules.target(mutation.type, mutation.called, before), before)
        self.raised = False
        record.accepted = self.agrees(record) and self.negotiate(record, before) and not self.raised
        if self.raised:
            self.raise_exception(mutation)
        if mutation.auto:
            self.aim(record, self.surviving_target(record, before), before)
        if not record.accepted:
            return CANCELED
        if mutation.check:
            return EXECUTED
        self.apply(record, before)
        record.accepted = self.run_finals(record)
        if not record.accepted:
            self.raise_exception(mutation)
            return CANCELED
        if self.clock != ticks and not mutation.auto and not self.is_pulse(mutation):
            self.prepend_auto()
        if mutation.type == "remove":
            return CANCELED if any(name in self.active for name in mutation.called) else EXECUTED
        return EXECUTED if all(name in self.active for name in record.target) else CANCELED

    def surviving_target(self, record: Transition, before: list[str]) -> list[str]:
        """Where an auto transition ends, whose called states were thinned out by relations and handlers."""
        return self.rules.target("add", [name for name in record.called if name in record.target], before)

    def aim(self, record: Transition, target: list[str], before: list[str]) -> None:
        multi = {name for name in record.called if self.rules.states[name].multi}
        record.target = target
        record.exits = self.rules.sort([name for name in before if name not in target])
        record.enters = [name for name in target if name not in before or (name in multi and record.type != "remove")]

    def agrees(self, record: Transition) -> bool:
        """Whether relations let the transition go on; where they do not, nothing enters or exits."""
        rejected = [name for name in record.called if name not in record.target]
        if record.type == "remove" or not rejected:
            return True
        if record.auto:
            agreed = len(rejected) < len(record.called)
        else:
            agreed = record.check and any(self.rules.states[name].multi for name in record.called)
        if not agreed:
            record.exits, record.enters = [], []
        return agreed

    # -- phases --------------------------------------------------------------------------------------------------------

    def call(self, name: str) -> bool:
        """False only where a handler said False, or one of this transition has raised: none is called after that."""
        handler = self.handlers.get(name)
        if handler is None:
            return True
        if self.raised:
            return False
        self.calls.append(name)
        try:
            return handler(self) is not False
        except HandlerRaised:
            self.raised = True
            return False

    def negotiate(self, record: Transition, before: list[str]) -> bool:
        """Whether every handler agrees, or the only ones to refuse speak for auto states of an auto transition."""
        for name in record.exits:
            if not self.call(name + "Exit"):
                return False
        for name in record.enters:
            if not self.call(name + "Enter") and not self.thinned(record, name):
                return False
        if record.type != "remove" and not self.negotiate_staying(record, before):
            return False
        for left, name in product(before, list(record.target)):
            if name != left and not self.call(left + name) and not self.thinned(record, name):
                return False
        if record.auto and not record.target:
            return False
        return self.call("AnyEnter")

    def negotiate_staying(self, record: Transition, before: list[str]) -> bool:
        skipped = False
        for name in list(record.target):
            if name not in before or skipped:
                skipped = False
            elif not self.call(name + name):
                if not self.thinned(record, name):
                    return False
                skipped = True  # the one after a state that drops out is not asked
        return True

    def thinned(self, record: Transition, refused: str) -> bool:
        """Whether the transition can go on without `refused`."""
        if not record.auto or not self.rules.states[refused].auto:
            return False
        record.target = [name for name in record.target if name != refused]
        return True

    def apply(self, record: Transition, before: list[str]) -> None:
        for name in record.exits:
            self.clock[name] += 1
        for name in record.enters:
            self.clock[name] += 2 if name in before else 1
        self.active = list(record.target)

    def run_finals(self, record: Transition) -> bool:
        """False where one raised, once what it entered for is taken back."""
        ends = [name + "End" for name in record.exits]
        entered = [name + "State" for name in record.enters]
        for handler in (*ends, *entered, "AnyState"):
            self.call(handler)
            if self.raised:
                self.take_back(record, handler)
                return False
        return True

    def take_back(self, record: Transition, handler: str) -> None:
        """Those not entered yet leave again. The reference goes over the active states once when it catches the error,
        unless the mutation is one of an error itself, and again when a final handler fails; a called Multi state counts
        as called anew each time.
        """
        passes = (EXCEPTION not in record.called) + (handler != "AnyState")
        entered = [name + "State" for name in record.enters]
        if handler in entered:
            for name in record.enters[entered.index(handler) :]:
                self.clock[name] += 1
                self.active.remove(name)
        for name in record.called:
            if name in self.active and self.rules.states[name].multi:
                self.clock[name] += 2 * passes

    def raise_exception(self, mutation: Mutation) -> None:
        if EXCEPTION in mutation.called:
            self.failed = True
        else:
            self.queue.insert(0, Mutation("add", (EXCEPTION,), appended=False))

    # -- the auto pass -------------------------------------------------------------------------------------------------

    def prepend_auto(self) -> None:
        blocked = {name for active in self.active for name in self.rules.states[active].remove}
        called = tuple(
            name
            for name in self.names
            if self.rules.states[name].auto and name not in self.active and name not in blocked
        )
        if called:
            self.queue.insert(0, Mutation("add", called, auto=True, appended=False))

    @staticmethod
    def is_pulse(mutation: Mutation) -> bool:
        return mutation.type == "add" and mutation.called in {("Healthcheck",), ("Heartbeat",)}
