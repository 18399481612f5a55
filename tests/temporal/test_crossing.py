"""A command that crosses the end of a run is dropped by the server with the task that took it; it is sent again."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.service import RPCError, RPCStatusCode

from trellis.errors import StoreUnavailable
from trellis.hosts.clock import SystemClock
from trellis.hosts.commands import Signal
from trellis.hosts.temporal.address import Address
from trellis.hosts.temporal.wire import Wire


class Dropping:
    """A client of a server that drops every update, since the last task of the run failed for this cause."""

    namespace = "default"

    def __init__(self, cause: WorkflowTaskFailedCause.ValueType) -> None:
        event = HistoryEvent(event_type=EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
        event.workflow_task_failed_event_attributes.cause = cause
        self._history = History(events=[event])
        self.workflow_service = SimpleNamespace(get_workflow_execution_history_reverse=self._reverse)

    async def _reverse(self, _request: Any) -> Any:
        return SimpleNamespace(history=self._history)

    def get_workflow_handle(self, _run: str) -> Any:
        return SimpleNamespace(execute_update=self._update)

    async def _update(self, *_: Any, **__: Any) -> Any:
        raise RPCError("unexpected workflow task failure", RPCStatusCode.FAILED_PRECONDITION, b"")


def sent(cause: WorkflowTaskFailedCause.ValueType) -> Any:
    client: Any = Dropping(cause)
    return asyncio.run(Wire(client, Address("host:1", "default"), SystemClock()).update("r", Signal("go")))


def test_a_command_that_crossed_the_end_of_its_run_is_to_be_sent_again() -> None:
    assert sent(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND) is None


def test_a_command_that_a_fault_dropped_is_an_error() -> None:
    with pytest.raises(StoreUnavailable, match="failed_precondition: unexpected workflow task failure"):
        sent(WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE)
