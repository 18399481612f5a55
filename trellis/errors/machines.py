"""What a relation machine could not do, each with all its reasons."""

from __future__ import annotations

from collections.abc import Sequence

from trellis.errors.root import TrellisError
from trellis.errors.words import bracketed


class MachineError(TrellisError):
    """A relation machine could not do what was asked."""


class BadSchema(MachineError):
    """States, relations or an order that cannot become a machine. `faults` holds every one."""

    exit_code = 3

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


class UnknownState(MachineError):
    """`name` is no state of the machine; nothing changed. `hint` may hold the nearest name."""

    exit_code = 2

    def __init__(self, name: object, hint: str = "") -> None:
        self.name, self.hint = name, hint
        super().__init__(f"no state named {name!r}" + bracketed(hint))


class UnknownHandler(MachineError):
    """`name` is a handler that no state would ever call; nothing was bound."""

    exit_code = 2

    def __init__(self, name: str, hint: str = "") -> None:
        self.name, self.hint = name, hint
        super().__init__(f"no state calls a handler named {name!r}" + bracketed(hint))


class BadHandlers(MachineError):
    """An object that cannot be bound, for this `reason`; nothing was bound."""

    exit_code = 2

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"cannot bind: {reason}")


class BadArguments(MachineError):
    """The arguments of a mutation are not those that `state` takes; nothing changed."""

    exit_code = 2

    def __init__(self, state: str, reason: str) -> None:
        self.state, self.reason = state, reason
        super().__init__(f"arguments of state '{state}': {reason}")


class WrongThread(MachineError):
    """A mutation from a thread that does not own the machine; nothing changed."""

    exit_code = 2

    def __init__(self, machine: str) -> None:
        self.machine = machine
        super().__init__(
            f"machine '{machine}' belongs to another thread: hand the mutation to it with ThreadSafe(machine, loop), "
            "or take the machine over while it is idle with own()"
        )


class AsyncHandler(MachineError):
    """The handler `handler` must be awaited, and its machine does not wait; use AsyncMachine."""

    def __init__(self, handler: str) -> None:
        self.handler = handler
        super().__init__(f"handler '{handler}' must be awaited; bind it to an AsyncMachine")


class HandlerTimeout(MachineError):
    """`handler` ran for `seconds`, longer than its machine allows (`limit`, in seconds)."""

    def __init__(self, handler: str, seconds: float, limit: float) -> None:
        self.handler, self.seconds, self.limit = handler, seconds, limit
        super().__init__(f"handler '{handler}' ran for {seconds:.3g} s, longer than {limit:.3g} s")


class HandlerCancelled(MachineError):
    """`handler` was cancelled by something that it awaited, not with its machine: it has failed."""

    def __init__(self, handler: str) -> None:
        self.handler = handler
        super().__init__(f"handler '{handler}' ended cancelled, though nobody cancelled the machine")


class ExceptionFailed(MachineError):
    """`handler` raised while the machine went into Exception; the cause is what it raised. The machine goes on."""

    def __init__(self, machine: str, handler: str, error: BaseException) -> None:
        self.machine, self.handler, self.error = machine, handler, error
        super().__init__(f"handler '{handler}' of machine '{machine}' raised while taking in an error: {error!r}")


class LoopLimit(MachineError):
    """One call led to more than `limit` transitions; the rest of the queue was dropped. `last` names the latest.

    `error` is the latest error of the machine: an auto state whose handler raises is tried again without end.
    """

    def __init__(self, machine: str, limit: int, last: str, error: BaseException | None = None) -> None:
        self.machine, self.limit, self.last, self.error = machine, limit, last, error
        super().__init__(
            f"machine '{machine}' made {limit} transitions in one call, at last [{last}]; "
            + (
                "a handler calls for itself without end, or transition_limit is too small"
                if error is None
                else f"its latest error is {error!r}"
            )
        )


class BadImport(MachineError):
    """An export that `machine` cannot go on from. `faults` holds every reason; nothing changed."""

    exit_code = 2

    def __init__(self, machine: str, faults: Sequence[str]) -> None:
        self.machine, self.faults = machine, tuple(faults)
        super().__init__(f"machine '{machine}' cannot go on from this export: {'; '.join(self.faults)}")


class Runaway(MachineError):
    """The guarded loop of `state` has to end, for this `reason`."""

    def __init__(self, machine: str, state: str, reason: str) -> None:
        self.machine, self.state, self.reason = machine, state, reason
        super().__init__(f"loop of state '{state}' in machine '{machine}': {reason}")


class WaitedTooLong(MachineError, TimeoutError):
    """What was waited for did not happen within `seconds`; `waits` says what was missing."""

    def __init__(self, seconds: float, waits: Sequence[str]) -> None:
        self.seconds, self.waits = seconds, tuple(waits)
        super().__init__(f"waited {seconds:g} s for {', '.join(self.waits)}")


class BadTracer(MachineError):
    """An object that cannot watch a machine. `faults` holds every reason; nothing was bound."""

    exit_code = 2

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))


class TracerFailed(MachineError):
    """`hook` of a tracer raised `error`, which is the cause. Raised when the queue has ended; nothing else changed."""

    def __init__(self, machine: str, hook: str, error: BaseException) -> None:
        self.machine, self.hook, self.error = machine, hook, error
        super().__init__(
            f"tracer hook '{hook}' of machine '{machine}' raised: {error!r}; "
            "the machine did all it would have done without the tracer"
        )


class BadHistory(MachineError):
    """A history that was asked to keep or to find what it cannot. `faults` holds every reason."""

    exit_code = 2

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(self.faults))
