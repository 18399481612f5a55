"""Every error that Trellis raises on purpose; each carries facts, and composes its text from them once.

    TrellisError
    ├── InvalidGraph          the documents have problems; all of them, with their places
    ├── ExpressionError       an expression could not be evaluated on this data
    ├── ReplayError           a journal does not follow from its definition
    ├── ActionError           raised by an action to say how it failed; routes to `catch`
    ├── UsageError            the caller asked for what cannot be
    │   ├── UnknownRun        no run has that id
    │   ├── RunConflict       that id belongs to a run of another graph
    │   ├── StartedOtherwise  that id belongs to a run with other start values
    │   ├── InvalidRunId      a text that cannot be the id of a run
    │   ├── RunClosed         the run has ended
    │   ├── Refused           an answer, signal or cancel that the run did not take; nothing changed
    │   ├── FieldsNeeded      fields that some path reads before any write
    │   ├── InvalidField      a value that its field does not take
    │   ├── PermissionNeeded  a tool whose kind was not allowed
    │   ├── NoTransactions    a tool that writes in the store's transactions, and a store without them
    │   ├── UnknownTool       a tool that nobody declares or registers
    │   ├── SecretsNeeded     secrets that a resumed run needs again
    │   ├── TooManyRuns       as many runs are open as the host allows; none was started
    │   ├── AnswerNeeded      a question, and no more answers
    │   └── SignalNeeded      a wait for states that nothing of the run itself can bring
    ├── MachineError          a relation machine could not do what was asked
    │   ├── BadSchema         states or an order that cannot become a machine; `faults` holds every one
    │   ├── UnknownState      a name that is no state of the machine; nothing changed
    │   ├── UnknownHandler    a handler that no state would ever call; nothing was bound
    │   ├── BadHandlers       an object that has no handlers; nothing was bound
    │   ├── BadArguments      arguments that a called state does not take; nothing changed
    │   ├── WrongThread       a mutation from a thread that does not own the machine; nothing changed
    │   ├── AsyncHandler      a handler that must be awaited, on a machine that does not wait
    │   ├── HandlerCancelled  a handler was cancelled by something that it awaited
    │   ├── HandlerTimeout    a handler ran longer than its machine allows
    │   ├── ExceptionFailed   a handler of the state Exception raised itself
    │   ├── LoopLimit         one call led to more transitions than its machine allows
    │   ├── BadImport         an export that a machine cannot go on from; nothing changed
    │   ├── Runaway           a guarded loop moved its machine too fast, or lost its state
    │   ├── WaitedTooLong     waits that did not come in time
    │   ├── BadTracer         an object that cannot watch a machine; nothing was bound
    │   ├── TracerFailed      a tracer raised; the machine went on without minding
    │   └── BadHistory        a history was asked to keep or to find what it cannot
    ├── HostClosed            the host was closed before the run ended
    └── StoreError            the store could not do what was asked; nothing was written
        ├── StoreUnavailable  it cannot be opened or reached
        ├── StoreTooNew       it was written by a newer version
        ├── StoreTooOld       it waits for `trellis db migrate`
        ├── LeaseLost         a lock was not renewed in time, and may be another's
        ├── StoreCorrupt      what it holds cannot be read
        ├── StoreFull         no room is left
        ├── RunOwned          a living host owns that run
        └── Conflict          the journal is not where the writer thought

An error that ends a command line knows its exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Protocol


class Located(Protocol):
    """What `InvalidGraph` needs of a problem: its one-line text."""

    def __str__(self) -> str: ...


class TrellisError(Exception):
    """The root. `exit_code` is what a command line ends with."""

    exit_code: ClassVar[int] = 1


class InvalidGraph(TrellisError):
    """Documents that cannot become a graph. `problems` holds every one, sorted by place."""

    exit_code = 3

    def __init__(self, problems: Sequence[Located]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ExpressionError(TrellisError):
    """Evaluation stopped: `text` is the expression, `reason` says why on this data."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"cannot evaluate `{text}`: {reason}")


