"""What tests of an AsyncMachine share: a patience that ends, a gate to hold a machine at, and what the loop was told."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from trellis import AsyncMachine, Result

T = TypeVar("T")
Answer = asyncio.Future[Result]
STATES: dict[str, dict[str, Any]] = {name: {} for name in "ABCD"}
PATIENCE = 30
"""Seconds after which what is awaited is said to hang."""


def run(work: Coroutine[Any, Any, T]) -> T:
    async def patient() -> T:
        async with asyncio.timeout(PATIENCE):
            return await work

    return asyncio.run(patient())


async def idle(machine: AsyncMachine) -> None:
    while machine.running:
        await asyncio.sleep(0)


def told_to_the_loop() -> list[BaseException]:
    """What nobody was told but the event loop, from here on."""
    told: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["exception"]))
    return told


def gated(machine: AsyncMachine, state: str = "A") -> asyncio.Event:
    """Keep the machine in the final handler of this state until the event is set."""
    gate = asyncio.Event()

    async def hold(_event: object) -> None:
        await gate.wait()

    machine.bind({f"{state}State": hold})
    return gate
