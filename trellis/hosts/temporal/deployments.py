"""A worker deployment has a version for each semantics: runs stay with their own, and new ones go to the newest.

What is current changes by itself only where nothing is, or what is speaks an older semantics, and no operator ramps, or has
taken it back. A server refuses a build that does not serve all that the current one does; so it is tried until it does.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from trellis.hosts.temporal.messages import SEMANTICS

log = logging.getLogger("trellis")
_PREFIX = "trellis-"
BUILD = f"{_PREFIX}{SEMANTICS}"
"""The build id of a worker of a deployment: who speaks the same semantics is the same build."""
AGAIN_S = 2.0
"""How long a server has to learn what a worker serves before it is asked to take its build, and is asked again."""


def config(deployment: str) -> WorkerDeploymentConfig:
    """A run stays with the build that began it, until it continues as new."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment, BUILD),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


class Current(NamedTuple):
    """What is current in a deployment."""

    build: str
    """Empty: none of its versions."""
    ramping: str
    """The build that an operator ramps up; empty: none."""
    token: bytes
    """What says that nothing has changed since."""
    left: bool = False
    """Whether our build was current, or ramped, before, and is not now: somebody took it back."""


async def take_over(client: Client, deployment: str) -> str:
    """Make our build the current one of the deployment, where that is for us to say: why the server does not take it; empty: it
    does, or another one is to stay.

    Raises RPCError.
    """
    found = await current(client, deployment)
    if found.ramping or not _older(found.build):
        return ""
    if found.left:
        log.warning(
            "build '%s' is not the current one of deployment '%s' any more, since somebody took that back; it stays so until "
            "it is made current by hand",
            BUILD,
            deployment,
        )
        return ""
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace,
        deployment_name=deployment,
        build_id=BUILD,
        conflict_token=found.token,
        identity=client.identity,
        allow_no_pollers=True,
    )
    try:
        await client.workflow_service.set_worker_deployment_current_version(request)
    except RPCError as error:
        if error.status != RPCStatusCode.FAILED_PRECONDITION:
            raise
        return error.message  # somebody else was faster, or our build serves too little as yet
    return ""


async def until_taken(client: Client, deployment: str) -> None:
    """Ask until our build is current, or need not be. Why it is not is logged, as that changes."""
    told = ""
    while True:
        await asyncio.sleep(AGAIN_S)
        try:
            why = await take_over(client, deployment)
        except RPCError as error:
            why = error.message or error.status.name
        if not why:
            return
        if why != told:
            log.warning("build '%s' is not the current one of deployment '%s' yet: %s", BUILD, deployment, why)
            told = why


async def current(client: Client, deployment: str) -> Current:
    """Raises RPCError."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=deployment)
    try:
        found = await client.workflow_service.describe_worker_deployment(request)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return Current("", "", b"")
    routing = found.worker_deployment_info.routing_config
    ours = [
        each
        for each in found.worker_deployment_info.version_summaries
        if each.deployment_version.build_id == BUILD and each.HasField("last_deactivation_time")
    ]
    return Current(
        routing.current_deployment_version.build_id,
        routing.ramping_deployment_version.build_id,
        found.conflict_token,
        bool(ours),
    )


def _older(build: str) -> bool:
    """Whether we come after this build: it is none, or one of ours with a lower number."""
    number = build.removeprefix(_PREFIX)
    return not build or (build.startswith(_PREFIX) and number.isdecimal() and int(number) < SEMANTICS)
