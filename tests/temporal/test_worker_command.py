"""`trellis worker --temporal` in a process of its own, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import msgspec
import pytest
from temporalio.client import Client

from tests.cli.console import LIMIT_S, ROOT, environment, trellis
from tests.cli.test_runs import validator
from tests.temporal_server import free_ports
from trellis.cli.serving import Told
from trellis.cli.temporal import QUIET_S, Warned
from trellis.hosts.temporal.messages import Begin, Ended
from trellis.hosts.temporal.payloads import data_converter
from trellis.model.events import RunStarted
from trellis.project import load

SHOP = """\
trellis: 1
name: shop
start: price
fields:
  cost: {type: integer, optional: true}
tools:
  price: {python: "shop_tools:price", effect: pure}
nodes:
  price: {do: price, with: {item: tea}, save: cost, to: end}
  end: {end: {status: ok, result: cost}}
"""
PROCESS = """\
trellis: 1
name: shout
start: shout
tools:
  shout: {process: [echo, "1"]}
nodes:
  shout: {do: shout, to: $end}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "trellis.toml").touch()
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "shop.yaml").write_text(SHOP)
    (tmp_path / "graphs" / "shop_tools.py").write_text("def price(item):\n    return len(item)\n")
    (tmp_path / "shout.yaml").write_text(PROCESS)
    return tmp_path


async def result(address: str, queue: str, project: Path) -> Ended:
    """What a run of the shop comes to that somebody starts on this queue."""
    graph = load(str(project / "graphs" / "shop.yaml"))
    client = await Client.connect(address, data_converter=data_converter())
    begin = Begin(graph.hash, "graphs/shop.yaml", started=RunStarted(0.0, queue, graph.hash))
    started = client.execute_workflow(
        graph.name, args=[begin, msgspec.Raw(graph.data)], id=queue, task_queue=queue, result_type=Ended
    )
    return await asyncio.wait_for(started, LIMIT_S)


