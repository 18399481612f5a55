"""The workflow of every run, whatever its graph: its type is the graph's name, its id the run's.

Handlers only translate: what a command, a signal or a cancellation means for the run, the engine says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace
from temporalio import workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from trellis.engine import Step, apply
from trellis.engine.answers import ASKED_AGAIN
from trellis.errors import Refused, TrellisError
from trellis.hosts.commands import DUPLICATE, Adopt, CancelRun, Judged, Reply, Signal, judge
from trellis.hosts.journal import Loaded
from trellis.hosts.sending import adoption, closed, decoded, replied
from trellis.hosts.temporal.batches import BatchWorkflow, Outcome
from trellis.hosts.temporal.calls import must_fit
from trellis.hosts.temporal.continuing import go_on
from trellis.hosts.temporal.interpreter import Interpreter
from trellis.hosts.temporal.messages import (
    CANCEL,
    DEFINITION,
    JOURNAL,
    SEMANTICS,
    TOLD,
    VIEW,
    Begin,
    Ended,
    Journal,
    OtherSemantics,
    SealedAnswer,
    SealedResolve,
    View,
)
from trellis.hosts.temporal.payloads import PayloadUnreadable
from trellis.hosts.temporal.shown import ended, journal, view
from trellis.hosts.vault import VARIABLE
from trellis.model.events import ActionCompleted, Adopted, AnswerGiven, CancelRequested
from trellis.model.graph import Graph
from trellis.model.secrets import MASK

Told = SealedAnswer | Signal | CancelRun | SealedResolve

MOST = 500
"""How many graphs a worker keeps decoded and linked for runs to come."""
_graphs: dict[tuple[bytes, str, str], Graph] = {}
"""By what was read, so that nobody who calls other bytes by the same hash changes what the runs of others do."""


@workflow.defn(dynamic=True)
class RunWorkflow:
    """One run of a compiled graph."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        self._refused: Exception | None = None
        """Why there is no run. `run` raises it: what is wrong with the run fails that, what is wrong here the task."""
        self._live: Interpreter | None = None
        try:
            self._live = _begun(args)
        except Exception as error:  # noqa: BLE001 - no constructor can say which of both it is
            self._refused = error

    @workflow.dynamic_config
    def configuration(self) -> workflow.DynamicWorkflowConfig:
        return workflow.DynamicWorkflowConfig(failure_exception_types=[TrellisError])

    @workflow.run
    async def run(self, _args: Sequence[RawValue]) -> Ended:
        """Until the run has ended: how it did, or a failure whose type is its status. Raises TrellisError for bad input."""
        live = self.live
        live.begin()
        await self._end(live)
        if live.failure is not None:
            raise live.failure
        if live.due:
            go_on(live)
        outcome = ended(live)
        if outcome.status == "completed":
            return outcome
        if live.cancelled and outcome.status == "cancelled":
            raise asyncio.CancelledError
        raise ApplicationError(_told(outcome), outcome, type=outcome.status, non_retryable=True)

    async def _end(self, live: Interpreter) -> None:
        """Wait until nothing more happens here. A cancellation of the workflow is an event of the run."""
        while live.failure is None and not live.state.closed and not live.due:
            try:
                if live.over.done():
                    live.over = asyncio.get_running_loop().create_future()
                await live.over
            except asyncio.CancelledError:
                if live.evicted:
                    raise
                live.cancelled = True
                live.over = asyncio.get_running_loop().create_future()
                live.take(CancelRequested(live.clock.now(), workflow.cancellation_reason() or ""))

    @property
    def live(self) -> Interpreter:
        """The run. Raises why it could not begin."""
        if self._live is None:
            raise self._refused or RuntimeError("the workflow has not begun")
        return self._live

    # A command that the run does not take is rejected by its validator, and leaves no trace in the history.

    @workflow.update(name="answer")
    def answer(self, command: SealedAnswer) -> Reply:
        """See hosts.commands. The value of a secret field is its seal."""
        return self._obey(command)

    @answer.validator
    def _may_answer(self, command: SealedAnswer) -> None:
        self._judge(command)

    @workflow.update(name="signal")
    def signal(self, command: Signal) -> Reply:
        return self._obey(command)

    @signal.validator
    def _may_signal(self, command: Signal) -> None:
        self._judge(command)

    @workflow.update(name="cancel")
    def cancel(self, command: CancelRun) -> Reply:
        return self._obey(command)

    @cancel.validator
    def _may_cancel(self, command: CancelRun) -> None:
        self._judge(command)

    @workflow.update(name="resolve")
    def resolve(self, command: SealedResolve) -> Reply:
        return self._obey(command)

    @resolve.validator
    def _may_resolve(self, command: SealedResolve) -> None:
        self._judge(command)

    @workflow.update(name="adopt")
    def adopt(self, command: Adopt) -> Reply:
        live = self.live
        live.begin()
        if live.state.closed:
            return closed(live.state, command)
        graph = _adopted(live, command)
        step = live.adopt(graph, _adoption(live, graph, command)[0])
        if step.refusal is None:
            workflow.upsert_memo({"graph": graph.hash})  # of a run that has ended, the memo alone tells it
        return replied(step)

    @adopt.validator
    def _may_adopt(self, command: Adopt) -> None:
        live = self.live
        reply = closed(live.state, command)
        if not live.state.closed:
            reply = replied(_adoption(live, _adopted(live, command), command)[1])
        if reply.code:
            raise ApplicationError(reply.message, type=reply.code, non_retryable=True)

    @workflow.signal(name=TOLD)
    def told(self, outcomes: list[Outcome]) -> None:
        """Calls of a batch have ended."""
        self.live.begin()
        self.live.batched(outcomes)

    @workflow.signal(dynamic=True)
    def hear(self, name: str, args: Sequence[RawValue]) -> None:
        """A signal of Temporal's own is one of the run. Nobody waits for it: one that is refused is logged."""
        try:
            if name == CANCEL:
                reply = self._obey(_read(args[0], CancelRun) if args else CancelRun())
            else:
                reply = self._obey(Signal(name, _read(args[0], dict[str, Any]) if args else {}))
            why = reply.message if reply.code else ""
        except PayloadUnreadable as error:  # whoever sends what is no map does not end the run by it
            why = str(error)
        if why:
            workflow.logger.warning("run '%s' did not take signal '%s': %s", self.live.run, name, why)

    @workflow.query(name=VIEW)
    def view(self) -> View:
        return view(self.live)

    @workflow.query(name=JOURNAL)
    def journal(self, after: int = 0) -> Journal:
        """The events after `seq`, in this execution."""
        return journal(self.live, after)

    @workflow.query(name=DEFINITION)
    def definition(self, hash: str = "") -> msgspec.Raw:
        """The compiled graph that the run goes by now, or by which it went before in this execution."""
        return msgspec.Raw(self.live.earlier.get(hash, self.live.graph).data)

    def _judge(self, command: Told) -> None:
        """Raises ApplicationError, whose type is the code, where the run would not take the command. Changes nothing."""
        live = self.live
        if live.state.closed:
            reply = closed(live.state, command)
            if reply.code:
                raise ApplicationError(reply.message, type=reply.code, non_retryable=True)
            return
        judged = _judged(live, command)
        code, message, question = judged.code, judged.message, judged.question
        if judged.event is not None:
            step = apply(live.graph, live.state, judged.event)
            if step.refusal is None or step.refusal.code == DUPLICATE:
                return
            code, message = step.refusal.code, step.refusal.message
            question = step.requests[0] if step.requests else None  # type: ignore[assignment]
        again = [question] if code in ASKED_AGAIN else []
        raise ApplicationError(message, *again, type=code, non_retryable=True)

    def _obey(self, command: Told) -> Reply:
        live = self.live
        live.begin()
        if live.state.closed:
            return closed(live.state, command)
        judged = _judged(live, command)
        if judged.event is None:
            return Reply(live.state.status, judged.code, judged.message)
        return replied(live.take(judged.event))


