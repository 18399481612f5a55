"""What happened: the facts that a run is folded from, in the order of its journal.

Time and randomness arrive inside events, never otherwise. `at` is in seconds since 1970, UTC; `noise` is a number
in [0, 1) that the host drew, used for jitter.
"""

from __future__ import annotations

import msgspec

from trellis.model.values import Value


class RunStarted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="run_started"):
    """A run of the graph with hash `graph` began with these start values."""

    at: float
    run: str
    graph: str
    fields: dict[str, Value] = {}
    root: str = ""
    """What the idempotency keys of the run begin with; empty: its id."""
    version: int = 1
    """The version of the journal format."""
    request: str = ""
    """The id of the request that started it."""
    secrets: dict[str, str] = {}
    """Field -> its value under encryption, where a key is known; `fields` holds the seal."""
    locale: str = ""
    """The language that people are spoken to in, as a BCP 47 tag; empty: the first that the author wrote."""
    parent: str = ""
    """The run that uses this one; empty for a run that somebody outside started."""
    depth: int = 0
    """How many runs are above it."""


class ActionCompleted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="action_completed"):
    """The attempt behind `request` succeeded with `value`."""

    at: float
    request: str
    value: Value = None
    secrets: dict[str, str] = {}
    """As in RunStarted."""
    by: str = ""
    attempt: int = 0
    """How many attempts there were, where whoever performs them makes the next ones by the policy of the node, and the
    engine does not; 0: the engine does."""


class ActionFailed(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="action_failed"):
    """The attempt behind `request` failed; `code` is the word that `catch` takes."""

    at: float
    request: str
    code: str
    message: str = ""
    retryable: bool = True
    noise: float = 0.5
    by: str = ""
    """Who says so, where it was nobody who performed the attempt; as in ActionCompleted."""
    attempt: int = 0
    """As in ActionCompleted: the last of so many, and there is no next one."""


class AnswerGiven(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="answer_given"):
    """Somebody answered the question of `node` (its path). A text is read as typed, other values must fit."""

    at: float
    node: str
    value: Value = None
    by: str = ""
    id: str = ""
    """The sender's own id of this answer: the second of an id is refused. Empty: every one counts."""
    secrets: dict[str, str] = {}
    """As in RunStarted."""


class TimerFired(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="timer_fired"):
    """The timer that request `timer` asked for is due."""

    at: float
    timer: str
    noise: float = 0.5
    attempt: int = 0
    """As in ActionFailed, of the call that has run out of time."""


class SignalReceived(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="signal_received"):
    """A signal arrived. `interrupt` needs no declaration."""

    at: float
    name: str
    data: dict[str, Value] = {}
    by: str = ""
    id: str = ""
    """As in AnswerGiven."""


class CancelRequested(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="cancel_requested"):
    """Somebody asked that the run end now; nothing is undone."""

    at: float
    reason: str = ""
    by: str = ""
    terminate: bool = False
    """By an operator, over the head of the graph: the error that it ends with is `terminated`."""
    undo: bool = False
    """By the run that uses this one and goes on without it: what completed is undone first."""


class AttemptBegun(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="attempt_begun"):
    """A call that may be made at most once is made now. Without it in the journal, the call was not made."""

    at: float
    request: str


class AttemptWanted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="attempt_wanted"):
    """Of a call whose outcome is uncertain, somebody says: make it once more."""

    at: float
    request: str
    by: str = ""


class Forked(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="forked"):
    """Here a fork of a run begins: fields may be written, and timers have as long to go as they had in the other run."""

    at: float
    fields: dict[str, Value] = {}
    by: str = ""


class Adopted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="adopted"):
    """The run goes on with the definition whose hash is `graph`; renamed nodes and fields, old -> new."""

    at: float
    graph: str
    nodes: dict[str, str] = {}
    fields: dict[str, str] = {}
    by: str = ""


Event = (
    RunStarted
    | ActionCompleted
    | ActionFailed
    | AnswerGiven
    | TimerFired
    | SignalReceived
    | CancelRequested
    | AttemptBegun
    | AttemptWanted
    | Forked
    | Adopted
)
