"""What crosses between client, workflow and activities, as JSON; and the names under which it does.

Names and shapes are an interface: runs that are open and clients of other versions hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from trellis.engine.state import UndoFailure
from trellis.hosts.commands import Answer, Resolve
from trellis.model.actions import ActionRequest, RequestInput
from trellis.model.events import RunStarted
from trellis.model.graph import Graph, Retry, Tool
from trellis.model.values import Value

SEMANTICS = 1
"""The version of what the same events come to in a workflow. It grows whenever a history that was recorded would replay
otherwise; a run goes on only where its own is spoken."""

VIEW, JOURNAL, DEFINITION = "view", "journal", "definition"
"""Queries. Updates are named as their commands are tagged: answer, signal, cancel, resolve, adopt."""


EMIT, BEGIN, PASS, OURS = "trellis.emit", "trellis.begin", "trellis.pass", "trellis.ours"
"""Activities of ours: a signal to another run; the start values of a child run that need the environment or keys; the
secret that one gave; whether the id of a child run is its own."""
CANCEL = "trellis.cancel"
"""The signal by which a run tells a child run to end; it carries a CancelRun."""
STOPPED = "trellis.stopped"
"""The type of the failure of an attempt that ended because its worker did: nobody knows how far it had come, and it is
made again where its effect allows it. It counts for no attempt of the policy."""
UNBEGUN = "trellis.unbegun"
"""The type of the failure of a call that was handed back: its worker could not open what it was given, and did nothing."""


BATCH, TOLD, LEAVE = "trellis.batch", "trellis.told", "trellis.leave"
"""The workflow that makes the calls of a large `each`; the signal by which it tells how some ended, and the one by which it is
told that some are needed no more."""


class Carried(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run that continues as new goes on from."""

    state: msgspec.Raw
    """The snapshot of its state, as `engine.snapshot` writes it."""
    visited: list[str] = []
    calls: dict[str, int] = {}
    """Attempts that were made of the calls that are open, by request."""
    lapsed: list[str] = []
    """Calls of which no attempt is made any more, whose deadline is waited for."""
    again: list[str] = []
    """Calls that were handed out before, and nobody knows how that ended."""


