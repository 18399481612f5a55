"""A signal from one run to another is an update of the other's workflow, under the key of its node: brought twice, it counts once."""

from __future__ import annotations

from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode

from trellis.errors import UnknownRun
from trellis.hosts.commands import CLOSED, Reply, Signal
from trellis.hosts.temporal.messages import EMIT
from trellis.hosts.temporal.wire import UNSEEN
from trellis.model.actions import Emit


class Emitting:
    """Brings the signals of runs to other runs of the namespace."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=EMIT)
    async def emit(self, request: Emit, sender: str) -> Reply:
        """What became of the signal. Raises where it did not reach the run: then it is tried again, under the same id."""
        handle: WorkflowHandle[object, object] = self._client.get_workflow_handle(request.run)
        command = Signal(request.name, request.data, sender, request.idempotency_key)
        try:
            reply: Reply = await handle.execute_update("signal", command, id=command.id, result_type=Reply)
        except WorkflowUpdateFailedError as error:
            if not isinstance(error.cause, ApplicationError) or error.cause.type in UNSEEN:
                return await self._gone(handle, error)
            reply = Reply("", error.cause.type or "failed", error.cause.message)
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return await self._gone(handle, error)
        return Reply(reply.status, reply.code, f"run '{request.run}': {reply.message}") if reply.code else reply

    async def _gone(self, handle: WorkflowHandle[object, object], unheard: Exception) -> Reply:
        """Why no update reaches a workflow: there is none, or it has ended. Raises `unheard` where it is under way."""
        status = "completed"
        try:
            found = await handle.describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return Reply("", "unknown_run", str(UnknownRun(handle.id)))
        if found.close_time is None:
            raise unheard
        try:
            await handle.result()
        except WorkflowFailureError as error:
            status = "failed"
            if isinstance(error.cause, ApplicationError):
                status = error.cause.type or status
            elif isinstance(error.cause, CancelledError):
                status = "cancelled"
        return Reply(status, CLOSED, f"run '{handle.id}': the run has ended: {status}")
