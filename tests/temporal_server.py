"""A Temporal server of the tests: in a folder of its own, on free ports of 127.0.0.1, with one shard in SQLite.

`python -m tests.temporal_server PROGRAM FOLDER` runs one until it is told to end; `.ci/run` does. Its address is in
FOLDER/address from the moment on that it serves the namespace `default`, what it logs is in FOLDER/log.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

VERSION = "v1.30.0"
SERVICES = ("frontend", "history", "matching", "worker")
PATIENCE = 90.0
"""Seconds that a server may take until it serves, on a machine that is busy."""


class NotServing(Exception):
    """The server ended, or did not serve in time; says the end of its log."""


def program() -> Path | None:
    """The program of the server: what the environment names, else what `.ci/run` built."""
    named = os.environ.get("TRELLIS_TEST_TEMPORAL_SERVER", "")
    if named:
        return Path(named)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    built = cache / "trellis" / f"temporal-server-{VERSION}"
    return built if built.exists() else None


class TemporalServer:
    """A server whose ports and data stay, however often it is stopped and started."""

    def __init__(
        self,
        program: Path,
        folder: Path,
        dynamic: Mapping[str, Any] | None = None,
        more: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        """`dynamic`: names of the server's dynamic configuration -> values; `more`: what the other configuration has besides;
        `settings`: what a client of such a server connects with."""
        self._program, self._folder, self._settings = program, folder, settings
        self._process: subprocess.Popen[bytes] | None = None
        ports = free_ports(2 * len(SERVICES))
        self.address = f"127.0.0.1:{ports[0]}"
        (folder / "dynamic.json").write_text(
            json.dumps(DYNAMIC | {name: [{"value": value}] for name, value in (dynamic or {}).items()}), "utf-8"
        )
        written = merged(config(folder, ports), more or {})
        (folder / "config.json").write_text(json.dumps(written), "utf-8")
        self._services = [word for name in written["services"] for word in ("--service", name)]

    def start(self) -> None:
        """Returns when the namespace `default` is served. Raises NotServing."""
        command = [str(self._program), "--config-file", str(self._folder / "config.json"), "--allow-no-auth", "start"]
        command += self._services
        with open(self._folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self._wait_until_it_serves()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """As an operator does it; at once where that takes longer than a minute."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """As though the power went."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, limit_s: float | None = None) -> int:
        """Until it ends by itself, or was stopped. Raises TimeoutExpired."""
        assert self._process is not None
        return self._process.wait(limit_s)

    def _wait_until_it_serves(self) -> None:
        from temporalio.service import RPCError

        assert self._process is not None
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return asyncio.run(serve_default(self.address, **self._settings))
            except (RPCError, RuntimeError) as error:  # the second is how the SDK says that nobody answers
                reason = str(error)
            try:
                self._process.wait(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > until:
                    break
        raise NotServing(f"{reason}\n{tail(self._folder / 'log')}")


async def serve_default(address: str, **settings: Any) -> None:
    """Registers the namespace `default` where it is missing. Raises what the SDK does while the server does not serve it:
    one that starts refuses connections first, then the namespace, which its parts learn of one by one."""
    from google.protobuf.duration_pb2 import Duration
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.taskqueue.v1 import TaskQueue
    from temporalio.api.workflowservice.v1 import (
        DescribeTaskQueueRequest,
        DescribeWorkflowExecutionRequest,
        ListWorkflowExecutionsRequest,
        RegisterNamespaceRequest,
    )
    from temporalio.client import Client
    from temporalio.service import RPCError, RPCStatusCode

    service = (await Client.connect(address, **settings)).workflow_service
    try:
        kept = Duration(seconds=86400)
        await service.register_namespace(
            RegisterNamespaceRequest(namespace="default", workflow_execution_retention_period=kept)
        )
    except RPCError as error:
        if error.status != RPCStatusCode.ALREADY_EXISTS:
            raise
    await service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace="default"))
    await service.describe_task_queue(DescribeTaskQueueRequest(namespace="default", task_queue=TaskQueue(name="none")))
    nobody = WorkflowExecution(workflow_id="none")
    try:
        await service.describe_workflow_execution(
            DescribeWorkflowExecutionRequest(namespace="default", execution=nobody)
        )
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise


