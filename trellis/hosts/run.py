"""The handle of one run: what is asked, what happens, how it ended; and answers, signals and cancelling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from trellis.engine import State, Step, fold
from trellis.engine.nodes import asked
from trellis.engine.program import program_of
from trellis.engine.signals import INTERRUPT, taker
from trellis.engine.state import Refusal, shown_states
from trellis.errors import Refused
from trellis.hosts.clock import Clock
from trellis.hosts.driver import Driver
from trellis.hosts.journal import read_events
from trellis.hosts.lines import Line, Scribe, error_facts, public_fields
from trellis.hosts.live import LiveRun
from trellis.model.actions import RequestInput
from trellis.model.events import AnswerGiven, CancelRequested, SignalReceived
from trellis.model.graph import Graph
from trellis.model.secrets import mask, seal, sealed_names
from trellis.model.values import Value, reject


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


class Run:
    """A run that this host drives, or one that has ended."""

    def __init__(self, live: LiveRun, driver: Driver, clock: Clock) -> None:
        self._live, self._driver, self._clock = live, driver, clock

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
    def stuck(self) -> bool:
        """Whether only somebody outside can move the run on.

        It waits for an answer that no time limit ends, or for nothing but states, and no call is under way meanwhile.
        """
        state, asked = self._live.state, self.questions
        if state.waiting:
            return True
        return len(asked) == len(state.open) and any(not _limited(state, question.node) for question in asked)

    @property
    def hopeless(self) -> bool:
        """Whether the run only waits for states, and takes no signal: nothing that is in its graph brings them."""
        declared = self._live.graph.definition.signals
        return self._live.state.waiting and not any(self.takes(name) for name in (*declared, INTERRUPT))

    @property
    def waits(self) -> dict[str, list[str]]:
        """The nodes that wait for states, by path, each with the states that are not active yet."""
        state, nodes = self._live.state, self._live.graph.definition.nodes
        waits = [(token.path, nodes[token.node].wait) for token in state.tokens.values()]
        return {
            path: [name for name in wait.states if name not in state.active] for path, wait in waits if wait is not None
        }

    def takes(self, signal: str) -> bool:
        """Whether some node, or the graph, would take this signal now."""
        state = self._live.state
        return (
            not state.closed
            and state.rollback is None
            and taker(program_of(self._live.graph), state.tokens, signal) is not None
        )

    async def answer(self, node: str, value: Value, *, by: str = "") -> bool:
        """Answer the question of a node (its path). False where the value does not fit: then it is asked again.

        A text is read as typed. The new `ask` line has the reason. Raises Refused where the node does not ask,
        RunClosed where the run has ended.
        """
        live = self._live
        asked = next((request for request in live.questions if request.node == node), None)
        secret = asked is not None and asked.field in program_of(live.graph).secrets
        fault = (
            reject(value)
            or reject(by)
            or ("it holds the mark that stands for a secret" if sealed_names(value) else None)
        )
        if secret and (not isinstance(value, str) or not value):
            fault = "a secret is a text that is not empty"
        if asked is not None and fault is not None:
            self._ask_again(asked, fault)
            return False
        given = value if fault is None else None  # nobody asks; the engine says so
        brought = None
        if asked is not None and secret:
            brought, given = (asked.field, str(value)), seal(asked.field)
        step = await self._driver.ask(live, AnswerGiven(self._clock.now(), node, given, by), brought)
        if step.refusal is not None and step.refusal.code != "invalid_answer":
            raise Refused(step.refusal.code, step.refusal.message)
        return step.refusal is None

    def refuse(self, node: str, reason: str) -> None:
        """Ask the question of a node again, where its answer could not even be read. Nothing where it is gone."""
        for request in self._live.questions:
            if request.node == node:
                self._ask_again(request, reason)

    def _ask_again(self, request: RequestInput, reason: str) -> None:
        again = msgspec.structs.replace(request, reason=reason)
        step = Step(self._live.state, (again,), refusal=Refusal("invalid_answer", reason))
        self._live.tell(step)

    async def signal(self, name: str, /, **data: Value) -> None:
        """Send a signal. Raises Refused where nothing takes it, RunClosed where the run has ended."""
        fault = reject(data)
        if fault is not None or sealed_names(data):
            raise Refused("invalid_signal", f"signal '{name}': {fault or 'it holds a seal of a secret'}")
        step = await self._driver.ask(self._live, SignalReceived(self._clock.now(), name, data))
        if step.refusal is not None:
            raise Refused(step.refusal.code, step.refusal.message)

    async def cancel(self, reason: str = "") -> None:
        """End the run as cancelled; open work is stopped, nothing is undone. Raises RunClosed if it has ended."""
        fault = reject(reason)
        if fault is not None:
            raise Refused("invalid_reason", f"reason: {fault}")
        await self._driver.ask(self._live, CancelRequested(self._clock.now(), reason))

    async def result(self) -> Outcome:
        """Wait for the end.

        Raises StoreError where the run could not be recorded any more, HostClosed where its host was closed before
        the end; either way it can be resumed.
        """
        live = self._live
        await asyncio.shield(live.closed)
        if live.failure is not None:
            raise live.failure
        state = live.state
        fields = public_fields(program_of(live.graph), state)
        error = error_facts(state) or None
        states = shown_states(program_of(live.graph), state)
        return Outcome(state.status, mask(state.result), fields, error, tuple(live.visited), tuple(states))

    async def events(self) -> AsyncIterator[Line]:
        """The event lines of this run, from this host's start or resume of it to `run.finished`.

        After a resume the open questions come first, as they were asked. Raises StoreError, HostClosed as `result` does.
        """
        live = self._live
        queue: asyncio.Queue[Step | BaseException | None] = asyncio.Queue()
        live.listeners.append(queue.put_nowait)
        try:
            origin = live.origin
            seen = live.visited[: live.seen]
            scribe = Scribe(live.graph, live.id, count=origin.lines if origin else 0, visited=seen)
            ended = live.closed.done()
            seq = 0
            for line in _reopened(scribe, origin):
                yield line
            for step in await self._steps():
                seq = step.state.seq
                for line in scribe.lines(step):
                    yield line
            if origin is not None and origin.closed:
                yield scribe.finished(origin)
                return
            while not (ended and queue.empty()):
                item = await queue.get()
                if isinstance(item, BaseException):
                    raise item
                if item is None:
                    return
                if item.refusal is not None or item.state.seq > seq:
                    for line in scribe.lines(item):
                        yield line
            if live.failure is not None:
                raise live.failure
        finally:
            live.listeners.remove(queue.put_nowait)

    async def _steps(self) -> list[Step]:
        """The steps since this host has the run, from its journal."""
        live = self._live
        first = live.origin.seq if live.origin is not None else 0
        events = await read_events(self._driver.store, live.id)
        return [step for step in fold(live.graph, events) if step.state.seq > first]


def _limited(state: State, node: str) -> bool:
    """Whether some time limit ends the question of `node`: its own, or one of a node around it."""
    token = state.tokens.get(node)
    while token is not None and not token.timers:
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
