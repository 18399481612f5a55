"""Time and chance in a workflow come from its history."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow


class WorkflowClock:
    """The clock of the workflow: the same time and the same chance whenever the history is gone through again."""

    def now(self) -> float:
        return workflow.time()

    def noise(self) -> float:
        return workflow.random().random()

    def alarm(self, delay: float, ring: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(delay, 0.0), ring)