WORKFLOWS = (RunWorkflow, BatchWorkflow)
"""What a worker runs."""


def _judged(live: Interpreter, command: Told) -> Judged:
    """What the command means. A secret comes under encryption or not at all: in clear, the history would keep it."""
    envelopes = command.secrets if isinstance(command, SealedAnswer | SealedResolve) else {}
    if not envelopes:
        judged = judge(command, live.graph, live.state, live.clock, None)
        if judged.secret is None:
            return judged
        why = f"field '{judged.secret[0]}' is secret: its value comes under encryption, for which the sender needs keys"
        return Judged(code="secret", message=f"{why} ({VARIABLE})")
    assert isinstance(command, SealedAnswer | SealedResolve)
    judged = judge(replace(command, value=MASK), live.graph, live.state, live.clock, None)
    if judged.event is None:
        return judged
    field = judged.secret[0] if judged.secret is not None else ""
    if not isinstance(judged.event, AnswerGiven | ActionCompleted) or list(envelopes) != [field]:
        return Judged(code="invalid", message=f"node '{command.node}' takes no secret '{min(envelopes)}' now")
    return Judged(replace(judged.event, secrets=envelopes))


def _adoption(live: Interpreter, graph: Graph, command: Adopt) -> tuple[Adopted, Step]:
    return adoption(Loaded(live.graph, live.state, 0), graph, command, live.clock)