class Begin(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first argument of a workflow; the second is the compiled graph, as `Graph.data` has it.

    The workflow's type is the graph's name, its id the run's.
    """

    graph: str
    """The hash of the graph."""
    source: str = ""
    """Where the graph was read from, relative to the project: a worker looks up its tools beside it. A folder's ends with `/`."""
    semantics: int = 1
    """The least that it takes: whoever begins it says his own, and the worker that takes it up goes on with its own later ones.
    What is left out is the first, whoever reads it."""
    started: RunStarted | None = None
    """What the run began with; its `at` is the workflow's own to say."""
    carried: Carried | None = None


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first argument of an activity, whose type is the tool; the second are its arguments."""

    node: str
    key: str
    """Its idempotency key; where it begins with the run and the node, as nearly every one does, what stands behind them."""
    tool: Tool | None = None
    """How the graph declares the tool, where it does."""
    source: str = ""
    """As in Begin."""
    run: str = ""
    """The id of the run, where that of the workflow is another."""
    undo: bool = False
    silence: float | None = None
    timeout: float | None = None
    """The time for one attempt, in seconds."""
    deadline: float | None = None
    """When the time for all attempts is over, in seconds since 1970 by the clock of the server."""
    before: int = 0
    """Attempts that were made of the call before this activity."""
    again: bool = False
    """The attempt before this activity was cut off: nobody knows how far it had come."""
    save: str = ""
    """The secret field that takes the value."""
    secrets: dict[str, str] = {}
    """Secrets that its arguments stand for, under encryption, by field."""
    retry: Retry | None = None
    """The policy, where its jitter is for the worker to draw."""


class SealedAnswer(Answer, frozen=True, omit_defaults=True, tag="answer"):
    """An answer whose value may be the seal of a secret field."""

    secrets: dict[str, str] = {}
    """The secret under encryption, by field."""


class SealedResolve(Resolve, frozen=True, omit_defaults=True, tag="resolve"):
    """As SealedAnswer, of a call that is uncertain and saves to a secret field."""

    secrets: dict[str, str] = {}


def short_key(key: str, run: str, node: str) -> str:
    """An idempotency key as `Call.key` has it: the id of the run is not written in every step of its history again."""
    begins = f"{run}/{node}/"
    return key[len(begins) - 1 :] if key.startswith(begins) else key


def whole_key(key: str, run: str, node: str) -> str:
    """The idempotency key of a call, by what `Call.key` has of it."""
    return f"{run}/{node}{key}" if key.startswith("/") else key


class Done(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an activity gives back."""

    value: Value = None
    attempt: int = 1
    secrets: dict[str, str] = {}
    """The secret field that takes the value -> the value under encryption; then `value` is its seal."""


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """The detail of the failure of an activity, whose type is the code that an author may catch."""

    attempt: int = 1
    retryable: bool = True
    passed: Literal["", "timeout", "deadline"] = ""
    """Which time limit had passed; then the type is `timeout`."""
    late: Done | None = None
    """What the attempt came to all the same; None: it was stopped."""


class Ended(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a run ended: the result of its workflow where it completed, else the detail of its failure, whose type is `status`.

    Secrets are masked.
    """

    status: str
    result: Value = None
    fields: dict[str, Value] = {}
    error: dict[str, Value] | None = None
    visited: list[str] = []
    states: list[str] = []
    undo_failures: list[UndoFailure] = []
    sealed: Value = None
    """The result of a child run as it is, where that holds seals of secrets; not for people."""
    secrets: dict[str, str] = {}
    """What these stand for, under encryption, by field."""


class View(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run tells whoever asks now. Secrets are masked."""

    graph: str
    name: str
    status: str
    seq: int = 0
    at: float = 0.0
    fields: dict[str, Value] = {}
    position: dict[str, int] = {}
    states: list[str] = []
    questions: list[RequestInput] = []
    open: list[ActionRequest] = []
    """Every call, child run and question that is not over."""
    uncertain: list[str] = []
    """Nodes whose call nobody knows the end of."""
    waits: dict[str, list[str]] = {}
    error: dict[str, Value] | None = None


class Journal(msgspec.Struct, frozen=True, omit_defaults=True):
    """The events of a run after a `seq`, in this execution of its workflow. Whoever folds them over the state, or from the
    first, has every step of the run."""

    graph: str
    source: str = ""
    execution: str = ""
    """Which one of its workflow this is."""
    base: int = 0
    """The `seq` that this execution went on from; what was before, the execution `before` tells, as long as it is kept."""
    before: str = ""
    state: msgspec.Raw = msgspec.Raw(b"null")
    """The snapshot at `base`; null where that is 0."""
    visited: list[str] = []
    """The nodes that were entered up to `base`."""
    events: list[Any] = []
    closed: bool = False
    more: bool = False
    """There are more after these: ask again after the last."""


BEGAN = "began"
"""What the memo of an execution that goes on from another one says of when the run began: seconds since 1970."""


def memo_of(graph: Graph, request: str) -> dict[str, str]:
    """What the server tells of a run without a worker. Nothing in it is secret."""
    memo = {"graph": graph.hash, "source": graph.source, "request": request}
    return {name: value for name, value in memo.items() if value}


class OtherSemantics(RuntimeError):
    """The run was begun under other semantics than this worker speaks: another worker goes on with it.

    It is no TrellisError, so that it fails the task and not the run.
    """

    def __init__(self, run: str, needed: int) -> None:
        super().__init__(
            f"run '{run}' needs a worker that speaks semantics {needed}, this one speaks {SEMANTICS}; "
            f"start a worker of the version with the build id 'trellis-{needed}' on the same task queue"
        )


def began(memo: Mapping[str, Any], otherwise: float) -> float:
    """When a run began, as its memo tells; `otherwise` where it tells nothing, or nothing of ours."""
    told = memo.get(BEGAN)
    return told if isinstance(told, float) else otherwise
