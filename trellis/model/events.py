"""What happened: the facts that a run is folded from, in the order of its journal.

Time and randomness arrive inside events, never otherwise. `at` is in seconds since 1970, UTC; `noise` is a number
in [0, 1) that the host drew, used for jitter.
"""

from __future__ import annotations

import msgspec

from trellis.model.values import Value


class RunStarted(msgspec.Struct, frozen=True, omit_defaults=True, tag="run_started"):
    """A run of the graph with hash `graph` began with these start values."""

    at: float
    run: str
    graph: str
    fields: dict[str, Value] = {}
    root: str = ""
    """The run at the top of the chain of callers; empty for a run nobody called."""
    version: int = 1
    """The version of the journal format."""


class ActionCompleted(msgspec.Struct, frozen=True, omit_defaults=True, tag="action_completed"):
    """The attempt behind `request` succeeded with `value`."""

    at: float
    request: str
    value: Value = None


class ActionFailed(msgspec.Struct, frozen=True, omit_defaults=True, tag="action_failed"):
    """The attempt behind `request` failed; `code` is the word that `catch` takes."""

    at: float
    request: str
    code: str
    message: str = ""
    retryable: bool = True
    noise: float = 0.5


class AnswerGiven(msgspec.Struct, frozen=True, omit_defaults=True, tag="answer_given"):
    """Somebody answered the question of `node` (its path). A text is read as typed, other values must fit."""

    at: float
    node: str
    value: Value = None
    by: str = ""


class TimerFired(msgspec.Struct, frozen=True, omit_defaults=True, tag="timer_fired"):
    """The timer that request `timer` asked for is due."""

    at: float
    timer: str
    noise: float = 0.5


class SignalReceived(msgspec.Struct, frozen=True, omit_defaults=True, tag="signal_received"):
    """A signal arrived. `interrupt` needs no declaration."""

    at: float
    name: str
    data: dict[str, Value] = {}
    by: str = ""


class CancelRequested(msgspec.Struct, frozen=True, omit_defaults=True, tag="cancel_requested"):
    """Somebody asked that the run end now; nothing is undone."""

    at: float
    reason: str = ""
    by: str = ""


Event = RunStarted | ActionCompleted | ActionFailed | AnswerGiven | TimerFired | SignalReceived | CancelRequested
