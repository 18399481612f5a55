"""A command that its run did not see is sent again under its id: the server dropped it with the task that took it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import CancelRun, Command, Reply, Signal
from trellis.hosts.temporal.address import Address
from trellis.hosts.temporal.emitting import Emitting
from trellis.hosts.temporal.following import Graphs
from trellis.hosts.temporal.messages import View
from trellis.hosts.temporal.ordering import AHEAD
from trellis.hosts.temporal.sending import send
from trellis.hosts.temporal.wire import Hindered, Wire
from trellis.model.actions import Emit

CROSSED = RPCError("due to unexpected workflow task failure", RPCStatusCode.FAILED_PRECONDITION, b"")
FAILING = RPCError("due to Workflow Task in failed state", RPCStatusCode.FAILED_PRECONDITION, b"")
UNPROCESSED = WorkflowUpdateFailedError(ApplicationError("rejected", type="UnprocessedUpdate"))


class Deaf:
    """A client of a server on which a run that is open does not hear an update at once."""

    namespace = "default"

    def __init__(self, says: Exception) -> None:
        self._says = [says]
        self.ids: list[str] = []
        self.ended = ""
        self.workflow_service = SimpleNamespace(get_workflow_execution_history_reverse=self._reverse)

    async def _reverse(self, _request: Any) -> Any:
        return SimpleNamespace(history=SimpleNamespace(events=[]))

    def get_workflow_handle(self, run: str, **_: Any) -> Any:
        return SimpleNamespace(id=run, execute_update=self._update, describe=self._describe, terminate=self._terminate)

    async def _update(self, _name: str, _command: Command, *, id: str, **_: Any) -> Reply:
        self.ids.append(id)
        if self._says:
            raise self._says.pop()
        return Reply("running")

    async def _describe(self) -> Any:
        async def memo() -> dict[str, str]:
            return {}

        return SimpleNamespace(
            id="r", run_id="x", workflow_type="t", status=1, task_queue="q", start_time=SimpleNamespace(timestamp=float),
            close_time=None, typed_search_attributes=[], memo=memo,
        )  # fmt: skip

    async def _terminate(self, *, reason: str | None) -> None:
        self.ended = str(reason)


def sent(client: Any, command: Command) -> Reply:
    wire = Wire(client, Address("host:1", "default"), SystemClock())
    return asyncio.run(send(wire, Graphs(wire), None, "r", command)).reply


@pytest.mark.parametrize("says", [CROSSED, UNPROCESSED])
def test_a_command_that_its_run_did_not_see_is_sent_again_under_its_id(says: Exception) -> None:
    client = Deaf(says)
    assert sent(client, Signal("go")) == Reply("running")
    assert len(client.ids) == 2
    assert len(set(client.ids)) == 1


def test_a_signal_of_another_run_that_was_not_seen_is_tried_again_by_the_server() -> None:
    client: Any = Deaf(UNPROCESSED)
    emit = Emitting(client).emit(Emit("e1", "key", "tell", "r", "go"), "sender")
    with pytest.raises(WorkflowUpdateFailedError):
        asyncio.run(emit)


def test_a_run_whose_worker_fails_at_it_takes_no_command_and_is_terminated_all_the_same() -> None:
    with pytest.raises(Hindered, match=r"run 'r': due to Workflow Task in failed state"):
        sent(Deaf(FAILING), Signal("go"))
    client = Deaf(FAILING)
    assert sent(client, CancelRun("stuck", terminate=True)) == Reply("cancelled", driven=False)
    assert client.ended == "stuck"


def test_a_run_that_a_query_took_too_far_is_asked_again() -> None:
    answers: list[Any] = [WorkflowQueryFailedError(AHEAD), View("hash", "t", "running")]

    async def query(_name: str, **_: Any) -> View:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return cast(View, found)

    client: Any = SimpleNamespace(
        namespace="default", get_workflow_handle=lambda *_, **__: SimpleNamespace(query=query)
    )
    wire = Wire(client, Address("host:1", "default"), SystemClock())
    assert asyncio.run(wire.view("r")) == View("hash", "t", "running")


def test_a_run_that_every_query_takes_too_far_is_said_to_be_taken_up_again() -> None:
    async def query(_name: str, **_: Any) -> View:
        raise WorkflowQueryFailedError(AHEAD)

    client: Any = SimpleNamespace(
        namespace="default", get_workflow_handle=lambda *_, **__: SimpleNamespace(query=query)
    )
    wire = Wire(client, Address("host:1", "default"), SystemClock())
    with pytest.raises(Hindered, match=f"run 'r': {AHEAD}"):
        asyncio.run(wire.view("r"))
