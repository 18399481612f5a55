"""Questions about several states at once, and a guard for loops that states keep going."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from trellis.errors import Runaway
from trellis.machine.core import Core
from trellis.machine.view import View


class Condition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Holds where all that is given holds: all of `is_` are active, all states of at least one group of `any`, at least
    one of `any1`, none of `not_`, and each clock of `clock` is at least that. An empty one always holds.
    """

    is_: tuple[str, ...] = ()
    any: tuple[tuple[str, ...], ...] = ()
    any1: tuple[str, ...] = ()
    not_: tuple[str, ...] = ()
    clock: Mapping[str, int] = {}

    def check(self, machine: View) -> bool:
        """Whether it holds now. Raises UnknownState for a clock of no state."""
        return (
            machine.is_(*self.is_)
            and machine.not_(*self.not_)
            and (not self.any1 or machine.any1(*self.any1))
            and (not self.any or machine.any(*self.any))
            and machine.was_clock(self.clock)
        )

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return self != Condition()

    def __str__(self) -> str:
        said = [
            (" and ".join(self.is_), ""),
            (" or ".join("(" + " and ".join(group) + ")" for group in self.any), "any of "),
            (" or ".join(self.any1), ""),
            (" or ".join(self.not_), "neither " if len(self.not_) > 1 else "not "),
            (" and ".join(f"{name} >= {tick}" for name, tick in self.clock.items()), ""),
        ]
        return "; ".join(lead + text for text, lead in said if text) or "anything"


class LoopGuard:
    """Tells a loop that a state keeps going when to end: `while guard.ok(): ...`.

    It ends when the state is gone, when `check` says no, after `stop`, or when the clocks of the state and of those it
    depends on moved by more than `limit` within `window_s` seconds by the machine's own clock. Only ticks of the window
    count, however old the machine is. Being too fast, or without its state, is an error of the machine: Runaway.
    """

    def __init__(
        self,
        machine: Core[Any],
        state: str,
        *,
        limit: int = 500,
        window_s: float = 1.0,
        check: Callable[[], object] | None = None,
    ) -> None:
        machine.relations.numbers((state,))
        self.machine, self.state, self.limit, self.window_s, self.check = machine, state, limit, window_s, check
        self.watched = tuple(self._related())
        self.ended = False
        self._began, self._from = machine.time_source(), self._moved()

    def ok(self) -> bool:
        """Whether the loop may go on."""
        if self.ended:
            return False
        if not self.machine.is_(self.state):
            return self._end("its state is not active any more")
        if self.check is not None and not self.check():
            self.ended = True
            return False
        now, moved = self.machine.time_source(), self._moved()
        if now - self._began > self.window_s:
            self._began, self._from = now, moved
        elif moved - self._from > self.limit:
            took = now - self._began
            return self._end(f"{moved - self._from} ticks within {took:.3g} s, more than {self.limit}")
        return True

    def stop(self) -> None:
        """End the loop; no error."""
        self.ended = True

    def _end(self, reason: str) -> bool:
        self.ended = True
        self.machine.add_err(Runaway(self.machine.id, self.state, reason))
        return False

    def _moved(self) -> int:
        return sum(self.machine.time(*self.watched))

    def _related(self) -> Iterable[str]:
        """The state, what it requires, and what has a relation to it."""
        machine, states = self.machine, self.machine.schema
        found = [self.state, *(name for name in states[self.state].require if machine.has(name))]
        found += [
            name
            for name, other in states.items()
            if self.state in (*other.require, *other.add, *other.remove, *other.after)
        ]
        return dict.fromkeys(found)
