"""A place to stop: the transition that adds or removes certain states, while its mutation is still on the call stack."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from trellis.machine.transition import Transition

if TYPE_CHECKING:
    from trellis.machine.body import Body


class Breakpoint:
    """Calls `call` with each transition that adds all of `added` and removes all of `removed`, and changes any of them.

    That is when states are settled and final handlers are still to come. Without `call` it is Python's `breakpoint()`:
    the one who mutates is a few frames up. Binding one makes the machine watched, so slower, until `remove`. Raises
    UnknownState; a breakpoint on nothing is a ValueError.
    """

    def __init__(
        self,
        machine: Body[Any],
        added: str | Iterable[str] = (),
        removed: str | Iterable[str] = (),
        call: Callable[[Transition], object] | None = None,
    ) -> None:
        self.added = (added,) if isinstance(added, str) else tuple(added)
        self.removed = (removed,) if isinstance(removed, str) else tuple(removed)
        if not self.added and not self.removed:
            raise ValueError("a breakpoint needs states that are added or removed")
        machine.relations.numbers((*self.added, *self.removed))
        self.call = call
        self._machine = machine
        machine.trace(self)

    def transition_finals(self, tx: Transition) -> None:
        """What the machine tells its tracers."""
        if set(self.added).issubset(tx.enters) and set(self.removed).issubset(tx.exits):
            if self.call is not None:
                self.call(tx)
            else:
                builtins.breakpoint()  # noqa: T100 - what it is for

    def remove(self) -> None:
        """Never stop again."""
        self._machine.untrace(self)
