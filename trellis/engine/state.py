"""What a run is between two turns: the fold of its journal, and all that a host must know to go on.

Nothing here is ever changed in place. Dictionaries are shared between states; a turn copies the ones it touches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

from trellis.engine.chain import Chain
from trellis.engine.tally import Tally
from trellis.model.actions import ActionRequest, Attempted, RequestInput
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.engine.program import Program

Status = Literal["running", "completed", "failed", "denied", "timed_out", "cancelled", "rolled_back", "rollback_failed"]


class ErrorFacts(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What a catch target reads as `error.code`, `.message`, `.node`, `.attempt`."""

    code: str
    message: str
    node: str
    attempt: int = 1


class Joining(msgspec.Struct, frozen=True, gc=False):
    """How far the bodies of a node are. Results are (index, value) and (index, error), newest first."""

    total: int
    started: int
    done: Chain[tuple[int, Value]] | None = None
    failed: Chain[tuple[int, ErrorFacts]] | None = None
    items: tuple[Value, ...] = ()
    """The items of an `each`; empty for branches."""

    @property
    def running(self) -> int:
        return self.started - len(self.done or ()) - len(self.failed or ())


class Token(msgspec.Struct, frozen=True, gc=False):
    """An active node. `entry` is the sequence number of this visit in the run; a later visit has another."""

    path: str
    node: str
    entry: int
    parent: str = ""
    """The path of the `all`, `race` or `each` whose body this is in; empty at the root."""
    index: int = 0
    """Which branch or item of the parent."""
    attempt: int = 1
    request: str = ""
    """The open call or question."""
    call: Attempted | None = None
    """What the last attempt was of; the next one repeats it."""
    timers: tuple[str, ...] = ()
    locals: dict[str, Value] = {}
    join: Joining | None = None
    value: Value = None
    """What the last acting node of this body gave."""
    caught: bool = False
    """The node was reached by `catch`."""
    beside: tuple[str, ...] = ()
    """The open calls that remind or escalate while the node waits."""
    reminded: int = 0
    escalated: int = 0
    """How many steps of `escalate` have been taken in this visit."""


Beside = Literal["remind", "escalate"]
"""What goes on beside a node that waits."""


class Open(msgspec.Struct, frozen=True, gc=False):
    """A call, a child run or a question that is not answered. `cancelling`: its node was left, its result is still taken.

    That of a child run always is: no run ends before those that it uses.
    """

    request: Attempted | RequestInput
    token: Token
    """As it was when the request was made; for a cancelling one, what its undo is evaluated with."""
    cancelling: bool = False
    begun: bool = False
    """It is a call that may be made at most once, and its host went about making it."""
    uncertain: bool = False
    """Nobody knows whether the call was carried out; it waits for somebody who finds out."""
    beside: Beside | Literal[""] = ""
    """It is no work of its node but reminds of it or escalates it: what comes of it changes nothing."""
    undo: bool = False
    """Of a child run that was left: it is to undo what it has completed."""


class Timer(msgspec.Struct, frozen=True, gc=False):
    """A timer that was asked for: when, what for, and the visit that set it (`entry` 0: the rollback)."""

    due: float
    purpose: Literal["timeout", "deadline", "retry", "wait", "remind", "escalate", "time"]
    path: str
    entry: int


IDLE = ("remind", "escalate", "time")
"""Purposes of timers that move no run on."""


class UndoEntry(msgspec.Struct, frozen=True, gc=False):
    """A completed node that can be taken back. `problem`: why its arguments could not be evaluated."""

    path: str
    node: str
    entry: int
    tool: str
    args: dict[str, Value]
    completed: int
    """How many visits the run had begun when this one completed."""
    problem: str = ""