@pytest.mark.covers("GT13")
def test_a_worker_serves_a_queue_until_it_is_told_to_stop(temporal_address: str, project: Path) -> None:
    queue = f"work-{secrets.token_hex(6)}"
    command = ["worker", "--output", "json", "--temporal", temporal_address, "--queue", queue, "graphs/shop.yaml"]
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", *command],
        cwd=project, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        ended = asyncio.run(result(temporal_address, queue, project))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.communicate()
    lines: list[dict[str, Any]] = [first, *map(json.loads, out.splitlines())]
    for line in lines:
        validator("worker").validate(line)
    assert (ended.status, ended.result) == ("completed", 3)
    told = [{name: value for name, value in line.items() if name not in {"v", "at"}} for line in lines]
    assert told == [
        {
            "type": "worker.started",
            "pid": process.pid,
            "store": f"temporal://{temporal_address}/default?queue={queue}",
        },
        {"type": "worker.stopping", "calls": 0},
        {"type": "worker.stopped"},
    ]
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--queue", "q"], r"error: --queue is for workers on Temporal; say which: --temporal HOST:PORT"),
        (
            ["--temporal", "127.0.0.1:1", "--store", "file:here"],
            r"error: --store is for runs of a store; with --temporal the server keeps them",
        ),
        (
            ["--store", "temporal://127.0.0.1:1/default", "--watch"],
            r"error: --watch is for runs of a store; with --temporal the server keeps them",
        ),
        (
            ["--temporal", "127.0.0.1:1", "--store", "temporal://127.0.0.1:1/default"],
            r"error: --temporal and --store name two places; leave one of them out",
        ),
        (
            ["--temporal", "127.0.0.1:1"],
            r"error: store temporal://127\.0\.0\.1:1/default: no Temporal server answers there: connection refused",
        ),
        (
            ["--temporal", "127.0.0.1:1", "--metrics", "localhost"],
            r"error: --metrics localhost: Invalid Prometheus address: .*; expected a free IP:PORT, such as 127\.0\.0\.1:9464",
        ),
        (
            ["--temporal", "127.0.0.1:1", "--metrics", "127.0.0.1:0"],
            r"error: --metrics 127\.0\.0\.1:0: nobody would learn the port; expected a free IP:PORT, such as .*",
        ),
        (
            ["--temporal", "127.0.0.1:1", "shout.yaml"],
            r"error: process tools need permission: 'shout'; run again with --allow process",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_served_is_said(words: list[str], told: str, project: Path) -> None:
    done = trellis("worker", *words, cwd=project)
    assert (done.code, done.out) == (2, "")
    assert re.match(f"{told}$", done.err, re.MULTILINE), done.err


def test_what_a_worker_has_done_is_read_where_it_shows_its_metrics(temporal_address: str, project: Path) -> None:
    queue, (port,) = f"work-{secrets.token_hex(6)}", free_ports(1)
    command = ["worker", "--temporal", temporal_address, "--queue", queue, "--metrics", f"127.0.0.1:{port}"]
    process = subprocess.Popen(
        [sys.executable, "-m", "trellis", *command, "graphs/shop.yaml"],
        cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        assert " serves " in process.stderr.readline()
        asyncio.run(result(temporal_address, queue, project))
        taken = trellis(*command, cwd=project)
        at, shown = f'service_name="temporal-core-sdk",task_queue="{queue}"', set[str]()
        until = time.monotonic() + LIMIT_S
        ended = f'temporal_workflow_completed{{namespace="default",{at},workflow_type="shop"}} 1'
        while ended not in shown and time.monotonic() < until:  # it is counted after the server has taken it
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT_S) as answer:
                shown = set(answer.read().decode().splitlines())
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)
    assert ended in shown
    latency = "temporal_activity_execution_latency_count"
    assert f'{latency}{{activity_type="price",namespace="default",{at},workflow_type="shop"}} 1' in shown
    page = (ROOT / "docs" / "temporal.md").read_text("utf-8")
    families = {line.split()[2] for line in shown if line.startswith("# TYPE ")}
    named = set(re.findall(r"`(temporal_\w+)`", page))
    assert (len(named), named - families) == (6, set())
    told = f"error: --metrics 127.0.0.1:{port}: Failed starting Prometheus exporter: Address already in use"
    assert (taken.code, taken.err.partition(" (os error")[0]) == (2, told)


def test_a_namespace_that_is_not_there_is_said(temporal_address: str, project: Path) -> None:
    done = trellis("worker", "--temporal", temporal_address, "--namespace", "nope", cwd=project)
    told = f"store temporal://{temporal_address}/nope: the server has no namespace 'nope'; register it, or name another"
    assert (done.code, done.err) == (2, f"error: {told}\n")


def test_a_server_that_does_not_answer_or_permit_is_told_once_in_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = Warned(Told(lambda: None, as_json=False))

    def heard(logger: str, message: str, at: float) -> None:
        record = logging.LogRecord(logger, logging.WARNING, "", 0, message, (), None)
        record.created = at
        warnings.handle(record)

    retried = "[sdk_core::temporalio_client::retry] gRPC call poll_workflow_task_queue retried 6 times"
    for at in (1000, 1001, 1000 + QUIET_S - 1, 1000 + QUIET_S):
        heard("temporalio.core-sdk_core::temporalio_client::retry", retried, at)
    status = """Status { code: PermissionDenied, message: "Request unauthorized.", details: b"\\x08" }"""
    code = "code: 'The caller does not have permission to execute the specified operation', message: \"Request unauthorized.\""
    for text in (
        f"Error while completing workflow activation {{'error': {code!r}}}",
        f"Network error {{'error': {status!r}}}",
    ):
        heard("temporalio.core-sdk_core::temporalio_sdk_core::worker", text, 1002)
    heard("temporalio.worker", "Failed handling activation", 1001)
    silent = "warning: the Temporal server does not answer; it is asked again until it does\n"
    denied = (
        "warning: the Temporal server does not permit what the worker does any more: Request unauthorized; "
        "TEMPORAL_API_KEY or the client certificate may have expired\n"
    )
    assert capsys.readouterr().err == silent * 2 + denied + "warning: Failed handling activation\n"
