"""Approval of an expense, as a workflow: expense.yaml says what happens, and these are its tools.

What was created is taken back where it is rejected, or where nobody approves in ten minutes; the clock is turned by
hand. The whole story is run three times.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from trellis import Host, Outcome, load
from trellis.testing import ManualClock

GRAPH = Path(__file__).with_name("expense.yaml")


def create(expense: str) -> str:
    """Record an expense."""
    return expense


def withdraw(expense: str) -> str:
    """Take it back."""
    return expense


def pay(expense: str) -> str:
    """Pay it; gives the number of the receipt."""
    return f"R-{expense}"


async def told(*answers: str) -> Outcome:
    """One run with these answers; where they end, time goes by."""
    clock, left = ManualClock(), list(answers)
    async with Host(clock=clock) as host:
        run = await host.start(load(str(GRAPH)), fields={"expense": "E-123"})
        async for line in run.events():
            match line["type"]:
                case "say":
                    print(f"  {line['text']}")
                case "states.changed":
                    print(f"  = {', '.join(line['states'])}")
                case "tool.called":
                    print(f"  [{line['tool']}]")
                case "ask" if left:
                    print(f"  > {left[0]}")
                    await run.answer(line["node"], left.pop(0))
                case "ask":
                    clock.advance(600)
        outcome = await run.result()
    print(f"  {outcome.status}")
    return outcome


def main() -> list[Outcome]:
    """Approved at the second try, rejected, forgotten."""
    outcomes = []
    for title, answers in (("approved", ["E-321", "E-123"]), ("rejected", ["reject"]), ("forgotten", [])):
        print(f"{title}:")
        outcomes.append(asyncio.run(told(*answers)))
    return outcomes


if __name__ == "__main__":
    main()
