"""What a graph stands beside: the workflow that somebody would write in Python for the same calls."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

NOTE = "a note of some length, as an argument has it: " + "x" * 54


def advanced(x: int, note: str) -> dict[str, Any]:
    """What every call does, whoever makes it."""
    return {"x": x + 1, "note": note}


@activity.defn(name="advance_by_hand")
async def advance(x: int, note: str) -> dict[str, Any]:
    return advanced(x, note)


@workflow.defn(name="by_hand")
class ByHand:
    """Calls one after the other, each with what the one before gave."""

    @workflow.run
    async def run(self, steps: int) -> int:
        x = 0
        while x < steps:
            done = await workflow.execute_activity(
                advance,
                args=[x, NOTE],
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=RetryPolicy(maximum_attempts=3),
            )
            x = done["x"]
        return x
