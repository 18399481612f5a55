"""The actions of worker.yaml: sums of whole numbers, told in words."""

from __future__ import annotations

from trellis import ActionError


def run(job: str) -> int:
    """The sum that a job such as `sum 1 2` asks for."""
    verb, *numbers = job.split()
    if verb != "sum":
        raise ActionError("unknown", f"nobody knows how to {verb}", retryable=False)
    try:
        return sum(int(number) for number in numbers)
    except ValueError as error:
        raise ActionError("no_number", str(error), retryable=False) from error
