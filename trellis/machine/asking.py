"""Conversations with a machine, to be awaited: several waits at once, add and wait for it, ask again until it accepts.

Time is that of the running event loop, or of a `clock` with `now()` and `alarm(delay, ring)`, so that a test can turn
it by hand. Whoever is cancelled, or waits too long, leaves nothing behind, and waits that others share go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from trellis.engine.relations import Kind
from trellis.errors import MachineError, WaitedTooLong
from trellis.machine.core import Core
from trellis.machine.result import CANCELED, Result
from trellis.machine.waits import Wait


class Alarm(Protocol):
    """Something that will ring."""

    def cancel(self) -> object:
        """It will not."""


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> float:
        """Seconds since some moment."""

    def alarm(self, delay: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` after so many seconds."""


class LoopClock:
    """The time of the running event loop."""

    def now(self) -> float:
        """Seconds since some moment."""
        return asyncio.get_running_loop().time()

    def alarm(self, delay: float, ring: Callable[[], None]) -> Alarm:
        """Call `ring` after so many seconds."""
        return asyncio.get_running_loop().call_later(delay, ring)


async def wait_for_all(
    waits: Iterable[Wait],
    timeout_s: float | None = None,
    *,
    unless_err: Core[Any] | None = None,
    clock: Clock | None = None,
) -> None:
    """Return when all waits have come.

    Raises WaitedTooLong after `timeout_s`, and the error of the machine `unless_err` when that goes into Exception
    first.
    """
    await _wait(tuple(waits), all, timeout_s, unless_err, clock)


async def wait_for_any(
    waits: Iterable[Wait],
    timeout_s: float | None = None,
    *,
    unless_err: Core[Any] | None = None,
    clock: Clock | None = None,
) -> tuple[Wait, ...]:
    """Return those that have come, when one has; without any wait, at once. Raises as `wait_for_all` does."""
    waits = tuple(waits)
    await _wait(waits, any, timeout_s, unless_err, clock)
    return tuple(wait for wait in waits if wait.done)


async def add_and_wait(machine: Core[Any], *names: str, **args: Any) -> bool:
    """Add states, wait until the mutation was run where it is queued, and say whether they became active."""
    return await _mutated(machine, machine.add(*names, **args), lambda: machine.is_(*names))


async def remove_and_wait(machine: Core[Any], *names: str, **args: Any) -> bool:
    """Remove states, wait until the mutation was run where it is queued, and say whether they are gone."""
    return await _mutated(machine, machine.remove(*names, **args), lambda: machine.not_(*names))


async def add_until(machine: Core[Any], state: str, *names: str, **args: Any) -> bool:
    """Add states that begin something, and wait until `state`, its end, is activated after that.

    False where the mutation is canceled. Limit it with `asyncio.timeout`.
    """
    came = machine.when_next_active(state)
    result = await _answer(machine.add(*names, **args))
    if result:
        await came
    return bool(result) and not machine.disposed


async def request(
    machine: Core[Any],
    kind: Kind,
    *names: str,
    args: dict[str, Any] | None = None,
    tries: int = 10,
    delay_s: float = 0.1,
    longest_delay_s: float = 5.0,
    within_s: float = 5.0,
    clock: Clock | None = None,
) -> Result:
    """Mutate, and where that is canceled do it again: up to `tries` times more, `delay_s` later, then twice that, and
    so on up to `longest_delay_s`, as long as all that takes no more than `within_s`. Gives the last result.
    """
    clock = clock or LoopClock()
    until = clock.now() + within_s
    result = await _answer(machine.mutate(kind, names, args or {}))
    while not result and tries > 0 and not machine.disposed and clock.now() + delay_s <= until:
        await _pause(delay_s, clock)
        result = await _answer(machine.mutate(kind, names, args or {}))
        tries, delay_s = tries - 1, min(delay_s * 2, longest_delay_s)
    return result


async def ask_add(machine: Core[Any], *names: str, **args: Any) -> Result:
    """Add states only where `can_add` says yes, so that a refusal is no transition."""
    if not await _answer(machine.can_add(*names, **args)):
        return CANCELED
    return await _answer(machine.add(*names, **args))


async def ask_remove(machine: Core[Any], *names: str, **args: Any) -> Result:
    """Remove states only where `can_remove` says yes."""
    if not await _answer(machine.can_remove(*names, **args)):
        return CANCELED
    return await _answer(machine.remove(*names, **args))


def group_when(machines: Sequence[Core[Any]], *names: str) -> tuple[Wait, ...]:
    """`when` of each machine, for `wait_for_all` and `wait_for_any`. Raises UnknownState before any is made."""
    for machine in machines:
        machine.relations.numbers(names)
    return tuple(machine.when(*names) for machine in machines)


async def _answer(given: Result | Awaitable[Result]) -> Result:
    return given if isinstance(given, Result) else await given


async def _mutated(machine: Core[Any], given: Result | Awaitable[Result], so: Callable[[], bool]) -> bool:
    result = await _answer(given)
    if result.value != "queued":
        return bool(result)
    await machine.when_queue(result)
    return so()


async def _wait(
    waits: tuple[Wait, ...],
    enough: Callable[[Iterable[bool]], bool],
    timeout_s: float | None,
    unless_err: Core[Any] | None,
    clock: Clock | None,
) -> None:
    if not waits:
        return
    begin = asyncio.get_running_loop().create_task
    asked = [begin(_come(wait)) for wait in waits]
    failed = None if unless_err is None else begin(_come(unless_err.when_err()))
    late = None if timeout_s is None else begin(_pause(timeout_s, clock or LoopClock()))
    everything = [task for task in (*asked, failed, late) if task is not None]
    try:
        while not enough(task.done() for task in asked):
            if unless_err is not None and failed is not None and failed.done():
                raise unless_err.err or MachineError(f"machine '{unless_err.id}' is in Exception")
            if timeout_s is not None and late is not None and late.done():
                raise WaitedTooLong(timeout_s, [str(wait) for wait in waits if not wait.done])
            await asyncio.wait([task for task in everything if not task.done()], return_when=asyncio.FIRST_COMPLETED)
        for task in asked:
            if task.done():
                task.result()  # what a query raised, or that somebody cancelled the wait
    finally:
        for task in everything:
            task.cancel()
        await asyncio.gather(*everything, return_exceptions=True)


async def _come(wait: Wait) -> None:
    await wait


async def _pause(seconds: float, clock: Clock) -> None:
    over = asyncio.Event()
    alarm = clock.alarm(seconds, over.set)
    try:
        await over.wait()
    finally:
        alarm.cancel()
