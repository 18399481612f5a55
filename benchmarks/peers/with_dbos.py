"""The same work by DBOS: its functions of both kinds, plain ones in threads and coroutines; the faster is told."""

from __future__ import annotations

import asyncio
from typing import Any

from dbos import DBOS

from benchmarks.peers.work import Task, advanced, opened, pragmas, rate, tell, told


@DBOS.step()
def step(x: int) -> dict[str, object]:
    return advanced(x)


@DBOS.workflow()
def workflow(steps: int) -> int:
    last: dict[str, object] = {"x": 0}
    while last["x"] != steps:
        last = step(last["x"])
    return steps


@DBOS.step()
async def step_async(x: int) -> dict[str, object]:
    return advanced(x)


@DBOS.workflow()
async def workflow_async(steps: int) -> int:
    last: dict[str, object] = {"x": 0}
    while last["x"] != steps:
        last = await step_async(last["x"])
    return steps


def in_threads(workflows: int, steps: int) -> None:
    handles = [DBOS.start_workflow(workflow, steps) for _ in range(workflows)]
    assert all(handle.get_result() == steps for handle in handles)


async def in_the_loop(workflows: int, steps: int) -> list[int]:
    return await asyncio.gather(*(workflow_async(steps) for _ in range(workflows)))


def measured(task: Task, crowd: int) -> float:
    def plain(workflows: int, steps: int) -> None:
        in_threads(workflows, steps) if workflows > 1 else workflow(steps)

    return max(rate(task, crowd, plain), rate(task, crowd, lambda many, steps: asyncio.run(in_the_loop(many, steps))))


def main() -> None:
    """Measure and tell."""
    task = told()
    config: dict[str, Any] = {"name": "bench", "log_level": "CRITICAL"}
    config["sys_db_pool_size"] = 64  # the default, 20, would make 64 workflows wait for each other
    if task.postgres:
        url, _, schema = task.place.rpartition("schema=")
        DBOS(config={**config, "system_database_url": url.rstrip("?&"), "dbos_system_schema": schema})
        settings = "synchronous_commit on"
    else:
        file = opened(task)
        settings = pragmas(file)
        file.close()
        DBOS(config={**config, "system_database_url": f"sqlite:///{task.file}"})
    DBOS.launch()
    in_threads(4, 25)
    rates = {crowd: measured(task, crowd) for crowd in task.crowds}
    DBOS.destroy()
    tell(rates, settings)


if __name__ == "__main__":
    main()
