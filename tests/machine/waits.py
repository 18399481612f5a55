"""Machines of letters, every wait there is, and what is registered on a machine, so that tests can say that nothing is."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

from trellis.machine import Machine, Result
from trellis.machine.core import Core
from trellis.machine.waits import Wait

LETTERS: dict[str, dict] = {name: {} for name in "ABCD"}


def letters(*active: str) -> Machine:
    machine = Machine(LETTERS)
    machine.add(*active)
    return machine


def done_after(wait: Wait, *mutations: Callable[[], object]) -> list[bool]:
    """Whether it has come, before the mutations and after each."""
    seen = [wait.done]
    for mutate in mutations:
        mutate()
        seen.append(wait.done)
    return seen


def every_wait(m: Machine) -> dict[str, Wait]:
    return {
        "when": m.when("A"),
        "when_not": m.when_not("B"),
        "when_args": m.when_args("A", x=1),
        "when_time": m.when_time((9,), "A"),
        "when_ticks": m.when_ticks("A", 9),
        "when_next_active": m.when_next_active("A"),
        "when_queue": m.when_queue(Result("queued", 99)),
        "when_queue_ends": m.when_queue_ends(),
        "when_err": m.when_err(),
        "when_query": m.when_query(lambda _: False),
        "when_disposed": m.when_disposed(),
    }


def left_behind(machine: Core[Any]) -> dict[str, int]:
    """The indexes of its waits that are not empty, with their sizes."""
    gc.collect()
    waits = machine.waits
    if waits is None:
        return {}
    waits.pending  # noqa: B018 - takes out what is no longer wanted
    names = ("changing", "entering", "moving", "asked", "ending", "held", "_known", "_gone", "_touched", "_errors")
    return {name: len(getattr(waits, name)) for name in names if len(getattr(waits, name))}