def _adopted(live: Interpreter, command: Adopt) -> Graph:
    """The graph that the command brings. Raises ApplicationError."""
    try:
        return decoded(live.run, live.source, command)
    except Refused as error:
        raise ApplicationError(error.message, type=error.code, non_retryable=True) from error


def _begun(args: Sequence[RawValue]) -> Interpreter:
    """Raises what `Interpreter` does; PayloadUnreadable where the workflow was not started as ours are."""
    if len(args) != 2:
        raise PayloadUnreadable(f"there are {len(args)}", "Begin, and a compiled graph")
    begin = _read(args[0], Begin)
    run = workflow.info().workflow_id
    semantics = _semantics(begin)
    if semantics != SEMANTICS:
        raise OtherSemantics(run, semantics)
    graph = _graph(begin, bytes(_read(args[1], msgspec.Raw)))
    must_fit(graph, "temporal:")
    return Interpreter(graph, begin, run)


def _semantics(begin: Begin) -> int:
    """The semantics of this execution: those that whoever began it said, or later ones of the worker that took it up, which a
    mark in the history tells from then on."""
    if begin.semantics >= SEMANTICS:
        return begin.semantics
    if not workflow.unsafe.is_replaying():
        workflow.patched(f"trellis-{SEMANTICS}")
        return SEMANTICS
    later = range(SEMANTICS, begin.semantics, -1)
    return next((number for number in later if workflow.patched(f"trellis-{number}")), begin.semantics)


def _graph(begin: Begin, data: bytes) -> Graph:
    """The graph of the run, decoded once for all runs of it in this process."""
    key = data, begin.graph, begin.source
    try:
        graph = _graphs.pop(key, None) or Graph.decode(data, begin.graph, source=begin.source)
    except ValueError as error:
        raise PayloadUnreadable(str(error), "a compiled graph") from error
    _graphs[key] = graph
    if len(_graphs) > MOST:
        del _graphs[next(iter(_graphs))]
    return graph


def _read(value: RawValue, kind: Any) -> Any:
    return workflow.payload_converter().from_payload(value.payload, kind)


def _told(outcome: Ended) -> str:
    error = outcome.error or {}
    return f"{error.get('code')}: {error.get('message')}" if error else f"the run has ended: {outcome.status}"