# What is registered counts at once, rather than when the server next looks.
DYNAMIC: dict[str, Any] = {
    "system.forceSearchAttributesCacheRefreshOnRead": [{"value": True}],
    "system.namespaceCacheRefreshInterval": [{"value": "1s"}],
    "history.timerProcessorMaxTimeShift": [{"value": "10ms"}],
    "history.workflowIdReuseMinimalInterval": [{"value": "0s"}],
}


def config(folder: Path, ports: list[int]) -> dict[str, Any]:
    """What the server reads, which is YAML and so may be JSON. `ports`: two for each of the services, in their order."""
    database = {
        "sql": {
            "pluginName": "sqlite",
            "databaseName": str(folder / "temporal.db"),
            "connectAddr": "localhost",
            "connectProtocol": "tcp",
            "connectAttributes": {"setup": "true", "journal_mode": "wal", "synchronous": "2"},
            "maxConns": 1,
            "maxIdleConns": 1,
            "maxConnLifetime": "1h",
        }
    }
    rpc = {
        name: {"rpc": {"grpcPort": ports[2 * at], "membershipPort": ports[2 * at + 1], "bindOnLocalHost": True}}
        for at, name in enumerate(SERVICES)
    }
    frontend = {
        "enabled": True,
        "initialFailoverVersion": 1,
        "rpcName": "frontend",
        "rpcAddress": f"127.0.0.1:{ports[0]}",
    }
    return {
        "log": {"stdout": True, "level": "error"},
        "persistence": {
            "defaultStore": "store",
            "visibilityStore": "visibility",
            "numHistoryShards": 1,
            "datastores": {"store": database, "visibility": database},
        },
        "global": {"membership": {"maxJoinDuration": "30s", "broadcastAddress": "127.0.0.1"}},
        "services": rpc,
        "clusterMetadata": {
            "enableGlobalNamespace": False,
            "failoverVersionIncrement": 10,
            "masterClusterName": "active",
            "currentClusterName": "active",
            "clusterInformation": {"active": frontend},
        },
        "dcRedirectionPolicy": {"policy": "noop"},
        "dynamicConfigClient": {"filepath": str(folder / "dynamic.json"), "pollInterval": "10s"},
    }


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both configurations; where both have a value, the one of `more`."""
    both = {name: merged(base[name], more[name]) for name in base if isinstance(base[name], dict) and name in more}
    return {**base, **more, **both}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text("utf-8", "replace").splitlines()[-lines:])


def watched(server: TemporalServer, log: Path, every_s: float = 1.0) -> int:
    """Until the server ends by itself: its exit code. Each second that it logs for itself tells whether it still reads its
    database; one that did not for two of them is started again, and goes on with the data that it had."""
    read, before = log.stat().st_size, False
    while True:
        try:
            return server.wait(every_s)
        except subprocess.TimeoutExpired:
            with open(log, "rb") as file:
                file.seek(read)
                new = file.read()
            read, lost = read + len(new), LOST in new
            if lost and before:
                print("tests.temporal_server: its database stays interrupted; it is started again", file=sys.stderr)
                server.kill()
                server.start()
                read, lost = log.stat().st_size, False
            before = lost


LOST = b"interrupted (9)"
"""What the server says of every statement, for good, once a call that was cancelled at a bad moment has interrupted SQLite."""


def main(program: str, folder: str) -> int:
    home = Path(folder)
    server = TemporalServer(Path(program), home)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server.start()
        partial = home / "address.part"
        partial.write_text(server.address, "utf-8")
        partial.replace(home / "address")
        return watched(server, home / "log")
    except NotServing as error:
        print(f"the Temporal server does not serve: {error}", file=sys.stderr)
        return 1
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
