"""What is wanted: the requests that the engine emits and a host performs, and how one attempt may end.

Every request has an `id` (run:sequence:index), an `idempotency_key` (the same for every attempt of one visit of one
node), the `node` (its path) and the `attempt`, from 1. A host performs requests in the order given, after the commit.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

from trellis.model.graph import Ask, AskKind
from trellis.model.values import Value


class RenderContent(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="RENDER_CONTENT", tag_field="kind"):
    """Show `text`. Nothing comes back."""

    kind: ClassVar[str] = "RENDER_CONTENT"
    id: str
    idempotency_key: str
    node: str
    text: str
    attempt: int = 1


class SystemMessage(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="SYSTEM_MESSAGE", tag_field="kind"):
    """Tell the person something that no author wrote. Nothing comes back."""

    kind: ClassVar[str] = "SYSTEM_MESSAGE"
    id: str
    idempotency_key: str
    node: str
    text: str
    attempt: int = 1


class Given(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One approval of several that a question waits for: who gave it, and why."""

    by: str
    reason: str = ""


class RequestInput(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="REQUEST_INPUT", tag_field="kind"):
    """Ask for a value of `field`; `AnswerGiven` comes back. `reason` says why an answer before was refused."""

    kind: ClassVar[str] = "REQUEST_INPUT"
    id: str
    idempotency_key: str
    node: str
    field: str
    ask: AskKind
    prompt: str = ""
    """The text that the node says, for showing again after a resume."""
    options: tuple[Value, ...] = ()
    default: Value = None
    reason: str = ""
    attempt: int = 1
    by: tuple[str, ...] = ()
    """Who may approve; empty: anybody."""
    quorum: int = 1
    """How many have to approve."""
    given: tuple[Given, ...] = ()
    """Who has approved so far, in order."""
    form: tuple[Ask, ...] = ()
    """The questions of a form, whose own `field` is empty; its answer is a map by field."""
    lines: bool = False
    """The text may have several lines."""


class CallTool(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="CALL_TOOL", tag_field="kind"):
    """Perform one attempt of `tool`; `ActionCompleted` or `ActionFailed` comes back."""

    kind: ClassVar[str] = "CALL_TOOL"
    id: str
    idempotency_key: str
    node: str
    tool: str
    run: str
    args: dict[str, Value] = {}
    attempt: int = 1
    undo: bool = False
    """This call takes back what the node did."""
    silence: float | None = None
    """The longest silence, in seconds: within it the attempt has to beat, again and again. None: it need not."""

    def heartbeat(self, details: Value = None) -> None:
        """Say that the work goes on, from any thread; `details` are told should it then fall silent.

        Where nobody listens for it, nothing happens.
        """


class StartTimer(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="START_TIMER", tag_field="kind"):
    """Send `TimerFired` at `due` (seconds since 1970, UTC) or later. It may be forgotten once the node is left."""

    kind: ClassVar[str] = "START_TIMER"
    id: str
    idempotency_key: str
    node: str
    due: float
    purpose: str
    """timeout, deadline, retry, wait, remind or escalate; of the time of the run, time."""
    attempt: int = 1


class Cancel(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="CANCEL", tag_field="kind"):
    """Stop the work of request `target`. Its result is still reported when `awaited`, else it is of no more use."""

    kind: ClassVar[str] = "CANCEL"
    id: str
    idempotency_key: str
    node: str
    target: str
    awaited: bool = False
    attempt: int = 1
    undo: bool = False
    """Of a child run: what it has completed is to be undone."""


class StartChild(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="START_CHILD", tag_field="kind"):
    """Run another graph as the run `child` and report its outcome as an action's.

    Once is enough whoever does it how often: the id of the child is made of the key, and it counts who started it.
    """

    kind: ClassVar[str] = "START_CHILD"
    id: str
    idempotency_key: str
    node: str
    run: str
    graph: str
    """As the `uses` of the definition has it."""
    child: str
    fields: dict[str, Value] = {}
    attempt: int = 1
    depth: int = 1
    """How many runs are above the child."""


class Emit(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="EMIT", tag_field="kind"):
    """Send a signal to another run of the store, under the key as its own id; `ActionCompleted` comes back once it was
    taken, else `ActionFailed`."""

    kind: ClassVar[str] = "EMIT"
    undo: ClassVar[bool] = False
    id: str
    idempotency_key: str
    node: str
    run: str
    name: str
    data: dict[str, Value] = {}
    attempt: int = 1


Attempted = CallTool | Emit | StartChild
"""What is done in attempts, each of which ends in `ActionCompleted` or `ActionFailed`, and is made again under its key."""

ActionRequest = RenderContent | SystemMessage | RequestInput | CallTool | StartTimer | Cancel | StartChild | Emit


class Completed(msgspec.Struct, frozen=True, gc=False):
    """One attempt succeeded."""

    value: Value = None


class Failed(msgspec.Struct, frozen=True, gc=False):
    """One attempt failed. `code` is a word an author may catch: failed, timeout, invalid, cancelled, uncertain, …"""

    code: str
    message: str = ""
    retryable: bool = True


class Denied(msgspec.Struct, frozen=True, gc=False):
    """The attempt was not allowed; nothing was done. It routes as the error `denied` and is never retried."""

    reason: str = ""


Response = Completed | Failed | Denied
