"""What a history keeps: one record per transition, and one of the machine. Plain data that JSON can hold."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from trellis.model.states import StateDef


class TransitionFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """More about a transition: its id, what was called, who caused it, and what became of it.

    `error`: what a handler raised, as text; empty where none did. `queue_tick`: at which it ran; 0 for an auto pass.
    `queue_length`: how many mutations waited when it was complete. `args`: those that tracking names, as text.
    """

    id: str
    called: tuple[str, ...]
    accepted: bool = True
    auto: bool = False
    error: str = ""
    source_machine: str = ""
    source_transition: str = ""
    queue_tick: int = 0
    queue_length: int = 0
    args: dict[str, str] = {}


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One transition. Sums and ticks are those after it.

    `number` counts the records of the machine, from 1. `ticks` are those of the tracked states, `moved` says how far
    this transition moved them, where it did. `diff` and `tracked_diff` sum that up over all states and over tracked
    ones; `record_diff` is what all moved since the record before.
    """

    number: int
    type: Literal["add", "remove", "set"]
    at: datetime
    time_sum: int
    tracked_sum: int
    diff: int
    tracked_diff: int
    record_diff: int
    machine_tick: int
    ticks: dict[str, int]
    moved: dict[str, int] = {}
    transition: TransitionFacts | None = None

    def activated(self, state: str) -> bool:
        """Whether this transition activated a tracked state, or entered it again."""
        return bool(self.moved.get(state)) and self.ticks[state] % 2 == 1

    def deactivated(self, state: str) -> bool:
        """Whether this transition deactivated a tracked state."""
        return self.moved.get(state, 0) % 2 == 1 and self.ticks[state] % 2 == 0

    def was_active(self, state: str) -> bool:
        """Whether a tracked state was active just before this transition."""
        return (self.ticks[state] - self.moved.get(state, 0)) % 2 == 1


class MachineRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """The machine itself: when it was watched, and where its clocks were at the latest record.

    `names` and `schema` are there where tracking says so.
    """

    id: str
    first_tracking: datetime
    last_tracking: datetime
    last_sync: datetime
    ticks: tuple[int, ...]
    time_sum: int
    machine_tick: int
    next_number: int = 1
    names: tuple[str, ...] = ()
    schema: dict[str, StateDef] | None = None
