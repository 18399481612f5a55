"""One turn in the making: the state before, the copies of what was touched, and what will leave when it ends.

A turn is an agenda. `later` pushes a piece of work, `apply` pops and performs the newest first, so that a branch
that ends is joined before its sibling begins, and no call grows the stack with the length of a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trellis.engine.chain import Chain
from trellis.engine.program import Program
from trellis.engine.state import (
    HEARD,
    Arrived,
    Ending,
    ErrorFacts,
    Open,
    Rollback,
    State,
    Status,
    Step,
    Timer,
    Token,
    TraceEntry,
    UndoEntry,
    UndoFailure,
)
from trellis.model.actions import ActionRequest, Attempted, Cancel, RequestInput, StartTimer
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.engine.declared import Declared
    from trellis.engine.states import Active

Task = tuple[Any, ...]
"""The name of a piece of work (see `apply.WORK`) and its arguments."""


class Turn:
    """The working copy of one run while one event is applied."""

    __slots__ = (
        "_emitted",
        "_fields",
        "_open",
        "_timers",
        "_tokens",
        "_untold",
        "_withdrawn",
        "agenda",
        "at",
        "before",
        "buffer",
        "ending",
        "entries",
        "error",
        "heard",
        "lines",
        "marks",
        "noise",
        "program",
        "requests",
        "result",
        "rollback",
        "secrets",
        "seq",
        "size",
        "states",
        "status",
        "steps",
        "stirred",
        "trace",
        "undo",
        "undo_failures",
        "visits",
        "wanted",
    )  # fmt: skip

    def __init__(self, program: Program, state: State, at: float, noise: float = 0.5) -> None:
        self.program, self.before, self.noise = program, state, noise
        self.at = max(at, state.at)
        self.seq = state.seq + 1
        self.agenda: list[Task] = []
        self.requests: list[ActionRequest] = []
        self.trace: list[TraceEntry] = []
        self._emitted = 0
        self._withdrawn: set[str] = set()
        self._untold: set[int] = set()
        self.wanted: dict[str, dict[str, Any]] = {}
        """What this turn asked for and may still take back: the id of the request -> its facts in the trace."""
        self.steps = 0
        self._fields: dict[str, Value] | None = None
        self._tokens: dict[str, Token] | None = None
        self._open: dict[str, Open] | None = None
        self._timers: dict[str, Timer] | None = None
        self.entries, self.size = state.entries, state.size
        self.status: Status = state.status
        self.undo: Chain[UndoEntry] | None = state.undo
        self.rollback: Rollback | None = state.rollback
        self.marks, self.visits = state.marks, state.visits
        self.buffer: tuple[Arrived, ...] = state.buffer
        self.result: Value = state.result
        self.error: ErrorFacts | None = state.error
        self.undo_failures: tuple[UndoFailure, ...] = state.undo_failures
        self.heard, self.secrets = state.heard, state.secrets
        self.ending: Ending | None = state.ending
        self.states: Active | None = None if program.declared is None else _active(program.declared, state)
        """The declared states; None where the graph has none."""
        self.stirred = False
        """Some wait or route may have something to go by now."""

    @property
    def over(self) -> bool:
        """Whether the run has ended, or will once its child runs have."""
        return self.status != "running" or self.ending is not None

    # What is read is shared with the state before; what is written is copied first.

    @property
    def fields(self) -> dict[str, Value]:
        return self.before.fields if self._fields is None else self._fields

    def write_fields(self, fields: dict[str, Value]) -> None:
        self._fields = fields
        if self.program.watches:
            self.stirred = True

    @property
    def tokens(self) -> dict[str, Token]:
        return self.before.tokens if self._tokens is None else self._tokens

    def write_tokens(self) -> dict[str, Token]:
        if self._tokens is None:
            self._tokens = self.before.tokens.copy()
        return self._tokens

    @property
    def open(self) -> dict[str, Open]:
        return self.before.open if self._open is None else self._open

    def write_open(self) -> dict[str, Open]:
        if self._open is None:
            self._open = self.before.open.copy()
        return self._open

    @property
    def timers(self) -> dict[str, Timer]:
        return self.before.timers if self._timers is None else self._timers

    def write_timers(self) -> dict[str, Timer]:
        if self._timers is None:
            self._timers = self.before.timers.copy()
        return self._timers

    def later(self, *task: Any) -> None:
        """Push a piece of work; the newest is done first."""
        self.agenda.append(task)

    def note(self, kind: str, facts: dict[str, Any]) -> None:
        """One entry of the trace."""
        self.trace.append((kind, facts))

    def hear(self, name: str) -> None:
        """Remember the id that the sender of this event gave it; none where it is empty."""
        if name:
            self.heard = (*self.heard[1 - HEARD :], name)

    def keep(self, secrets: dict[str, str]) -> None:
        """Remember the secrets that this event brought under encryption."""
        if secrets:
            self.secrets = {**self.secrets, **secrets}

    def next_id(self) -> str:
        """The id of the request that is emitted next."""
        return f"{self.before.run}:{self.seq}:{self._emitted}"

    def emit(self, request: ActionRequest, kind: str = "", facts: dict[str, Any] | None = None) -> None:
        """Want something, and note it as `kind` where the trace tells of it."""
        self._emitted += 1
        self.requests.append(request)
        if facts is not None:
            self.wanted[request.id] = facts
            self.note(kind, facts)

    def cancel(self, request: Attempted | RequestInput, *, awaited: bool = False, undo: bool = False) -> None:
        """Want this no more. What this very turn wanted never leaves, and was never told."""
        facts = self.wanted.pop(request.id, None)
        if facts is None:
            self.emit(
                Cancel(
                    id=self.next_id(),
                    idempotency_key=request.idempotency_key,
                    node=request.node,
                    target=request.id,
                    awaited=awaited,
                    attempt=request.attempt,
                    undo=undo,
                )
            )
            return
        self._withdraw(request.id, facts)

    def key(self, token: Token) -> str:
        """The idempotency key of what this visit of a node does, whatever the attempt."""
        return f"{self.before.root}/{token.path}/{token.entry}"

    def start_timer(self, purpose: Any, delay: float, path: str, entry: int, key: str, attempt: int) -> str:
        """Ask for a timer that fires after so many seconds; its id."""
        return self.set_timer(purpose, self.at + delay, path, entry, key, attempt)

    def set_timer(self, purpose: Any, due: float, path: str, entry: int, key: str, attempt: int) -> str:
        """Ask for a timer that fires at this moment; its id."""
        name = self.next_id()
        self.write_timers()[name] = Timer(due, purpose, path, entry)
        self.emit(
            StartTimer(id=name, idempotency_key=key, node=path, due=due, purpose=purpose, attempt=attempt),
            "timer.set",
            {"node": path, "timer": name, "purpose": purpose, "due": due},
        )
        return name

    def drop_timers(self, names: tuple[str, ...]) -> None:
        """Forget these timers. Nothing is cancelled: one that fires later is refused as stale."""
        if names:
            timers = self.write_timers()
            for name in names:
                timers.pop(name, None)
                facts = self.wanted.pop(name, None)
                if facts is not None:  # set in this very turn
                    self._withdraw(name, facts)

    def _withdraw(self, name: str, facts: dict[str, Any]) -> None:
        self._withdrawn.add(name)
        self._untold.add(id(facts))  # the trace holds the facts, so the id stays theirs

    def step(self) -> Step:
        """The turn's outcome, once the agenda is empty."""
        before = self.before
        if self._withdrawn:
            self.requests = [request for request in self.requests if request.id not in self._withdrawn]
            self.trace = [entry for entry in self.trace if id(entry[1]) not in self._untold]
        states = self.states
        state = State(
            before.run,
            before.root,
            before.graph,
            self.seq,
            self.at,
            self.status,
            self.fields,
            self.tokens,
            self.open,
            self.timers,
            self.entries,
            before.lines + len(self.trace),
            self.undo,
            self.rollback,
            self.marks,
            self.visits,
            self.buffer,
            self.result,
            self.error,
            self.undo_failures,
            before.active if states is None else states.named(),
            before.clock if states is None else states.clock,
            self.heard,
            self.secrets,
            before.locale,
            self.size,
            before.parent,
            before.depth,
            self.ending,
        )
        return Step(state, tuple(self.requests), tuple(self.trace))


def _active(declared: Declared, state: State) -> Active:
    from trellis.engine.states import Active

    return Active(declared, state)
