"""The handle of one run: what is asked, what happens, how it ended; and answers, signals and cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import msgspec

from trellis.engine import State, Step
from trellis.engine.program import program_of
from trellis.engine.questions import asked
from trellis.engine.signals import INTERRUPT, taker
from trellis.engine.state import IDLE, Refusal, shown_states
from trellis.errors import UnknownRun
from trellis.hosts.commands import Adopt, Answer, CancelRun, Command, Reply, Resolve, Signal
from trellis.hosts.lines import Line, Scribe, entered, error_facts, public_fields, waits_of
from trellis.hosts.live import LiveRun, News, Rested, WentBack, heed
from trellis.hosts.proposals import Proposal
from trellis.model.actions import CallTool, RequestInput, StartChild
from trellis.model.graph import Graph
from trellis.model.redaction import Redactor
from trellis.model.secrets import mask
from trellis.model.values import Value


class Outcome(msgspec.Struct, frozen=True):
    """How a run ended. A failed run is a value, not an exception.

    `status` is completed, failed, denied, timed_out, cancelled, rolled_back or rollback_failed; `error` has code,
    message, node and attempt; `visited` names the nodes in order of entry, `states` the declared states that were
    active at the end, in the order that decides outcomes.
    """

    status: str
    result: Value
    fields: dict[str, Value]
    error: dict[str, Value] | None
    visited: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return self.status == "completed"


class Keeper(Protocol):
    """What a handle needs of the host that gave it."""

    redactor: Redactor

    async def present(self, run: str) -> LiveRun:
        """The run as it is driven here, taken up again where it had left the memory; or as it ended.

        Where another host drives it, waits until that one has let it go.
        """

    async def send(self, run: str, command: Command) -> Reply:
        """Deliver a command to the run, wherever it is driven now."""

    async def steps(self, live: LiveRun, since: State | None, until: int | None = None) -> Iterator[Step]:
        """The recorded steps of the run, after a state that was reached, up to and with event `until`."""


class Run:
    """A run that this host drives, or one that has ended."""

    def __init__(self, live: LiveRun, keeper: Keeper) -> None:
        self._live, self._keeper = live, keeper

    @property
    def id(self) -> str:
        return self._live.id

    @property
    def graph(self) -> Graph:
        return self._live.graph

    @property
    def state(self) -> State:
        """The state after the last commit."""
        return self._live.state

    @property
    def closed(self) -> bool:
        return self._live.state.closed

    @property
    def questions(self) -> list[RequestInput]:
        """What is asked now, in the order in which it was asked."""
        return self._live.questions

    @property
    def proposals(self) -> list[Proposal]:
        """The calls of tools that somebody is asked about now; `answer` of their node decides."""
        return [pending.proposal for pending in self._live.proposed]

    @property
    def asking(self) -> list[str]:
        """The paths that wait for an answer now: to the question of a node, or about a call."""
        return [question.node for question in self.questions] + [proposal.node for proposal in self.proposals]

    @property
    def uncertain(self) -> list[CallTool]:
        """The calls of which nobody knows whether they were carried out; see `resolve`."""
        return self._live.uncertain

    @property
    def stuck(self) -> bool:
        """Whether only somebody outside can move the run on.

        It waits for an answer that no time limit ends, or for nothing that time brings, and no call is under way meanwhile.
        """
        state = self._live.state
        calls = [*(pending.request for pending in self._live.proposed), *self.uncertain]
        asked = [*(question.node for question in self.questions), *(call.node for call in calls)]
        if state.waiting:
            return True
        return len(asked) == len(state.open) and any(not limited(state, node) for node in asked)

    @property
    def found_children(self) -> list[StartChild]:
        """The child runs that were open when this host found the run."""
        origin = self._live.origin
        pending = origin.open.values() if origin is not None else ()
        return [each.request for each in pending if isinstance(each.request, StartChild)]

    async def child(self, child: str) -> Run | None:
        """The child run of this id, once it is there; None where it never will be."""
        for follower in self._live.followers.values():
            if follower.child == child:
                await follower.begun.wait()
                break
        try:
            return Run(await self._keeper.present(child), self._keeper)
        except UnknownRun:
            return None

    @property
    def hopeless(self) -> bool:
        """Whether the run only waits, and takes no signal: nothing that is in its graph brings what it waits for."""
        declared = self._live.graph.definition.signals
        return self._live.state.waiting and not any(self.takes(name) for name in (*declared, INTERRUPT))

    @property
    def waits(self) -> dict[str, list[str]]:
        """The nodes that wait, by path, each with what it waits for; of states, those that are not active yet."""
        return waits_of(self._live.graph, self._live.state)

    def takes(self, signal: str) -> bool:
        """Whether some node, or the graph, would take this signal now."""
        state = self._live.state
        return (
            not state.closed
            and state.rollback is None
            and taker(program_of(self._live.graph), state.tokens, signal) is not None
        )

    async def answer(self, node: str, value: Value, *, by: str = "", answer_id: str = "") -> bool:
        """Answer the question of a node (its path). False where it is asked again: the value does not fit, or `by`, who
        answers, may not.

        A text is read as typed. The new `ask` line has the reason. `answer_id`: the sender's own; what is sent again
        under it counts once. Raises Refused where the node does not ask, RunClosed where the run has ended.
        """
        return await self._send(Answer(node, value, by, answer_id))

    def refuse(self, node: str, reason: str) -> None:
        """Ask the question of a node again, where its answer could not even be read. Nothing where it is gone."""
        for request in self._live.questions:
            if request.node == node:
                self._ask_again(request, reason)
        for pending in self._live.proposed:
            if pending.proposal.node == node:
                self._live.propose(pending, reason)

    def _ask_again(self, request: RequestInput, reason: str) -> None:
        again = msgspec.structs.replace(request, reason=reason)
        step = Step(self._live.state, (again,), refusal=Refusal("invalid_answer", reason))
        self._live.tell(step)

    async def signal(self, signal: str, /, *, signal_id: str = "", **data: Value) -> None:
        """Send a signal; `signal_id` as for `answer`. Raises Refused where nothing takes it, RunClosed."""
        await self._send(Signal(signal, data, id=signal_id))

    async def cancel(self, reason: str = "") -> None:
        """End the run as cancelled; open work is stopped, nothing is undone. Raises RunClosed if it has ended."""
        await self._send(CancelRun(reason))

    async def terminate(self, reason: str = "", *, by: str = "") -> None:
        """The same as an operator does it: the error is `terminated`, and doing it again changes nothing."""
        await self._send(CancelRun(reason, by, terminate=True))

    async def resolve(
        self, node: str, value: Value = None, *, code: str = "", message: str = "", again: bool = False, by: str = ""
    ) -> None:
        """Say how a call ended of which nobody knows: done with `value`, failed with `code`, or to be made `again`.

        Raises Refused where the node has no such call, RunClosed where the run has ended.
        """
        await self._send(Resolve(node, value, code, message, again, by))

    async def adopt(self, graph: Graph, *, by: str = "") -> None:
        """Go on with another version of the graph. Raises Refused where it is not proved that the run can, RunClosed."""
        await self._send(Adopt(graph.hash, graph.data.decode(), by))

    async def _send(self, command: Command) -> bool:
        failure = self._live.failure
        if failure is not None and not self._away:
            raise failure
        return (await self._keeper.send(self.id, command)).check(self.id)

    async def result(self) -> Outcome:
        """Wait for the end.

        Raises StoreError where the run could not be recorded any more, HostClosed where its host was closed before
        the end; either way it can be resumed.
        """
        live = await self._present()
        live.listeners.append(heed)
        try:
            await asyncio.shield(live.closed)
        finally:
            live.listeners.remove(heed)
        if live.failure is not None:
            raise live.failure
        state = live.state
        program = program_of(live.graph)
        visited = (*await self._before(), *live.visited)
        return Outcome(
            state.status,
            mask(state.result),
            public_fields(program, state),
            error_facts(state) or None,
            visited,
            tuple(shown_states(program, state)),
        )

    async def events(self, *, whole: bool = False) -> AsyncIterator[Line]:
        """The event lines of this run, from this host's start or resume of it to `run.finished`; `whole`: from its start.

        After a resume the open questions come first, as they were asked. Raises StoreError, HostClosed as `result` does.
        """
        queue: asyncio.Queue[News] = asyncio.Queue()
        live = await self._present()
        live.listeners.append(queue.put_nowait)
        try:
            origin = None if whole else live.origin
            count = origin.lines if origin else 0
            scribe = Scribe(live.graph, live.id, count=count, redactor=self._keeper.redactor)
            ended, open_then = live.closed.done(), live.proposed
            seq = 0
            for line in _reopened(scribe, origin):
                yield line
            for step in await self._keeper.steps(live, origin):
                seq = step.state.seq
                for line in await self._lines(scribe, step, whole=whole):
                    yield line
            if origin is not None and origin.closed:
                scribe.visited = await self._before()
                yield scribe.finished(origin)
                return
            for pending in open_then:
                if pending in live.proposed:
                    for line in scribe.lines(live.proposes(pending)):
                        yield line
            while not (ended and queue.empty()):
                item = await queue.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    return
                if isinstance(item, WentBack):
                    seq, scribe.visited = item.state.seq, item.visited
                    for line in _reopened(scribe, item.state):
                        yield line
                    continue
                if item.refusal is not None or item.state.seq > seq:
                    for line in await self._lines(scribe, item, whole=whole):
                        yield line
            if live.failure is not None:
                raise live.failure
        finally:
            live.listeners.remove(queue.put_nowait)

    async def _lines(self, scribe: Scribe, step: Step, *, whole: bool) -> list[Line]:
        """The lines of a step; the last one tells of the nodes that were entered before this host had the run too."""
        if step.state.graph != scribe.graph.hash and step.state.graph == self._live.graph.hash:
            scribe.become(self._live.graph)
        if step.state.closed and step.refusal is None and not whole:
            scribe.visited[:0] = await self._before()
        return scribe.lines(step)

    async def _before(self) -> list[str]:
        """The nodes that were entered before this host had the run."""
        origin = self._live.origin
        if origin is None:
            return []
        return [node for step in await self._keeper.steps(self._live, None, origin.seq) for node in entered(step)]

    async def _present(self) -> LiveRun:
        if self._away:
            self._live = await self._keeper.present(self.id)
        return self._live

    @property
    def _away(self) -> bool:
        return isinstance(self._live.failure, Rested)


def limited(state: State, node: str) -> bool:
    """Whether some time limit ends the question of `node`: its own, or one of a node around it."""
    token = state.tokens.get(node) or state.tokens.get(node.rpartition(".")[0])  # what is beside a node is at none
    while token is not None and all(state.timers[name].purpose in IDLE for name in token.timers):
        token = state.tokens.get(token.parent)
    return token is not None


def _reopened(scribe: Scribe, origin: State | None) -> list[Line]:
    """The open questions of a run that was resumed, with what their nodes said."""
    if origin is None or origin.closed:
        return []
    trace: list[tuple[str, dict[str, Any]]] = []
    for pending in origin.open.values():
        if isinstance(pending.request, RequestInput):
            if pending.request.prompt:
                trace.append(("say", {"node": pending.request.node, "text": pending.request.prompt}))
            trace.append(("ask", asked(pending.request)))
    return scribe.lines(Step(origin, (), tuple(trace)))
