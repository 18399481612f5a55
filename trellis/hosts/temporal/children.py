"""A child run is a child workflow: begun where its run asks for it, told to end by a signal, its end told as that of an action.

Its id is that of the run, so whoever looks for the run finds it, and no replay makes two of one.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, NamedTuple, Protocol

import msgspec
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    ChildWorkflowError,
    FailureError,
    TerminatedError,
)

from trellis.engine import State
from trellis.engine.program import program_of
from trellis.engine.replay import start_fields
from trellis.errors import FieldsNeeded, InvalidField, RunTaken
from trellis.hosts.children import failure
from trellis.hosts.commands import CancelRun
from trellis.hosts.sending import ENDS, LEFT
from trellis.hosts.temporal.attributes import first
from trellis.hosts.temporal.beside import Beside
from trellis.hosts.temporal.messages import BEGIN, CANCEL, PASS, SEMANTICS, Begin, Ended, memo_of
from trellis.hosts.temporal.passing import Passed, Start, Values
from trellis.hosts.temporal.payloads import detail
from trellis.hosts.temporal.placing import place
from trellis.hosts.values import start_values, used_by
from trellis.model.actions import Attempted, Cancel, Completed, Failed, StartChild
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.model.secrets import sealed_names

Handle = workflow.ChildWorkflowHandle[Any, Ended]
PASS_S = timedelta(seconds=10)
"""How long it may take to pass on what is secret, or to read the environment."""
_AGAIN = RetryPolicy(maximum_attempts=5)
_NOT_BEGUN = Failed("cancelled", "it was not begun", retryable=False)


class Sealed(NamedTuple):
    """A child gave a secret: the field that takes it, and the secret under encryption."""

    field: str
    envelope: str


class Above(Protocol):
    """What is needed of the run that has the children."""

    graph: Graph
    state: State

    def answer(self, request: Attempted, response: Completed | Failed | Sealed) -> None:
        """The child of the request has ended so."""

    def fail(self, error: Exception) -> None:
        """Something went wrong that nobody waits for."""


class Children:
    """The child runs of one run."""

    def __init__(self, live: Above) -> None:
        self._live = live
        self._begun: dict[str, asyncio.Future[Handle | None]] = {}
        """What is to come of a start, by request; None where there never will be a child."""
        self._beside = Beside(live.fail)

    def __len__(self) -> int:
        """How many children are not over."""
        return len(self._begun)

    def __contains__(self, request: str) -> bool:
        return request in self._begun

    def begin(self, request: StartChild) -> None:
        """Start the child, and tell its end to the run."""
        self._begun[request.id] = asyncio.get_running_loop().create_future()
        self._beside.do(self._follow(request))

    def told(self, request: Cancel) -> bool:
        """Let the child end whose start this takes back; False where it is none of ours."""
        begun = self._begun.get(request.target)
        if begun is not None:
            self._beside.do(self._tell(begun, CancelRun(LEFT if request.undo else ENDS, undo=request.undo)))
        return begun is not None

    async def _tell(self, begun: asyncio.Future[Handle | None], command: CancelRun) -> None:
        handle = await asyncio.shield(begun)
        if handle is not None:
            try:
                await handle.signal(CANCEL, command)
            except FailureError:
                return  # it has ended meanwhile, and its end is on its way

    async def _follow(self, request: StartChild) -> None:
        response = await self._outcome(request)
        self._begun.pop(request.id)
        self._live.answer(request, response)

    async def _outcome(self, request: StartChild) -> Completed | Failed | Sealed:
        live, begun = self._live, self._begun[request.id]
        graph = live.graph.used(used_by(live.graph, request))
        try:
            given = await self._values(graph, request)
            start_fields(program_of(graph), given.fields)
        except (FieldsNeeded, InvalidField) as error:
            begun.set_result(None)
            return Failed("invalid", str(error), retryable=False)
        except ActivityError as error:
            begun.set_result(None)
            return _unpassed(error)
        if not self._wanted(request.id):
            begun.set_result(None)
            return _NOT_BEGUN
        started = RunStarted(
            0.0,
            request.child,
            graph.hash,
            given.fields,
            request=request.id,
            secrets=given.secrets,
            locale=live.state.locale,
            parent=live.state.run,
            depth=request.depth,
        )
        try:
            handle: Handle | None = await place(
                graph.name,
                [Begin(graph.hash, graph.source, SEMANTICS, started=started), msgspec.Raw(graph.data)],
                id=request.child,
                wanted=lambda: self._wanted(request.id),
                result_type=Ended,
                parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
                memo=memo_of(graph, request.id),
                search_attributes=first(graph, given.fields),
                static_summary=request.node,
            )
        except (RunTaken, FailureError) as error:
            begun.set_result(None)
            return Failed("failed", str(error), retryable=False)
        begun.set_result(handle)
        if handle is None:
            return _NOT_BEGUN
        try:
            return await self._given(request, await handle)
        except ChildWorkflowError as error:
            return _failed(request.child, error.cause)
        except ActivityError as error:
            return _unpassed(error)

    def _wanted(self, request: str) -> bool:
        pending = self._live.state.open.get(request)
        return pending is not None and not pending.cancelling

    async def _values(self, graph: Graph, request: StartChild) -> Values:
        """The start values of the child: what needs the environment, or keys, comes from an activity.

        Raises InvalidField, ActivityError.
        """
        live, names = self._live, sealed_names(request.fields)
        if not (names or any(field.secret or field.source for field in graph.definition.fields.values())):
            return Values(start_values(graph, request.fields)[0])
        known = {name: live.state.secrets[name] for name in sorted(names) if name in live.state.secrets}
        asked = Start(live.state.run, request.child, graph.hash, graph.source, request.fields, known)
        values: Values = await workflow.execute_activity(
            BEGIN,
            args=[asked, msgspec.Raw(graph.data)],
            result_type=Values,
            start_to_close_timeout=PASS_S,
            retry_policy=_AGAIN,
            summary=request.node,
        )
        return values

    async def _given(self, request: StartChild, ended: Ended) -> Completed | Failed | Sealed:
        """What a child gave that completed."""
        live = self._live
        pending, program = live.state.open.get(request.id), program_of(live.graph)
        save = None if pending is None else program.node(pending.token.node).node.save
        if save is None or save not in program.secrets:
            if ended.sealed is not None:
                return Failed("invalid", "the value holds the mark of a secret", retryable=False)
            return Completed(ended.result)
        value = ended.result if ended.sealed is None else ended.sealed
        passed = Passed(live.state.run, save, request.child, value, ended.secrets)
        envelope: str = await workflow.execute_activity(
            PASS,
            passed,
            result_type=str,
            start_to_close_timeout=PASS_S,
            retry_policy=_AGAIN,
            summary=request.node,
        )
        return Sealed(save, envelope)


def _unpassed(error: ActivityError) -> Failed:
    """Secrets or values of the environment could not be passed on."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return Failed("failed", str(cause or error))
    return Failed(cause.type or "failed", cause.message, not cause.non_retryable)


def _failed(child: str, cause: BaseException | None) -> Failed:
    """What the end of a child workflow means that did not complete."""
    ended = detail(cause, Ended) if isinstance(cause, ApplicationError) else None
    if ended is not None:
        error = None if ended.error is None else (str(ended.error["code"]), str(ended.error["message"]))
        return failure(child, ended.status, error, [failed.node for failed in ended.undo_failures])
    if isinstance(cause, CancelledError):
        return Failed("cancelled", f"run '{child}' was cancelled", retryable=False)
    if isinstance(cause, TerminatedError):
        return Failed("cancelled", f"run '{child}' was terminated", retryable=False)
    message = cause.message if isinstance(cause, FailureError) else str(cause)
    return Failed("failed", f"run '{child}' could not go on: {message}", retryable=False)
