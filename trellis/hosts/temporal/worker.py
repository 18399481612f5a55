"""A worker on Temporal folds runs and makes their calls, until it is left: then it takes nothing more, and lets what is
under way end for a while before it stops it.

Runs are folded beside the calls, in a sandbox that passes trellis through: its engine is pure, and loaded once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import TracebackType
from typing import Self

from temporalio.api.workflowservice.v1 import RecordWorkerHeartbeatRequest
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
    TelemetryFilter,
)
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from trellis.dispatch import Dispatcher
from trellis.errors import StoreUnavailable, TrellisError
from trellis.hosts.temporal import deployments
from trellis.hosts.temporal.activities import BEAT_S, Activities
from trellis.hosts.temporal.address import SCHEME, NotPermitted, denial, unavailable
from trellis.hosts.temporal.attributes import register
from trellis.hosts.temporal.emitting import Emitting
from trellis.hosts.temporal.messages import Fault
from trellis.hosts.temporal.ordering import Ordered
from trellis.hosts.temporal.passing import Passing
from trellis.hosts.temporal.placing import Placing
from trellis.hosts.temporal.schedules import Kept, keep
from trellis.hosts.temporal.workflow import WORKFLOWS
from trellis.hosts.vault import Vault
from trellis.model.graph import Graph

AT_ONCE = 100
"""How many calls a worker makes at a time, unless it is told."""
DRAIN_S = 10.0
"""How long calls may go on once the worker is to stop."""
STICKY_S = 5.0
"""How long a run waits for the worker that has it in its memory, before another one takes it up from its history."""


class TemporalWorker:
    """Performs the runs and the calls of a task queue. Use it as an async context manager.

    `dispatcher` holds the registered actions, `allow` the kinds of tools that graphs may name in YAML ("process"); what a
    graph declares is looked up beside it, in the projects at `roots`. `vault` opens and seals secrets, by default that of TRELLIS_SECRET_KEYS.
    `deployment`: the worker deployment of Temporal that it is a version of (empty: of none); runs then stay with workers
    of their own build.
    """

    def __init__(
        self,
        client: Client,
        queue: str,
        dispatcher: Dispatcher | None = None,
        *,
        allow: Collection[str] = (),
        roots: Sequence[str] = (".",),
        vault: Vault | None = None,
        deployment: str = "",
        at_once: int = AT_ONCE,
        drain_s: float = DRAIN_S,
        workflows: Sequence[type] = WORKFLOWS,
    ) -> None:
        self._client, self._queue, self._deployment = client, queue, deployment
        self._taking: asyncio.Task[None] | None = None
        vault = vault if vault is not None else Vault.from_environment()
        passing = Passing(vault)
        self._calls = calls = Activities(
            dispatcher if dispatcher is not None else Dispatcher(),
            allow=allow,
            roots=roots,
            vault=vault,
            converter=client.data_converter,
        )
        beat = timedelta(seconds=BEAT_S)
        self._worker = Worker(
            client,
            task_queue=queue,
            workflows=workflows,
            activities=[calls.call, passing.begin, passing.take, Emitting(client).emit, Placing(client).ours],
            workflow_runner=Ordered(),
            workflow_failure_exception_types=[TrellisError],
            max_concurrent_activities=at_once,
            max_heartbeat_throttle_interval=beat,
            default_heartbeat_throttle_interval=beat,
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=STICKY_S),
            graceful_shutdown_timeout=timedelta(seconds=drain_s),
            deployment_config=deployments.config(deployment) if deployment else None,
        )

    async def __aenter__(self) -> Self:
        logging.getLogger("temporalio.activity").addFilter(_is_news)
        with _said(self._client):
            await _must_be_permitted(self._client)
        await register(self._client)
        late = False
        if self._deployment:
            with _said(self._client):
                late = bool(await deployments.take_over(self._client, self._deployment))
        with _said(self._client):
            await self._worker.__aenter__()
        if late:
            self._taking = asyncio.create_task(deployments.until_taken(self._client, self._deployment))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Raises StoreUnavailable where the server does not let it go on."""
        self._stay()
        with _said(self._client):
            await self._worker.__aexit__(kind, error, trace)

    async def keep(self, graphs: Sequence[Graph]) -> list[Kept]:
        """Let the server have the schedules of these graphs, and no others of theirs: what became of each.

        Raises BadSchedule, StoreUnavailable.
        """
        with _said(self._client):
            return await keep(self._client, self._queue, graphs)

    @property
    def under_way(self) -> int:
        """How many calls it makes now."""
        return self._calls.under_way

    def know(self, root: str) -> None:
        """Look up what graphs declare in the project at `root` too."""
        self._calls.know(root)

    async def stop(self) -> None:
        """Take nothing more, and wait until what is under way has ended, or was stopped."""
        self._stay()
        await self._worker.shutdown()

    def _stay(self) -> None:
        """Who leaves does not become the current build any more."""
        if self._taking is not None:
            self._taking.cancel()


@contextmanager
def _said(client: Client) -> Iterator[None]:
    """What the server refuses is told as whoever named it understands. Raises StoreUnavailable."""
    try:
        yield
    except RPCError as error:
        where = f"{SCHEME}://{client.service_client.config.target_host}/{client.namespace}"
        raise unavailable(where, client.namespace, error) from error
    except RuntimeError as error:  # the one that the library has for a server that refuses a worker
        where = f"{SCHEME}://{client.service_client.config.target_host}/{client.namespace}"
        why = str(error.__cause__ or error)
        denied = denial(why)
        if denied:
            raise NotPermitted(where, client.namespace, denied) from error
        raise StoreUnavailable(where, f"the worker cannot go on: {why}") from error


async def _must_be_permitted(client: Client) -> None:
    """Raises RPCError where the server lets nobody work who has this key: the library would ask for a minute, and say nothing.

    It is asked to hear of no worker, for which it wants the permission that a worker needs.
    """
    try:
        request = RecordWorkerHeartbeatRequest(namespace=client.namespace, identity=client.identity)
        await client.workflow_service.record_worker_heartbeat(request)
    except RPCError as error:
        if error.status in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED):
            raise


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a tool failed: the run tells it, and the library would with a traceback of ours for each attempt. Nor that one
    was told to stop whose run has ended."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, asyncio.CancelledError):
        return False
    return not (isinstance(error, ApplicationError) and any(isinstance(about, Fault) for about in error.details))


def runtime(metrics: str = "") -> Runtime:
    """What a client is connected with whose worker tells the log `temporalio` what its core has to say, and Prometheus, at
    the address `metrics` (IP:PORT; empty: nowhere), how it does. Raises ValueError for what is no such address, or is taken."""
    if metrics.endswith(":0"):
        raise ValueError("nobody would learn the port")
    heard = LoggingConfig(
        TelemetryFilter(core_level="WARN", other_level="ERROR"),
        forwarding=LogForwardingConfig(logging.getLogger("temporalio.core")),
    )
    return Runtime(telemetry=TelemetryConfig(logging=heard, metrics=PrometheusConfig(metrics) if metrics else None))
