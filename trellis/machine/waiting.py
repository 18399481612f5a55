"""How to wait for what a machine does: each method gives something to await, which comes once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trellis.errors import MachineError
from trellis.machine.contexts import StateContext
from trellis.machine.handlers import NOT_PLAIN, flags_of
from trellis.machine.result import Result
from trellis.machine.view import View
from trellis.machine.waits import DISPOSED, DRAIN, NOTHING, QUERY, QUEUE, Question, Wait, Waits
from trellis.model.states import EXCEPTION


class Waiting(View):
    """A view whose changes can be waited for.

    A wait has come at once where what it asks for is so already, or the machine is disposed; else it comes after the
    final handlers of an accepted transition. Raises UnknownState, and WrongThread where another thread owns the
    machine; a wait that was made may be awaited in any thread.
    """

    __slots__ = ("waits",)

    waits: Waits | None
    """The waits on it; None until there was one."""
    disposed: bool
    running: bool

    if TYPE_CHECKING:

        @property
        def queue_tick(self) -> int: ...

        def add_err(self, err: BaseException | None, *states: str, **args: Any) -> object: ...

        def replan(self) -> None: ...

        def _check_thread(self) -> None: ...

    def when(self, *names: str) -> Wait:
        """All of these are active at the same time."""
        self._check(*names)
        return self._until(("when", frozenset(names)), names, lambda _: self.is_(*names))

    def when_not(self, *names: str) -> Wait:
        """None of these is active."""
        self._check(*names)
        return self._until(("when_not", frozenset(names)), names, lambda _: self.not_(*names))

    def when_time(self, ticks: Sequence[int], *names: str) -> Wait:
        """Each of these states (all without names) has reached its tick, at whatever moment.

        As many ticks as states; else that is an error of the machine, and there is nothing to wait for.
        """
        self._check(*names)
        _refuse_ticks(ticks)
        names = names or self.names
        if len(ticks) != len(names):
            self.add_err(ValueError(f"waits for {len(ticks)} ticks of {len(names)} states"))
            return Wait(None, bool)
        wanted = tuple(zip(names, ticks, strict=True))
        left = dict(wanted)

        def came(_: object) -> bool:
            for name in [name for name, tick in left.items() if self.tick(name) >= tick]:
                del left[name]
            return not left

        return self._until(("when_time", frozenset(wanted)), names, came)

    def when_ticks(self, name: str, ticks: int) -> Wait:
        """The clock of a state went on by so many ticks from now."""
        _refuse_ticks((ticks,))
        return self.when_time((self.tick(name) + ticks,), name)

    def when_next_active(self, name: str) -> Wait:
        """The state is activated the next time; where it is active, that is after it was deactivated."""
        return self.when_ticks(name, 1 + self.tick(name) % 2)

    def when_args(self, name: str, /, **args: Any) -> Wait:
        """The state is entered the next time with these arguments, each equal; there may be others."""
        self._check(name)
        if self.disposed:
            return Wait(None, bool)

        def came(told: Mapping[str, Any]) -> bool:
            return all(key in told and told[key] == value for key, value in args.items())

        waits = self._waiting()
        return waits.wait(("when_args", name, _Equal(args)), waits.entering, (name,), came)

    def when_queue(self, result: Result) -> Wait:
        """The mutation that gave this result was run, or canceled: the queue tick has reached that of the result."""
        self._check()
        _refuse_result(result)

        def came(_: object) -> bool:
            return self.queue_tick >= result.tick

        if self.disposed or came(NOTHING):
            return Wait(None, came)
        waits = self._waiting()
        return waits.wait((QUEUE, result.tick), waits.asked, (QUEUE,), came)

    def when_queue_ends(self) -> Wait:
        """All that is queued was run; what runs now, too."""
        self._check()
        if self.disposed or not self.running:
            return Wait(None, bool)
        waits = self._waiting()
        return waits.wait(DRAIN, waits.ending, (DRAIN,), bool)

    def when_err(self) -> Wait:
        """The state Exception is active."""
        return self.when(EXCEPTION)

    def when_query(self, query: Callable[[Mapping[str, int]], object]) -> Wait:
        """The query says yes. It is asked with the clock after each accepted transition, not now.

        What it raises is raised where the wait is awaited. Raises MachineError for what is no plain function.
        """
        self._check()
        _refuse_query(query)
        if self.disposed:
            return Wait(None, query)
        waits = self._waiting()
        return waits.wait(None, waits.asked, (QUERY,), query)

    def when_disposed(self) -> Wait:
        """The machine is disposed."""
        self._check()
        if self.disposed:
            return Wait(None, bool)
        waits = self._waiting()
        return waits.wait(DISPOSED, waits.ending, (DISPOSED,), bool)

    def state_context(self, name: str) -> StateContext:
        """The context that ends when this state is activated or deactivated next. See StateContext."""
        self._check(name)
        if self.disposed:
            return StateContext(None, name, bool)
        waits = self._waiting()
        found = waits.find(("context", name))
        if isinstance(found, StateContext):
            return found
        since = self.tick(name)
        context = StateContext(waits, name, lambda _: self.tick(name) != since)
        waits.register(context, ("context", name), waits.moving, (name,))
        return context

    def _until(self, key: tuple[object, ...], names: tuple[str, ...], came: Question) -> Wait:
        self._check(*names)
        if self.disposed or came(NOTHING):
            return Wait(None, came)
        waits = self._waiting()
        return waits.wait(key, waits.changing, names, came)

    def _check(self, *names: str) -> None:
        self._check_thread()
        self.relations.numbers(names)

    def _waiting(self) -> Waits:
        if self.waits is None:
            self.waits = Waits(self)
        return self.waits


def _refuse_ticks(ticks: object) -> None:
    if not isinstance(ticks, Sequence) or isinstance(ticks, str):
        raise MachineError(f"when_time takes a list of ticks, then the names: when_time([5], 'A'), found {ticks!r}")
    for tick in ticks:
        if not isinstance(tick, int):
            raise MachineError(f"ticks are whole numbers, found {tick!r}")


def _refuse_result(result: object) -> None:
    if not isinstance(result, Result):
        found = f"a {type(result).__name__}: await it first" if hasattr(result, "__await__") else repr(result)
        raise MachineError(f"when_queue takes the Result of a mutation, found {found}")


def _refuse_query(query: object) -> None:
    if not callable(query) or flags_of(query) & NOT_PLAIN:
        found = "an async or generator function" if callable(query) else repr(query)
        raise MachineError(
            "when_query takes a plain function that is given the clock and says yes or no: "
            f"when_query(lambda clock: clock['A'] >= 5), found {found}"
        )


class _Equal:
    """Arguments as a key: equal where they are, also those that cannot be hashed."""

    __slots__ = ("args", "number")

    def __init__(self, args: Mapping[str, Any]) -> None:
        self.args = args
        try:
            self.number = hash(frozenset(args.items()))
        except TypeError:
            self.number = hash(frozenset(args))

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Equal) and self.args == other.args
