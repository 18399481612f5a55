"""The graph of agents on Temporal: its calls are spread over the workers of the queue, and every run ends alike."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.console import LIMIT_S, environment
from trellis.hosts.temporal.host import TemporalHost
from trellis.project import load

ROOT = Path(__file__).parents[2]
CALLS = 4
"""That a run makes: it chooses agents, and asks three."""

RESULT = {
    "answers": ["search is done", "compute is done"],
    "failed": ["failed"],
    "asked": ["search", "compute", "translate"],
}


@contextmanager
def workers(address: str, queue: str, number: int) -> Iterator[dict[str, str]]:
    """So many workers of the command line, each in a process of its own: by the name that Temporal has of it, its short one."""
    words = ["worker", "--temporal", address, "--queue", queue, "--allow", "process", "--output", "json"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "trellis", *words, "graphs/agents.yaml"],
            cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True,
        )
        for _ in range(number)
    ]  # fmt: skip
    try:
        for process in processes:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["type"] == "worker.started"
        yield {str(process.pid): f"worker {at}" for at, process in enumerate(processes, start=1)}
        for process in processes:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(LIMIT_S) for process in processes] == [0] * number
    finally:
        for process in processes:
            process.kill()
            process.communicate()


async def performed(host: TemporalHost, runs: Sequence[str]) -> Counter[str]:
    """How many calls of these runs the process made that has this id."""
    made: Counter[str] = Counter()
    for run in runs:
        async for event in host._wire.client.get_workflow_handle(run).fetch_history_events():
            if event.HasField("activity_task_started_event_attributes"):
                made[event.activity_task_started_event_attributes.identity.partition("@")[0]] += 1
    return made


def spread(address: str, runs: int) -> Counter[str]:
    """Run the agents so often over three workers; every run completes. How many calls each worker made."""
    queue = f"work-{secrets.token_hex(6)}"
    graph = load(str(ROOT / "graphs" / "agents.yaml"))

    async def main() -> Counter[str]:
        async with TemporalHost(f"temporal://{address}/default?queue={queue}") as host:
            started = [await host.start(graph, id=f"{queue}-{number}") for number in range(runs)]
            ended = await asyncio.gather(*(run.result() for run in started))
            assert [(run.status, run.result) for run in ended] == [("completed", RESULT)] * runs
            return await performed(host, [run.id for run in started])

    with workers(address, queue, 3) as names:
        made = asyncio.run(main())
        assert made.keys() <= names.keys()
        told = Counter({names[pid]: count for pid, count in made.items()})
    print(f"agents.yaml x {runs} over 3 workers: {', '.join(f'{who} {told[who]} calls' for who in sorted(told))}")
    return told


@pytest.mark.covers("GT02", "GT05", "GT09")
def test_twenty_runs_are_spread_over_three_workers(temporal_address: str) -> None:
    made = spread(temporal_address, 20)
    assert (made.total(), len(made)) == (20 * CALLS, 3)


@pytest.mark.soak
def test_two_hundred_runs_are_spread_over_three_workers(temporal_address: str) -> None:
    made = spread(temporal_address, 200)
    assert (made.total(), len(made)) == (200 * CALLS, 3)
