"""What a caller of runs asked for and cannot have: nothing was changed, and the text says how to ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from trellis.errors.root import TrellisError, UsageError
from trellis.errors.words import bracketed


class UnknownRun(UsageError):
    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"unknown run '{run}'")


class RunConflict(UsageError):
    """`begun` and `now` are the hashes of the definition that the run was started with, and of this one."""

    def __init__(self, run: str, graph: str, other: str, begun: str = "", now: str = "") -> None:
        self.run, self.graph, self.other, self.begun, self.now = run, graph, other, begun, now
        super().__init__(
            f"run '{run}' was started with another definition of '{other}'{bracketed(begun[:12])} than this one of "
            f"'{graph}'{bracketed(now[:12])}; "
            f"`trellis resume {run}` continues it as it was, another --id starts anew"
        )


class RunTaken(UsageError):
    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"run '{run}' was started by somebody else, and the run above it wants one of this id")


class StartedOtherwise(UsageError):
    def __init__(self, run: str, names: Iterable[str]) -> None:
        self.run, self.names = run, tuple(names)
        listed = ", ".join(f"'{name}'" for name in self.names)
        super().__init__(
            f"run '{run}' was started with another value of {listed}; `trellis resume {run}` continues it as it was, "
            "another --id starts anew"
        )


class InvalidLocale(UsageError):
    def __init__(self, locale: str, guess: str = "") -> None:
        self.locale, self.guess = locale, guess
        shown = locale if len(locale) <= 40 else locale[:37] + "..."
        hint = f"did you mean '{guess}'?" if guess else "write a tag such as en or pt-BR"
        super().__init__(f"'{shown}' is no language tag ({hint})")


class InvalidRunId(UsageError):
    def __init__(self, run: str) -> None:
        self.run = run
        shown = run if len(run) <= 40 else run[:37] + "..."
        super().__init__(
            f"{shown!r} is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'"
        )


class InvalidRequestId(UsageError):
    def __init__(self, request: str) -> None:
        self.request = request
        shown = request if len(request) <= 40 else request[:37] + "..."
        super().__init__(f"{shown!r} is no id of a request: at most 200 characters, no U+0000 and no lone surrogate")


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


class NoTransactions(UsageError):
    """`tool` has the effect `transactional`."""

    def __init__(self, tool: str, store: str) -> None:
        self.tool, self.store = tool, store
        super().__init__(
            f"tool '{tool}' is transactional, and store {store} has no transactions that an action could write in: "
            "use sqlite:///FILE or postgresql://…, or declare the tool idempotent"
        )


class UnknownTool(UsageError):
    exit_code = 3

    def __init__(self, graph: str, tools: Iterable[str], hint: str = "") -> None:
        self.graph, self.tools = graph, tuple(tools)
        listed = ", ".join(f"'{tool}'" for tool in self.tools)
        super().__init__(f"graph '{graph}' calls tools that nobody declares or registers: {listed}" + bracketed(hint))


class SecretsNeeded(UsageError):
    """`reasons`: why those that are kept under encryption could not be read."""

    exit_code = 7

    def __init__(self, run: str, names: Iterable[str], reasons: Iterable[str] = ()) -> None:
        self.run, self.names, self.reasons = run, tuple(names), tuple(reasons)
        listed = ", ".join(f"'{name}'" for name in self.names)
        why = "; ".join(self.reasons) or "no store keeps them"
        super().__init__(f"run '{run}' needs its secrets again, {why}: {listed}; answer them when it is resumed")


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
    """`waits` names the nodes that wait, each with what it lacks; `hopeless`: no signal is taken either."""

    exit_code = 7

    def __init__(self, run: str, waits: Mapping[str, Sequence[str]], *, hopeless: bool = False) -> None:
        self.run, self.waits, self.hopeless = run, waits, hopeless
        waiting = "; ".join(f"at '{node}' for {', '.join(states)}" for node, states in waits.items())
        why = "nothing in the graph can bring that now" if hopeless else "only a signal can move it on"
        super().__init__(f"run '{run}' waits {waiting}: {why}")


class HostClosed(TrellisError):
    """The host was closed while a run was open. It stays as it was recorded."""

    exit_code = 130

    def __init__(self, run: str) -> None:
        self.run = run
        super().__init__(f"the host was closed while run '{run}' was open; `trellis resume {run}` continues it")
