"""The newest runs of a queue are found without reading the whole of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from temporalio.client import WorkflowExecutionStatus

from trellis.hosts.temporal.address import Address
from trellis.hosts.temporal.kept import TemporalRuns
from trellis.hosts.temporal.wire import Wire
from trellis.testing.clocks import ManualClock


class Queue:
    """A server that has runs of these ages, in seconds, all ended, and counts how many it was asked for.

    `again`: when runs went on in another execution, which is what a server knows, and how old they are.
    """

    def __init__(self, now: float, ages: list[float], again: Mapping[float, float] | None = None) -> None:
        self._first = {now - age: now - first for age, first in (again or {}).items()}
        self._began = sorted(now - age for age in ages)
        self.read = 0
        self.workflow_service = self

    async def describe_task_queue(self, _request: Any) -> Any:
        return SimpleNamespace(pollers=[])

    async def list_workflows(self, query: str, **_: Any) -> AsyncIterator[Any]:
        since = query.partition("StartTime >= '")[2].partition("'")[0]
        for began in self._began:
            if not since or began >= datetime.fromisoformat(since).timestamp():
                self.read += 1
                yield _run(began, self._first.get(began))


def _run(began: float, first: float | None) -> Any:
    async def memo() -> dict[str, Any]:
        return {"graph": "hash"} | ({} if first is None else {"began": first})

    at = datetime.fromtimestamp(began, UTC)
    return SimpleNamespace(
        id=f"r{began:.0f}", run_id="x", workflow_type="order", status=WorkflowExecutionStatus.COMPLETED, task_queue="q",
        start_time=at, close_time=at, typed_search_attributes=[], memo=memo,
    )  # fmt: skip


def listed(queue: Any, clock: ManualClock, limit: int | None) -> list[str]:
    async def work() -> list[str]:
        kept = TemporalRuns("temporal://host:1/default")
        queue.namespace = "default"
        kept._opening = asyncio.ensure_future(asyncio.sleep(0, Wire(queue, Address(), clock)))
        return [row.run for row in await kept.rows(limit=limit)]

    return asyncio.run(work())


def test_the_newest_runs_are_found_without_the_others() -> None:
    clock = ManualClock(1_000_000.0)
    queue = Queue(1_000_000.0, [float(30 * number) for number in range(1, 2_001)])
    assert listed(queue, clock, 3) == ["r999970", "r999940", "r999910"]
    assert queue.read < 30


def test_runs_that_are_older_than_all_that_is_looked_at_first_are_found_too() -> None:
    clock = ManualClock(10_000_000.0)
    queue = Queue(10_000_000.0, [10.0, 5_000_000.0, 6_000_000.0])
    assert listed(queue, clock, 5) == listed(queue, clock, None) == ["r9999990", "r5000000", "r4000000"]


def test_a_run_that_went_on_in_another_execution_is_no_newer_by_that() -> None:
    clock = ManualClock(1_000_000.0)
    ages = [float(10 * number) for number in range(1, 8)]
    queue = Queue(1_000_000.0, ages, {10.0: 900_000.0, 30.0: 75.0, 50.0: 500.0})
    assert listed(queue, clock, 4) == ["r999980", "r999960", "r999940", "r999930"]
    assert listed(queue, clock, 7) == listed(queue, clock, None)
