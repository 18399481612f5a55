"""One transition as those see it that it calls: its facts, and a way to mutate that names it as the cause."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from trellis.engine.relations import Change, Relations, Ticks
from trellis.machine.arguments import Kind, T, typed
from trellis.machine.body import Body
from trellis.machine.handlers import NOBODY, Call
from trellis.machine.mutation import Source


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

    def __str__(self) -> str:
        """`add A: +A -B`, `auto add C: canceled`, `check remove A: accepted`."""
        moved = " ".join([*(f"+{name}" for name in self.enters), *(f"-{name}" for name in self.exits)])
        came = (moved or "accepted") if self.accepted else "canceled"
        words = ["check"] * self.check + ["auto"] * self.auto + [self.type, *self.called]
        return f"{' '.join(words)}: {'accepted' if self.check and self.accepted else came}"

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


class Transition(msgspec.Struct, eq=False):
    """What a handler gets as its event, and a tracer as the transition. The same object from start to end.

    While it runs, `name` is the handler that is being called, and `after` holds what will be active. States are given
    by name, in machine order.
    """

    machine: Body[Any]
    change: Change
    args: Mapping[str, Any]
    ticks_before: list[int]
    number: int
    """Counts the transitions of this machine that somebody saw."""
    relations: Relations
    """The relations that it was resolved with, whatever the machine has by now."""
    call: Call | None = None
    """The handler that is being called, or was called last."""
    check: bool = False
    """Whether this only asks if the mutation would be accepted."""
    source: Source | None = None
    """The transition in whose handler the mutation was made."""
    accepted: bool = True
    completed: bool = False
    error: BaseException | None = None
    """What a handler raised."""
    undone: Ticks | None = None
    """Where a final handler raised: the clocks that moved once more when its state was taken back."""

    @property
    def name(self) -> str:
        """The name of the handler that is being called, or was called last; empty before the first."""
        return "" if self.call is None else self.call.name

    @property
    def state(self) -> str | None:
        """The state whose handler is being called: A in `AEnter`, B in `AB`; None in `AnyEnter` and `AnyState`."""
        if self.call is None or self.call.state == NOBODY:
            return None
        return self.relations.names[self.call.state]

    @property
    def id(self) -> str:
        """Unique among the transitions of this machine that somebody saw."""
        return f"{self.machine.id}/{self.number}"

    def record(self) -> TransitionRecord:
        """What it came to so far."""
        return TransitionRecord.of(self.change, self.relations, accepted=self.accepted, check=self.check)

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
    def time_before(self) -> tuple[int, ...]:
        """The ticks of all states before it, in index order."""
        return tuple(self.ticks_before)

    @property
    def time_after(self) -> tuple[int, ...]:
        """The ticks of all states after it, if it is accepted; when it is complete, those it left."""
        moved = self._moved()
        return tuple([tick + moved.get(state, 0) for state, tick in enumerate(self.ticks_before)])

    @property
    def added(self) -> tuple[str, ...]:
        """The states that it activates, in the order of their handlers; multi states that are entered again count."""
        return self._ending(odd=True)

    @property
    def removed(self) -> tuple[str, ...]:
        """The states that it deactivates, in the order of their handlers."""
        return self._ending(odd=False)

    @property
    def diff(self) -> dict[str, int]:
        """How far it moves the clock of each state that it touches."""
        names = self.relations.names
        return {names[state]: by for state, by in self._moved().items()}

    @property
    def touched(self) -> tuple[str, ...]:
        """The states whose clocks it moves, in index order."""
        return self._named(tuple(sorted(self._moved())))

    def _moved(self) -> dict[int, int]:
        if self.check or not (self.accepted or self.undone is not None):
            return {}
        moved = dict(self.change.ticks)
        for state, by in self.undone or ():
            moved[state] = moved.get(state, 0) + by
        return moved

    def _ending(self, *, odd: bool) -> tuple[str, ...]:
        before = self.ticks_before
        return self._named(
            tuple(
                state
                for state, by in self._moved().items()
                if (before[state] + by) % 2 == odd and (odd or by % 2)  # who came and was taken back did not leave
            )
        )

    @property
    def is_valid(self) -> bool:
        """Whether this transition still runs and may still be accepted."""
        return self.accepted and not self.completed

    def arguments(self, kind: Kind[T]) -> T:
        """The arguments as the dataclass, TypedDict or Struct that a state declares, or as any other.

        Raises BadArguments where they do not fit; those of a called state always fit its own.
        """
        return typed(" ".join(self.called), kind, self.args)

    def add(self, *names: str, **args: Any) -> Any:
        """`Machine.add` with this transition as the cause."""
        return self.machine.mutate("add", names, args, source=self.as_source())

    def remove(self, *names: str, **args: Any) -> Any:
        """`Machine.remove` with this transition as the cause."""
        return self.machine.mutate("remove", names, args, source=self.as_source())

    def set(self, *names: str, **args: Any) -> Any:
        """`Machine.set` with this transition as the cause."""
        return self.machine.mutate("set", names, args, source=self.as_source())

    def toggle(self, *names: str, **args: Any) -> Any:
        """`Machine.toggle` with this transition as the cause."""
        return self.remove(*names, **args) if self.machine.is_(*names) else self.add(*names, **args)

    def as_source(self) -> Source:
        """This transition as the cause of others."""
        return Source(self.machine.id, self.id, sum(self.ticks_before))

    def _named(self, numbers: tuple[int, ...]) -> tuple[str, ...]:
        return self.relations.named(numbers)