class UndoFailure(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """An undo that failed for good."""

    node: str
    code: str
    message: str = ""


class Setting(msgspec.Struct, frozen=True, gc=False):
    """What one move sets: the fields that it writes, the declared states that it adds and those that it removes."""

    fields: dict[str, Value] = {}
    adds: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()

    def then(self, later: Setting) -> Setting:
        """Both as one; where they speak of the same, the later counts."""
        adds = [name for name in self.adds if name not in later.removes]
        removes = [name for name in self.removes if name not in later.adds]
        return Setting(
            {**self.fields, **later.fields},
            tuple(dict.fromkeys((*adds, *later.adds))),
            tuple(dict.fromkeys((*removes, *later.removes))),
        )

    def without(self, field: str) -> Setting:
        """All but what it writes to this field."""
        kept = {name: value for name, value in self.fields.items() if name != field}
        return Setting(kept, self.adds, self.removes)


NOTHING = Setting()
"""What a move sets that only moves. Compare with `is`."""


class Rollback(msgspec.Struct, frozen=True, gc=False):
    """An undo in progress: newest first, one at a time, of what completed in or after visit number `since`.

    `back` is set for an edge with `undo: true`: the visit that waits, where it goes then, and what that move sets.
    """

    since: int = 0
    error: ErrorFacts | None = None
    current: UndoEntry | None = None
    request: str = ""
    attempt: int = 0
    timers: tuple[str, ...] = ()
    failures: tuple[UndoFailure, ...] = ()
    back: tuple[Token, str, Setting] | None = None


class Ending(msgspec.Struct, frozen=True, gc=False):
    """How a run ends once the last of its child runs has: nothing else is waited for."""

    status: Status
    result: Value = None


class Arrived(msgspec.Struct, frozen=True, gc=False):
    """A signal that waits for a taker."""

    name: str
    data: dict[str, Value]


HEARD = 1000
"""How many ids of answers and signals a run remembers; one that is sent again after so many others counts anew."""


class State(msgspec.Struct, frozen=True, gc=False):
    """One run after `seq` events. `lines` counts the trace entries so far.

    `active` names what is active of the declared states, and of the nodes that relations name, in the order that
    decides outcomes; `clock` how often each came and went, for those that ever did: odd is active. `heard` holds the ids
    of the last HEARD answers and signals that brought one; `secrets` what events brought under encryption, by field. `parent` is the run
    that uses this one, `depth` how many are above it.
    """

    run: str
    root: str
    graph: str
    seq: int
    at: float
    status: Status
    fields: dict[str, Value]
    tokens: dict[str, Token]
    open: dict[str, Open]
    timers: dict[str, Timer]
    entries: int = 0
    lines: int = 0
    undo: Chain[UndoEntry] | None = None
    rollback: Rollback | None = None
    marks: dict[str, int] = {}
    visits: Tally = Tally()
    buffer: tuple[Arrived, ...] = ()
    result: Value = None
    error: ErrorFacts | None = None
    undo_failures: tuple[UndoFailure, ...] = ()
    active: tuple[str, ...] = ()
    clock: dict[str, int] = {}
    heard: tuple[str, ...] = ()
    secrets: dict[str, str] = {}
    locale: str = ""
    """As in RunStarted."""
    size: int = 0
    """The bytes of all events so far, as `limits.weight` counts them."""
    parent: str = ""
    depth: int = 0
    ending: Ending | None = None

    @property
    def closed(self) -> bool:
        return self.status != "running"

    @property
    def position(self) -> dict[str, int]:
        """The token map: path of each active node -> the sequence number of its visit."""
        return {path: token.entry for path, token in self.tokens.items()}

    @property
    def waiting(self) -> bool:
        """Whether nothing is under way, asked or timed: all there is are waits, and only a signal helps."""
        return not (self.closed or self.open or any(timer.purpose not in IDLE for timer in self.timers.values()))


class Refusal(msgspec.Struct, frozen=True, gc=False):
    """Why an event was not taken. `code`: closed, stale, early, not_asked, invalid_answer, unknown_signal, …"""

    code: str
    message: str


TraceEntry = tuple[str, dict[str, Any]]
"""A kind of the event lines (`node.entered`, `tool.called`, …) and its facts."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """The outcome of one event. Refused: `state` is the very object that was given, and nothing is journaled."""

    state: State
    requests: tuple[ActionRequest, ...] = ()
    trace: tuple[TraceEntry, ...] = ()
    refusal: Refusal | None = None


def shown_states(program: Program, state: State) -> list[str]:
    """The declared states that are active, in their order: all that is active but the nodes."""
    declared = program.declared
    return [] if declared is None else [name for name in state.active if name not in declared.nodes]