class ActionError(TrellisError):
    """Raise it in an action: `code` is the word that `catch` takes, `retryable` whether trying again may help."""

    def __init__(self, code: str, message: str = "", *, retryable: bool = True) -> None:
        self.code, self.message, self.retryable = code, message, retryable
        super().__init__(f"{code}: {message}" if message else code)


class UsageError(TrellisError):
    """The call itself is wrong; nothing was changed."""

    exit_code = 2


class UnknownRun(UsageError):
    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"unknown run '{run}'")


class RunConflict(UsageError):
    def __init__(self, run: str, graph: str, other: str) -> None:
        self.run, self.graph, self.other = run, graph, other
        super().__init__(
            f"run '{run}' was started with another definition of '{other}' than this one of '{graph}'; "
            f"`trellis resume {run}` continues it as it was, another --id starts anew"
        )


class StartedOtherwise(UsageError):
    def __init__(self, run: str, names: Iterable[str]) -> None:
        self.run, self.names = run, tuple(names)
        listed = ", ".join(f"'{name}'" for name in self.names)
        super().__init__(
            f"run '{run}' was started with another value of {listed}; `trellis resume {run}` continues it as it was, "
            "another --id starts anew"
        )


class InvalidRunId(UsageError):
    def __init__(self, run: str) -> None:
        self.run = run
        shown = run if len(run) <= 40 else run[:37] + "..."
        super().__init__(
            f"{shown!r} is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'"
        )


class RunClosed(UsageError):
    def __init__(self, run: str, status: str) -> None:
        self.run, self.status = run, status
        super().__init__(f"run '{run}' has ended: {status}")


