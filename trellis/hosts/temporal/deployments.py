"""A worker deployment has a version for each semantics: runs stay with their own, and new ones go to the newest.

What is current changes by itself only where nothing is, or what is speaks an older semantics, and no operator ramps.
"""

from __future__ import annotations

from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from trellis.hosts.temporal.messages import SEMANTICS

_PREFIX = "trellis-"
BUILD = f"{_PREFIX}{SEMANTICS}"
"""The build id of a worker of a deployment: who speaks the same semantics is the same build."""
TRIES = 5
"""How often it is looked again, where several workers come at once."""


def config(deployment: str) -> WorkerDeploymentConfig:
    """A run stays with the build that began it, until it continues as new."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment, BUILD),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def take_over(client: Client, deployment: str) -> str:
    """Make our build the current one of the deployment, where it is for us to say. The build that is current then; empty:
    none of ours.

    Raises RPCError.
    """
    for left in reversed(range(TRIES)):
        current, ramping, token = await _routing(client, deployment)
        if ramping or not _older(current):
            return current
        request = SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace,
            deployment_name=deployment,
            build_id=BUILD,
            conflict_token=token,
            identity=client.identity,
            allow_no_pollers=True,
        )
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError as error:
            if error.status != RPCStatusCode.FAILED_PRECONDITION or not left:
                raise
            continue  # somebody else was faster
        return BUILD
    raise AssertionError("the last try returns or raises")


async def _routing(client: Client, deployment: str) -> tuple[str, str, bytes]:
    """The build that is current, the one that an operator ramps up, and the token that says nothing changed since."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    try:
        found = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return "", "", b""
    routing = found.worker_deployment_info.routing_config
    current, ramping = routing.current_deployment_version, routing.ramping_deployment_version
    return current.build_id, ramping.build_id, found.conflict_token


def _older(build: str) -> bool:
    """Whether we come after this build: it is none, or one of ours with a lower number."""
    number = build.removeprefix(_PREFIX)
    return not build or (build.startswith(_PREFIX) and number.isdecimal() and int(number) < SEMANTICS)
