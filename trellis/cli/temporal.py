"""What `trellis worker --temporal` does: it folds the runs of a task queue and makes their calls until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import msgspec

from trellis.cli import counted
from trellis.cli.places import root_here
from trellis.cli.serving import Told, Warnings, graphs_in, on_stop, unread
from trellis.errors import UsageError
from trellis.hosts.vault import Vault
from trellis.model.graph import Graph
from trellis.project.files import find_root

if TYPE_CHECKING:
    from trellis.hosts.temporal.address import Address

QUIET_S = 60.0
"""So long nothing is said again of a server that does not answer."""


class Asked(msgspec.Struct, frozen=True):
    """Where to serve; empty is as the address or Temporal's configuration has it."""

    where: str
    """`HOST:PORT`, or the URL of a store on Temporal."""
    namespace: str = ""
    queue: str = ""
    claims: str = ""
    deployment: str = ""
    metrics: str = ""


def serve(asked: Asked, files: Sequence[str], allow: Collection[str], at_once: int, output: str) -> int:
    """Serve until stopped. Gives the exit code; raises TrellisError where it cannot begin, or go on."""
    graphs = graphs_in(files, allow)
    roots = list(dict.fromkeys(str(find_root(file)) for file in files)) or [root_here()]
    try:
        import trellis.hosts.temporal.worker  # noqa: F401
    except ModuleNotFoundError as error:
        raise UsageError("runs on Temporal need its library: pip install 'trellis-engine[temporal]'") from error
    return asyncio.run(_serve(asked, graphs, roots, allow, at_once, as_json=output == "json"))


def _address(asked: Asked) -> Address:
    """Where it is; what an option says comes before what the URL does. Raises StoreUnavailable."""
    from trellis.hosts.temporal.address import SCHEME, must_be_a_store, read_address

    found = read_address(asked.where if "://" in asked.where else f"{SCHEME}://{asked.where}")
    given = {name: getattr(asked, name) for name in ("namespace", "queue", "claims") if getattr(asked, name)}
    address = msgspec.structs.replace(found, **given)
    must_be_a_store(address.url, address.claims)
    return address


class Warned(Warnings):
    """Says once in a while what the library says of each of its calls again and again: that the server does not answer, or does
    not permit it."""

    def __init__(self, told: Told) -> None:
        super().__init__(told)
        self._silent_until: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        message = _often(record)
        if not message:
            super().emit(record)
        elif record.created >= self._silent_until.get(message, 0.0):
            self._silent_until[message] = record.created + QUIET_S
            self._told("warning", f"warning: {message}", message=message)


def _often(record: logging.LogRecord) -> str:
    """What is to be said in place of a record of a call that is made again and again; empty for another."""
    from trellis.hosts.temporal.address import denial

    if not record.name.startswith("temporalio.core"):
        return ""
    text = record.getMessage()
    if " retried " in text:
        return "the Temporal server does not answer; it is asked again until it does"
    denied = denial(text)
    if denied:
        told = "TEMPORAL_API_KEY or the client certificate may have expired"
        return f"the Temporal server does not permit what the worker does any more: {denied.rstrip('.')}; {told}"
    return ""


async def _serve(
    asked: Asked, graphs: Sequence[Graph], roots: Sequence[str], allow: Collection[str], at_once: int, *, as_json: bool
) -> int:
    from trellis.hosts.temporal.address import connect
    from trellis.hosts.temporal.claims import Claims
    from trellis.hosts.temporal.payloads import data_converter
    from trellis.hosts.temporal.worker import TemporalWorker, runtime

    address = _address(asked)
    try:
        measured = runtime(asked.metrics)
    except ValueError as error:
        raise UsageError(
            f"--metrics {asked.metrics}: {error}; expected a free IP:PORT, such as 127.0.0.1:9464"
        ) from error
    stop = asyncio.Event()
    told = Told(stop.set, as_json=as_json)
    vault = Vault.from_environment()
    claims = Claims(address.claims, vault=vault, root=roots[0]) if address.claims else None
    before = on_stop(stop.set)
    warnings = Warned(told)
    logs = [logging.getLogger(name) for name in ("trellis", "temporalio")]
    for log in logs:
        log.addHandler(warnings)
    try:
        client = await connect(address, converter=data_converter(vault, claims), runtime=measured)
        target = client.service_client.config.target_host
        place = msgspec.structs.replace(address, target=target, namespace=client.namespace).url
        worker = TemporalWorker(
            client, address.queue, allow=allow, roots=roots, vault=vault, deployment=asked.deployment, at_once=at_once
        )
        for kept in await worker.keep(graphs) if graphs else ():
            if kept.what != "unchanged":
                told("schedule.kept", f"schedule {kept.id} {kept.what}", schedule=kept.id, what=kept.what)
        async with worker:
            told("worker.started", f"worker {os.getpid()} serves {place}", pid=os.getpid(), store=place)
            await stop.wait()
            calls = worker.under_way
            told("worker.stopping", f"stopping; {counted(calls, 'call')} under way", calls=calls)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for log in logs:
            log.removeHandler(warnings)
        if claims is not None:
            await claims.close()
    told("worker.stopped", "stopped")
    return 0 if told.lost is None else unread(told.lost)
