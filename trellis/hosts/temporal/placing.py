"""A child workflow takes its id unless somebody else has it; what the same run had under it, before it was reset, gives way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from trellis.errors import RunTaken
from trellis.hosts.temporal.messages import OURS

ASK_S = timedelta(seconds=10)
_AGAIN = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=ASK_S)


class Placing:
    """Looks whose a workflow of the namespace is."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @activity.defn(name=OURS)
    async def ours(self, child: str) -> bool:
        """Whether nobody but the workflow that asks has a workflow of this id. Raises RPCError: then it is asked again."""
        try:
            found = await self._client.get_workflow_handle(child).describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return True
        return found.parent_id == activity.info().workflow_id


async def place(
    kind: str, args: Sequence[Any], *, id: str, wanted: Callable[[], bool], **more: Any
) -> workflow.ChildWorkflowHandle[Any, Any] | None:
    """Start a child workflow as `workflow.start_child_workflow` does; None where it is not `wanted` any more once it is clear
    whose the id is. Raises RunTaken where it is somebody else's."""
    policies = WorkflowIDReusePolicy
    try:
        return await workflow.start_child_workflow(
            kind, args=args, id=id, id_reuse_policy=policies.REJECT_DUPLICATE, **more
        )
    except WorkflowAlreadyStartedError:
        pass
    if not await workflow.execute_activity(
        OURS, id, result_type=bool, start_to_close_timeout=ASK_S, retry_policy=_AGAIN, summary=id
    ):
        raise RunTaken(id)
    if not wanted():
        return None
    return await workflow.start_child_workflow(
        kind, args=args, id=id, id_reuse_policy=policies.TERMINATE_IF_RUNNING, **more
    )