class Refused(UsageError):
    """`code` is one word: unknown_node, not_asked, unknown_signal, closed, stale, early."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


class FieldsNeeded(UsageError):
    """`sources` says which of the names an environment variable would have given: name -> `env:NAME`."""

    def __init__(self, graph: str, names: Iterable[str], sources: Mapping[str, str] | None = None) -> None:
        self.graph, self.names, self.sources = graph, tuple(names), dict(sources or {})
        flags = " ".join(f"--set {name}=…" for name in self.names)
        listed = ", ".join(f"'{name}'" for name in self.names)
        unset = ", ".join(source.removeprefix("env:") for source in self.sources.values())
        hint = f" (or set {unset} in the environment)" if unset else ""
        super().__init__(f"graph '{graph}' needs a value at start for {listed}: {flags}{hint}")


class InvalidField(UsageError):
    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"field '{name}': {reason}")


class PermissionNeeded(UsageError):
    def __init__(self, kind: str, tools: Iterable[str]) -> None:
        self.kind, self.tools = kind, tuple(tools)
        listed = ", ".join(f"'{tool}'" for tool in self.tools)
        super().__init__(f"{kind} tools need permission: {listed}; run again with --allow {kind}")


class HostClosed(TrellisError):
    """The host was closed while a run was open. It stays as it was recorded."""

    exit_code = 130

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"the host was closed while run '{run}' was open; `trellis resume {run}` continues it")


class StoreError(TrellisError):
    """Whatever the store was asked for did not happen. No run has failed by it: it stays as it was recorded."""

    exit_code = 2


class StoreUnavailable(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"cannot open store {url}: {reason}")


class StoreTooNew(StoreError):
    def __init__(self, url: str, found: int, known: int) -> None:
        self.url, self.found, self.known = url, found, known
        super().__init__(
            f"store {url} has format {found}, this version knows {known}: it was written by a newer trellis; "
            "upgrade trellis or name another --store"
        )


class StoreTooOld(StoreError):
    def __init__(self, url: str, found: int, known: int) -> None:
        self.url, self.found, self.known = url, found, known
        super().__init__(
            f"store {url} has format {found}, this version needs {known}: stop its hosts, then `trellis db migrate "
            f"--store {url}`"
        )


class LeaseLost(StoreError):
    def __init__(self, key: str, token: int) -> None:
        self.key, self.token = key, token
        super().__init__(
            f"the lock '{key}' was not renewed in time: another may have it since; do not write under token {token}"
        )


class StoreCorrupt(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"store {url} cannot be read: {reason}")


class StoreFull(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"store {url} has no room: {reason}; nothing was written, free some space and resume")


class RunOwned(StoreError):
    def __init__(self, run: str, owner: str) -> None:
        self.run, self.owner = run, owner
        super().__init__(f"run '{run}' is running elsewhere (owner {owner})")


class Conflict(StoreError):
    """`expected` is the sequence the writer meant to write, `found` the last one in the journal."""

    def __init__(self, run: str, expected: int, found: int) -> None:
        self.run, self.expected, self.found = run, expected, found
        super().__init__(f"run '{run}': cannot write event {expected}, the journal ends at {found}")


class ReplayError(TrellisError):
    """Event `seq` of a journal does not follow from the ones before: the journal is not of this definition."""

    def __init__(self, run: str, seq: int, reason: str) -> None:
        self.run, self.seq, self.reason = run, seq, reason
        super().__init__(f"run '{run}' cannot be replayed at event {seq}: {reason}")


class UnknownTool(UsageError):
    exit_code = 3

    def __init__(self, graph: str, tools: Iterable[str], hint: str = "") -> None:
        self.graph, self.tools = graph, tuple(tools)
        listed = ", ".join(f"'{tool}'" for tool in self.tools)
        super().__init__(
            f"graph '{graph}' calls tools that nobody declares or registers: {listed}" + (f" ({hint})" if hint else "")
        )


class SecretsNeeded(UsageError):
    exit_code = 7

    """`reasons`: why those that are kept under encryption could not be read."""

    def __init__(self, run: str, names: Iterable[str], reasons: Iterable[str] = ()) -> None:
        self.run, self.names, self.reasons = run, tuple(names), tuple(reasons)
        listed = ", ".join(f"'{name}'" for name in self.names)
        why = "; ".join(self.reasons) or "no store keeps them"
        super().__init__(f"run '{run}' needs its secrets again, {why}: {listed}; answer them when it is resumed")


class NoTransactions(UsageError):
    """`tool` has the effect `transactional`."""

    def __init__(self, tool: str, store: str) -> None:
        self.tool, self.store = tool, store
        super().__init__(
            f"tool '{tool}' is transactional, and store {store} has no transactions that an action could write in: "
            "use sqlite:///FILE or postgresql://…, or declare the tool idempotent"
        )


class TooManyRuns(UsageError):
    """`most` is how many runs may be open in the store at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        runs = "run is" if most == 1 else "runs are"
        super().__init__(f"{most} {runs} open, as many as this host allows; start it when one has ended")


class AnswerNeeded(UsageError):
    exit_code = 7

    """`reason` says why the answer before was refused; empty where there was none."""

    def __init__(self, run: str, node: str, reason: str = "") -> None:
        self.run, self.node, self.reason = run, node, reason
        refused = f"; the last one was refused: {reason}" if reason else ""
        super().__init__(f"run '{run}' waits for an answer at '{node}' and there is none{refused}")


class SignalNeeded(UsageError):
    """`waits` names the nodes that wait, each with the states that it lacks; `hopeless`: no signal is taken either."""

    exit_code = 7

    def __init__(self, run: str, waits: Mapping[str, Sequence[str]], *, hopeless: bool = False) -> None:
        self.run, self.waits, self.hopeless = run, waits, hopeless
        waiting = "; ".join(f"at '{node}' for {', '.join(states)}" for node, states in waits.items())
        why = "nothing in the graph can activate that now" if hopeless else "only a signal can move it on"
        super().__init__(f"run '{run}' waits {waiting}: {why}")


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
        super().__init__(f"no state named {name!r}" + (f" ({hint})" if hint else ""))


class UnknownHandler(MachineError):
    """`name` is a handler that no state would ever call; nothing was bound."""

    exit_code = 2

    def __init__(self, name: str, hint: str = "") -> None:
        self.name, self.hint = name, hint
        super().__init__(f"no state calls a handler named {name!r}" + (f" ({hint})" if hint else ""))


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
