"""One transition as those see it that it calls: its facts, and a way to mutate that names it as the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from trellis.engine.relations import Change, Relations
from trellis.machine.mutation import Source
from trellis.machine.result import Result

if TYPE_CHECKING:
    from trellis.machine.machine import Machine


class TransitionRecord(NamedTuple):
    """What a transition came to. States by name; `target` is what the relations gave, accepted or not."""

    type: str
    called: tuple[str, ...]
    accepted: bool
    exits: tuple[str, ...]
    enters: tuple[str, ...]
    target: tuple[str, ...]
    auto: bool = False
    check: bool = False

    @classmethod
    def of(cls, change: Change, relations: Relations, *, accepted: bool, check: bool = False) -> TransitionRecord:
        """The record of a resolved change."""
        named = relations.named
        return cls(
            change.kind,
            named(change.called),
            accepted,
            named(change.exits),
            named(change.enters),
            named(change.target),
            change.is_auto,
            check,
        )


class Transition:
    """What a handler gets as its event, and a tracer as the transition. The same object from start to end.

    While it runs, `name` is the handler that is being called, and `after` holds what will be active. States are given
    by name, in machine order.
    """

    __slots__ = (
        "accepted",
        "args",
        "change",
        "check",
        "completed",
        "error",
        "machine",
        "name",
        "number",
        "source",
        "ticks_before",
    )

    def __init__(
        self, machine: Machine, change: Change, args: Mapping[str, Any], source: Source | None, *, check: bool
    ) -> None:
        self.machine, self.change, self.args, self.source, self.check = machine, change, args, source, check
        self.name = ""
        self.accepted = change.accepted
        self.completed = False
        self.error: BaseException | None = None
        """What a handler raised."""
        self.ticks_before = machine.ticks.copy()
        self.number = machine.made = machine.made + 1

    @property
    def id(self) -> str:
        """Unique among the transitions of this machine that somebody saw."""
        return f"{self.machine.id}/{self.number}"

    def record(self) -> TransitionRecord:
        """What it came to so far."""
        return TransitionRecord.of(self.change, self.machine.relations, accepted=self.accepted, check=self.check)

    @property
    def type(self) -> str:
        """`add`, `remove` or `set`."""
        return self.change.kind

    @property
    def auto(self) -> bool:
        """Whether this is an auto pass."""
        return self.change.is_auto

    @property
    def called(self) -> tuple[str, ...]:
        """The states that the mutation named."""
        return self._named(self.change.called)

    @property
    def before(self) -> tuple[str, ...]:
        """What was active before."""
        return self._named(self.change.before.order)

    @property
    def after(self) -> tuple[str, ...]:
        """What is active after it, if it is accepted."""
        return self._named(self.change.after.order)

    @property
    def target(self) -> tuple[str, ...]:
        """What the relations gave, accepted or not."""
        return self._named(self.change.target)

    @property
    def exits(self) -> tuple[str, ...]:
        """What leaves, in the order of its handlers."""
        return self._named(self.change.exits)

    @property
    def enters(self) -> tuple[str, ...]:
        """What comes, in the order of its handlers; with multi states that are entered again."""
        return self._named(self.change.enters)

    @property
    def is_valid(self) -> bool:
        """Whether this transition still runs and may still be accepted."""
        return self.accepted and not self.completed

    def add(self, *names: str, **args: Any) -> Result:
        """`Machine.add` with this transition as the cause."""
        return self.machine.mutate("add", names, args, source=self.as_source())

    def remove(self, *names: str, **args: Any) -> Result:
        """`Machine.remove` with this transition as the cause."""
        return self.machine.mutate("remove", names, args, source=self.as_source())

    def set(self, *names: str, **args: Any) -> Result:
        """`Machine.set` with this transition as the cause."""
        return self.machine.mutate("set", names, args, source=self.as_source())

    def as_source(self) -> Source:
        """This transition as the cause of others."""
        return Source(self.machine.id, self.id, sum(self.ticks_before))

    def _named(self, numbers: tuple[int, ...]) -> tuple[str, ...]:
        return self.machine.relations.named(numbers)
