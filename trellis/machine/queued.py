"""What waits in the queue of a machine, asked by kind and states; checks and functions to call are not mutations here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from trellis.engine.relations import Kind
from trellis.machine.mutation import Mutation

if TYPE_CHECKING:
    from trellis.machine.body import Body

Position = Literal["any", "first", "last"]


def queued(
    machine: Body[Any],
    kind: Kind,
    names: Sequence[str],
    *,
    exact: bool = False,
    plain: bool = False,
    tick: int = 0,
    position: Position = "any",
    check: bool = False,
) -> tuple[Mutation, ...]:
    """The mutations that wait and call for all of `names`, in the order in which they will run.

    `exact`: for no other states. `plain`: without arguments. `tick`: at this queue tick or later. `position`: only where
    the first, or the last, that waits is such a one. `check`: questions instead of mutations. Raises UnknownState.
    """
    called = frozenset(machine.relations.numbers(names))
    waiting = list(machine.queue)
    if position != "any":
        waiting = waiting[:1] if position == "first" else waiting[-1:]
    return tuple(
        entry
        for entry in waiting
        if entry.call is None
        and entry.kind == kind
        and entry.check == check
        and (entry.called == called if exact else entry.called >= called)
        and not (plain and entry.args)
        and entry.tick >= tick
    )
