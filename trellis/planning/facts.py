"""The plan as values: what people are told and programs read. All times are seconds; null is unbounded."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from trellis.model.values import Value
from trellis.planning.spans import Span

VERSION = 1


def time_of(span: Span) -> Time:
    """A span as programs read it, its reasons in order."""
    reasons = tuple(Unbounded(node, why) for node, why in sorted(span.reasons))
    return Time(None if reasons else span.seconds, span.seconds, reasons)


class Time(msgspec.Struct, frozen=True):
    """How long at most. `seconds` null: for ever; then `besides` is all that has a bound, and `unbounded` says what has none."""

    seconds: float | None
    besides: float
    unbounded: tuple[Unbounded, ...] = ()


class Unbounded(msgspec.Struct, frozen=True):
    node: str
    why: str


class Tool(msgspec.Struct, frozen=True):
    """A tool that may be called. `kind` host: no document declares it, the host has to; `allow`: the permission it needs."""

    name: str
    kind: Literal["python", "process", "host"]
    declared: str = ""
    """The function or the command line."""
    effect: str = ""
    timeout: float | None = None
    allow: str = ""
    called_at: tuple[str, ...] = ()
    undoes: tuple[str, ...] = ()
    """Nodes that it takes back."""
    beside: tuple[str, ...] = ()
    """Nodes that it reminds of, or that it is told of, while they wait."""


class Call(msgspec.Struct, frozen=True):
    """A call: of one of `tools`, where data chooses. `args` hold `{{ }}` where they are not known (`complete` false)."""

    tools: tuple[str, ...]
    args: dict[str, Any]
    complete: bool
    attempts: int | None = 1
    """At most; null: without a limit."""


class Emits(msgspec.Struct, frozen=True):
    """A signal to the run `to`."""

    signal: str
    to: str
    data: dict[str, Any]


class Notice(msgspec.Struct, frozen=True):
    """What is done beside a node while it waits: `every` so many seconds, at most `times` (null: no end), or once after."""

    kind: Literal["remind", "escalate"]
    every: float
    times: int | None = 1
    calls: Call | None = None
    says: str = ""
    by: tuple[str, ...] = ()
    """Who may approve too from then on."""


class Question(msgspec.Struct, frozen=True):
    node: str
    field: str
    kind: str
    options: tuple[Value, ...] = ()
    default: Value = None
    by: tuple[str, ...] = ()
    quorum: int = 1
    answered: bool = False
    """The answers that were given have one for it."""
    within: float | None = None
    """Seconds until it is given up; null: never."""
    form: tuple[Question, ...] = ()


class Way(msgspec.Struct, frozen=True):
    """A way on. `kind` edge or undo: by its `if`, empty for one without; catch: by a code; upon: a signal; states: a state.

    `taken`: always; maybe, where it depends on what only a run can tell, of which `depends` names the sources.
    """

    kind: Literal["edge", "undo", "catch", "upon", "states"]
    to: str
    by: str = ""
    taken: Literal["always", "maybe"] = "maybe"
    unless: tuple[str, ...] = ()
    """Conditions of edges before it, which are tried first."""
    depends: tuple[str, ...] = ()


class Excluded(msgspec.Struct, frozen=True):
    """An edge that cannot be taken with these inputs, or a node that cannot be reached."""

    to: str
    why: str
    by: str = ""


class Body(msgspec.Struct, frozen=True):
    name: str
    start: str
    nodes: tuple[str, ...]


class Node(msgspec.Struct, frozen=True):
    """A node that may be visited."""

    id: str
    verb: str
    region: str
    time: Time
    """Of one visit."""
    says: str = ""
    calls: Call | None = None
    emits: Emits | None = None
    saves: str = ""
    waits_for: str = ""
    sets: dict[str, str] = {}
    adds: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    listens: tuple[str, ...] = ()
    """Signals that it has a way for."""
    timeout: float | None = None
    deadline: float | None = None
    heartbeat: float | None = None
    beside: tuple[Notice, ...] = ()
    undo: Call | None = None
    commit: bool = False
    status: str = ""
    """Of an end node."""
    uses: str = ""
    """The graph that it runs."""
    join: str = ""
    items: int | None = None
    """Of an each: how many, where that is known."""
    at_once: int | None = None
    """Of an each: how many items may run side by side; null: all."""
    bodies: tuple[Body, ...] = ()
    ways: tuple[Way, ...] = ()
    excluded: tuple[Excluded, ...] = ()


class Ending(msgspec.Struct, frozen=True):
    """How a run may end: at these nodes; `time` is the longest until then, undoing included.

    `faults` are nodes where it only comes to that because an expression, a value or a state does not fit.
    """

    status: str
    at: tuple[str, ...]
    time: Time
    faults: tuple[str, ...] = ()


class Course(msgspec.Struct, frozen=True):
    """One way from the start, as long as nothing fails. `ending`: a status, or `back to NODE` where it loops."""

    nodes: tuple[str, ...]
    when: tuple[str, ...]
    tools: tuple[str, ...]
    ending: str
    time: Time


class Secret(msgspec.Struct, frozen=True):
    """A secret field: `source` env:NAME, or empty where it is asked for or given."""

    field: str
    source: str
    read_at: tuple[str, ...]


class Undone(msgspec.Struct, frozen=True, tag_field="step", tag="undo"):
    """What would be taken back. `sure`: it is on every way there; `late`: its call may still be under way then, and
    it is undone when that has ended well, out of turn."""

    node: str
    call: Call
    sure: bool
    late: bool = False


class Together(msgspec.Struct, frozen=True, tag_field="step", tag="together"):
    """What has no order that a plan could know: those that completed, the last first. `of`: branches, items or loop."""

    of: Literal["branches", "items", "loop", "states"]
    steps: tuple[Undone, ...]


class Kept(msgspec.Struct, frozen=True):
    """What would not be taken back, and why."""

    node: str
    why: str


class Route(msgspec.Struct, frozen=True):
    """A station of an error on its way: `at` node, `does` what with it."""

    at: str
    does: str
    to: str = ""


class Failing(msgspec.Struct, frozen=True):
    """What would happen if `node` failed for good with `code`.

    `ends` is the status, empty where the run goes on at `goes_on`; `undone` the steps, first to last. Where it goes on
    and may come to a rollback later, `undone` says what that would take back, and `later` where it would begin.
    """

    node: str
    code: str
    reached: bool
    why_not: str = ""
    attempts: int | None = 1
    routes: tuple[Route, ...] = ()
    goes_on: str = ""
    ends: str = ""
    later: tuple[str, ...] = ()
    undone: tuple[Undone | Together, ...] = ()
    kept: tuple[Kept, ...] = ()
    time: Time | None = None
    """Of the undoing."""


class Used(msgspec.Struct, frozen=True):
    """A graph that runs started by nodes are of: the name of its document, and the plan that holds all of them.

    `at`: the nodes, as they are called in the run that is planned; of very many a few.
    """

    file: str
    at: tuple[str, ...]
    plan: Plan


class Plan(msgspec.Struct, frozen=True):
    """What would happen. `nodes` in the order of the document; `courses` at most some, `more_courses` says that there are others."""

    v: int
    graph: str
    hash: str
    start: str
    given: dict[str, Value]
    missing: tuple[str, ...]
    nodes: tuple[Node, ...]
    unreached: tuple[Excluded, ...]
    courses: tuple[Course, ...]
    more_courses: bool
    endings: tuple[Ending, ...]
    time: Time
    tools: tuple[Tool, ...]
    permissions: tuple[str, ...]
    secrets: tuple[Secret, ...]
    questions: tuple[Question, ...]
    signals: tuple[str, ...]
    uses: tuple[str, ...]
    catch: dict[str, str]
    upon: dict[str, str]
    states: tuple[str, ...]
    """Nodes that begin what states do, beside the run."""
    notes: tuple[str, ...]
    """What limits the plan, in words."""
    failing: Failing | None = None
    graphs: tuple[Used, ...] = ()
    """The graphs that it uses, at any depth. What they need is in `tools`, `permissions`, `secrets` and `questions` too."""
