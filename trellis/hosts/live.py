"""One run in the memory of its host: the folded state, its open work, and who listens to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from trellis.engine import State, Step
from trellis.engine.program import program_of
from trellis.engine.state import Refusal
from trellis.hosts.clock import Alarm
from trellis.hosts.held import Held
from trellis.hosts.lines import entered, proposed
from trellis.hosts.rows import calls
from trellis.model.actions import Attempted, CallTool, RequestInput
from trellis.model.graph import Graph
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.dispatch import Router
    from trellis.hosts.proposals import Pending
    from trellis.stores.base import RunRow


SPARE_ALARMS = 64
"""Alarms of timers that are gone may wait so long; what fires late is refused as stale."""


class Rested(Exception):
    """The run left the memory of its host with nothing under way; whoever needs it takes it up again."""


def heed(_: object) -> None:
    """A listener for whom it is enough that the run stays in memory while somebody listens."""


class Follower:
    """Who waits for one child run."""

    __slots__ = ("begun", "child", "news", "task")

    def __init__(self, child: str) -> None:
        self.child = child
        self.task: asyncio.Task[None]
        self.news = asyncio.Event()
        """Something else may be wanted of the child now."""
        self.begun = asyncio.Event()
        """The child is there, or it is known that it never will be."""


class WentBack(NamedTuple):
    """The run stands where it stood before: what came since counts no more. `visited`: the nodes entered here up to then."""

    state: State
    visited: list[str]


News = Step | WentBack | BaseException | None
"""What listeners are told: what has happened, or why nothing more does."""


class LiveRun:
    """The state of one run and everything of it that is no data: tasks, alarms, secrets, listeners."""

    __slots__ = (
        "alarms", "allowed", "away", "closed", "epoch", "failure", "followers", "forget", "graph",
        "has_secrets", "held", "id", "kept", "listeners", "origin", "posts", "proposals", "router", "row", "secrets",
        "state", "tasks", "visited",
    )  # fmt: skip

    def __init__(
        self, run: str, graph: Graph, router: Router, state: State, epoch: int, row: RunRow, *, found: bool = False
    ) -> None:
        self.id, self.epoch, self.row = run, epoch, row
        self.state = state
        self.become(graph, router)
        self.origin: State | None = state if found else None
        """The state that this host found; None: it began the run."""
        self.kept = 0
        """The `seq` of the snapshot that the store has."""
        self.visited: list[str] = []
        """The nodes that were entered here, in order."""
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.followers: dict[str, Follower] = {}
        """Who waits for its child runs, by request."""
        self.alarms: dict[str, Alarm] = {}
        self.secrets: dict[str, str] = {}
        self.proposals: dict[str, Pending] = {}
        """Calls that somebody is asked about, by request."""
        self.allowed: set[str] = set()
        """The idempotency keys of calls that somebody said yes to, until one succeeds."""
        self.away = False
        """Some lane of its driver has the run, or a transaction."""
        self.posts: list[Any] = []
        """What came for it meanwhile."""
        self.held: Held | None = None
        """The call in a transaction that has taken the run out of its host's turns."""
        self.listeners: list[Callable[[News], None]] = []
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: BaseException | None = None
        self.forget: Callable[[LiveRun], None] | None = None
        """What its host does when it ends here."""

    def become(self, graph: Graph, router: Router) -> None:
        """It is a run of this graph from now on."""
        self.graph, self.router = graph, router
        self.has_secrets = bool(program_of(graph).secrets)

    def advance(self, step: Step) -> None:
        """Take the step as committed, and tell the listeners."""
        self.state = step.state
        self.visited += entered(step)
        self.tell(step)
        timers = step.state.timers
        if len(self.alarms) > 2 * len(timers) + SPARE_ALARMS:
            for name in [name for name in self.alarms if name not in timers]:
                self.alarms.pop(name).cancel()

    def tell(self, step: Step) -> None:
        """Let the listeners know."""
        for listen in self.listeners:
            listen(step)

    def go_back(self, state: State, visited: list[str]) -> None:
        """Take back what came after this state, and tell the listeners."""
        self.state, self.visited = state, visited
        for listen in self.listeners:
            listen(WentBack(state, list(visited)))

    def propose(self, pending: Pending, reason: str = "") -> None:
        """Ask about a call, as the run asks its questions; with a reason, once more."""
        self.proposals[pending.request.id] = pending
        self.tell(self.proposes(pending, reason))

    def proposes(self, pending: Pending, reason: str = "") -> Step:
        """What listeners are told of such a question: nothing has happened to the run."""
        facts = proposed(pending.proposal, reason)
        return Step(self.state, (), (("ask", facts),), Refusal("proposed", reason))

    @property
    def proposed(self) -> list[Pending]:
        """The calls that somebody is asked about now, in the order in which it was asked."""
        return [pending for pending in self.proposals.values() if self._is_open(pending)]

    def decides(self, node: str, value: Value, by: str) -> bool:
        """Answer what is asked about a call, by its path; whether something was."""
        pending = next((pending for pending in self.proposed if pending.proposal.node == node), None)
        if pending is not None:
            pending.answer(value, by)
        return pending is not None

    def _is_open(self, pending: Pending) -> bool:
        still = self.state.open.get(pending.request.id)
        return still is not None and not still.cancelling and not pending.verdict.done()

    def end(self, failure: BaseException | None = None) -> None:
        """Nothing more happens here: stop the alarms and the work that is of no more use, wake those who wait."""
        if self.closed.done():
            return
        for alarm in self.alarms.values():
            alarm.cancel()
        self.alarms.clear()
        for task in list(self.tasks.values()):
            if not task.cancelling():  # a second time would not let a process end by itself
                task.cancel()
        for follower in self.followers.values():
            follower.task.cancel()
        self.failure = failure
        self.closed.set_result(None)
        if self.forget is not None:
            self.forget(self)  # before anybody is told, so that who is told may take it up again
        for listen in self.listeners:
            listen(failure)

    @property
    def resting(self) -> bool:
        """Whether it could leave the memory: nothing is under way, and nobody listens."""
        return not (self.listeners or self.followers or self.under_way or self.closed.done())

    @property
    def under_way(self) -> bool:
        """Whether a call is being made, or an event written."""
        return bool(self.tasks) or self.away or calls(self.state)

    def secret_saved_by(self, call: Attempted) -> str | None:
        """The secret field that takes the value of this call or child run; None for nearly every one."""
        pending = self.state.open.get(call.id)
        if not self.has_secrets or pending is None or (isinstance(call, CallTool) and call.undo):
            return None
        program = program_of(self.graph)
        save = program.node(pending.token.node).node.save
        return save if save in program.secrets else None

    @property
    def questions(self) -> list[RequestInput]:
        return [pending.request for pending in self.state.open.values() if isinstance(pending.request, RequestInput)]

    @property
    def uncertain(self) -> list[CallTool]:
        """The calls of which nobody knows whether they were carried out."""
        return [
            pending.request
            for pending in self.state.open.values()
            if pending.uncertain and isinstance(pending.request, CallTool)
        ]
