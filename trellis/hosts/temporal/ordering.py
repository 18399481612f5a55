"""What has happened to a run is applied before the commands that came meanwhile, in one task or in two: so a history that was
made in one way is gone through in no other.

A worker may get the end of a call and a command in two activations and, when it goes through the history, in one, in which the
SDK would take the command first. So it is where a query that waited for a worker came to one: for its sake a run is taken
further than its tasks have come. What comes next to such a run then fails the task, and the run is taken up from its history.
"""

from __future__ import annotations

from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import StorageDriverStoreContext
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED = ("trellis", "msgspec", "temporalio")
"""Modules that the sandbox of workflows takes as they are."""
_ENDS = frozenset(
    (
        "complete_workflow_execution",
        "fail_workflow_execution",
        "cancel_workflow_execution",
        "continue_as_new_workflow_execution",
    )
)
_COMMAND = "do_update"
AHEAD = "a query took the run further than its tasks had come; it is taken up again from its history"
"""Why a task fails that nothing is wrong with."""
_APART = "query_workflow", "remove_from_cache"
_ANYWHERE = StorageDriverStoreContext()


class Ordered(WorkflowRunner):
    """A runner of workflows in a sandbox that passes trellis through. `others`: more modules to pass."""

    def __init__(self, *others: str) -> None:
        restrictions = SandboxRestrictions.default.with_passthrough_modules(*PASSED, *others)
        self._runner = SandboxedWorkflowRunner(restrictions=restrictions)

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _Ordered(self._runner.create_instance(det))

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        self._runner.set_worker_level_failure_exception_types(types)


class Pace:
    """Whether a run has been taken further than its tasks have come."""

    def __init__(self) -> None:
        self._length = 0
        self._task = 0, 0, 0
        self._ahead = False

    def keeps(self, act: WorkflowActivation) -> bool:
        """Whether the run may take this: it was not ahead before."""
        if any(job.WhichOneof("variant") in _APART for job in act.jobs):
            return True
        if self._ahead:
            return False
        # Each task has a time and a size of the history of its own: where both stay and the history grows, there is none.
        task = act.timestamp.seconds, act.timestamp.nanos, act.history_size_bytes
        grown = 0 < self._length < act.history_length
        self._ahead = grown and task == self._task and not act.is_replaying
        self._length, self._task = act.history_length, task
        return True


class _Ordered(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance, self._pace = instance, Pace()

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        if not self._pace.keeps(act):
            failed = WorkflowActivationCompletion(run_id=act.run_id)
            failed.failed.failure.message = AHEAD
            return failed
        parts = split(act)
        done = self._instance.activate(parts[0])
        if len(parts) == 1 or done.HasField("failed") or _over(done):
            return done  # who sent a command too late hears from the server that the run has gone on, or ended
        return joined(done, self._instance.activate(parts[1]))

    # Our converter packs a payload alike whatever it is part of, and the library asks for each: it would enter the sandbox
    # several times for every task.

    def get_serialization_context(self, command_info: Any) -> None:  # noqa: ARG002 - the library's
        return None

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:  # noqa: ARG002 - as above
        return _ANYWHERE

    def get_info(self) -> Any:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


def split(act: WorkflowActivation) -> list[WorkflowActivation]:
    """The activation as it is, or in two where it brings updates and more: what has happened, then the updates."""
    kinds = [job.WhichOneof("variant") for job in act.jobs]
    if _COMMAND not in kinds or all(kind == _COMMAND for kind in kinds) or any(kind in _APART for kind in kinds):
        return [act]
    happened, commands = WorkflowActivation(), WorkflowActivation()
    for part, wanted in ((happened, False), (commands, True)):
        part.CopyFrom(act)
        del part.jobs[:]
        part.jobs.extend(job for job, kind in zip(act.jobs, kinds, strict=True) if (kind == _COMMAND) is wanted)
    return [happened, commands]


def joined(first: WorkflowActivationCompletion, second: WorkflowActivationCompletion) -> WorkflowActivationCompletion:
    """Both as the completion of one activation."""
    if second.HasField("failed"):
        return second
    done = WorkflowActivationCompletion()
    done.CopyFrom(first)
    done.successful.commands.extend(second.successful.commands)
    known = set(first.successful.used_internal_flags)
    flags = [flag for flag in second.successful.used_internal_flags if flag not in known]
    done.successful.used_internal_flags.extend(flags)
    return done


def _over(done: WorkflowActivationCompletion) -> bool:
    """Whether the execution ends with this."""
    return any(command.WhichOneof("variant") in _ENDS for command in done.successful.commands)
